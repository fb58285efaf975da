//! A photo or an item → query → hits → answer: what a shop's question means, apart from how it came in.
//!
//! May enter: photo bytes trusted in nothing, [`ItemId`]s, a [`Subject`], an [`Ask`] that cannot hold a bad value. What leaves
//! is an [`Answer`]: hits in the catalogue's exact order, unless diversity was asked for, with what is known of the query.
//! Decoding runs off the async runtime, on as many threads as there are cores; the number of photos taken on at once is
//! bounded.
//!
//! ```text
//! photo → decode, crop (photo) → embed, or remembered (cache) ┐
//! item, items, vector ─────────────────────────────────────────┴→ nearest (find) → hidden ones out (sieve) → diversify → page
//! ```

mod answer;
mod ask;
mod cache;
mod canary;
mod changing;
mod diversify;
mod find;
mod health;
mod opening;
mod pair;
mod photo;
mod service;
mod sieve;

pub use answer::{Answer, Asked, Embedding, PhotoFacts, Prediction, Timings};
pub use ask::{
    Ask, BadBoost, BadCollapse, BadExamples, BadK, BadOffset, BadPage, BadPool, BadRegion, BadSort, BadUnit,
    Boost, Collapse, Examples, K, Offset, Order, Page, Pool, Region, Sort, Subject, Unit,
};
pub use changing::{Bases, Choice, ReloadError, RollbackError};
pub use opening::{Items, Opening, SharedThreads};
pub use pair::{LoadedModel, Pair, PairError};
pub use service::{Recommender, RecommenderOptions};

pub use lookalike_catalogue::{BaseKind, BaseName, Hit, Listing};
pub use lookalike_items::{Dims, Filter, Item, ItemId};
pub use lookalike_model::{EmbedderOptions, Fault, Life, ModelThreads, Precision};
pub use lookalike_photo::{Limits, PhotoError, PhotoFormat};

use lookalike_catalogue::CatalogueError;
use lookalike_common::PoolError;
use lookalike_model::EmbedderError;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The photo cannot be used.
    #[error(transparent)]
    Photo(#[from] PhotoError),
    /// As many photos are being worked on as are taken on at once; this one was not.
    #[error("more photos are waiting than are taken on at once")]
    Busy,
    /// The model has stopped: the process is ending.
    #[error("the model is shutting down")]
    ShuttingDown,
    /// The model's threads are being started again.
    #[error("the model is being started again: {0}")]
    ModelDown(String),
    /// No item has this name.
    #[error("there is no item '{0}'")]
    UnknownItem(ItemId),
    /// Colour was given a weight, and there are no colours to weigh.
    #[error("must be 0 or left out: there is no colour to compare here")]
    NoColour,
    /// A vector that is not one of this model's.
    #[error("{0}")]
    BadVector(String),
    /// Examples that cancel each other.
    #[error("the positive and the negative items cancel each other: what is left points nowhere")]
    NoDirection,
    /// There is nothing to draw from.
    #[error("the catalogue holds no items")]
    EmptyCatalogue,
    /// The model's device has no memory left, not even for one photo.
    #[error("the model's device has no memory left")]
    NoMemory,
    /// The model failed on this photo.
    #[error("the model: {0}")]
    Embedder(EmbedderError),
    /// The search failed.
    #[error("the catalogue: {0}")]
    Catalogue(#[from] CatalogueError),
    /// There was no thread for it in time, or that did not come back.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The thread that worked on it did not come back.
    #[error("decoding stopped: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

impl From<EmbedderError> for AskError {
    fn from(e: EmbedderError) -> Self {
        match e {
            EmbedderError::Busy => Self::Busy,
            EmbedderError::Closed => Self::ShuttingDown,
            EmbedderError::Down(why) => Self::ModelDown(why),
            EmbedderError::NoMemory(_) => Self::NoMemory,
            other => Self::Embedder(other),
        }
    }
}
