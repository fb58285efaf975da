//! `POST /embed`.

use serde::Serialize;

use crate::http::reply::{
    ModelReply,
    similar::{QueryReply, TimingsReply},
};
use crate::recommender::Embedding;

/// A photo in numbers.
#[derive(Serialize)]
pub(crate) struct EmbeddingReply<'a> {
    request_id: &'a str,
    model: ModelReply<'a>,
    query: QueryReply<'a>,
    embedding: &'a [f32],
    colour: &'a [f32],
    timings_ms: TimingsReply,
}

impl<'a> EmbeddingReply<'a> {
    pub(crate) fn new(request_id: &'a str, embedding: &'a Embedding) -> Self {
        Self {
            request_id,
            model: ModelReply::of(&embedding.pair),
            query: QueryReply::photo(&embedding.facts, embedding.region),
            embedding: embedding.vectors.deep(),
            colour: embedding.vectors.colour(),
            timings_ms: TimingsReply::of(embedding.timings),
        }
    }
}
