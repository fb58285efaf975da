//! Every failure becomes a problem document (RFC 9457) here, once. What went wrong inside is logged, never answered.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use lookalike_catalogue::CatalogueError;
use serde::Serialize;

use crate::{
    ingest::{FetchError, IngestError},
    recommender::{AskError, PhotoError, RollbackError},
};

/// What a patch is sent as.
const MERGE_PATCH: &str = "application/merge-patch+json";

/// How long a client is asked to wait where the store of photos cannot be asked.
const PHOTOS_AGAIN: Duration = Duration::from_secs(5);

/// How long a client is asked to wait where there is too much to do.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Why a request is not answered as it was meant.
#[derive(Debug)]
pub(crate) enum ApiError {
    /// No route has this path.
    NoRoute,
    /// Starting, or shutting down.
    NotReady(&'static str),
    /// More connections than the server takes, which is so many.
    TooManyConnections(usize),
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
    /// More at once than a caller's rate ever lets through: this many.
    TooManyAtOnce(u32),
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

/// What a problem document says, but for the request id, which the outermost layer knows.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    status: StatusCode,
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
    fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), retry_after: RETRY_AFTER }
    }

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

    fn internal() -> Self {
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
    fn fill<B>(&self, request_id: &str, response: &mut Response<B>) -> Vec<u8> {
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
                let detail =
                    "this key asks more often than it may; the header Retry-After says when to go on";
                let problem = Problem::new(S::TOO_MANY_REQUESTS, "rate_limited", detail);
                return Problem { retry_after: *wait, ..problem };
            }
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
            Self::TooManyAtOnce(most) => (
                S::TOO_MANY_REQUESTS,
                "rate_limited",
                format!(
                    "a batch counts as one request a photo, and this server takes {most} at once from a key"
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
            Self::TooManyThumbnails => (
                S::SERVICE_UNAVAILABLE,
                "too_many_thumbnails",
                "more thumbnails are asked for than this server makes at once; try again in a moment".into(),
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

fn written(e: &IngestError) -> Problem {
    let detail = e.to_string();
    match e {
        IngestError::Photo(e) => photo(e),
        IngestError::Fetch(e) => fetched(e),
        IngestError::Busy => {
            let detail = "more photos are coming in than this server takes on; try again in a moment";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", detail)
        }
        IngestError::BadVector(_) => Problem::new(StatusCode::BAD_REQUEST, "bad_vector", detail),
        IngestError::SnapshotRunning => Problem::new(StatusCode::CONFLICT, "snapshot_running", detail),
        IngestError::OtherModel { .. } => {
            Problem::new(StatusCode::CONFLICT, "other_model", shown(&detail, 400))
        }
        IngestError::BadItem(_) => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_item", shown(&detail, 400))
        }
        IngestError::Catalogue(e) => engine(e),
        IngestError::Keep(e) | IngestError::Spool(e) if e.kind() == std::io::ErrorKind::StorageFull => full(),
        IngestError::PhotosUnavailable(_) => {
            let detail = "the store of photos cannot be asked at the moment; the header Retry-After says when to go on";
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "photos_unavailable", detail);
            Problem { retry_after: PHOTOS_AGAIN, ..problem }
        }
        IngestError::HandedOver => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "model_changed", detail),
        IngestError::Model(_)
        | IngestError::Keep(_)
        | IngestError::Photos(_)
        | IngestError::Spool(_)
        | IngestError::Interrupted(_) => Problem::internal(),
    }
}

/// 422, whoever's fault it is: the photo is what this request lacks. Of 502 and 504 a proxy in between may make its own.
fn fetched(e: &FetchError) -> Problem {
    let code = match e {
        FetchError::Busy => {
            return Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", format!("{e}; try again"));
        }
        FetchError::Off | FetchError::Refused(_) | FetchError::Private => "bad_photo_address",
        FetchError::TooLarge(_) => "fetched_photo_too_large",
        FetchError::Redirects
        | FetchError::Status(_)
        | FetchError::Unreachable
        | FetchError::Tls
        | FetchError::TooSlow(_) => "photo_not_fetched",
    };
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, code, e.to_string())
}

fn rolled_back(e: &RollbackError) -> Problem {
    let (status, code) = match e {
        RollbackError::Unknown(_) => (StatusCode::NOT_FOUND, "unknown_base"),
        RollbackError::NothingBefore(_) => (StatusCode::CONFLICT, "nothing_before"),
        RollbackError::OtherModel { .. } => (StatusCode::CONFLICT, "other_model"),
        RollbackError::Catalogue(e) => return engine(e),
        RollbackError::Interrupted(_) => return Problem::internal(),
    };
    Problem::new(status, code, e.to_string())
}

fn full() -> Problem {
    let detail = "the disk of the state is full: nothing was written, and searches go on";
    Problem::new(StatusCode::INSUFFICIENT_STORAGE, "disk_full", detail)
}

/// What the catalogue's engine refused.
fn engine(e: &CatalogueError) -> Problem {
    match e {
        CatalogueError::Full(_) => full(),
        CatalogueError::Unavailable { retry_after, .. } => {
            let detail =
                "the catalogue cannot be asked at the moment; the header Retry-After says when to go on";
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "catalogue_unavailable", detail);
            Problem { retry_after: *retry_after, ..problem }
        }
        CatalogueError::Timeout(_) => {
            let detail = "the catalogue took too long; try again in a moment";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "catalogue_too_slow", detail)
        }
        CatalogueError::NotSupported(what) => {
            Problem::new(StatusCode::NOT_IMPLEMENTED, "not_supported", what.clone())
        }
        _ => Problem::internal(),
    }
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
        AskError::NoMemory => {
            let detail = "the model's device has no memory for a photo at the moment; try again in a moment";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_memory", detail)
        }
        AskError::NoColour => {
            let name = "color_weight";
            ApiError::BadParameter { name, reason: e.to_string() }.problem()
        }
        AskError::BadVector(why) => Problem::new(StatusCode::BAD_REQUEST, "bad_vector", why.clone()),
        AskError::NoDirection => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_direction", e.to_string())
        }
        AskError::UnknownItem(_) => Problem::new(StatusCode::NOT_FOUND, "unknown_item", e.to_string()),
        AskError::EmptyCatalogue => Problem::new(StatusCode::NOT_FOUND, "empty_catalogue", e.to_string()),
        AskError::Catalogue(e) => engine(e),
        AskError::Embedder(_) | AskError::Interrupted(_) => Problem::internal(),
    }
}

fn photo(e: &PhotoError) -> Problem {
    let (status, code) = match e {
        PhotoError::Empty => (StatusCode::BAD_REQUEST, "empty_photo"),
        PhotoError::UnknownFormat(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unknown_format"),
        PhotoError::TooManyPixels { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too_many_pixels"),
        PhotoError::TooMuchMemory { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too_much_memory"),
        PhotoError::Undecodable { format, .. } => {
            let detail = format!("the photo is damaged and cannot be decoded as {format}");
            return Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "undecodable_photo", detail);
        }
        PhotoError::EmptyBox(_) => (StatusCode::UNPROCESSABLE_ENTITY, "empty_box"),
        PhotoError::Preprocessing(_) => return Problem::internal(),
    };
    Problem::new(status, code, e.to_string())
}

/// 128 random bits in hexadecimal: a request's id where the client gave none.
pub(crate) fn request_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// What a client sent, fit to be shown back to it: short, without control characters.
fn shown(text: &str, most: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(most).collect()
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
