//! Lookalike: visual similarity search for fashion shops. The map of the house, one line a room:
//!
//! ```text
//! offline  dataset → image → network → training → bundle(export) → extraction → catalogue(build)
//! online   http → recommender → image → embedder(batcher) → catalogue(nearest) → recommender → http
//! ```
//!
//! Data passes each room once, in this order. `ARCHITECTURE.md` says which room may know which.

pub mod catalogue;
pub mod config;
pub mod dataset;
pub mod executor;
pub mod image;
pub mod progress;
pub mod telemetry;

#[cfg(feature = "tch")]
pub mod bundle;
#[cfg(feature = "tch")]
pub mod embedder;
#[cfg(feature = "tch")]
pub mod extraction;
#[cfg(feature = "tch")]
pub mod http;
#[cfg(feature = "tch")]
pub mod libtorch;
#[cfg(feature = "tch")]
pub mod network;
#[cfg(feature = "tch")]
pub mod recommender;
#[cfg(feature = "tch")]
pub mod training;
