//! What is minimised: cross-entropy over the logits, and a metric loss over the embeddings.

mod proxies;
mod triplet;

pub use proxies::{Proxies, normalised_softmax, proxy_anchor};
pub use triplet::{Triplets, triplet_margin};

use tch::{Kind, Reduction, Tensor};

use crate::network::Output;
use crate::training::{MetricLoss, TrainOptions};

/// What a batch is to be taken for.
#[derive(Debug)]
pub struct Target {
    /// `[N]`, the category of each photo.
    pub labels: Tensor,
    /// `[N]`, the group of each photo: those of one group show the same.
    pub groups: Tensor,
    /// Triplets that were drawn for it.
    pub drawn: Triplets,
    /// Where photos are mixed in pairs: the other's place, `[N]`, and the share that is left of the first.
    pub mixed: Option<(Tensor, f64)>,
}

/// The losses of one batch.
#[derive(Debug)]
pub struct Losses {
    /// What is minimised: `cross_entropy + weight · metric`.
    pub total: Tensor,
    /// Mean cross-entropy over all photos of the batch.
    pub cross_entropy: Tensor,
    /// Mean metric loss, not weighted; none where there is none, or the photos are mixed.
    pub metric: Option<Tensor>,
    /// Of a triplet loss: the share of triplets whose loss is not zero; 0 means that nothing is left to learn from them.
    pub active: Option<Tensor>,
}

/// The losses of `output` (a batch of N). `proxies` are needed by the losses that have some.
pub fn losses(output: &Output, target: &Target, proxies: Option<&Proxies>, options: &TrainOptions) -> Losses {
    let logits = output.logits.to_kind(Kind::Float);
    let classified = |labels: &Tensor| {
        logits.cross_entropy_loss::<Tensor>(labels, None, Reduction::Mean, -100, options.label_smoothing)
    };
    let cross_entropy = classified(&target.labels);
    if let Some((other, share)) = &target.mixed {
        // Embeddings of mixed photos are of no group: they are classified alone.
        let second = classified(&target.labels.index_select(0, other));
        let total = cross_entropy * *share + second * (1.0 - share);
        return Losses { cross_entropy: total.shallow_clone(), total, metric: None, active: None };
    }
    let unit = normalised(&output.embedding);
    let (metric, active) = match (options.metric_loss, proxies) {
        (MetricLoss::Triplet, _) => {
            let triplets = target.drawn.mined(&unit.detach(), &target.groups, options.mining);
            let each = triplet_margin(&unit, &triplets, options.margin);
            if each.numel() == 0 {
                (None, None)
            } else {
                let active = each.detach().gt(0.0).to_kind(Kind::Float).mean(Kind::Float);
                (Some(each.mean(Kind::Float)), Some(active))
            }
        }
        (MetricLoss::NormalisedSoftmax, Some(proxies)) => {
            (Some(normalised_softmax(&unit, &proxies.unit(), &target.groups)), None)
        }
        (MetricLoss::ProxyAnchor, Some(proxies)) => {
            (Some(proxy_anchor(&unit, &proxies.unit(), &target.groups)), None)
        }
        _ => (None, None),
    };
    let total = match &metric {
        Some(metric) => &cross_entropy + metric * options.metric_weight,
        None => cross_entropy.shallow_clone(),
    };
    Losses { total, cross_entropy, metric, active }
}

/// Rows of norm 1, f32.
pub(crate) fn normalised(rows: &Tensor) -> Tensor {
    let rows = rows.to_kind(Kind::Float);
    &rows / rows.norm_scalaropt_dim(2.0, [1i64].as_slice(), true).clamp_min(1e-12)
}
