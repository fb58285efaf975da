//! Answers as they are written: the schemas of `openapi.yaml`, in its order.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use crate::recommender::{Answer, Asked, Hit, Item, PhotoFacts, Timings};

/// The answer of a search.
#[derive(Serialize)]
pub(super) struct SimilarReply<'a> {
    request_id: &'a str,
    model: ModelReply<'a>,
    catalogue: CatalogueReply,
    query: QueryReply<'a>,
    requested: usize,
    returned: usize,
    exhausted: bool,
    results: Vec<ResultReply<'a>>,
    timings_ms: TimingsReply,
}

#[derive(Serialize)]
struct ModelReply<'a> {
    id: &'a str,
    architecture: &'a str,
    precision: &'static str,
}

#[derive(Serialize)]
struct CatalogueReply {
    generation: u64,
    items: usize,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum QueryReply<'a> {
    Photo {
        width: u32,
        height: u32,
        format: String,
        orientation_applied: bool,
        categories: Vec<CategoryReply<'a>>,
    },
    Item {
        item: ItemReply<'a>,
    },
}

#[derive(Serialize)]
struct CategoryReply<'a> {
    name: &'a str,
    score: f32,
}

/// An item, as `GET /items/{id}` and `GET /random` give it.
#[derive(Serialize)]
pub(super) struct ItemReply<'a> {
    id: &'a str,
    product: Option<&'a str>,
    category: &'a str,
    attributes: &'a BTreeMap<String, Vec<String>>,
    image_url: String,
}

#[derive(Serialize)]
struct ResultReply<'a> {
    rank: usize,
    #[serde(flatten)]
    item: ItemReply<'a>,
    score: f32,
    distance: DistanceReply,
}

#[derive(Serialize)]
struct DistanceReply {
    deep: f32,
    colour: f32,
    blend: f32,
}

#[derive(Serialize)]
struct TimingsReply {
    decode: Option<f64>,
    queue: Option<f64>,
    model: Option<f64>,
    search: f64,
    total: f64,
}

impl<'a> SimilarReply<'a> {
    /// `items` is how many the catalogue holds.
    pub(super) fn new(request_id: &'a str, answer: &'a Answer, items: usize) -> Self {
        let manifest = &answer.pair.manifest;
        Self {
            request_id,
            model: ModelReply {
                id: &manifest.model_id,
                architecture: &manifest.architecture,
                precision: answer.pair.embedder.precision().name(),
            },
            catalogue: CatalogueReply { generation: answer.pair.generation, items },
            query: QueryReply::of(&answer.asked),
            requested: answer.requested,
            returned: answer.hits.len(),
            exhausted: answer.exhausted,
            results: answer.hits.iter().enumerate().map(|(i, hit)| ResultReply::of(i + 1, hit)).collect(),
            timings_ms: TimingsReply::of(answer.timings),
        }
    }
}

impl<'a> QueryReply<'a> {
    fn of(asked: &'a Asked) -> Self {
        match asked {
            Asked::Photo(PhotoFacts { width, height, format, turned, categories }) => Self::Photo {
                width: *width,
                height: *height,
                format: format.to_string(),
                orientation_applied: *turned,
                categories: categories
                    .iter()
                    .map(|p| CategoryReply { name: &p.name, score: p.score })
                    .collect(),
            },
            Asked::Item(item) => Self::Item { item: ItemReply::of(item) },
        }
    }
}

impl<'a> ItemReply<'a> {
    pub(super) fn of(item: &'a Item) -> Self {
        Self {
            id: item.id.as_str(),
            product: item.product.as_deref(),
            category: &item.category,
            attributes: &item.attributes,
            // An id needs no escaping. The photo's own place, a file or another host, stays behind this address.
            image_url: format!("/images/{}", item.id),
        }
    }
}

impl<'a> ResultReply<'a> {
    fn of(rank: usize, hit: &'a Hit) -> Self {
        let d = hit.distance;
        let distance = DistanceReply { deep: d.deep, colour: d.colour, blend: d.blend };
        Self { rank, item: ItemReply::of(&hit.item), score: d.score(), distance }
    }
}

impl TimingsReply {
    fn of(t: Timings) -> Self {
        let ms = |d: Duration| (d.as_secs_f64() * 1e6).round() / 1e3;
        Self {
            decode: t.decode.map(ms),
            queue: t.queue.map(ms),
            model: t.model.map(ms),
            search: ms(t.search),
            total: ms(t.total),
        }
    }
}
