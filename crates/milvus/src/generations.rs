//! Collections by number, and which of them is served: `NAME_gen_N`, with NAME as an alias of one of them.

use lookalike_catalogue::CatalogueError;
use lookalike_items::Dims;

use crate::{
    MilvusCatalogue,
    client::{Level, Milvus},
    fault::Fault,
};

/// One collection of an alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Its number: a later one is larger.
    pub number: u64,
    /// Its collection.
    pub collection: String,
    /// The model whose vectors it holds.
    pub model: String,
    /// D and C of them.
    pub dims: Dims,
    /// How many items it holds; none where it is not in memory, so that Milvus does not count it.
    pub items: Option<usize>,
    /// The alias points at it.
    pub served: bool,
    /// It is being loaded, or a load of it was interrupted.
    pub unfinished: bool,
}

/// The collection of a generation.
pub(crate) fn collection(alias: &str, number: u64) -> String {
    format!("{alias}_gen_{number}")
}

/// The alias that names the generation which is being loaded. It is taken away once that is whole: so a load that was interrupted is
/// known.
pub(crate) fn loading(alias: &str) -> String {
    format!("{alias}_loading")
}

/// The number of a collection of this alias.
pub(crate) fn number(alias: &str, collection: &str) -> Option<u64> {
    let digits = collection.strip_prefix(alias)?.strip_prefix("_gen_")?;
    let number: u64 = digits.parse().ok()?;
    (number.to_string() == digits).then_some(number)
}

/// All generations of an alias, by rising number, those that are not ours left out.
pub(crate) async fn all(milvus: &Milvus, alias: &str) -> Result<Vec<Generation>, Fault> {
    let mut generations = Vec::new();
    for collection in milvus.collections(milvus.read_by()).await? {
        let Some(number) = number(alias, &collection) else { continue };
        let Some(described) = milvus.describe(&collection, milvus.read_by()).await? else { continue };
        let Some(about) = described.about else { continue };
        let (served, unfinished) =
            (described.aliases.iter().any(|a| a == alias), described.aliases.contains(&loading(alias)));
        generations.push(Generation {
            number,
            collection,
            model: about.model,
            dims: about.dims,
            items: None,
            served,
            unfinished,
        });
    }
    generations.sort_unstable_by_key(|generation| generation.number);
    Ok(generations)
}

impl MilvusCatalogue {
    /// The generations of the address' alias, by rising number; none where the address names a collection of another kind.
    ///
    /// # Errors
    /// Where Milvus does not answer.
    pub async fn generations(&self) -> Result<Vec<Generation>, CatalogueError> {
        let milvus = &self.inner.milvus;
        let mut generations = all(milvus, self.inner.address.collection()).await?;
        for generation in &mut generations {
            if milvus.is_loaded(&generation.collection, milvus.read_by()).await? {
                let counted =
                    milvus.count(&generation.collection, "", Level::Bounded, milvus.read_by()).await?;
                generation.items = Some(counted);
            }
        }
        Ok(generations)
    }

    /// Moves the alias to another generation, the one before where none is named, and serves it. It is checked and loaded first. Its number.
    ///
    /// # Errors
    /// Where there is no such generation, it is unfinished or of another model, or Milvus does not answer: then the alias stays where it is.
    pub async fn roll_back(&self, to: Option<u64>) -> Result<u64, CatalogueError> {
        let (milvus, alias) = (&self.inner.milvus, self.inner.address.collection());
        let generations = all(milvus, alias).await?;
        let served =
            generations.iter().find(|generation| generation.served).map(|generation| generation.number);
        let target = match to {
            Some(number) => generations.iter().find(|generation| generation.number == number),
            None => {
                let before =
                    |g: &&Generation| served.is_some_and(|served| g.number < served) && !g.unfinished;
                generations.iter().rev().find(before)
            }
        };
        let Some(target) = target else {
            return Err(CatalogueError::NoBase(to.map_or_else(
                || format!("{alias}, before the one that is served"),
                |number| collection(alias, number),
            )));
        };
        if target.unfinished {
            let why = format!("'{}' is not whole: its load was interrupted", target.collection);
            return Err(CatalogueError::Options(why));
        }
        let described = milvus.describe(&target.collection, milvus.read_by()).await?;
        let described = described.ok_or_else(|| CatalogueError::NoBase(target.collection.clone()))?;
        self.fits(&target.collection, described.about.as_ref(), described.dimension)?;
        milvus.load(&target.collection).await?;
        milvus.point(alias, &target.collection, milvus.write_by()).await?;
        self.refresh().await?;
        Ok(target.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generation_is_known_by_its_name() {
        assert_eq!(number("shop", &collection("shop", 12)), Some(12));
        for other in
            ["shop", "shop_gen_", "shop_gen_x", "shop_gen_01", "shop_gen_+1", "shop2_gen_1", "a_shop_gen_1"]
        {
            assert_eq!(number("shop", other), None, "{other}");
        }
    }
}
