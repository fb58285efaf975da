//! Real triplets: an anchor, another photo of the same, a photo of something else.

use rand::{RngExt, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::dataset::groups::{Groups, rng};

/// Three photos by index: `positive` shows the anchor's product (its category where products are unknown) and is not
/// the anchor; `negative` shows another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Triplet {
    /// The photo it is about.
    pub anchor: usize,
    /// Should end up near.
    pub positive: usize,
    /// Should end up far.
    pub negative: usize,
}

/// Draws triplets as a pure function of seed, epoch and index.
#[derive(Clone, Debug)]
pub struct TripletSampler {
    seed: u64,
    groups: Groups,
    category_of: Vec<usize>,
    by_category: Vec<Vec<usize>>,
    /// Photos that have a positive and a negative.
    anchors: Vec<usize>,
}

impl TripletSampler {
    /// `categories` are those of the photos.
    pub fn new(groups: Groups, categories: impl Iterator<Item = usize>, seed: u64) -> Self {
        let category_of: Vec<usize> = categories.take(groups.photos()).collect();
        let mut by_category: Vec<Vec<usize>> = Vec::new();
        for (photo, &category) in category_of.iter().enumerate() {
            by_category.resize(by_category.len().max(category + 1), Vec::new());
            by_category[category].push(photo);
        }
        let total = category_of.len();
        let has_both = |&photo: &usize| (2..total).contains(&groups.members(groups.of(photo)).len());
        let anchors = (0..total).filter(has_both).collect();
        Self { seed, groups, category_of, by_category, anchors }
    }

    /// The triplets of an epoch: a third of the photos as anchors, drawn anew every epoch, so that an epoch
    /// shows about as many photos as there are.
    pub fn epoch(&self, epoch: u64) -> Vec<Triplet> {
        let mut order = self.anchors.clone();
        order.shuffle(&mut rng(self.seed, epoch, u64::MAX));
        let third = order.len().div_ceil(3);
        order.truncate(third);
        order.into_iter().map(|anchor| self.draw(epoch, anchor)).collect()
    }

    /// The triplet of one anchor. Half of the negatives are drawn from the anchor's own category where its groups are
    /// products, so that the network learns more than categories.
    fn draw(&self, epoch: u64, anchor: usize) -> Triplet {
        let mut rng = rng(self.seed, epoch, anchor as u64);
        let group = self.groups.members(self.groups.of(anchor));
        let positive = draw_until(&mut rng, group, |photo| photo != anchor).unwrap_or(anchor);
        let category = &self.by_category[self.category_of[anchor]];
        let other = |photo: usize| self.groups.of(photo) != self.groups.of(anchor);
        let close = category.len() > group.len() && rng.random_bool(0.5);
        let negative = if close {
            draw_until(&mut rng, category, other)
        } else {
            let total = self.groups.photos();
            (0..10_000).map(|_| rng.random_range(0..total)).find(|&photo| other(photo))
        };
        let negative = negative.or_else(|| (0..self.groups.photos()).find(|&photo| other(photo)));
        Triplet { anchor, positive, negative: negative.unwrap_or(anchor) }
    }
}

/// A uniform draw among those that fit; a scan where luck fails.
fn draw_until(rng: &mut ChaCha8Rng, from: &[usize], fits: impl Fn(usize) -> bool) -> Option<usize> {
    let drawn = (0..64).map(|_| from[rng.random_range(0..from.len())]).find(|&photo| fits(photo));
    drawn.or_else(|| from.iter().copied().find(|&photo| fits(photo)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn triplets_are_real(
            photos in prop::collection::vec((0usize..4, prop::option::of(0u8..5)), 2..60),
            seed: u64,
            epoch in 0u64..1000,
        ) {
            let names: Vec<Option<String>> = photos.iter().map(|(_, p)| p.map(|p| p.to_string())).collect();
            let group = |i: usize| (photos[i].0, names[i].clone());
            let known = photos.iter().zip(&names).map(|((c, _), p)| (*c, p.as_deref()));
            let sampler = TripletSampler::new(Groups::new(known), photos.iter().map(|(c, _)| *c), seed);
            let drawn = sampler.epoch(epoch);
            prop_assert_eq!(&drawn, &sampler.epoch(epoch));
            for Triplet { anchor, positive, negative } in drawn {
                prop_assert_ne!(anchor, positive);
                prop_assert_eq!(group(anchor), group(positive));
                prop_assert_ne!(group(anchor), group(negative));
            }
        }
    }

    #[test]
    fn epochs_and_anchors_differ() {
        let groups = Groups::new((0..300).map(|i| (i % 3, None)));
        let sampler = TripletSampler::new(groups, (0..300).map(|i| i % 3), 1);
        let (a, b) = (sampler.epoch(0), sampler.epoch(1));
        assert_eq!(a.len(), 100);
        assert_ne!(a, b);
        let negatives: std::collections::HashSet<usize> = a.iter().map(|t| t.negative).collect();
        assert!(negatives.len() > 50, "one negative must not serve all: {}", negatives.len());
    }
}
