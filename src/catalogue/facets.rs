//! What items can be filtered by, turned around: from a category or an attribute's value to the points that have it.

use std::collections::HashMap;

use super::{Filter, Item, bits::Bits};

type Postings = HashMap<String, Vec<u32>>;

/// Points by category and by attribute.
#[derive(Debug, Default)]
pub(super) struct Facets {
    count: usize,
    categories: Postings,
    attributes: HashMap<String, Postings>,
}

/// The points a filter lets through.
#[derive(Debug)]
pub(super) struct Admitted {
    pub points: Bits,
    pub count: usize,
}

impl Facets {
    /// Gathers the facets of all points; `items` in the points' order.
    pub fn gather<'a>(items: impl Iterator<Item = &'a Item>) -> Self {
        let mut facets = Self::default();
        for (point, item) in (0..).zip(items) {
            post(&mut facets.categories, &item.category, point);
            for (key, values) in &item.attributes {
                let postings = match facets.attributes.get_mut(key) {
                    Some(postings) => postings,
                    None => facets.attributes.entry(key.clone()).or_default(),
                };
                values.iter().for_each(|value| post(postings, value, point));
            }
            facets.count += 1;
        }
        facets
    }

    /// Whom the filter admits, exactly as [`Filter::admits`] says; `None` where that is everyone.
    pub fn compile(&self, filter: &Filter, point_of: impl Fn(&str) -> Option<u32>) -> Option<Admitted> {
        if filter.admits_all() {
            return None;
        }
        let mut points = Bits::full(self.count);
        if !filter.categories.is_empty() {
            points.intersect(&self.any_of(Some(&self.categories), &filter.categories));
        }
        for (key, values) in &filter.attributes {
            points.intersect(&self.any_of(self.attributes.get(key), values));
        }
        filter.exclude.iter().filter_map(|id| point_of(id.as_str())).for_each(|point| points.remove(point));
        Some(Admitted { count: points.count(), points })
    }

    fn any_of(&self, postings: Option<&Postings>, values: &[String]) -> Bits {
        let mut points = Bits::empty(self.count);
        for posting in values.iter().filter_map(|value| postings?.get(value)) {
            posting.iter().for_each(|&point| {
                points.insert(point);
            });
        }
        points
    }
}

fn post(postings: &mut Postings, value: &str, point: u32) {
    match postings.get_mut(value) {
        Some(points) => points.push(point),
        None => drop(postings.insert(value.to_owned(), vec![point])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::ItemId;
    use proptest::{collection::vec, prelude::*, sample::select};

    fn some(values: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
        vec(select(values).prop_map(String::from), 0..3)
    }

    fn attributes() -> impl Strategy<Value = std::collections::BTreeMap<String, Vec<String>>> {
        let key = select(&["colour", "fit"]).prop_map(String::from);
        prop::collection::btree_map(key, some(&["red", "slim", "wide"]), 0..3)
    }

    proptest! {
        #[test]
        fn a_compiled_filter_admits_what_the_filter_admits(
            sorts in vec((select(&["Tee", "Hoodie", "Coat"]), attributes()), 0..80),
            categories in some(&["Tee", "Coat", "Cape"]),
            attributes in attributes(),
            exclude in vec(0usize..90, 0..4),
        ) {
            let id = |n: usize| ItemId::parse(&format!("i{n}")).expect("an id");
            let items: Vec<Item> = sorts.into_iter().enumerate().map(|(n, (category, attributes))| Item {
                id: id(n), product: None, category: category.to_owned(), image: String::new(), attributes,
            }).collect();
            let filter = Filter { categories, attributes, exclude: exclude.into_iter().map(id).collect() };
            let facets = Facets::gather(items.iter());
            let point_of = |id: &str| items.iter().position(|item| item.id.as_str() == id).map(|n| n as u32);
            let admitted = facets.compile(&filter, point_of);
            let expected: Vec<u32> =
                (0..).zip(&items).filter(|(_, item)| filter.admits(item)).map(|(n, _)| n).collect();
            match admitted {
                None => prop_assert_eq!(expected.len(), items.len()),
                Some(admitted) => {
                    prop_assert_eq!(admitted.count, expected.len());
                    prop_assert_eq!(admitted.points.iter().collect::<Vec<_>>(), expected);
                }
            }
        }
    }
}
