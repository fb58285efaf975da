//! `POST /items`.

use serde::Serialize;

use crate::http::problem::Document;

/// What became of a line.
#[derive(Serialize)]
pub(crate) struct LineReply<'a> {
    pub(crate) line: usize,
    pub(crate) id: &'a str,
    pub(crate) status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<Document<'a>>,
}
