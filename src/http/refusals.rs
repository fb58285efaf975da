//! What the refusals of other rooms become: those of questions, of writes, of the catalogue's engine.

use std::time::Duration;

use axum::http::StatusCode;
use lookalike_catalogue::CatalogueError;
use lookalike_common::PoolError;

use crate::{
    http::problem::{Problem, shown},
    ingest::{FetchError, IngestError},
    recommender::{AskError, PhotoError, RollbackError},
};

/// How long a client is asked to wait where the model is being started again.
const MODEL_AGAIN: Duration = Duration::from_secs(5);

/// How long a client is asked to wait where the store of photos cannot be asked.
const PHOTOS_AGAIN: Duration = Duration::from_secs(5);

/// The same where somebody has to put a file back.
const REPAIRED: Duration = Duration::from_secs(30);

/// What a write's refusal becomes.
pub(super) fn written(e: &IngestError) -> Problem {
    let detail = e.to_string();
    match e {
        IngestError::Photo(e) => photo(e),
        IngestError::Fetch(e) => fetched(e),
        IngestError::Busy | IngestError::Pool(PoolError::Busy) => {
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
            problem.again_after(PHOTOS_AGAIN)
        }
        IngestError::ModelDown => model_down(),
        IngestError::HandedOver => Problem::new(StatusCode::SERVICE_UNAVAILABLE, "model_changed", detail),
        IngestError::Model(_)
        | IngestError::Keep(_)
        | IngestError::Photos(_)
        | IngestError::Spool(_)
        | IngestError::Pool(PoolError::Stopped)
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

/// What the refusal of a rollback becomes.
pub(super) fn rolled_back(e: &RollbackError) -> Problem {
    let (status, code) = match e {
        RollbackError::Unknown(_) => (StatusCode::NOT_FOUND, "unknown_base"),
        RollbackError::NothingBefore(_) => (StatusCode::CONFLICT, "nothing_before"),
        RollbackError::OtherModel { .. } => (StatusCode::CONFLICT, "other_model"),
        RollbackError::Catalogue(e) => return engine(e),
        RollbackError::Interrupted(_) => return Problem::internal(),
    };
    Problem::new(status, code, e.to_string())
}

fn model_down() -> Problem {
    let detail = "the model is being started again; the header Retry-After says when to go on";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "model_down", detail).again_after(MODEL_AGAIN)
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
            problem.again_after(*retry_after)
        }
        CatalogueError::Busy { retry_after } => {
            let detail = "more searches are under way than this server takes on; the header Retry-After says when to go on";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "search_busy", detail).again_after(*retry_after)
        }
        CatalogueError::Lost(_) => {
            let detail =
                "a file of the catalogue is not whole any more; it has to be put back, and read again";
            let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "catalogue_damaged", detail);
            problem.again_after(REPAIRED)
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

/// What a question's refusal becomes.
pub(super) fn asked(e: &AskError) -> Problem {
    match e {
        AskError::Photo(e) => photo(e),
        AskError::Busy | AskError::Pool(PoolError::Busy) => {
            let detail = "more photos are waiting than this server takes on; try again in a moment";
            Problem::new(StatusCode::TOO_MANY_REQUESTS, "busy", detail)
        }
        AskError::ShuttingDown => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "the server is shutting down")
        }
        AskError::ModelDown(_) => model_down(),
        AskError::NoMemory => {
            let detail = "the model's device has no memory for a photo at the moment; try again in a moment";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no_memory", detail)
        }
        AskError::NoColour => {
            let detail = format!("the query parameter 'color_weight' {e}");
            Problem::new(StatusCode::BAD_REQUEST, "bad_parameter", detail)
        }
        AskError::BadVector(why) => Problem::new(StatusCode::BAD_REQUEST, "bad_vector", why.clone()),
        AskError::NoDirection => {
            Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "no_direction", e.to_string())
        }
        AskError::UnknownItem(_) => Problem::new(StatusCode::NOT_FOUND, "unknown_item", e.to_string()),
        AskError::EmptyCatalogue => Problem::new(StatusCode::NOT_FOUND, "empty_catalogue", e.to_string()),
        AskError::Catalogue(e) => engine(e),
        AskError::Embedder(_) | AskError::Interrupted(_) | AskError::Pool(PoolError::Stopped) => {
            Problem::internal()
        }
    }
}

fn photo(e: &PhotoError) -> Problem {
    let (status, code) = match e {
        PhotoError::Empty => (StatusCode::BAD_REQUEST, "empty_photo"),
        PhotoError::UnknownFormat(_) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unknown_format"),
        PhotoError::TooManyPixels { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "too_many_pixels"),
        PhotoError::TooMuchMemory { .. } | PhotoError::TooDear { .. } => {
            (StatusCode::UNPROCESSABLE_ENTITY, "too_much_memory")
        }
        PhotoError::Undecodable { format, .. } => {
            let detail = format!("the photo is damaged and cannot be decoded as {format}");
            return Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "undecodable_photo", detail);
        }
        PhotoError::EmptyBox(_) => (StatusCode::UNPROCESSABLE_ENTITY, "empty_box"),
        PhotoError::Preprocessing(_) => return Problem::internal(),
    };
    Problem::new(status, code, e.to_string())
}
