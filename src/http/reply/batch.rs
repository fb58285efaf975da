//! `POST /similar/batch`.

use serde::Serialize;

use crate::http::problem::Document;
use crate::http::reply::SimilarReply;

/// What became of each photo, in the order they were sent in.
#[derive(Serialize)]
pub(crate) struct BatchReply<'a> {
    request_id: &'a str,
    answers: Vec<BatchEntry<'a>>,
}

/// What became of one: the answer or the problem that it would have got alone.
#[derive(Serialize)]
pub(crate) struct BatchEntry<'a> {
    index: usize,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<SimilarReply<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Document<'a>>,
}

impl<'a> BatchReply<'a> {
    pub(crate) fn new(request_id: &'a str, answers: Vec<BatchEntry<'a>>) -> Self {
        Self { request_id, answers }
    }
}

impl<'a> BatchEntry<'a> {
    pub(crate) fn answered(index: usize, answer: SimilarReply<'a>) -> Self {
        Self { index, status: 200, answer: Some(answer), problem: None }
    }

    pub(crate) fn failed(index: usize, problem: Document<'a>) -> Self {
        Self { index, status: problem.status(), answer: None, problem: Some(problem) }
    }
}
