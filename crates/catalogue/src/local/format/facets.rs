//! What items can be filtered by, turned around: from a category or an attribute's value to the points that have it, as
//! compressed bitmaps.
//!
//! The file: magic · version · number of facets, then of each its key (`u32::MAX` for the category, else a length and
//! the text), its value (a length and the text), and its points (a length and a bitmap in Roaring's portable format).

use std::{collections::HashMap, io::Write, path::Path};

use roaring::{MultiOps, RoaringBitmap};

use crate::{
    contract::{CATEGORY as CATEGORY_KEY, CatalogueError},
    local::format::generation,
};
use lookalike_common::{FileSeal, SealedFile};
use lookalike_items::{Filter, Item};

const MAGIC: &[u8; 8] = b"LKLKFCTS";
const VERSION: u32 = 1;
/// In place of a key's length.
const CATEGORY: u32 = u32::MAX;

type Postings = HashMap<String, RoaringBitmap>;

/// Points by category and by attribute.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Facets {
    categories: Postings,
    attributes: HashMap<String, Postings>,
}

impl Facets {
    /// Gathers the facets of all points; `items` in the points' order.
    pub fn gather<'a>(items: impl Iterator<Item = &'a Item>) -> Self {
        let mut facets = Self::default();
        for (point, item) in (0..).zip(items) {
            facets.add(item, point);
        }
        facets
    }

    /// Adds a point whose item this is.
    pub fn add(&mut self, item: &Item, point: u32) {
        post(&mut self.categories, &item.category, point);
        for (key, values) in item.attributes.iter().filter(|(_, values)| !values.is_empty()) {
            let postings = match self.attributes.get_mut(key) {
                Some(postings) => postings,
                None => self.attributes.entry(key.clone()).or_default(),
            };
            values.iter().for_each(|value| post(postings, value, point));
        }
    }

    /// Takes back what [`add`](Self::add) did with the same item and point.
    pub fn remove(&mut self, item: &Item, point: u32) {
        unpost(&mut self.categories, &item.category, point);
        for (key, values) in &item.attributes {
            let Some(postings) = self.attributes.get_mut(key) else { continue };
            values.iter().for_each(|value| unpost(postings, value, point));
            if postings.is_empty() {
                self.attributes.remove(key);
            }
        }
    }

    /// The points that have one of the values under every key of the filter's attributes, and one of these categories where any are
    /// named; `None` where there are neither.
    pub fn meeting(&self, filter: &Filter, categories: &[String]) -> Option<RoaringBitmap> {
        let mut wanted = Vec::new();
        if !categories.is_empty() {
            wanted.push(any_of(Some(&self.categories), categories));
        }
        wanted.extend(filter.attributes.iter().map(|(key, values)| any_of(self.attributes.get(key), values)));
        (!wanted.is_empty()).then(|| wanted.intersection())
    }

    /// The points that have an attribute's value which the filter does not want.
    pub fn unwanted(&self, filter: &Filter) -> RoaringBitmap {
        let of_keys =
            filter.not_attributes.iter().map(|(key, values)| any_of(self.attributes.get(key), values));
        of_keys.fold(RoaringBitmap::new(), |all, points| all | points)
    }

    /// How many points have one of these categories.
    pub fn of_categories(&self, names: &[String]) -> usize {
        names.iter().filter_map(|name| self.categories.get(name)).map(|points| points.len() as usize).sum()
    }

    /// The points of every value of a key; of every category where that is the key.
    pub fn by_value(&self, key: &str) -> impl Iterator<Item = (&str, &RoaringBitmap)> {
        let postings = if key == CATEGORY_KEY { Some(&self.categories) } else { self.attributes.get(key) };
        postings.into_iter().flatten().map(|(value, points)| (value.as_str(), points))
    }

    /// The points that have a value of a key.
    pub fn having(&self, key: &str) -> RoaringBitmap {
        self.by_value(key).map(|(_, points)| points).union()
    }

    /// The keys of the attributes.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.attributes.keys().map(String::as_str)
    }

    /// The points of every category.
    pub fn by_category(&self) -> impl Iterator<Item = (&str, &RoaringBitmap)> {
        self.categories.iter().map(|(name, points)| (name.as_str(), points))
    }

    /// Writes them; the same facets give the same bytes.
    pub fn write(&self, path: &Path) -> std::io::Result<FileSeal> {
        let categories = self.categories.iter().map(|(value, points)| (None, value, points));
        let attributes = self.attributes.iter().flat_map(|(key, postings)| {
            postings.iter().map(move |(value, points)| (Some(key.as_str()), value, points))
        });
        let mut all: Vec<(Option<&str>, &String, &RoaringBitmap)> = categories.chain(attributes).collect();
        all.sort_by_key(|(key, value, _)| (*key, *value));
        let mut file = SealedFile::create(path)?;
        file.write_all(MAGIC)?;
        file.write_all(&VERSION.to_le_bytes())?;
        file.write_all(&(all.len() as u32).to_le_bytes())?;
        for (key, value, points) in all {
            match key {
                Some(key) => write_part(&mut file, key.as_bytes())?,
                None => file.write_all(&CATEGORY.to_le_bytes())?,
            }
            write_part(&mut file, value.as_bytes())?;
            let mut bitmap = Vec::with_capacity(points.serialized_size());
            points.serialize_into(&mut bitmap)?;
            write_part(&mut file, &bitmap)?;
        }
        file.seal()
    }

    /// Reads the facets of `count` points.
    pub fn read(path: &Path, count: usize) -> Result<Self, CatalogueError> {
        let bytes = generation::read(path)?;
        let mut rest = bytes.as_slice();
        if take(&mut rest, MAGIC.len()) != Some(MAGIC) {
            return Err(CatalogueError::damaged(path, "it does not start as a file of facets does"));
        }
        match number(&mut rest) {
            Some(VERSION) => {}
            Some(found) => {
                return Err(CatalogueError::Version { path: path.to_owned(), found, known: VERSION });
            }
            None => return Err(CatalogueError::damaged(path, "it ends before its version")),
        }
        let facets = Self::parse(&mut rest, count).filter(|_| rest.is_empty());
        facets.ok_or_else(|| CatalogueError::damaged(path, "it ends early, late, or in what is no facet"))
    }

    fn parse(rest: &mut &[u8], count: usize) -> Option<Self> {
        let mut facets = Self::default();
        for _ in 0..number(rest)? {
            let key = match number(rest)? {
                CATEGORY => None,
                len => Some(text(take(rest, len as usize)?)?),
            };
            let value = part(rest).and_then(text)?;
            let points = RoaringBitmap::deserialize_from(part(rest)?).ok()?;
            if points.max().is_some_and(|last| last as usize >= count) {
                return None;
            }
            let postings = match key {
                None => &mut facets.categories,
                Some(key) => facets.attributes.entry(key).or_default(),
            };
            if postings.insert(value, points).is_some() {
                return None;
            }
        }
        Some(facets)
    }
}

