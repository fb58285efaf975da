//! What is counted of one key, place after place.

use std::collections::HashMap;

use lookalike_items::Item;

use crate::contract::{CATEGORY, Facet, NumberCounts, ValueCounts};

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
    pub fn item(&mut self, key: &str, item: &'a Item) {
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

    /// What it comes to.
    pub fn facet(self, key: &str) -> Facet {
        let Self { items, having, values, numbers } = self;
        let values = values.into_iter().map(|(value, count)| (value.to_owned(), count)).collect();
        let values = ValueCounts::of(values, items - having);
        Facet { key: key.to_owned(), items, values, numbers: NumberCounts::of(numbers, items) }
    }
}
