//! From photos to a bundle and its catalogue; the program `lookalike-trainer` is made of it.
//!
//! ```text
//! dataset → network → training → evaluation → report
//!                              → export (a bundle) → extraction (embeddings) → the catalogue's build
//! ```
//!
//! May enter: folders of photos, and what a person asks for. What leaves are run folders, bundles, catalogues and reports.
//! The server knows nothing of it.

pub mod chart;
pub mod comparison;
pub mod dataset;
pub mod evaluation;
pub mod export;
pub mod extraction;
pub mod network;
pub mod progress;
pub mod report;
pub mod training;

mod error;

pub use error::TrainingError;
