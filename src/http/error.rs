//! Every failure becomes a problem document (RFC 9457) here, once. What went wrong inside is logged, never answered.

use std::{num::NonZeroU32, time::Duration};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};

use crate::{
    http::{
        problem::{Problem, request_id, shown},
        refusals::{asked, rolled_back, written},
    },
    ingest::IngestError,
    recommender::{AskError, RollbackError},
};

/// Why a request is not answered as it was meant.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// No route has this path.
    NoRoute,
    /// Starting, or shutting down.
    NotReady(&'static str),
    /// More connections than the server takes, which is so many.
    TooManyConnections(usize),
    /// More connections from one address than the server takes, which is so many.
    TooManyFromOne(usize),
    /// A query parameter that this route does not know.
    UnknownParameter { name: String, known: &'static [&'static str] },
    /// A query parameter that is not what it must be.
    BadParameter { name: &'static str, reason: String },
    /// A form that does not hold exactly one photo.
    Form(String),
    /// No key, or none that is known; what the address does.
    Unauthorized(&'static str),
    /// A read key where an admin key is asked for.
    Forbidden,
    /// The caller asks too often; it may again after this long.
    TooFast(Duration),
    /// More photos at once than a caller's rate ever lets through: this many.
    BatchExceedsBurst(NonZeroU32),
    /// Too many wrong keys came from the caller's address; a key is looked at again after this long.
    TooManyWrongKeys(Duration),
    /// A name that the server is not known by.
    UnknownHost(String),
    /// The body did not come in whole.
    Incomplete,
    /// The body is larger than what is taken, in bytes.
    TooLarge(usize),
    /// The body took too long to come in.
    SlowUpload,
    /// The content type, as it was given, is none that is read; and what is.
    MediaType { given: Option<String>, wanted: &'static str },
    /// JSON that does not say what it should.
    Json(String),
    /// A path that cannot name an item.
    NotAnItem(String),
    /// The memory for bodies is all in use.
    NoMemory,
    /// As many thumbnails are being made as are made at once.
    TooManyThumbnails,
    /// The item's photo is not to be had here.
    NoPhoto(&'static str),
    /// What a write's condition asks for is not so.
    PreconditionFailed,
    /// An operation runs already, of this id.
    OperationRunning(String),
    /// No operation has this id.
    NoOperation,
    /// No other base can be served.
    Rollback(RollbackError),
    /// Conditions that say nothing together, or that no write here understands.
    BadCondition,
    /// A patch of another kind than a merge patch; what was said of it.
    PatchType(Option<String>),
    /// The recommender's no.
    Ask(AskError),
    /// A write's no.
    Ingest(IngestError),
}

impl From<IngestError> for ApiError {
    fn from(e: IngestError) -> Self {
        Self::Ingest(e)
    }
}

impl From<RollbackError> for ApiError {
    fn from(e: RollbackError) -> Self {
        Self::Rollback(e)
    }
}

impl From<AskError> for ApiError {
    fn from(e: AskError) -> Self {
        Self::Ask(e)
    }
}

impl Problem {
    /// For answers made by a layer that knows no more than the status.
    pub(crate) fn of_status(status: StatusCode, max_body: usize) -> Self {
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
}

impl ApiError {
    /// The whole answer over HTTP/1.1, for a connection that is closed after it.
    pub(crate) fn as_bytes(&self) -> Vec<u8> {
        let mut response = Response::new(());
        let body = self.problem().fill(&request_id(), &mut response);
        let status = response.status();
        let mut bytes =
            format!("HTTP/1.1 {} {}\r\n", status.as_u16(), status.canonical_reason().unwrap_or_default())
                .into_bytes();
        for (name, value) in response.headers() {
            bytes.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
        bytes.extend(format!("content-length: {}\r\nconnection: close\r\n\r\n", body.len()).into_bytes());
        bytes.extend(body);
        bytes
    }

    /// What the client is told; what it is not told is logged.
    pub(crate) fn logged(&self) -> Problem {
        let problem = self.problem();
        if problem.status == StatusCode::INTERNAL_SERVER_ERROR {
            match self {
                Self::Ask(cause) => tracing::error!(error = %cause, "a request failed"),
                Self::Ingest(cause) => tracing::error!(error = %cause, "a write failed"),
                Self::Rollback(cause) => tracing::error!(error = %cause, "a request failed"),
                _ => {}
            }
        }
        problem
    }

    fn problem(&self) -> Problem {
        use StatusCode as S;
        let (status, code, detail): (_, _, String) = match self {
            Self::Ask(e) => return asked(e),
            Self::Ingest(e) => return written(e),
            Self::PatchType(given) => {
                return media_type(given.as_deref(), "send application/merge-patch+json");
            }
            Self::PreconditionFailed => (
                S::PRECONDITION_FAILED,
                "precondition_failed",
                "the item is not as If-Match or If-None-Match would have it: nothing was done".into(),
            ),
            Self::OperationRunning(id) => (
                S::CONFLICT,
                "operation_running",
                format!(
                    "operation {id} is running, and one at a time does: /admin/operations/{id} tells how far it is"
                ),
            ),
            Self::NoOperation => {
                (S::NOT_FOUND, "unknown_operation", "there is no such operation, or it is long past".into())
            }
            Self::Rollback(e) => return rolled_back(e),
            Self::BadCondition => (
                S::BAD_REQUEST,
                "bad_condition",
                "send If-Match with the item's ETag or *, or If-None-Match with *, not both".into(),
            ),
            Self::TooFast(wait) => {
                let detail = "this key, or this address, asks more often than it may; the header Retry-After says when to go on";
                let problem = Problem::new(S::TOO_MANY_REQUESTS, "rate_limited", detail);
                return problem.again_after(*wait);
            }
            Self::TooManyWrongKeys(wait) => {
                let detail = "too many wrong API keys came from this address, and this one was not looked at; the header \
                              Retry-After says when one is again";
                return Problem::new(S::TOO_MANY_REQUESTS, "too_many_wrong_keys", detail).again_after(*wait);
            }
            Self::UnknownHost(host) => (
                S::MISDIRECTED_REQUEST,
                "unknown_host",
                format!(
                    "this server is not known as '{}': ask it as localhost, or start it with --allowed-host and that name",
                    shown(host, 80)
                ),
            ),
            Self::MediaType { given, wanted } => return media_type(given.as_deref(), wanted),
            Self::NoRoute => (
                S::NOT_FOUND,
                "not_found",
                "there is nothing at this address; /openapi.yaml lists what there is".into(),
            ),
            Self::NotReady(why) => (S::SERVICE_UNAVAILABLE, "not_ready", (*why).into()),
            Self::TooManyConnections(most) => (
                S::SERVICE_UNAVAILABLE,
                "too_many_connections",
                format!("this server has the {most} connections open that it takes; try again in a moment"),
            ),
            Self::TooManyFromOne(most) => (
                S::SERVICE_UNAVAILABLE,
                "too_many_connections",
                format!("this address has the {most} connections open that it may; close some of them"),
            ),
            Self::UnknownParameter { name, known } => {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                let detail = format!("unknown query parameter '{}'; known here: {known}", shown(name, 80));
                (S::BAD_REQUEST, "unknown_parameter", detail)
            }
            Self::BadParameter { name, reason } => {
                (S::BAD_REQUEST, "bad_parameter", format!("the query parameter '{name}' {reason}"))
            }
            Self::Form(why) => (S::BAD_REQUEST, "bad_form", why.clone()),
            Self::Json(why) => (
                S::BAD_REQUEST,
                "bad_body",
                format!("the body is not what it should be: {}", shown(why, 200)),
            ),
            Self::Unauthorized(what) => (
                S::UNAUTHORIZED,
                "unauthorized",
                format!("this address {what}: send 'Authorization: Bearer KEY' or 'X-API-Key: KEY'"),
            ),
            Self::Forbidden => (S::FORBIDDEN, "forbidden", "this address needs an admin key".into()),
            Self::BatchExceedsBurst(most) => (
                S::BAD_REQUEST,
                "batch_exceeds_burst",
                format!(
                    "a batch counts as one request for each photo, and this server takes {most} at once (--rate-burst): \
                     send the photos in batches of at most {most}"
                ),
            ),
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
                (S::NOT_FOUND, "unknown_item", format!("there is no item '{}'", shown(text, 80)))
            }
            Self::NoMemory => (
                S::SERVICE_UNAVAILABLE,
                "no_memory_for_body",
                "the requests that are under way fill the memory that this server gives them; try again in a moment".into(),
            ),
            Self::TooManyThumbnails => (
                S::SERVICE_UNAVAILABLE,
                "too_many_thumbnails",
                "more photos are asked for than this server reads and makes small at once; try again in a moment".into(),
            ),
            Self::NoPhoto(why) => (S::NOT_FOUND, "no_photo", (*why).into()),
        };
        Problem::new(status, code, detail)
    }
}

fn media_type(given: Option<&str>, wanted: &str) -> Problem {
    let given = given.map_or("no Content-Type".to_owned(), |g| format!("Content-Type '{}'", shown(g, 80)));
    let detail = format!("{given} is not taken: {wanted}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
}

impl IntoResponse for ApiError {
    /// An empty answer of the right status that carries the problem; the layer that knows the request id writes it out.
    fn into_response(self) -> Response {
        let problem = self.logged();
        let mut response = problem.status.into_response();
        response.extensions_mut().insert(problem);
        response
    }
}