fn any_of(postings: Option<&Postings>, values: &[String]) -> RoaringBitmap {
    values.iter().filter_map(|value| postings?.get(value)).union()
}

fn post(postings: &mut Postings, value: &str, point: u32) {
    match postings.get_mut(value) {
        Some(points) => drop(points.insert(point)),
        None => drop(postings.insert(value.to_owned(), RoaringBitmap::from([point]))),
    }
}

fn unpost(postings: &mut Postings, value: &str, point: u32) {
    if let Some(points) = postings.get_mut(value) {
        points.remove(point);
        if points.is_empty() {
            postings.remove(value);
        }
    }
}

fn write_part(file: &mut SealedFile, bytes: &[u8]) -> std::io::Result<()> {
    file.write_all(&(bytes.len() as u32).to_le_bytes())?;
    file.write_all(bytes)
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    rest.split_off(..len)
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    take(rest, 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = number(rest)?;
    take(rest, len as usize)
}

fn text(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_items::ItemId;
    use proptest::{collection::vec, prelude::*, sample::select};

    fn some(values: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
        vec(select(values).prop_map(String::from), 0..3)
    }

    fn attributes() -> impl Strategy<Value = std::collections::BTreeMap<String, Vec<String>>> {
        let key = select(&["colour", "fit"]).prop_map(String::from);
        prop::collection::btree_map(key, some(&["red", "slim", "wide"]), 0..3)
    }

    fn items() -> impl Strategy<Value = Vec<Item>> {
        vec((select(&["Tee", "Hoodie", "Coat"]), attributes()), 0..80).prop_map(|sorts| {
            let item = |(n, (category, attributes)): (usize, (&str, _))| Item {
                attributes,
                ..Item::new(id(n), category)
            };
            sorts.into_iter().enumerate().map(item).collect()
        })
    }

    fn id(n: usize) -> ItemId {
        ItemId::parse(&format!("i{n}")).expect("an id")
    }

    proptest! {
        #[test]
        fn what_was_added_and_removed_leaves_nothing(items in items(), others in items()) {
            let mut facets = Facets::gather(items.iter());
            let before = facets.clone();
            let points = || (items.len() as u32..).zip(&others);
            points().for_each(|(point, item)| facets.add(item, point));
            points().for_each(|(point, item)| facets.remove(item, point));
            prop_assert_eq!(facets, before);
        }

        #[test]
        fn facets_read_as_written(items in items()) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("facets.bin");
            let facets = Facets::gather(items.iter());
            facets.write(&path).expect("written");
            prop_assert_eq!(Facets::read(&path, items.len()).expect("read"), facets);
        }
    }
}
