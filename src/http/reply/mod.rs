//! Answers as they are written: the schemas of `openapi.yaml`, in its order.

mod bases;
mod batch;
mod embedding;
mod facets;
mod info;
mod items;
mod similar;
mod writes;

pub(crate) use bases::GenerationsReply;
pub(crate) use batch::{BatchEntry, BatchReply};
pub(crate) use embedding::EmbeddingReply;
pub(crate) use facets::{FacetReply, FacetsReply};
pub(crate) use info::{CategoriesReply, InfoReply};
pub(crate) use items::{ItemReply, ItemsReply};
pub(crate) use similar::{SimilarReply, server_timing};
pub(crate) use writes::LineReply;

use serde::Serialize;

use crate::recommender::Pair;

/// Which model answers.
#[derive(Serialize)]
pub(crate) struct ModelReply<'a> {
    id: &'a str,
    architecture: &'a str,
    precision: &'static str,
}

/// Which catalogue does.
#[derive(Serialize)]
pub(crate) struct CatalogueReply {
    generation: u64,
    items: usize,
    /// None of an engine that has no revisions.
    revision: Option<u64>,
}

impl CatalogueReply {
    /// `items` is how many it holds.
    pub(crate) fn of(pair: &Pair, items: usize) -> Self {
        Self { generation: pair.generation, items, revision: pair.catalogue.revision() }
    }
}

impl<'a> ModelReply<'a> {
    fn of(pair: &'a Pair) -> Self {
        let manifest = &pair.manifest;
        Self {
            id: &manifest.model_id,
            architecture: &manifest.architecture,
            precision: pair.embedder.precision().name(),
        }
    }
}
