//! What a bundle says of its model.

use std::{collections::BTreeMap, path::Path};

use lookalike_common::FileSeal;
use lookalike_items::Dims;
use lookalike_photo::Preprocessing;
use serde::{Deserialize, Serialize};

use super::BundleError;
use crate::precision::Precision;

/// The version of the manifest's form that is written and read here.
pub const FORMAT_VERSION: u32 = 1;

/// `manifest.json`: written once at export, never changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// sha256 of the canonical f32 weights and the preprocessing: one id for all precisions of a model.
    pub model_id: String,
    /// E.g. `resnet50 (width 24)`, or `imported TorchScript`.
    pub architecture: String,
    /// How a photo becomes the model's input.
    pub preprocessing: Preprocessing,
    /// D and C.
    pub dims: Dims,
    /// The name behind each logit, in order; empty where a model has no classifier.
    pub categories: Vec<String>,
    /// The colour weight the catalogue's graph is built with and a request starts from.
    pub color_weight: f32,
    /// Whether training cut photos to their boxes.
    pub trained_on_boxes: bool,
    /// Figures of the training, as its last metrics line states them.
    #[serde(default)]
    pub training: serde_json::Value,
    /// The principal components its embeddings are projected onto, where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pca: Option<PcaRecord>,
    /// How far each precision strays from f32, where it was measured.
    #[serde(default)]
    pub drift: BTreeMap<Precision, Drift>,
    /// What made it: this program's and libtorch's versions.
    pub versions: BTreeMap<String, String>,
    /// Size and hash of every model file, by name.
    pub files: BTreeMap<String, FileRecord>,
}

/// A projection onto principal components that is part of the model: the embedding is brought to norm 1, the mean of the
/// photos it was fitted to is taken off, `to` numbers are kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PcaRecord {
    /// Numbers before it.
    pub from: usize,
    /// Numbers after it.
    pub to: usize,
    /// Share of the variance that it keeps.
    pub explained: f64,
    /// Training photos it was fitted to.
    pub photos: usize,
}

/// What a file must be for a bundle to be whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// In bytes.
    pub size: u64,
    /// In lower-case hexadecimal.
    pub sha256: String,
}

impl FileRecord {
    /// Reads the whole file.
    ///
    /// # Errors
    /// [`BundleError::Io`].
    pub fn of(path: &Path) -> Result<Self, BundleError> {
        let FileSeal { bytes, sha256 } = FileSeal::of(path).map_err(BundleError::io(path))?;
        Ok(Self { size: bytes, sha256 })
    }
}

/// A precision's queries beside those of f32, both against embeddings in f32.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Drift {
    /// Photos compared.
    pub photos: usize,
    /// Mean cosine of the deep embeddings, once the set's mean in f32 is taken off both.
    pub centred_cosine_mean: f64,
    /// The least of them.
    pub centred_cosine_min: f64,
    /// Share of the nearest ten that stay the same.
    pub top10_overlap: f64,
    /// Share of photos classified right, less that of f32; `null` without labels.
    pub top1_change: Option<f64>,
    /// Share of photos whose nearest is of their category, less that of f32.
    pub hit1_change: Option<f64>,
}
