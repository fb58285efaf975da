//! What was counted: `GET /facets`, and the facets of a search.

use lookalike_catalogue::Facet;
use serde::Serialize;

/// `GET /facets`
#[derive(Serialize)]
pub(crate) struct FacetsReply<'a> {
    items: usize,
    revision: Option<u64>,
    facets: Vec<FacetReply<'a>>,
}

/// One key.
#[derive(Serialize)]
pub(crate) struct FacetReply<'a> {
    key: &'a str,
    items: usize,
    values: Vec<ValueReply<'a>>,
    other: usize,
    missing: usize,
    numbers: Option<NumbersReply>,
}

#[derive(Serialize)]
struct ValueReply<'a> {
    value: &'a str,
    items: usize,
}

#[derive(Serialize)]
struct NumbersReply {
    min: f64,
    max: f64,
    bins: Vec<BinReply>,
    missing: usize,
}

#[derive(Serialize)]
struct BinReply {
    from: f64,
    to: f64,
    items: usize,
}

impl<'a> FacetsReply<'a> {
    /// `items` is how many the filter admits.
    pub(crate) fn of(items: usize, revision: Option<u64>, facets: &'a [Facet]) -> Self {
        Self { items, revision, facets: facets.iter().map(FacetReply::of).collect() }
    }
}

impl<'a> FacetReply<'a> {
    pub(crate) fn of(facet: &'a Facet) -> Self {
        let value = |(value, items): &'a (String, usize)| ValueReply { value, items: *items };
        let bins = |bins: &[lookalike_catalogue::Bin]| {
            bins.iter().map(|bin| BinReply { from: bin.from, to: bin.to, items: bin.items }).collect()
        };
        Self {
            key: &facet.key,
            items: facet.items,
            values: facet.values.top.iter().map(value).collect(),
            other: facet.values.other,
            missing: facet.values.missing,
            numbers: facet.numbers.as_ref().map(|numbers| NumbersReply {
                min: numbers.min,
                max: numbers.max,
                bins: bins(&numbers.bins),
                missing: numbers.missing,
            }),
        }
    }
}
