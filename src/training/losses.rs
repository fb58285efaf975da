//! Cross-entropy over the logits and triplet margin over the embeddings.

use tch::{Kind, Reduction, Tensor};

use super::{Mining, TrainOptions};
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

/// `output` is of a batch `[3T, …]`: T anchors, T positives, T negatives; `labels` and `groups` are `[3T]`. Photos of one
/// group show the same: no mined negative is of its anchor's.
pub fn losses(output: &Output, labels: &Tensor, groups: &Tensor, options: &TrainOptions) -> Losses {
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
    let negatives = match options.mining {
        Mining::Drawn => parts[2].shallow_clone(),
        Mining::Hardest => norm.index_select(0, &hardest(&norm.detach(), groups)),
    };
    let each = Tensor::triplet_margin_loss(
        &parts[0],
        &parts[1],
        &negatives,
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

/// For each of the T anchors: which of the 3T photos of another group is the nearest.
fn hardest(norm: &Tensor, groups: &Tensor) -> Tensor {
    let anchors = norm.size()[0] / 3;
    let similar = norm.narrow(0, 0, anchors).matmul(&norm.tr());
    let same = groups.narrow(0, 0, anchors).unsqueeze(1).eq_tensor(&groups.unsqueeze(0));
    similar.masked_fill(&same, -2.0).argmax(1, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hardest_negative_is_the_nearest_of_another_group() {
        let angles = [0.0f32, 1.0, 0.1, 1.1, 0.2, 0.8];
        let points: Vec<f32> = angles.iter().flat_map(|a| [a.cos(), a.sin()]).collect();
        let norm = Tensor::from_slice(&points).view([6, 2]);
        let groups = Tensor::from_slice(&[7i64, 8, 7, 8, 9, 7]);
        // 0.0 (7): 0.1 and 0.8 are its own, so 0.2; 1.0 (8): 1.1 is its own, so 0.8
        assert_eq!(Vec::<i64>::try_from(hardest(&norm, &groups)).unwrap(), [4, 5]);
    }
}
