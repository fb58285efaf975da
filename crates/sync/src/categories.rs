//! What a feed calls a category → what the shop's catalogue calls it.

use std::collections::BTreeMap;

use crate::text::{cut, plain};

/// The map's table of categories, and what is taken where an entry has none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Categories {
    renamed: BTreeMap<String, String>,
    otherwise: Option<String>,
}

impl Categories {
    /// Names by paths, last components or numbers; spaces and case do not count.
    pub(crate) fn new(renamed: &BTreeMap<String, String>, otherwise: Option<String>) -> Self {
        let renamed = renamed.iter().map(|(theirs, ours)| (key(&components(theirs)), ours.clone()));
        Self { renamed: renamed.collect(), otherwise }
    }

    /// The category of an entry that names these, the first before the second: by its whole path, else by the path's last component,
    /// else that component itself.
    ///
    /// # Errors
    /// Where it names none, and none is there for such.
    pub(crate) fn name(&self, named: &[String]) -> Result<String, String> {
        let paths: Vec<Vec<String>> = named.iter().map(|path| components(path)).collect();
        let renamed = paths.iter().filter(|path| !path.is_empty()).find_map(|path| {
            let last = path.last().map(std::slice::from_ref).unwrap_or_default();
            self.renamed.get(&key(path)).or_else(|| self.renamed.get(&key(last)))
        });
        let own = || paths.iter().find_map(|path| path.last());
        let name = renamed.or_else(own).or(self.otherwise.as_ref());
        let name = name.map(|name| cut(name, 128).trim_end().to_owned()).filter(|name| !name.is_empty());
        name.ok_or_else(|| {
            "it has no category: say one for such entries in the map, [defaults] category".into()
        })
    }
}

/// The parts of `A > B > C`.
fn components(path: &str) -> Vec<String> {
    // Decoded first: `A &gt; B` is a path too.
    plain(path).split('>').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

fn key(path: &[String]) -> String {
    path.iter().map(|part| part.to_lowercase()).collect::<Vec<_>>().join(" > ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_names_numbers_and_none() {
        let table = [("Apparel > Women > Dresses", "Dress"), ("tops", "Top"), ("2271", "Gown")];
        let table = table.map(|(theirs, ours)| (theirs.to_owned(), ours.to_owned()));
        let table = Categories::new(&table.into(), Some("Other".into()));
        let name = |named: &[&str]| table.name(&named.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>());
        for (named, told) in [
            (vec!["apparel >women> DRESSES"], "Dress"),
            (vec!["Apparel &gt; Women &gt; Dresses"], "Dress"),
            (vec!["Sale > Dresses"], "Dresses"),
            (vec!["Sale > Tops > "], "Top"),
            (vec!["2271"], "Gown"),
            (vec!["5322"], "5322"),
            (vec!["Sale > Coats", "2271"], "Gown"),
            (vec!["", "  > ", "Hats"], "Hats"),
            (vec![], "Other"),
        ] {
            assert_eq!(name(&named).as_deref(), Ok(told), "{named:?}");
        }
        assert!(Categories::default().name(&[]).is_err());
    }
}
