//! What came in online for the items of one generation, whose files do not change: which points answer no more, and which
//! have other metadata than their line in the file.

use std::sync::Arc;

use imbl::OrdMap;
use lookalike_items::{Filter, Item};
use roaring::RoaringBitmap;

use crate::local::{
    format::{
        admitted::{Admitted, Tests},
        facets::Facets,
        labels::Labels,
        numbers::Numbers,
    },
    tally::Tally,
};

/// Categories of at most one point in so many are made a bitmap; more are tested point by point.
const FEW: usize = 8;

/// The changes of one generation's points. Cloning them is cheap: what they hold is shared until it changes.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    /// Points that answer no more.
    hidden: RoaringBitmap,
    /// Points with an item of their own, …
    patched: RoaringBitmap,
    /// … which these are, …
    items: OrdMap<u32, Arc<Item>>,
    /// … and what they can be filtered by.
    facets: Facets,
    /// The numbers and categories of all points as they are now, …
    numbers: Numbers,
    categories: Labels,
    /// … and as their generation has them.
    written: (Numbers, Labels),
}

impl Changes {
    /// None yet, of a generation of these numbers and categories.
    pub fn of(numbers: Numbers, categories: Labels) -> Self {
        let (hidden, patched, items, facets) = Default::default();
        let written = (numbers.clone(), categories.clone());
        Self { hidden, patched, items, facets, numbers, categories, written }
    }

    /// The point answers no more.
    pub fn hide(&mut self, point: u32) {
        self.unpatch(point);
        self.hidden.insert(point);
    }

    /// The point answers, and this is its item.
    pub fn patch(&mut self, point: u32, item: Arc<Item>) {
        self.restore(point);
        self.facets.add(&item, point);
        self.numbers.set(point, &item.numbers);
        self.categories.set(point, &item.category);
        self.items.insert(point, item);
        self.patched.insert(point);
    }

    /// The point answers as its generation has it.
    pub fn restore(&mut self, point: u32) {
        self.unpatch(point);
        self.hidden.remove(point);
    }

    fn unpatch(&mut self, point: u32) {
        if let Some(item) = self.items.remove(&point) {
            self.facets.remove(&item, point);
            self.numbers.restore(point, &self.written.0);
            self.categories.restore(point, &self.written.1);
            self.patched.remove(point);
        }
    }

    /// Whether the point answers no more.
    pub fn hides(&self, point: u32) -> bool {
        self.hidden.contains(point)
    }

    /// How many points answer no more.
    pub fn hidden(&self) -> usize {
        self.hidden.len() as usize
    }

    /// The item of a patched point.
    pub fn item(&self, point: u32) -> Option<&Arc<Item>> {
        self.items.get(&point)
    }

    /// Whom of the generation's `count` points the filter admits, exactly as [`Filter::admits`] says of their items as they
    /// are now; `None` where that is everyone. `excluded` are the points of the filter's excluded items.
    pub fn admitted(
        &self,
        facets: &Facets,
        filter: &Filter,
        excluded: &[u32],
        count: usize,
    ) -> Option<Admitted> {
        let Some(bounds) = self.numbers.bounds(&filter.ranges) else {
            return Some(Admitted::only(RoaringBitmap::new()));
        };
        let elsewhere = self.facets.of_categories(&filter.categories);
        let few = facets.of_categories(&filter.categories) + elsewhere <= count / FEW;
        let by_bitmap: &[String] = if few { &filter.categories } else { &[] };
        let tested = !filter.not_categories.is_empty() || by_bitmap.len() < filter.categories.len();
        let tests = Tests { bounds, wanted: tested.then(|| self.categories.wanted(filter)) };

        let unwanted = facets.unwanted(filter);
        let mut out = self.facets.unwanted(filter) | (unwanted - &self.patched) | &self.hidden;
        out.extend(excluded);
        let admitted = match facets.meeting(filter, by_bitmap) {
            None if out.is_empty() && tests.is_empty() => return None,
            None => Admitted::all_but(out, count),
            Some(points) => {
                let patched = self.facets.meeting(filter, by_bitmap).unwrap_or_default();
                Admitted::only(((points - &self.patched) | patched) - out)
            }
        };
        Some(admitted.within(tests, count))
    }

    /// Counts the values and numbers of these points, which answer, under one key; `facets` are those of their generation, and `having`
    /// its points that have a value.
    pub fn tally<'a>(
        &'a self,
        key: &str,
        (facets, having): (&'a Facets, Option<&RoaringBitmap>),
        points: &RoaringBitmap,
        tally: &mut Tally<'a>,
    ) {
        let (as_written, patched) = (points - &self.patched, points & &self.patched);
        tally.items += points.len() as usize;
        let mut having = having.map_or(0, |having| having.intersection_len(&as_written));
        facets
            .by_value(key)
            .for_each(|(value, points)| tally.count(value, points.intersection_len(&as_written) as usize));
        if !patched.is_empty() {
            having += self.facets.having(key).intersection_len(&patched);
            let of_value = self.facets.by_value(key);
            of_value
                .for_each(|(value, points)| tally.count(value, points.intersection_len(&patched) as usize));
        }
        tally.having += having as usize;
        if let Some(column) = self.numbers.column(key) {
            tally
                .numbers
                .extend(points.iter().map(|point| column.get(point)).filter(|number| !number.is_nan()));
        }
    }

