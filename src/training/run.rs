//! A run's folder: its configuration, metrics and checkpoints.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tch::nn::VarStore;

use super::{TrainOptions, TrainingError};
use crate::{
    image::Preprocessing,
    network::{Architecture, save_weights},
};

/// `config.json`: what must be known to use the weights beside it, and how they were made.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunConfig {
    /// The network's shape.
    pub architecture: Architecture,
    /// How photos become its input.
    pub preprocessing: Preprocessing,
    /// The name behind each logit.
    pub categories: Vec<String>,
    /// What the training was asked for.
    pub options: TrainOptions,
    /// The data, in words.
    pub data: Vec<String>,
}

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// From 1.
    pub epoch: u64,
    /// Learning rate of the last step.
    pub lr: f64,
    /// Mean over the steps.
    pub loss: f64,
    /// Its cross-entropy.
    pub cross_entropy: f64,
    /// Its triplet loss, not weighted.
    pub triplet: f64,
    /// Share of triplets whose loss was not zero.
    pub triplet_active: f64,
    /// Share of augmented training photos classified right.
    pub train_top1: f64,
    /// Share of validation photos classified right; `null` where there are none.
    pub val_top1: Option<f64>,
    /// Share whose category is among the first three.
    pub val_top3: Option<f64>,
    /// Share whose nearest other validation photo is of the same category.
    pub val_hit_at_1: Option<f64>,
    /// Share whose nearest other validation photo is of the same product, where products are known.
    pub val_product_hit_at_1: Option<f64>,
    /// Training photos a second, loading included.
    pub images_per_second: f64,
    /// Share of the time that the network waited for photos.
    pub wait_share: f64,
    /// Whole epoch, validation included.
    pub seconds: f64,
}

impl EpochMetrics {
    /// What the best epoch is chosen by: the mean of the validation's top-1 and hit rate (by product where known).
    pub fn score(&self) -> f64 {
        let hit = self.val_product_hit_at_1.or(self.val_hit_at_1);
        match (self.val_top1, hit) {
            (Some(top1), Some(hit)) => (top1 + hit) / 2.0,
            _ => self.epoch as f64, // nothing to choose by: the last one
        }
    }
}

/// The folder itself.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// Makes a new one; refused where something is there already.
    pub fn create(path: &Path, config: &RunConfig) -> Result<Self, TrainingError> {
        let occupied = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
        let folder = Self(path.to_owned());
        if occupied {
            return Err(folder.failed(path, "there is something already; name another folder for the run"));
        }
        fs::create_dir_all(path).map_err(|e| folder.failed(path, e))?;
        let file = path.join("config.json");
        let text = serde_json::to_string_pretty(config).map_err(|e| folder.failed(&file, e))?;
        fs::write(&file, text + "\n").map_err(|e| folder.failed(&file, e))?;
        Ok(folder)
    }

    /// Opens one that [`train`](super::train) made.
    pub fn open(path: &Path) -> Result<(Self, RunConfig), TrainingError> {
        let folder = Self(path.to_owned());
        let file = path.join("config.json");
        let text = fs::read_to_string(&file).map_err(|e| folder.failed(&file, e))?;
        let config = serde_json::from_str(&text)
            .map_err(|e| folder.failed(&file, format!("not the configuration of a run ({e})")))?;
        Ok((folder, config))
    }

    /// Weights of the best epoch so far.
    pub fn best(&self) -> PathBuf {
        self.0.join("best.safetensors")
    }

    /// Writes a checkpoint; as the best one too, if it is.
    pub fn checkpoint(&self, vs: &VarStore, config: &RunConfig, best: bool) -> Result<(), TrainingError> {
        save_weights(vs, &self.0.join("last.safetensors"), config.options.checkpoints)?;
        if best {
            save_weights(vs, &self.best(), config.options.checkpoints)?;
        }
        Ok(())
    }

    /// Adds a line to `metrics.jsonl`.
    pub fn log(&self, metrics: &EpochMetrics) -> Result<(), TrainingError> {
        let path = self.0.join("metrics.jsonl");
        let append = |line: String| -> std::io::Result<()> {
            let mut file: File = OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(line.as_bytes())?;
            file.sync_data()
        };
        let line = serde_json::to_string(metrics).map_err(|e| self.failed(&path, e))? + "\n";
        append(line).map_err(|e| self.failed(&path, e))
    }

    /// All lines of `metrics.jsonl`, or none where there is no such file.
    pub fn metrics(&self) -> Result<Vec<EpochMetrics>, TrainingError> {
        let path = self.0.join("metrics.jsonl");
        let Ok(text) = fs::read_to_string(&path) else { return Ok(Vec::new()) };
        text.lines().map(|line| serde_json::from_str(line).map_err(|e| self.failed(&path, e))).collect()
    }

    fn failed(&self, path: &Path, reason: impl ToString) -> TrainingError {
        TrainingError::Run { path: path.to_owned(), reason: reason.to_string() }
    }
}
