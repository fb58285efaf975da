//! How many items have which value and which numbers, over all that a filter admits: bitmaps against bitmaps.

use std::{collections::HashMap, sync::Arc};

use lookalike_items::{Filter, Item};
use roaring::RoaringBitmap;

use crate::{
    contract::{CATEGORY, CatalogueError, Facet, NumberCounts, ValueCounts},
    local::{LocalCatalogue, changes::Changes},
};

/// What was counted of one key so far.
#[derive(Default)]
pub(crate) struct Tally<'a> {
    /// How many items were counted over.
    pub items: usize,
    /// How many have a value.
    pub having: usize,
    /// How many have which.
    pub values: HashMap<&'a str, usize>,
    /// The numbers that items have.
    pub numbers: Vec<f64>,
}

impl<'a> Tally<'a> {
    /// So many items more have this value.
    pub fn count(&mut self, value: &'a str, items: usize) {
        if items > 0 {
            *self.values.entry(value).or_insert(0) += items;
        }
    }

    /// One item more.
    fn item(&mut self, key: &str, item: &'a Item) {
        self.items += 1;
        self.numbers.extend(item.numbers.get(key));
        if key == CATEGORY {
            self.having += 1;
            self.count(&item.category, 1);
        } else if let Some(values) = item.attributes.get(key).filter(|values| !values.is_empty()) {
            self.having += 1;
            // A value that stands there twice is had once.
            let first = |(n, value): &(usize, &String)| !values[..*n].contains(value);
            values.iter().enumerate().filter(first).for_each(|(_, value)| self.count(value, 1));
        }
    }

    fn facet(self, key: &str) -> Facet {
        let Self { items, having, values, numbers } = self;
        let values = values.into_iter().map(|(value, count)| (value.to_owned(), count)).collect();
        let values = ValueCounts::of(values, items - having);
        Facet { key: key.to_owned(), items, values, numbers: NumberCounts::of(numbers, items) }
    }
}

/// The layers of a catalogue: generations and what has changed of each.
pub(crate) type Layers<'a> = &'a [(&'a LocalCatalogue, &'a Changes)];

/// Counts these keys over all that the filter admits, in the layers and among the items that are in none.
pub(crate) fn facets(
    layers: Layers<'_>,
    rows: &[&Arc<Item>],
    filter: &Filter,
    keys: &[String],
) -> Result<Vec<Facet>, CatalogueError> {
    let admitted = |filter: &Filter| -> Result<Vec<RoaringBitmap>, CatalogueError> {
        layers.iter().map(|(catalogue, changes)| catalogue.points_admitted(filter, changes)).collect()
    };
    let all = admitted(filter)?;
    let count = |key: &String| {
        let less = filter.without(key);
        let own = less.as_ref().map(admitted).transpose()?;
        let filter = less.as_ref().unwrap_or(filter);
        let mut tally = Tally::default();
        for ((catalogue, changes), points) in layers.iter().zip(own.as_ref().unwrap_or(&all)) {
            catalogue.tally(key, points, changes, &mut tally);
        }
        rows.iter().filter(|item| filter.admits(item)).for_each(|item| tally.item(key, item));
        Ok(tally.facet(key))
    };
    keys.iter().map(count).collect()
}
