//! Photos and labels → trained weights: the set, losses, schedule, loop, checkpoints; and how good a model is.
//!
//! May enter: [`Dataset`](crate::dataset::Dataset)s and [`TrainOptions`]. What leaves is a run folder: `config.json`,
//! `metrics.jsonl`, TensorBoard's events, `last.safetensors`, `best.safetensors`, and `state.safetensors`, from which a run
//! goes on. Nothing draws from a generator that has a past: what is drawn follows from seed, epoch, step and place.

mod batch;
pub mod chart;
pub mod compare;
mod ema;
mod epoch;
mod evaluate;
mod events;
mod features;
mod inspect;
mod kept;
mod losses;
mod montage;
mod optimiser;
mod options;
mod pace;
mod pca;
mod plan;
mod report;
mod run;
mod schedule;
mod set;
mod state;
mod step;
mod train;
mod validate;

pub use evaluate::{Bootstrap, Entry, Evaluation, Examination, Figure, Scored, evaluate};
pub use events::EventFile;
pub use inspect::{Inspected, Inspection, inspect};
pub use kept::Room;
pub use losses::{
    Losses, Proxies, Target, Triplets, losses, normalised_softmax, proxy_anchor, triplet_margin,
};
pub use montage::{MontageTile, montage};
pub use options::{
    BestBy, Grouping, MetricLoss, Mining, OptimizerKind, Sampling, TrainOn, TrainOptions, ValidateOn,
};
pub use pca::Pca;
pub use report::report;
pub use run::{EpochMetrics, RunConfig, RunFolder};
pub use set::{Look, Shape, TrainingSet};
pub use train::train;

use plan::Plan;

use std::path::PathBuf;

use crate::{
    catalogue::CatalogueError, dataset::DatasetError, embedder::EmbedderError, image::PhotoError,
    network::NetworkError,
};

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
