//! A trained model: its bundle on disk, the engines that run it, and the batcher before them.
//!
//! May enter: a bundle's folder, and photos as [`Pixels`](lookalike_photo::Pixels) of the model's size. What leaves is
//! [`Embedded`]: a deep vector of norm 1, a colour feature and logits, all finite, in f32 whatever the device computed in.

mod batcher;
pub mod bundle;
mod embedding;
mod engines;
mod precision;

pub use batcher::{EmbedTimes, Embedder, EmbedderOptions, Life, ModelThreads};
pub use bundle::{Bundle, BundleError, Drift, FORMAT_VERSION, FileRecord, Manifest, PcaRecord, file_of};
pub use embedding::{Embedded, EmbedderError};
pub use engines::{DeviceChoice, Fault, Model, PrecisionChoice, Shape};
pub use precision::Precision;

/// The version of libtorch this was built with, e.g. `2.11.0`.
pub fn libtorch_version() -> &'static str {
    lookalike_libtorch::version()
}
