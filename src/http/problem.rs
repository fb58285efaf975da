//! The problem document (RFC 9457), which every failure becomes.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;

/// What a patch is sent as.
const MERGE_PATCH: &str = "application/merge-patch+json";

/// How long a client is asked to wait where there is too much to do.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What a problem document says, but for the request id, which the outermost layer knows.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    pub(super) status: StatusCode,
    code: &'static str,
    detail: String,
    retry_after: Duration,
}

/// The document as it is sent.
#[derive(Serialize)]
pub(crate) struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: &'a str,
}

impl Document<'_> {
    pub(crate) fn status(&self) -> u16 {
        self.status
    }
}

impl Problem {
    pub(super) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), retry_after: RETRY_AFTER }
    }

    /// The same, to be tried again after this long.
    pub(super) fn again_after(self, wait: Duration) -> Self {
        Self { retry_after: wait, ..self }
    }

    pub(super) fn internal() -> Self {
        let detail = "something went wrong in the server; the request id finds it in the log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
    }

    pub(crate) fn document<'a>(&'a self, request_id: &'a str) -> Document<'a> {
        Document {
            r#type: format!("urn:lookalike:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id,
        }
    }

    /// The problem as `application/problem+json`, on top of the headers that `response` has already.
    pub(crate) fn write(&self, request_id: &str, response: &mut Response) {
        *response.body_mut() = Body::from(self.fill(request_id, response));
    }

    /// Status and headers; returns the body.
    pub(super) fn fill<B>(&self, request_id: &str, response: &mut Response<B>) -> Vec<u8> {
        let body = serde_json::to_vec(&self.document(request_id)).unwrap_or_default();
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            // Whole seconds, and never too early.
            let seconds = self.retry_after.as_secs() + u64::from(self.retry_after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNSUPPORTED_MEDIA_TYPE && self.detail.contains(MERGE_PATCH) {
            headers.insert("accept-patch", HeaderValue::from_static(MERGE_PATCH));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        body
    }
}

/// 128 random bits in hexadecimal: a request's id where the client gave none.
pub(crate) fn request_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// What a client sent, fit to be shown back to it: short, without control characters.
pub(super) fn shown(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
}
