//! What a training can be asked for.

mod check;
mod choices;

pub use choices::{BestBy, Grouping, MetricLoss, Mining, OptimizerKind, Sampling, TrainOn, ValidateOn};

use clap::{Args, FromArgMatches};
use serde::{Deserialize, Serialize};

use crate::network::{Backbone, Pooling, Stages, Storage, WeightsSource};
use lookalike_photo::Augmentation;

/// Everything that shapes a run besides its data; written to its `config.json`. What an older file lacks has its default.
#[derive(Clone, Debug, PartialEq, Args, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainOptions {
    /// The convolutional network.
    #[arg(long, value_enum, default_value = "resnet50", help_heading = "Network")]
    pub backbone: Backbone,
    /// Channels after the stem; 64 is ResNet-50 proper, 24 the demo's.
    #[arg(long, default_value_t = 64, help_heading = "Network")]
    pub width: u32,
    /// Numbers in the embedding.
    #[arg(long, default_value_t = 512, help_heading = "Network")]
    pub embedding: u32,
    /// How the last feature map becomes one vector.
    #[arg(long, value_enum, default_value = "average", help_heading = "Network")]
    pub pooling: Pooling,
    /// Side of the model's input, in pixels.
    #[arg(long, default_value_t = 224, help_heading = "Network")]
    pub size: u32,
    /// Weights to start from: safetensors with torchvision's or timm's names, a file or the hub's (hf:OWNER/NAME). Pooling
    /// and the fully connected layers are taken over too where they are there in the right shape.
    #[arg(long, value_name = "FILE|hf:NAME", help_heading = "Network")]
    pub weights: Option<WeightsSource>,
    /// Leaves the backbone as it is (batch-norm in evaluation): pooling and the fully connected layers alone train.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
          action = clap::ArgAction::Set, help_heading = "Network")]
    pub freeze_backbone: bool,
    /// What --lr is times, for the stem and the four stages: five numbers. A part with 0 stays as it is.
    #[arg(long, num_args = 1, value_delimiter = ',', value_name = "STEM,1,2,3,4", help_heading = "Network")]
    pub stage_lr: Vec<f64>,
    /// With all of the backbone frozen: augmented views a photo, through the backbone once, features kept. 0: every epoch
    /// augments anew.
    #[arg(long, default_value_t = 8, help_heading = "Network")]
    pub views: u64,

    /// How often as many photos as there are pass through the network.
    #[arg(long, default_value_t = 30, overrides_with = "minutes", help_heading = "Steps")]
    pub epochs: u64,
    /// In place of --epochs: as many as fit into so many minutes here, all that comes before them included, by a trial of
    /// the speed. config.json says how many.
    #[arg(long, overrides_with = "epochs", help_heading = "Steps")]
    pub minutes: Option<f64>,
    /// Photos a step; rounded down to whole triplets or groups.
    #[arg(long, default_value_t = 48, help_heading = "Steps")]
    pub batch: usize,
    /// How batches are put together.
    #[arg(long, value_enum, default_value = "triplets", help_heading = "Steps")]
    pub sampling: Sampling,
    /// K of P×K.
    #[arg(long, default_value_t = 4, help_heading = "Steps")]
    pub per_group: usize,
    /// The optimiser.
    #[arg(long, value_enum, default_value = "sgd", help_heading = "Steps")]
    pub optimizer: OptimizerKind,
    /// Highest learning rate: reached after the warm-up, then lowered along a cosine.
    #[arg(long, default_value_t = 0.05, help_heading = "Steps")]
    pub lr: f64,
    /// Weight decay; norms, biases and proxies have none.
    #[arg(long, default_value_t = 5e-4, help_heading = "Steps")]
    pub weight_decay: f64,
    /// Share of the steps over which the learning rate rises.
    #[arg(long, default_value_t = 0.05, help_heading = "Steps")]
    pub warmup: f64,
    /// Averages weights over steps and evaluates and exports the average: the share that is kept each step, 0 for none.
    #[arg(long, default_value_t = 0.0, help_heading = "Steps")]
    pub ema: f64,
    /// Convolutions in bf16, on GPUs and on CPUs that have the instructions; elsewhere f32, said at the start.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
          action = clap::ArgAction::Set, help_heading = "Steps")]
    pub bf16: bool,

    /// The loss over embeddings.
    #[arg(long, value_enum, default_value = "triplet", help_heading = "Loss")]
    pub metric_loss: MetricLoss,
    /// Its weight beside the cross-entropy.
    #[arg(long, default_value_t = 2.0, alias = "triplet-weight", help_heading = "Loss")]
    #[serde(alias = "triplet_weight")]
    pub metric_weight: f64,
    /// Which photos are the same to it.
    #[arg(long, value_enum, default_value = "product", help_heading = "Loss")]
    pub group: Grouping,
    /// Which triplets count.
    #[arg(long, value_enum, default_value = "random", help_heading = "Loss")]
    pub mining: Mining,
    /// Margin of the triplet loss, between embeddings of norm 1.
    #[arg(long, default_value_t = 0.3, help_heading = "Loss")]
    pub margin: f64,
    /// Label smoothing of the cross-entropy.
    #[arg(long, default_value_t = 0.1, help_heading = "Loss")]
    pub label_smoothing: f64,

    /// The shorter side that photos are resized to before the random crop; 256/224 of --train-size where it is not said.
    #[arg(long, help_heading = "Augmentation")]
    pub resize: Option<u32>,
    /// Side of the squares that are trained on; --size where it is not said. What is left of a photo by a random crop looks
    /// larger than the whole does at evaluation, so that an evaluation at more pixels than were trained on is the better one.
    #[arg(long, value_name = "PIXELS", help_heading = "Augmentation")]
    pub train_size: Option<u32>,
    /// Trains on smaller squares at first: from this side up to that of --train-size over the first three quarters of the
    /// epochs.
    #[arg(long, value_name = "PIXELS", help_heading = "Augmentation")]
    pub start_size: Option<u32>,
    /// Smallest share of the photo that a crop shows.
    #[arg(long, default_value_t = 0.4, help_heading = "Augmentation")]
    pub crop: f64,
    /// How far brightness, contrast and saturation may stray from 1; mild, as colour matters.
    #[arg(long, default_value_t = 0.1, help_heading = "Augmentation")]
    pub jitter: f64,
    /// How often a rectangle of the photo is greyed out.
    #[arg(long, default_value_t = 0.0, help_heading = "Augmentation")]
    pub erase: f64,
    /// Mixes the photos of every other batch in pairs, by shares drawn from Beta(α, α), 0 < α ≤ 1; they are classified alone.
    #[arg(long, default_value_t = 0.0, value_name = "α", help_heading = "Augmentation")]
    pub mixup: f64,
    /// Cuts photos to the data set's boxes.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true", default_value_t = false,
          action = clap::ArgAction::Set, help_heading = "Augmentation")]
    pub boxes: bool,

    /// Which photos are trained on.
    #[arg(long, value_enum, default_value = "train", help_heading = "Run")]
    pub train_on: TrainOn,
    /// Which photos every epoch is looked at with.
    #[arg(long, value_enum, default_value = "val", help_heading = "Run")]
    pub validate_on: ValidateOn,
    /// What the best epoch is chosen by.
    #[arg(long, value_enum, default_value = "score", help_heading = "Run")]
    pub best_by: BestBy,
    /// How weights are stored.
    #[arg(long, value_enum, default_value = "f32", help_heading = "Run")]
    pub checkpoints: Storage,
    /// Everything that is drawn follows from it.
    #[arg(long, default_value_t = 0, help_heading = "Run")]
    pub seed: u64,
    /// Threads that read, decode and augment; 0 is one a core.
    #[arg(long, default_value_t = 0, help_heading = "Run")]
    pub workers: usize,
    /// Decoded photos, and features of a frozen backbone, are kept in memory up to this many MiB. Photos beyond it are decoded
    /// again each time, features beyond it go to the run's folder.
    #[arg(long, default_value_t = 2048, help_heading = "Run")]
    pub cache_mb: u64,
    /// A run can be resumed from its last epoch, or from this many minutes before it was stopped.
    #[arg(long, default_value_t = 10.0, help_heading = "Run")]
    pub checkpoint_minutes: f64,
    /// Goes on with the run in --out where it stopped, to the very same end; begins it where there is none yet.
    #[arg(long, help_heading = "Run")]
    #[serde(skip)]
    pub resume: bool,
}

