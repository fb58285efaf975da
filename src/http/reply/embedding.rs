//! `POST /embed`.

use serde::Serialize;

use super::{
    ModelReply,
    similar::{QueryReply, TimingsReply},
};
use crate::recommender::Embedding;

/// A photo in numbers.
#[derive(Serialize)]
pub(in crate::http) struct EmbeddingReply<'a> {
    request_id: &'a str,
    model: ModelReply<'a>,
    query: QueryReply<'a>,
    embedding: &'a [f32],
    colour: &'a [f32],
    timings_ms: TimingsReply,
}

impl<'a> EmbeddingReply<'a> {
    pub(in crate::http) fn new(request_id: &'a str, embedding: &'a Embedding) -> Self {
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
