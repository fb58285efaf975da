//! How many items have what: what a shop's page shows beside its filters.

/// The key under which categories are counted, as attributes are.
pub const CATEGORY: &str = "category";

/// The most values of a key that are told, each with its count.
pub const TOP_VALUES: usize = 20;

/// Into how many parts numbers are told, each of as many items.
pub const BINS: usize = 10;

/// One key, counted over all items that a filter admits, its own conditions on that key left out.
#[derive(Clone, Debug, PartialEq)]
pub struct Facet {
    /// An attribute's key, a number's, or [`CATEGORY`].
    pub key: String,
    /// How many items were counted over.
    pub items: usize,
    /// The attribute's values.
    pub values: ValueCounts,
    /// The numbers of that key, where an item has one.
    pub numbers: Option<NumberCounts>,
}

/// How many items have which value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueCounts {
    /// The [`TOP_VALUES`] most frequent, by falling count, ties by value.
    pub top: Vec<(String, usize)>,
    /// The counts of all other values, added up.
    pub other: usize,
    /// How many items have no value.
    pub missing: usize,
}

/// Where numbers lie.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberCounts {
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// At most [`BINS`] parts, rising, of about as many items each; fewer where many items have the same number.
    pub bins: Vec<Bin>,
    /// How many items have none.
    pub missing: usize,
}

/// A part of the numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bin {
    /// The smallest number in it.
    pub from: f64,
    /// The largest in it.
    pub to: f64,
    /// How many items.
    pub items: usize,
}

impl ValueCounts {
    /// Of all values with their counts, none of which is 0.
    pub(crate) fn of(mut counts: Vec<(String, usize)>, missing: usize) -> Self {
        counts.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let other = counts.iter().skip(TOP_VALUES).map(|(_, count)| count).sum();
        counts.truncate(TOP_VALUES);
        Self { top: counts, other, missing }
    }
}

impl NumberCounts {
    /// Of all numbers there are among `items` items; none where there are none.
    pub(crate) fn of(mut numbers: Vec<f64>, items: usize) -> Option<Self> {
        let missing = items - numbers.len();
        let count = numbers.len();
        // The edges in order, each in its place with what is smaller before it: no whole sort of a hundred thousand numbers.
        let mut sorted_up_to = 0;
        for bin in 1..BINS {
            let place = bin * count / BINS;
            if place > sorted_up_to && place < count {
                numbers[sorted_up_to..].select_nth_unstable_by(place - sorted_up_to, f64::total_cmp);
                sorted_up_to = place;
            }
        }
        let mut bins: Vec<Bin> = Vec::new();
        for bin in 0..BINS {
            let part = &numbers[bin * count / BINS..(bin + 1) * count / BINS];
            let Some(from) = part.iter().copied().min_by(f64::total_cmp) else { continue };
            let to = part.iter().copied().max_by(f64::total_cmp).unwrap_or(from);
            match bins.last_mut() {
                // Items of one number are in one part.
                Some(last) if last.to >= from => (last.to, last.items) = (to, last.items + part.len()),
                _ => bins.push(Bin { from, to, items: part.len() }),
            }
        }
        let (min, max) = (bins.first()?.from, bins.last()?.to);
        Some(Self { min, max, bins, missing })
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn bins_hold_every_number_once(numbers in vec((-30..30i32).prop_map(f64::from), 0..200), missing in 0usize..5) {
            let items = numbers.len() + missing;
            let Some(counts) = NumberCounts::of(numbers.clone(), items) else {
                prop_assert!(numbers.is_empty());
                return Ok(());
            };
            prop_assert_eq!(counts.missing, missing);
            prop_assert!(counts.bins.len() <= BINS);
            prop_assert!(counts.bins.windows(2).all(|two| two[0].to < two[1].from));
            for bin in &counts.bins {
                let within = numbers.iter().filter(|n| bin.from <= **n && **n <= bin.to);
                prop_assert_eq!(within.count(), bin.items);
            }
            prop_assert_eq!(counts.bins.iter().map(|bin| bin.items).sum::<usize>(), numbers.len());
            let mut sorted = numbers;
            sorted.sort_by(f64::total_cmp);
            prop_assert_eq!((Some(&counts.min), Some(&counts.max)), (sorted.first(), sorted.last()));
        }
    }

    #[test]
    fn numbers_that_all_differ_are_in_parts_alike() {
        let counts = NumberCounts::of((0..1_000).rev().map(f64::from).collect(), 1_000).unwrap();
        assert_eq!(counts.bins.len(), BINS);
        assert!(counts.bins.iter().all(|bin| bin.items == 100));
        assert_eq!(counts.bins[3], Bin { from: 300.0, to: 399.0, items: 100 });
    }
}
