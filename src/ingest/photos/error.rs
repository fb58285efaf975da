//! Why a photo cannot be kept, or had.

use std::io;

/// What becomes of a photo that is not kept, or not had. What a store says is retold here: its own words may hold credentials.
#[derive(Debug, thiserror::Error)]
pub enum PhotosError {
    /// The disk of the state.
    #[error("the photo cannot be kept: {0}")]
    Disk(#[from] io::Error),
    /// The store elsewhere does not do what it is asked: it may be asked again.
    #[error("the store of photos cannot be asked at the moment: {0}")]
    Unavailable(String),
    /// At the start: there is no such store, or not for these credentials.
    #[error("--photos {address}: {why}")]
    Unusable {
        /// As it was named.
        address: String,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The thread that worked on it did not come back.
    #[error("it was not ended: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}
