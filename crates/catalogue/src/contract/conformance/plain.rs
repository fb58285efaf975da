//! The list in memory that says what every answer should be.

use std::collections::{BTreeMap, BTreeSet};

use lookalike_items::{Distance, Filter, Item, ItemId, Vectors};

use crate::{
    contract::{Etag, Outcome, Query, Write, WriteKind},
    local::distance,
};

/// Items and their vectors, by id.
#[derive(Clone, Default)]
pub struct Plain(BTreeMap<ItemId, (Item, Vectors)>);

impl Plain {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Their ids, rising.
    pub fn ids(&self) -> Vec<ItemId> {
        self.0.keys().cloned().collect()
    }

    /// One of them.
    pub fn get(&self, id: &ItemId) -> Option<&(Item, Vectors)> {
        self.0.get(id)
    }

    /// Those that the filter admits, by rising id.
    pub fn admitted(&self, filter: &Filter) -> Vec<&(Item, Vectors)> {
        self.0.values().filter(|(item, _)| filter.admits(item)).collect()
    }

    /// The same with their distances, nearest first.
    pub fn nearest(&self, query: &Query, filter: &Filter) -> Vec<(&Item, Distance)> {
        let admitted = self.admitted(filter).into_iter();
        let mut all: Vec<_> = admitted.map(|(item, held)| (item, far(query, held))).collect();
        all.sort_by(|a, b| a.1.blend.total_cmp(&b.1.blend));
        all
    }

    /// How many items have which category.
    pub fn categories(&self) -> Vec<(String, usize)> {
        let mut counts = BTreeMap::new();
        self.0.values().for_each(|(item, _)| *counts.entry(item.category.clone()).or_insert(0) += 1);
        counts.into_iter().collect()
    }

    /// How many of those that the filter admits, conditions on this key left out, have which value of it; how many there are, and how
    /// many of them have none.
    pub fn counts(&self, filter: &Filter, key: &str) -> (BTreeMap<String, usize>, usize, usize) {
        let less = filter.without(key).unwrap_or_else(|| filter.clone());
        let admitted = self.admitted(&less);
        let (mut counts, mut missing) = (BTreeMap::new(), 0);
        for (item, _) in &admitted {
            let values: BTreeSet<&String> = match key {
                "category" => [&item.category].into(),
                key => item.attributes.get(key).into_iter().flatten().collect(),
            };
            missing += usize::from(values.is_empty());
            values.into_iter().for_each(|value| *counts.entry(value.clone()).or_insert(0) += 1);
        }
        (counts, admitted.len(), missing)
    }

    /// Makes an unconditional write, and says what should become of it.
    pub fn make(&mut self, write: &Write) -> Outcome {
        let etag = |(item, vectors): &(Item, Vectors)| Etag::of(item, vectors).expect("JSON");
        let before = self.0.get(&write.id).cloned();
        let now = match (&write.kind, before.clone()) {
            (WriteKind::Put(item, vectors), _) => (item.clone(), vectors.clone()),
            (_, None) => return Outcome::Missing,
            (WriteKind::Patch(patch), Some((item, vectors))) => match patch.applied(&item) {
                Ok(item) => (item, vectors),
                Err(bad) => return Outcome::Refused(bad),
            },
            (WriteKind::Delete, Some(_)) => {
                self.0.remove(&write.id);
                return Outcome::Deleted;
            }
        };
        if let Err(bad) = now.0.check() {
            return Outcome::Refused(bad);
        }
        let told = (std::sync::Arc::new(now.0.clone()), etag(&now));
        self.0.insert(write.id.clone(), now);
        match before {
            Some(_) => Outcome::Changed(told.0, told.1),
            None => Outcome::Created(told.0, told.1),
        }
    }
}

/// How far an item is from a query.
pub fn far(query: &Query, held: &Vectors) -> Distance {
    distance((query.vectors.deep(), query.vectors.colour()), (held.deep(), held.colour()), query.weight)
}
