//! A run's folder: its configuration, metrics, events and checkpoints.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tch::nn::VarStore;

use crate::network::{Architecture, save_weights};
use crate::{
    TrainingError,
    training::{BestBy, EventFile, TrainOptions},
};
use lookalike_common::write_atomically;
use lookalike_photo::Preprocessing;

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
    /// sha256 over path, label and product of every photo, trained on or validated with: a run goes on with the same alone.
    #[serde(default)]
    pub photos: String,
}

impl RunConfig {
    /// What shapes a run and differs between the two, by name.
    fn differences(&self, other: &Self) -> Vec<String> {
        let value = |config: &Self| {
            let essential = Self { options: config.options.essence(), ..config.clone() };
            serde_json::to_value(essential).unwrap_or_default()
        };
        let (a, b) = (value(self), value(other));
        let mut names = Vec::new();
        for (key, was) in a.as_object().into_iter().flatten() {
            let is = &b[key];
            match (key.as_str(), was.as_object()) {
                _ if was == is => {}
                ("options", Some(fields)) => names.extend(
                    (fields.iter().filter(|(flag, was)| is[flag.as_str()] != **was))
                        .map(|(flag, was)| format!("--{} was {was}", flag.replace('_', "-"))),
                ),
                ("photos", _) => names.push("the photos are not the same".into()),
                _ => names.push(format!("{key} was {was}")),
            }
        }
        names
    }
}

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EpochMetrics {
    /// From 1.
    pub epoch: u64,
    /// Learning rate of the last step.
    pub lr: f64,
    /// Mean over the steps.
    pub loss: f64,
    /// Its cross-entropy.
    pub cross_entropy: f64,
    /// Its triplet loss, not weighted; `null` where there is none.
    pub triplet: Option<f64>,
    /// Share of triplets whose loss was not zero.
    pub triplet_active: Option<f64>,
    /// Its loss against proxies (normalised softmax, Proxy-Anchor), not weighted; `null` where there is none.
    pub proxy: Option<f64>,
    /// Share of augmented training photos classified right; those of mixed batches do not count.
    pub train_top1: Option<f64>,
    /// Share of validation photos classified right; `null` where there are none.
    pub val_top1: Option<f64>,
    /// Share whose category is among the first three.
    pub val_top3: Option<f64>,
    /// … among the first five.
    pub val_top5: Option<f64>,
    /// Share whose nearest other validation photo is of the same category.
    pub val_hit_at_1: Option<f64>,
    /// Mean share of the nearest ten that are of the same category.
    pub val_precision_at_10: Option<f64>,
    /// Share whose nearest other validation photo is of the same product, where products are known.
    pub val_product_hit_at_1: Option<f64>,
    /// Training photos a second, loading included.
    pub images_per_second: f64,
    /// Share of the time that the network waited for photos.
    pub wait_share: f64,
    /// Whole epoch, validation included.
    pub seconds: f64,
    /// When it ended, in seconds since 1970.
    pub finished: f64,
    /// Side of the photos trained on.
    pub size: u32,
}

impl EpochMetrics {
    /// What the best epoch is chosen by; none where nothing was measured.
    pub fn score(&self, by: BestBy) -> Option<f64> {
        match by {
            BestBy::Score => Some((self.val_top1? + self.val_product_hit_at_1.or(self.val_hit_at_1)?) / 2.0),
            BestBy::Top1 => self.val_top1,
            BestBy::HitAt1 => self.val_hit_at_1,
            BestBy::ProductHitAt1 => self.val_product_hit_at_1,
            BestBy::PrecisionAt10 => self.val_precision_at_10,
            BestBy::Last => None,
        }
    }

    /// The best of these epochs, the first of equals; the last one where there is nothing to choose by.
    pub fn best(epochs: &[Self], by: BestBy) -> Option<&Self> {
        let mut best = epochs.first()?;
        for epoch in epochs {
            let better = match (epoch.score(by), best.score(by)) {
                (Some(score), Some(least)) => score > least,
                _ => true,
            };
            if better {
                best = epoch;
            }
        }
        Some(best)
    }
}

/// The folder itself.
#[derive(Clone, Debug)]
pub struct RunFolder(PathBuf);

