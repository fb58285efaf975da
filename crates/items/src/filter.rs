//! Which items may answer.

use std::collections::BTreeMap;

use crate::{Item, ItemId};

/// Which items may answer. The default lets all through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// One of these categories, where any are named.
    pub categories: Vec<String>,
    /// One of the values under every key.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// None of these items.
    pub exclude: Vec<ItemId>,
}

impl Filter {
    /// Whether this item may answer.
    pub fn admits(&self, item: &Item) -> bool {
        let has = |key: &String, wanted: &[String]| {
            item.attributes.get(key).is_some_and(|values| values.iter().any(|v| wanted.contains(v)))
        };
        (self.categories.is_empty() || self.categories.contains(&item.category))
            && self.attributes.iter().all(|(key, wanted)| has(key, wanted))
            && !self.exclude.contains(&item.id)
    }

    /// Whether every item may answer.
    pub fn admits_all(&self) -> bool {
        self.categories.is_empty() && self.attributes.is_empty() && self.exclude.is_empty()
    }
}