    /// How many points of each category answer, by the facets of their generation.
    pub fn categories(&self, facets: &Facets) -> Vec<(String, usize)> {
        let elsewhere = &self.hidden | &self.patched;
        let as_written = facets.by_category().map(|(name, points)| (name, (points - &elsewhere).len()));
        let patched = self.facets.by_category().map(|(name, points)| (name, points.len()));
        as_written
            .chain(patched)
            .filter(|(_, n)| *n > 0)
            .map(|(name, n)| (name.to_owned(), n as usize))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::format::admitted::Count;
    use lookalike_items::{ItemId, NumberRange};
    use proptest::{collection::vec, prelude::*, sample::select};

    fn some(values: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
        vec(select(values).prop_map(String::from), 0..3)
    }

    fn attributes() -> impl Strategy<Value = std::collections::BTreeMap<String, Vec<String>>> {
        let key = select(&["colour", "fit"]).prop_map(String::from);
        prop::collection::btree_map(key, some(&["red", "slim", "wide"]), 0..3)
    }

    fn numbers() -> impl Strategy<Value = std::collections::BTreeMap<String, f64>> {
        let key = select(&["price", "stock"]).prop_map(String::from);
        prop::collection::btree_map(key, (0..20).prop_map(f64::from), 0..3)
    }

    fn ranges() -> impl Strategy<Value = std::collections::BTreeMap<String, NumberRange>> {
        let end = || prop::option::weighted(0.7, (0..20).prop_map(f64::from));
        let range = (end(), end()).prop_filter_map("no range", |(a, b)| NumberRange::new(a, b).ok());
        prop::collection::btree_map(select(&["price", "stock", "size"]).prop_map(String::from), range, 0..3)
    }

    fn id(n: usize) -> ItemId {
        ItemId::parse(&format!("i{n}")).expect("an id")
    }

    fn item() -> impl Strategy<Value = Item> {
        (select(&["Tee", "Hoodie", "Coat"]), attributes(), numbers()).prop_map(
            |(category, attributes, numbers)| Item {
                category: category.to_owned(),
                attributes,
                numbers,
                ..Item::new(id(0), "")
            },
        )
    }

    /// What comes in: a point and what becomes of it.
    #[derive(Clone, Debug)]
    #[allow(clippy::large_enum_variant)] // a test's few
    enum Change {
        Hide,
        Patch(Item),
        Restore,
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![Just(Change::Hide), item().prop_map(Change::Patch), Just(Change::Restore)]
    }

    proptest! {
        #[test]
        fn a_compiled_filter_admits_what_the_filter_admits(
            written in prop_oneof![vec(item(), 0..80), vec(item(), 1_200..1_300)],
            changes in vec((0usize..1_300, change()), 0..60),
            categories in some(&["Tee", "Coat", "Cape"]),
            attributes in attributes(),
            ranges in ranges(),
            not_categories in some(&["Hoodie", "Cape"]),
            not_attributes in attributes(),
            exclude in vec(0usize..90, 0..4),
            numberless in any::<bool>(),
        ) {
            let mut written: Vec<Item> = written.into_iter().enumerate().map(|(n, item)| Item { id: id(n), ..item }).collect();
            if numberless {
                written.iter_mut().for_each(|item| item.numbers.clear());
            }
            let facets = Facets::gather(written.iter());
            let mut plain: Vec<Option<Item>> = written.iter().cloned().map(Some).collect();
            let mut held = Changes::of(Numbers::gather(written.iter()), Labels::of(&facets, written.len()));
            for (n, change) in changes.into_iter().map(|(n, change)| (n % written.len().max(1), change)) {
                if n >= written.len() { continue }
                let point = n as u32;
                match change {
                    Change::Hide => { held.hide(point); plain[n] = None; }
                    Change::Restore => { held.restore(point); plain[n] = Some(written[n].clone()); }
                    Change::Patch(item) => {
                        let item = Item { id: id(n), ..item };
                        held.patch(point, Arc::new(item.clone()));
                        plain[n] = Some(item);
                    }
                }
            }
            let excluded: Vec<u32> = exclude.iter().filter(|&&n| n < written.len()).map(|&n| n as u32).collect();
            let exclude = exclude.into_iter().map(id).collect();
            let filter = Filter { categories, attributes, ranges, not_categories, not_attributes, exclude };
            let admits = |item: &Option<Item>| item.as_ref().is_some_and(|item| filter.admits(item));
            let expected: Vec<u32> = (0..).zip(&plain).filter(|(_, item)| admits(item)).map(|(n, _)| n).collect();
            match held.admitted(&facets, &filter, &excluded, written.len()) {
                None => prop_assert_eq!(expected.len(), written.len()),
                Some(admitted) => {
                    match admitted.count() {
                        Count::Exactly(count) => prop_assert_eq!(count, expected.len()),
                        Count::About(count) => {
                            prop_assert!(count.abs_diff(expected.len()) < written.len() / 5);
                        }
                    }
                    prop_assert_eq!(admitted.iter(written.len()).collect::<Vec<_>>(), expected.clone());
                    let contained = (0..written.len() as u32).filter(|&point| admitted.contains(point));
                    prop_assert_eq!(contained.collect::<Vec<_>>(), expected.clone());
                    let counted = admitted.counted(written.len());
                    prop_assert_eq!(counted.count(), Count::Exactly(expected.len()));
                    prop_assert_eq!(counted.iter(written.len()).collect::<Vec<_>>(), expected);
                }
            }
            let mut counts = std::collections::BTreeMap::new();
            for (name, n) in held.categories(&facets) {
                *counts.entry(name).or_insert(0usize) += n;
            }
            for category in ["Tee", "Hoodie", "Coat"] {
                let expected = plain.iter().flatten().filter(|item| item.category == category).count();
                prop_assert_eq!(counts.get(category).copied().unwrap_or(0), expected);
            }
        }
    }
}