impl Default for TrainOptions {
    /// What the command line says where nothing is said.
    fn default() -> Self {
        let command = TrainOptions::augment_args(clap::Command::new("train"));
        let parsed = command.try_get_matches_from(["train"]).and_then(|m| Self::from_arg_matches(&m));
        // A flag without a default would fail every test that trains.
        parsed.unwrap_or_else(|e| e.exit())
    }
}

impl TrainOptions {
    /// Loader threads.
    pub fn loader_threads(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(2, usize::from),
            n => n,
        }
    }

    /// What the learning rate of the stem and the four stages is times.
    pub fn stage_rates(&self) -> [f64; Stages::COUNT] {
        if self.freeze_backbone {
            return [0.0; Stages::COUNT];
        }
        self.stage_lr.as_slice().try_into().unwrap_or([1.0; Stages::COUNT])
    }

    /// The parts of the backbone that train.
    pub fn stages(&self) -> Stages {
        Stages(self.stage_rates().map(|rate| rate > 0.0))
    }

    /// Whether the backbone's features are computed once and kept.
    pub fn keeps_features(&self) -> bool {
        self.stages() == Stages::NONE && self.views > 0
    }

    /// The shorter side that photos have before the random crop: torchvision's 256 for a crop of 224.
    pub fn short_side(&self) -> u32 {
        self.resize.unwrap_or((self.trained_side() * 256 + 112) / 224)
    }

    /// The side of the squares that are trained on, once they have grown.
    pub fn trained_side(&self) -> u32 {
        self.train_size.unwrap_or(self.size)
    }

    /// How what a network learns from is drawn from a photo.
    pub fn augmentation(&self) -> Augmentation {
        Augmentation {
            scale: (self.crop, 1.0),
            jitter: self.jitter as f32,
            erase: self.erase,
            ..Augmentation::default()
        }
    }

    /// Less what says only where and how fast a run is made, not what comes of it.
    pub fn essence(&self) -> Self {
        let usual = Self::default();
        Self {
            workers: usual.workers,
            cache_mb: usual.cache_mb,
            checkpoint_minutes: usual.checkpoint_minutes,
            resume: false,
            ..self.clone()
        }
    }
}
