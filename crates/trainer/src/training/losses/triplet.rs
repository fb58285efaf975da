//! Triplet margin over the triplets of a batch: drawn, semi-hard or batch-hard.

use tch::{Kind, Reduction, Tensor};

use crate::training::Mining;

/// Places in a batch, `[T]` each: anchors, positives, negatives.
#[derive(Debug)]
pub struct Triplets {
    /// Whom it is about.
    pub anchors: Tensor,
    /// Of the anchor's group.
    pub positives: Tensor,
    /// Of another group.
    pub negatives: Tensor,
}

impl Triplets {
    /// Those that `mining` takes of a batch of embeddings of norm 1, `[N, D]`, with `groups` `[N]`.
    pub fn mined(&self, unit: &Tensor, groups: &Tensor, mining: Mining) -> Self {
        match mining {
            Mining::Random => self.shallow_clone(),
            Mining::SemiHard => semi_hard(unit, groups),
            Mining::BatchHard => batch_hard(unit, groups),
        }
    }

    fn shallow_clone(&self) -> Self {
        let [anchors, positives, negatives] =
            [&self.anchors, &self.positives, &self.negatives].map(Tensor::shallow_clone);
        Self { anchors, positives, negatives }
    }
}

/// `max(0, d(a,p) − d(a,n) + margin)` of each triplet, `[T]`, by Euclidean distance between the rows of `unit`.
pub fn triplet_margin(unit: &Tensor, triplets: &Triplets, margin: f64) -> Tensor {
    let rows = |places: &Tensor| unit.index_select(0, places);
    let (a, p, n) = (rows(&triplets.anchors), rows(&triplets.positives), rows(&triplets.negatives));
    Tensor::triplet_margin_loss(&a, &p, &n, margin, 2.0, 1e-6, false, Reduction::None)
}

/// Which pairs of a batch show the same, `[N, N]`, and which of them are of two photos.
fn alike(groups: &Tensor) -> (Tensor, Tensor) {
    let same = groups.unsqueeze(0).eq_tensor(&groups.unsqueeze(1));
    let pairs = same.logical_and(&same.ones_like().tril(-1).logical_or(&same.ones_like().triu(1)));
    (same, pairs)
}

/// Of every photo that has a positive and a negative: its farthest positive, its nearest negative.
fn batch_hard(unit: &Tensor, groups: &Tensor) -> Triplets {
    let (same, pairs) = alike(groups);
    let similar = unit.matmul(&unit.tr());
    let whole = pairs.any_dim(1, false).logical_and(&same.logical_not().any_dim(1, false));
    let anchors = whole.nonzero().view([-1]);
    let positives = similar.masked_fill(&pairs.logical_not(), 3.0).argmin(1, false);
    let negatives = similar.masked_fill(&same, -3.0).argmax(1, false);
    let of_anchors = |places: Tensor| places.index_select(0, &anchors);
    Triplets { positives: of_anchors(positives), negatives: of_anchors(negatives), anchors }
}

/// Of every pair of one group: the nearest negative that is farther from the anchor than the positive is; where there is none,
/// the farthest negative.
fn semi_hard(unit: &Tensor, groups: &Tensor) -> Triplets {
    let (same, pairs) = alike(groups);
    let similar = unit.matmul(&unit.tr());
    let whole = same.logical_not().any_dim(1, true).logical_and(&pairs);
    let places = whole.nonzero();
    let (anchors, positives) = (places.select(1, 0), places.select(1, 1));
    let rows = similar.index_select(0, &anchors);
    let near = rows.gather(1, &positives.unsqueeze(1), false);
    let own = same.index_select(0, &anchors);
    let farther = rows.lt_tensor(&near).logical_and(&own.logical_not());
    let nearest = rows.masked_fill(&farther.logical_not(), -3.0).argmax(1, false);
    let farthest = rows.masked_fill(&own, 3.0).argmin(1, false);
    let negatives = nearest.where_self(&farther.any_dim(1, false), &farthest);
    Triplets { anchors, positives, negatives: negatives.to_kind(Kind::Int64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(angles: &[f32]) -> Tensor {
        let points: Vec<f32> = angles.iter().flat_map(|a| [a.cos(), a.sin()]).collect();
        Tensor::from_slice(&points).view([-1, 2])
    }

    fn numbers(t: &Tensor) -> Vec<i64> {
        Vec::try_from(t).unwrap()
    }

    #[test]
    fn batch_hard_takes_the_farthest_positive_and_the_nearest_negative() {
        // Angles of three groups; the last photo is alone in its group and anchors nothing.
        let unit = circle(&[0.0, 0.3, 0.9, 0.2, 1.0, 2.0]);
        let groups = Tensor::from_slice(&[7i64, 7, 7, 8, 8, 9]);
        let t = batch_hard(&unit, &groups);
        assert_eq!(numbers(&t.anchors), [0, 1, 2, 3, 4]);
        assert_eq!(numbers(&t.positives), [2, 2, 0, 4, 3]);
        assert_eq!(numbers(&t.negatives), [3, 3, 4, 1, 2]);
    }

    #[test]
    fn semi_hard_takes_the_nearest_negative_behind_the_positive() {
        let unit = circle(&[0.0, 0.4, 0.1, 0.6, 1.5]);
        let groups = Tensor::from_slice(&[1i64, 1, 2, 3, 4]);
        let t = semi_hard(&unit, &groups);
        assert_eq!(numbers(&t.anchors), [0, 1]);
        assert_eq!(numbers(&t.positives), [1, 0]);
        // From 0.0 the positive is at 0.4: behind it 0.6 is the nearest. From 0.4 it is at 0.4: 1.5 alone is farther.
        assert_eq!(numbers(&t.negatives), [3, 4]);
        // Nothing behind the positive: the farthest negative.
        let t = semi_hard(&circle(&[0.0, 2.0, 0.1, 1.0]), &Tensor::from_slice(&[1i64, 1, 2, 3]));
        assert_eq!(numbers(&t.negatives), [3, 2]);
    }

    #[test]
    fn a_batch_of_one_group_or_of_singles_has_no_triplets() {
        let unit = circle(&[0.0, 1.0, 2.0]);
        for groups in [[1i64, 1, 1], [1, 2, 3]] {
            let groups = Tensor::from_slice(&groups);
            for mined in [batch_hard(&unit, &groups), semi_hard(&unit, &groups)] {
                assert_eq!(triplet_margin(&unit, &mined, 0.3).numel(), 0);
            }
        }
    }
}
