//! What serves: `GET /info`, `GET /categories`.

use lookalike_catalogue::{About, Visibility};
use serde::Serialize;

use crate::{
    http::{app::AppOptions, spool, upload::BATCH},
    recommender::{Dims, K, Page, Pair},
};

/// `GET /info`
#[derive(Serialize)]
pub(crate) struct InfoReply<'a> {
    model: ModelInfo<'a>,
    catalogue: CatalogueInfo,
    device: &'a str,
    versions: Versions,
    limits: LimitsReply,
}

#[derive(Serialize)]
struct ModelInfo<'a> {
    #[serde(flatten)]
    model: crate::http::reply::ModelReply<'a>,
    input_size: u32,
    dims: Dims,
    color_weight: f32,
    labels: &'a [String],
}

#[derive(Serialize)]
struct CatalogueInfo {
    #[serde(flatten)]
    catalogue: crate::http::reply::CatalogueReply,
    categories: usize,
    engine: &'static str,
    can: Abilities,
}

/// What the catalogue's engine can do beyond what each must.
#[derive(Serialize)]
struct Abilities {
    /// Seconds until a write is in every search, at most.
    visible_within_seconds: f64,
    conditional_writes: bool,
    facets: bool,
    exact: bool,
}

impl Abilities {
    fn of(about: &About) -> Self {
        let visible_within_seconds = match about.visibility {
            Visibility::Immediate => 0.0,
            Visibility::Within(time) => time.as_secs_f64(),
        };
        let About { conditional_writes, facets, exact, .. } = *about;
        Self { visible_within_seconds, conditional_writes, facets, exact }
    }
}

#[derive(Serialize)]
struct Versions {
    lookalike: &'static str,
    libtorch: &'static str,
}

#[derive(Serialize)]
struct LimitsReply {
    body_bytes: usize,
    photo_pixels: u64,
    photo_memory_bytes: u64,
    memory_budget_bytes: u64,
    batch_photos: usize,
    bulk_bytes: usize,
    bulk_lines: usize,
    k: usize,
    offset_plus_k: usize,
    request_seconds: f64,
    upload_seconds: f64,
}

/// `GET /categories`
#[derive(Serialize)]
pub(crate) struct CategoriesReply {
    categories: Vec<CategoryCount>,
}

#[derive(Serialize)]
struct CategoryCount {
    name: String,
    items: usize,
}

impl<'a> InfoReply<'a> {
    /// `items` and `categories` are how many the catalogue holds.
    pub(crate) fn new(pair: &'a Pair, options: &AppOptions, (items, categories): (usize, usize)) -> Self {
        let about = pair.catalogue.about();
        Self {
            model: ModelInfo {
                model: crate::http::reply::ModelReply::of(pair),
                input_size: pair.embedder.preprocessing().size(),
                dims: pair.manifest.dims,
                color_weight: pair.weight().get(),
                labels: &pair.manifest.categories,
            },
            catalogue: CatalogueInfo {
                catalogue: crate::http::reply::CatalogueReply::of(pair, items),
                categories,
                engine: about.engine,
                can: Abilities::of(&about),
            },
            device: pair.embedder.device(),
            versions: Versions {
                lookalike: env!("CARGO_PKG_VERSION"),
                libtorch: lookalike_model::libtorch_version(),
            },
            limits: LimitsReply {
                body_bytes: options.max_body,
                photo_pixels: options.room.limits().max_pixels,
                photo_memory_bytes: options.room.limits().max_memory,
                memory_budget_bytes: options.budget.total(),
                batch_photos: BATCH,
                bulk_bytes: spool::BODY,
                bulk_lines: spool::LINES,
                k: K::MAX,
                offset_plus_k: Page::REACH,
                request_seconds: options.request_timeout.as_secs_f64(),
                upload_seconds: options.upload_timeout.as_secs_f64(),
            },
        }
    }
}

impl CategoriesReply {
    pub(crate) fn of(categories: Vec<(String, usize)>) -> Self {
        let one = |(name, items)| CategoryCount { name, items };
        Self { categories: categories.into_iter().map(one).collect() }
    }
}
