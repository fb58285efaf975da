//! What came in online for the items of one generation, whose files do not change: which points answer no more, and which
//! have other metadata than their line in the file.

use std::sync::Arc;

use imbl::OrdMap;
use lookalike_items::{Filter, Item};
use roaring::RoaringBitmap;

use crate::local::format::facets::{Admitted, Facets};

/// The changes of one generation's points. Cloning them is cheap: what they hold is shared until it changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    /// Points that answer no more.
    hidden: RoaringBitmap,
    /// Points with an item of their own, …
    patched: RoaringBitmap,
    /// … which these are, …
    items: OrdMap<u32, Arc<Item>>,
    /// … and what they can be filtered by.
    facets: Facets,
}

impl Changes {
    /// The point answers no more.
    pub fn hide(&mut self, point: u32) {
        self.unpatch(point);
        self.hidden.insert(point);
    }

    /// The point answers, and this is its item.
    pub fn patch(&mut self, point: u32, item: Arc<Item>) {
        self.restore(point);
        self.facets.add(&item, point);
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
        let mut hidden = self.hidden.clone();
        hidden.extend(excluded);
        let Some(points) = facets.meeting(filter) else {
            return (!hidden.is_empty()).then(|| Admitted::all_but(hidden, count));
        };
        let patched = self.facets.meeting(filter).unwrap_or_default();
        Some(Admitted::only(((points - &self.patched) | patched) - hidden))
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
    use lookalike_items::ItemId;
    use proptest::{collection::vec, prelude::*, sample::select};

    fn some(values: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
        vec(select(values).prop_map(String::from), 0..3)
    }

    fn attributes() -> impl Strategy<Value = std::collections::BTreeMap<String, Vec<String>>> {
        let key = select(&["colour", "fit"]).prop_map(String::from);
        prop::collection::btree_map(key, some(&["red", "slim", "wide"]), 0..3)
    }

    fn id(n: usize) -> ItemId {
        ItemId::parse(&format!("i{n}")).expect("an id")
    }

    fn item() -> impl Strategy<Value = Item> {
        (select(&["Tee", "Hoodie", "Coat"]), attributes()).prop_map(|(category, attributes)| Item {
            category: category.to_owned(),
            attributes,
            ..Item::new(id(0), "")
        })
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
            written in vec(item(), 0..80),
            changes in vec((0usize..80, change()), 0..60),
            categories in some(&["Tee", "Coat", "Cape"]),
            attributes in attributes(),
            exclude in vec(0usize..90, 0..4),
        ) {
            let written: Vec<Item> = written.into_iter().enumerate().map(|(n, item)| Item { id: id(n), ..item }).collect();
            let facets = Facets::gather(written.iter());
            let mut plain: Vec<Option<Item>> = written.iter().cloned().map(Some).collect();
            let mut held = Changes::default();
            for (n, change) in changes.into_iter().filter(|(n, _)| *n < written.len()) {
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
            let filter = Filter { categories, attributes, exclude: exclude.into_iter().map(id).collect() };
            let admits = |item: &Option<Item>| item.as_ref().is_some_and(|item| filter.admits(item));
            let expected: Vec<u32> = (0..).zip(&plain).filter(|(_, item)| admits(item)).map(|(n, _)| n).collect();
            match held.admitted(&facets, &filter, &excluded, written.len()) {
                None => prop_assert_eq!(expected.len(), written.len()),
                Some(admitted) => {
                    prop_assert_eq!(admitted.count, expected.len());
                    prop_assert_eq!(admitted.iter(written.len()).collect::<Vec<_>>(), expected.clone());
                    let contained = (0..written.len() as u32).filter(|&point| admitted.contains(point));
                    prop_assert_eq!(contained.collect::<Vec<_>>(), expected);
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
