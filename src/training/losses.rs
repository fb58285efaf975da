//! Cross-entropy over the logits and triplet margin over the embeddings.

use tch::{Kind, Reduction, Tensor};

use super::TrainOptions;
use crate::network::Output;

/// The losses of one batch of triplets.
#[derive(Debug)]
pub struct Losses {
    /// What is minimised: `cross_entropy + weight · triplet`.
    pub total: Tensor,
    /// Mean cross-entropy over all photos of the batch.
    pub cross_entropy: Tensor,
    /// Mean of `max(0, d(a,p) − d(a,n) + margin)` between embeddings of norm 1.
    pub triplet: Tensor,
    /// Share of triplets whose loss is not zero: 0 means that nothing is left to learn from them.
    pub active: Tensor,
}

/// `output` is of a batch `[3T, …]`: T anchors, T positives, T negatives; `labels` is `[3T]`.
pub fn losses(output: &Output, labels: &Tensor, options: &TrainOptions) -> Losses {
    let cross_entropy = output.logits.to_kind(Kind::Float).cross_entropy_loss::<Tensor>(
        labels,
        None,
        Reduction::Mean,
        -100,
        options.label_smoothing,
    );
    let norm = output.embedding.to_kind(Kind::Float);
    let norm = &norm / norm.norm_scalaropt_dim(2.0, [1i64].as_slice(), true).clamp_min(1e-12);
    let parts = norm.chunk(3, 0);
    let each = Tensor::triplet_margin_loss(
        &parts[0],
        &parts[1],
        &parts[2],
        options.margin,
        2.0,
        1e-6,
        false,
        Reduction::None,
    );
    let active = each.detach().gt(0.0).to_kind(Kind::Float).mean(Kind::Float);
    let triplet = each.mean(Kind::Float);
    let total = &cross_entropy + &triplet * options.triplet_weight;
    Losses { total, cross_entropy, triplet, active }
}
