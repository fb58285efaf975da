//! Photos and labels → trained weights: the set, losses, schedule, loop, checkpoints.
//!
//! May enter: [`Dataset`](crate::dataset::Dataset)s and [`TrainOptions`]. What leaves is a run folder: `config.json`,
//! `metrics.jsonl`, TensorBoard's events, `last.safetensors`, `best.safetensors`, and `state.safetensors`, from which a run
//! goes on. Nothing draws from a generator that has a past: what is drawn follows from seed, epoch, step and place.

mod batch;
mod ema;
mod epoch;
mod events;
mod features;
mod images;
mod losses;
mod optimiser;
mod options;
mod photo_cache;
mod plan;
mod run;
mod schedule;
mod set;
mod speed_trial;
mod state;
mod step;
mod train;
mod validate;

pub use events::EventFile;
pub use losses::{
    Losses, Proxies, Target, Triplets, losses, normalised_softmax, proxy_anchor, triplet_margin,
};
pub use options::{
    BestBy, Grouping, MetricLoss, Mining, OptimizerKind, Sampling, TrainOn, TrainOptions, ValidateOn,
};
pub use photo_cache::Room;
pub use run::{EpochMetrics, RunConfig, RunFolder};
pub use set::{Look, Shape, TrainingSet};
pub use train::train;

use plan::Plan;
