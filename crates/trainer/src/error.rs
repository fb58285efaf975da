//! Every way a training, an evaluation or a report can fail.

use std::path::PathBuf;

use crate::{dataset::DatasetError, network::NetworkError};
use lookalike_catalogue::CatalogueError;
use lookalike_items::InvalidValue;
use lookalike_model::EmbedderError;
use lookalike_photo::PhotoError;

/// Why a training or an evaluation could not be done.
#[derive(Debug, thiserror::Error)]
pub enum TrainingError {
    /// An option that cannot be followed.
    #[error("{0}")]
    Options(String),
    /// The data.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A photo.
    #[error(transparent)]
    Photo(#[from] PhotoError),
    /// The network or its weights.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A bundle's model.
    #[error(transparent)]
    Embedder(#[from] EmbedderError),
    /// A number that is none.
    #[error(transparent)]
    Value(#[from] InvalidValue),
    /// The catalogue.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// libtorch failed.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
    /// The run's folder cannot be read or written.
    #[error("{}: {reason}", path.display())]
    Run {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What a run goes on with is not what it needs.
    #[error("the run's state does not fit: {0}")]
    State(String),
    /// Too many photos cannot be decoded.
    #[error("{bad} of {total} photos cannot be used, more than one in twenty: {first}")]
    TooManyBad {
        /// How many.
        bad: usize,
        /// Of how many.
        total: usize,
        /// The first of them.
        first: String,
    },
    /// The loss is no number any more.
    #[error("the loss became {loss} in epoch {epoch}: train with a lower --lr")]
    Diverged {
        /// The loss.
        loss: f64,
        /// When.
        epoch: u64,
    },
}
