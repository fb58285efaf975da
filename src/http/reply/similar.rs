//! The answer of a search.

use std::time::Duration;

use axum::http::HeaderValue;
use serde::Serialize;

use crate::config::BasePath;
use crate::http::reply::{CatalogueReply, FacetReply, ItemReply, ModelReply};
use crate::recommender::{Answer, Asked, Hit, ItemId, Order, PhotoFacts, Region, Timings};

/// The answer of a search.
#[derive(Serialize)]
pub(crate) struct SimilarReply<'a> {
    request_id: &'a str,
    model: ModelReply<'a>,
    catalogue: CatalogueReply,
    query: QueryReply<'a>,
    requested: usize,
    returned: usize,
    exhausted: bool,
    results: Vec<ResultReply<'a>>,
    facets: Vec<FacetReply<'a>>,
    timings_ms: TimingsReply,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum QueryReply<'a> {
    Photo {
        width: u32,
        height: u32,
        format: String,
        orientation_applied: bool,
        r#box: Option<[f64; 4]>,
        categories: Vec<CategoryReply<'a>>,
    },
    Item {
        item: ItemReply<'a>,
        r#box: Option<[f64; 4]>,
    },
    Items {
        positive: &'a [ItemId],
        negative: &'a [ItemId],
    },
    Vector,
}

#[derive(Serialize)]
pub(crate) struct CategoryReply<'a> {
    name: &'a str,
    score: f32,
}

#[derive(Serialize)]
struct ResultReply<'a> {
    rank: usize,
    #[serde(flatten)]
    item: ItemReply<'a>,
    score: f32,
    rank_score: Option<f32>,
    distance: DistanceReply,
}

#[derive(Serialize)]
struct DistanceReply {
    deep: f32,
    colour: f32,
    blend: f32,
}

#[derive(Serialize)]
pub(crate) struct TimingsReply {
    decode: Option<f64>,
    queue: Option<f64>,
    model: Option<f64>,
    search: Option<f64>,
    total: f64,
}

impl<'a> SimilarReply<'a> {
    /// `items` is how many the catalogue holds; addresses are below `base`.
    pub(crate) fn new(request_id: &'a str, answer: &'a Answer, items: usize, base: &BasePath) -> Self {
        let ranked = (answer.page.offset() + 1..).zip(&answer.hits);
        Self {
            request_id,
            model: ModelReply::of(&answer.pair),
            catalogue: CatalogueReply::of(&answer.pair, items),
            query: QueryReply::of(&answer.asked, answer.region, base),
            requested: answer.page.k().get(),
            returned: answer.hits.len(),
            exhausted: answer.exhausted,
            results: ranked.map(|(rank, hit)| ResultReply::of((rank, hit), &answer.order, base)).collect(),
            facets: answer.facets.iter().map(FacetReply::of).collect(),
            timings_ms: TimingsReply::of(answer.timings),
        }
    }
}

impl<'a> QueryReply<'a> {
    fn of(asked: &'a Asked, region: Option<Region>, base: &BasePath) -> Self {
        match asked {
            Asked::Photo(facts) => Self::photo(facts, region),
            Asked::Item(item) => {
                Self::Item { item: ItemReply::of(item, base), r#box: region.map(Region::corners) }
            }
            Asked::Examples(examples) => {
                Self::Items { positive: examples.positive(), negative: examples.negative() }
            }
            Asked::Vector => Self::Vector,
        }
    }

    pub(crate) fn photo(facts: &'a PhotoFacts, region: Option<Region>) -> Self {
        let PhotoFacts { width, height, format, turned, categories } = facts;
        Self::Photo {
            width: *width,
            height: *height,
            format: format.to_string(),
            orientation_applied: *turned,
            r#box: region.map(Region::corners),
            categories: categories.iter().map(|p| CategoryReply { name: &p.name, score: p.score }).collect(),
        }
    }
}

impl<'a> ResultReply<'a> {
    fn of((rank, hit): (usize, &'a Hit), order: &Order, base: &BasePath) -> Self {
        let d = hit.distance;
        let rank_score = order.rank_score(&hit.item, d.score());
        let distance = DistanceReply { deep: d.deep, colour: d.colour, blend: d.blend };
        Self { rank, item: ItemReply::found(&hit.item, base), score: d.score(), rank_score, distance }
    }
}

impl TimingsReply {
    pub(crate) fn of(t: Timings) -> Self {
        let ms = |d: Duration| (d.as_secs_f64() * 1e6).round() / 1e3;
        Self {
            decode: t.decode.map(ms),
            queue: t.queue.map(ms),
            model: t.model.map(ms),
            search: t.search.map(ms),
            total: ms(t.total),
        }
    }
}

/// The header `Server-Timing`: milliseconds by stage.
pub(crate) fn server_timing(timings: &Timings) -> Option<HeaderValue> {
    let stages =
        timings.stages().map(|(stage, time)| format!("{};dur={:.3}", stage.name(), time.as_secs_f64() * 1e3));
    HeaderValue::try_from(stages.collect::<Vec<_>>().join(", ")).ok()
}
