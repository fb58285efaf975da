//! The choices among which a training's options choose.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Which optimiser takes the steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Stochastic gradient descent with Nesterov momentum 0.9.
    #[default]
    Sgd,
    /// AdamW (0.9, 0.999).
    Adamw,
}

/// How an epoch's batches are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Sampling {
    /// Anchors, positives and negatives, a third each; a third of the photos are anchors.
    #[default]
    Triplets,
    /// P×K: as many photos of each group as --per-group says, of as many groups as there is room for.
    Pk,
    /// Every photo once, in an order drawn anew.
    Shuffled,
}

/// Which photos count as the same for the metric loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Grouping {
    /// Those of one product; of one category where products are unknown.
    #[default]
    Product,
    /// Those of one category.
    Category,
}

/// The loss over embeddings, beside the cross-entropy over logits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum MetricLoss {
    /// Triplet margin.
    #[default]
    Triplet,
    /// Softmax over the cosines with a learnt proxy of each group.
    NormalisedSoftmax,
    /// Proxy-Anchor: every proxy pulls and pushes the whole batch.
    ProxyAnchor,
    /// None: classification alone.
    None,
}

/// Which triplets of a batch the triplet loss is taken over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Mining {
    /// Those that were drawn.
    #[default]
    #[serde(alias = "drawn")]
    #[value(alias = "drawn")]
    Random,
    /// Of every anchor and positive: the nearest negative that is farther than the positive; the farthest one where none is.
    SemiHard,
    /// Of every anchor: its farthest positive, its nearest negative.
    #[serde(alias = "hardest")]
    #[value(alias = "hardest")]
    BatchHard,
}

/// What the best epoch is chosen by, over the validation photos.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum BestBy {
    /// The mean of top-1 and hit@1 (by product where products are known).
    #[default]
    Score,
    /// Share classified right.
    Top1,
    /// Share whose nearest photo is of the same category.
    HitAt1,
    /// Share whose nearest photo is of the same product.
    ProductHitAt1,
    /// Share of the nearest ten that are of the same category.
    PrecisionAt10,
    /// None of them: the last epoch is the best.
    Last,
}

/// Which photos weights are fitted to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum TrainOn {
    /// The train split.
    #[default]
    Train,
    /// All photos: for a model that goes to a shop once its recipe is settled. Nothing is left to validate with.
    All,
}

/// Which photos every epoch is looked at with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ValidateOn {
    /// The val split; test stays unseen.
    #[default]
    Val,
    /// All that is not trained on, val and test: the study's test during training. Choose no epoch by it.
    Rest,
}