impl RunFolder {
    /// Refuses a place where something is already.
    pub fn vacant(path: &Path) -> Result<(), TrainingError> {
        let occupied = fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
        let why = "there is something already; name another folder for the run, or go on with it by --resume";
        if occupied { Err(Self(path.to_owned()).failed(path, why)) } else { Ok(()) }
    }

    /// Makes a new one, where it is [`vacant`](Self::vacant).
    pub fn create(path: &Path, config: &RunConfig) -> Result<Self, TrainingError> {
        Self::vacant(path)?;
        let folder = Self(path.to_owned());
        fs::create_dir_all(path).map_err(|e| folder.failed(path, e))?;
        let file = path.join("config.json");
        let text = serde_json::to_string_pretty(config).map_err(|e| folder.failed(&file, e))?;
        folder.replace("config.json", text + "\n")?;
        Ok(folder)
    }

    /// Opens the run at `path` to go on with it, or makes a new one where there is none. What shapes the run must be as it was.
    pub fn resume(path: &Path, config: &RunConfig) -> Result<Self, TrainingError> {
        if !path.join("config.json").is_file() {
            return Self::create(path, config);
        }
        let (folder, begun) = Self::open(path)?;
        let changed = begun.differences(config);
        if changed.is_empty() {
            return Ok(folder);
        }
        let why = format!("the run was begun otherwise, it cannot be resumed: {}", changed.join(", "));
        Err(folder.failed(path, why))
    }

    /// Opens one that [`train`](crate::training::train) made.
    pub fn open(path: &Path) -> Result<(Self, RunConfig), TrainingError> {
        let folder = Self(path.to_owned());
        let file = path.join("config.json");
        let text = fs::read_to_string(&file).map_err(|e| folder.failed(&file, e))?;
        let config = serde_json::from_str(&text)
            .map_err(|e| folder.failed(&file, format!("not the configuration of a run ({e})")))?;
        Ok((folder, config))
    }

    /// Keeps other trainings out of the folder for as long as what this returns is there.
    pub fn hold(&self) -> Result<fs::File, TrainingError> {
        let path = self.0.join("config.json");
        let file = fs::File::open(&path).map_err(|e| self.failed(&path, e))?;
        let held =
            |_| self.failed(&self.0, "another training writes into it: wait for it, or name another folder");
        file.try_lock().map_err(held)?;
        Ok(file)
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

    /// Everything that a run goes on with.
    pub fn state(&self) -> PathBuf {
        self.0.join("state.safetensors")
    }

    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Brings `metrics.jsonl` and the events to just these epochs: what a run had written when it was stopped may be more or
    /// less.
    pub fn rewrite(&self, epochs: &[EpochMetrics]) -> Result<(), TrainingError> {
        let path = self.0.join("metrics.jsonl");
        let line = |m: &EpochMetrics| serde_json::to_string(m).map(|line| line + "\n");
        let text: Result<String, _> = epochs.iter().map(line).collect();
        self.replace("metrics.jsonl", text.map_err(|e| self.failed(&path, e))?)?;
        self.events().rewrite(epochs).map_err(|e| self.failed(self.events().path(), e))
    }

    /// Adds a line to `metrics.jsonl`, and its figures to the events.
    pub fn log(&self, metrics: &EpochMetrics) -> Result<(), TrainingError> {
        let path = self.0.join("metrics.jsonl");
        let append = |line: String| -> std::io::Result<()> {
            let mut file: File = OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(line.as_bytes())?;
            file.sync_data()
        };
        let line = serde_json::to_string(metrics).map_err(|e| self.failed(&path, e))? + "\n";
        append(line).map_err(|e| self.failed(&path, e))?;
        self.events().append(metrics).map_err(|e| self.failed(self.events().path(), e))
    }

    fn events(&self) -> EventFile {
        EventFile::of(&self.0)
    }

    /// Writes a file whole or not at all.
    fn replace(&self, name: &str, text: String) -> Result<(), TrainingError> {
        let path = self.0.join(name);
        write_atomically(&path, text.as_bytes()).map_err(|e| self.failed(&path, e))
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
