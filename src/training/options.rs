//! What a training can be asked for.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::TrainingError;
use crate::network::{Backbone, Storage};

/// Which optimiser takes the steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with Nesterov momentum 0.9.
    #[default]
    Sgd,
    /// AdamW.
    Adamw,
}

/// Which negative a triplet's loss is taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Mining {
    /// The one that was drawn with the triplet.
    #[default]
    Drawn,
    /// Of all photos in the batch that show something else, the one nearest to the anchor.
    Hardest,
}

/// Everything that shapes a run besides its data; written to its `config.json`.
#[derive(Clone, Debug, Args, Serialize, Deserialize)]
pub struct TrainOptions {
    /// The convolutional network.
    #[arg(long, value_enum, default_value = "resnet50")]
    pub backbone: Backbone,
    /// Channels after the stem; 64 is ResNet-50 proper, 24 the demo's.
    #[arg(long, default_value_t = 64)]
    pub width: u32,
    /// Numbers in the embedding.
    #[arg(long, default_value_t = 512)]
    pub embedding: u32,
    /// Side of the model's input, in pixels.
    #[arg(long, default_value_t = 224)]
    pub size: u32,
    /// How often as many photos as there are pass through the network.
    #[arg(long, default_value_t = 30)]
    pub epochs: u64,
    /// Photos a step; rounded down to whole triplets.
    #[arg(long, default_value_t = 48)]
    pub batch: usize,
    /// The optimiser.
    #[arg(long, value_enum, default_value = "sgd")]
    pub optimizer: OptimizerKind,
    /// Highest learning rate: reached after the warm-up, then lowered along a cosine.
    #[arg(long, default_value_t = 0.05)]
    pub lr: f64,
    /// Weight decay.
    #[arg(long, default_value_t = 5e-4)]
    pub weight_decay: f64,
    /// Share of the steps over which the learning rate rises.
    #[arg(long, default_value_t = 0.05)]
    pub warmup: f64,
    /// Weight of the triplet margin loss beside the cross-entropy.
    #[arg(long, default_value_t = 2.0)]
    pub triplet_weight: f64,
    /// Margin of the triplet loss, between embeddings of norm 1.
    #[arg(long, default_value_t = 0.3)]
    pub margin: f64,
    /// Which negative counts.
    #[arg(long, value_enum, default_value = "drawn")]
    #[serde(default)]
    pub mining: Mining,
    /// Label smoothing of the cross-entropy.
    #[arg(long, default_value_t = 0.1)]
    pub label_smoothing: f64,
    /// How often a rectangle of the photo is greyed out.
    #[arg(long, default_value_t = 0.0)]
    pub erase: f64,
    /// Leaves the backbone as it is (batch-norm in evaluation) and trains the fully connected layers alone.
    #[arg(long)]
    pub freeze_backbone: bool,
    /// Weights to start from: safetensors with torchvision's or timm's names. The fully connected layers are taken over
    /// too where they are there in the right shape.
    #[arg(long)]
    pub weights: Option<PathBuf>,
    /// Cuts photos to the data set's boxes.
    #[arg(long)]
    pub boxes: bool,
    /// Convolutions in bf16 on the CPU: faster where it has the instructions.
    #[arg(long)]
    pub bf16: bool,
    /// How weights are stored.
    #[arg(long, value_enum, default_value = "f32")]
    pub checkpoints: Storage,
    /// Everything that is drawn follows from it.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Threads that read and decode; 0 is one a core.
    #[arg(long, default_value_t = 0)]
    pub workers: usize,
}

impl TrainOptions {
    /// Refuses what cannot be trained with, naming the flag.
    pub fn check(&self) -> Result<(), TrainingError> {
        let refuse = |why: String| Err(TrainingError::Options(why));
        if self.epochs == 0 {
            return refuse("--epochs must be at least 1".into());
        }
        if self.batch < 6 {
            return refuse("--batch must be at least 6: two triplets".into());
        }
        for (flag, value) in [
            ("--lr", self.lr),
            ("--weight-decay", self.weight_decay),
            ("--triplet-weight", self.triplet_weight),
            ("--margin", self.margin),
        ] {
            if !value.is_finite() || value < 0.0 {
                return refuse(format!("{flag} must be a number that is not negative, not {value}"));
            }
        }
        for (flag, value) in
            [("--warmup", self.warmup), ("--label-smoothing", self.label_smoothing), ("--erase", self.erase)]
        {
            if !(0.0..=1.0).contains(&value) {
                return refuse(format!("{flag} must be 0 to 1, not {value}"));
            }
        }
        Ok(())
    }

    /// Loader threads.
    pub fn loader_threads(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            n => n,
        }
    }
}
