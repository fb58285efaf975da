//! Why a write was not made.

use lookalike_catalogue::CatalogueError;
use lookalike_common::PoolError;
use lookalike_items::BadItem;
use lookalike_photo::PhotoError;

use crate::ingest::{fetch::FetchError, photos::PhotosError};

/// Why a write was not made.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The photo cannot be used.
    #[error(transparent)]
    Photo(#[from] PhotoError),
    /// The photo cannot be had from its address.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// As many photos are being worked on as are taken on at once.
    #[error("more photos are coming in than are taken on at once")]
    Busy,
    /// Vectors that are none of this model's.
    #[error("{0}")]
    BadVector(String),
    /// Vectors of another model.
    #[error(
        "the embedding is of model {given}, and this catalogue's is {here}: embed the photo with this one"
    )]
    OtherModel {
        /// As it was named.
        given: String,
        /// What embeds here.
        here: String,
    },
    /// What is no item.
    #[error(transparent)]
    BadItem(#[from] BadItem),
    /// The model that embeds in f32.
    #[error("the model in f32: {0}")]
    Model(String),
    /// The photo cannot be kept.
    #[error("the photo cannot be kept: {0}")]
    Keep(std::io::Error),
    /// The store of photos cannot be asked: the same may be sent again.
    #[error("the store of photos cannot be asked at the moment: {0}")]
    PhotosUnavailable(String),
    /// The store of photos, at the start.
    #[error(transparent)]
    Photos(PhotosError),
    /// What comes in cannot be put aside.
    #[error("what comes in cannot be put aside: {0}")]
    Spool(std::io::Error),
    /// The state is being sent as a snapshot already.
    #[error("a snapshot is being sent, and one at a time does")]
    SnapshotRunning,
    /// The catalogue did not take it.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The state belongs to another model by now: the same may be asked of that one.
    #[error("the model was changed meanwhile; send it again")]
    HandedOver,
    /// The model's threads are being started again.
    #[error("the model is being started again; send it again in a moment")]
    ModelDown,
    /// There was no thread for it in time, or that did not come back.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The thread that worked on it did not come back.
    #[error("it was not ended: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl From<PhotosError> for IngestError {
    fn from(e: PhotosError) -> Self {
        match e {
            PhotosError::Disk(e) => Self::Keep(e),
            PhotosError::Unavailable(why) => Self::PhotosUnavailable(why),
            PhotosError::Interrupted(e) => Self::Interrupted(e),
            PhotosError::Unusable { .. } => Self::Photos(e),
        }
    }
}
