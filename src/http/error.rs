//! Every failure becomes a problem document (RFC 9457) here, once. What went wrong inside is logged, never answered.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use crate::recommender::{AskError, PhotoError};

/// How long a client is asked to wait where there is too much to do.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a request is not answered as it was meant.
#[derive(Debug)]
pub(super) enum ApiError {
    /// No route has this path.
    NoRoute,
    /// Starting, or shutting down.
    NotReady(&'static str),
    /// A query parameter that this route does not know.
    UnknownParameter { name: String, known: &'static [&'static str] },
    /// A query parameter that is not what it must be.
    BadParameter { name: &'static str, reason: String },
    /// A form that does not hold exactly one photo.
    Form(String),
    /// The body did not come in whole.
    Incomplete,
    /// The body is larger than what is taken, in bytes.
    TooLarge(usize),
    /// The body took too long to come in.
    SlowUpload,
    /// The content type is none that is read; as it was given.
    MediaType(Option<String>),
    /// A path that cannot name an item.
    NotAnItem(String),
    /// The item's photo is not to be had here.
    NoPhoto(&'static str),
    /// The recommender's no.
    Ask(AskError),
}

impl From<AskError> for ApiError {
    fn from(e: AskError) -> Self {
        Self::Ask(e)
    }
}

/// What a problem document says, but for the request id, which the outermost layer knows.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

/// The document as it is sent.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    request_id: &'a str,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }

    /// For answers made by a layer that knows no more than the status.
    pub(super) fn of_status(status: StatusCode, max_body: usize) -> Self {
        match status {
            StatusCode::NOT_FOUND => ApiError::NoRoute.problem(),
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge(max_body).problem(),
            StatusCode::METHOD_NOT_ALLOWED => Self::new(
                status,
                "method_not_allowed",
                "this address does not take this method; the Allow header says which it takes",
            ),
            StatusCode::GATEWAY_TIMEOUT => {
                Self::new(status, "timeout", "the answer took longer than this server allows; try again")
            }
            s if s.is_client_error() => Self::new(s, "bad_request", "the request is not understood"),
            _ => Self::internal(),
        }
    }

    fn internal() -> Self {
        let detail = "something went wrong in the server; the request id finds it in the log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail)
    }

    /// The problem as `application/problem+json`, on top of the headers that `response` has already.
    pub(super) fn write(&self, request_id: &str, response: &mut Response) {
        let document = Document {
            r#type: format!("urn:lookalike:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if matches!(self.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER.as_secs()));
        }
        *response.body_mut() = Body::from(body);
    }
}

impl ApiError {
    fn problem(&self) -> Problem {
        use StatusCode as S;
        let (status, code, detail): (_, _, String) = match self {
            Self::Ask(e) => return asked(e),
            Self::MediaType(given) => return media_type(given.as_deref()),
            Self::NoRoute => (
                S::NOT_FOUND,
                "not_found",
                "there is nothing at this address; /openapi.yaml lists what there is".into(),
            ),
            Self::NotReady(why) => (S::SERVICE_UNAVAILABLE, "not_ready", (*why).into()),
            Self::UnknownParameter { name, known } => {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let detail = format!("unknown query parameter '{}'; known here: {known}", shown(name));
                (S::BAD_REQUEST, "unknown_parameter", detail)
            }
            Self::BadParameter { name, reason } => {
                (S::BAD_REQUEST, "bad_parameter", format!("the query parameter '{name}' {reason}"))
            }
            Self::Form(why) => (S::BAD_REQUEST, "bad_form", why.clone()),
            Self::Incomplete => {
                (S::BAD_REQUEST, "incomplete_body", "the request body did not come in whole".into())
            }
            Self::TooLarge(max) => {
                let detail = format!("the request body is larger than the {max} bytes that are taken");
                (S::PAYLOAD_TOO_LARGE, "body_too_large", detail)
            }
            Self::SlowUpload => {
                (S::REQUEST_TIMEOUT, "slow_upload", "the request body took too long to come in".into())
            }
            Self::NotAnItem(text) => {
                (S::NOT_FOUND, "unknown_item", format!("there is no item '{}'", shown(text)))
            }
            Self::NoPhoto(why) => (S::NOT_FOUND, "no_photo", (*why).into()),
        };
        Problem { status, code, detail }
    }
}

fn media_type(given: Option<&str>) -> Problem {
    let given = given.map_or("no Content-Type".to_owned(), |g| format!("Content-Type '{}'", shown(g)));
    let detail = format!(
        "{given} is not taken: send multipart/form-data with a field 'image', or the photo itself as image/jpeg, \
         image/png, image/webp, image/gif or image/bmp"
    );
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
}

fn asked(e: &AskError) -> Problem {
    match e {
        AskError::Photo(e) => photo(e),
        AskError::Busy => {
            let detail = "more photos are waiting than this server takes on; try again in a moment";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", detail)
        }
        AskError::ShuttingDown => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "the server is shutting down")
        }
        AskError::UnknownItem(_) => Problem::new(StatusCode::NOT_FOUND, "unknown_item", e.to_string()),
        AskError::EmptyCatalogue => Problem::new(StatusCode::NOT_FOUND, "empty_catalogue", e.to_string()),
        AskError::Embedder(_) | AskError::Catalogue(_) | AskError::Interrupted(_) => Problem::internal(),
    }
}

fn photo(e: &PhotoError) -> Problem {
    let (status, code) = match e {
        PhotoError::Empty => (StatusCode::BAD_REQUEST, "empty_photo"),
        PhotoError::UnknownFormat(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unknown_format"),
        PhotoError::TooManyPixels { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too_many_pixels"),
        PhotoError::Undecodable { format, .. } => {
            let detail = format!("the photo is damaged and cannot be decoded as {format}");
            return Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "undecodable_photo", detail);
        }
        PhotoError::EmptyBox(_) => (StatusCode::UNPROCESSABLE_ENTITY, "empty_box"),
        PhotoError::Preprocessing(_) => return Problem::internal(),
    };
    Problem::new(status, code, e.to_string())
}

/// What a client sent, fit to be shown back to it: short, without control characters.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

impl IntoResponse for ApiError {
    /// An empty answer of the right status that carries the problem; the layer that knows the request id writes it out.
    fn into_response(self) -> Response {
        let problem = self.problem();
        if problem.status == StatusCode::INTERNAL_SERVER_ERROR
            && let Self::Ask(cause) = &self
        {
            tracing::error!(error = %cause, "a request failed");
        }
        let mut response = problem.status.into_response();
        response.extensions_mut().insert(problem);
        response
    }
}
