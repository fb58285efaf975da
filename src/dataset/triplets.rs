//! Real triplets: an anchor, another photo of the same, a photo of something else.

use std::collections::HashMap;

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

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
    /// Of every photo: what it is the same as (a product or a category), and its category.
    group_of: Vec<usize>,
    category_of: Vec<usize>,
    groups: Vec<Vec<usize>>,
    by_category: Vec<Vec<usize>>,
    /// Photos that have a positive and a negative.
    anchors: Vec<usize>,
}

impl TripletSampler {
    /// `photos` gives each photo's category and, where known, its product.
    pub fn new<'a>(photos: impl Iterator<Item = (usize, Option<&'a str>)>, seed: u64) -> Self {
        let mut numbers: HashMap<(usize, Option<&str>), usize> = HashMap::new();
        let (mut group_of, mut category_of) = (Vec::new(), Vec::new());
        let (mut groups, mut by_category): (Vec<Vec<usize>>, Vec<Vec<usize>>) = Default::default();
        for (photo, (category, product)) in photos.enumerate() {
            let fresh = numbers.len();
            let group = *numbers.entry((category, product)).or_insert(fresh);
            groups.resize(groups.len().max(group + 1), Vec::new());
            by_category.resize(by_category.len().max(category + 1), Vec::new());
            groups[group].push(photo);
            by_category[category].push(photo);
            group_of.push(group);
            category_of.push(category);
        }
        let total = group_of.len();
        let has_both = |&photo: &usize| (2..total).contains(&groups[group_of[photo]].len());
        let anchors = (0..total).filter(has_both).collect();
        Self { seed, group_of, category_of, groups, by_category, anchors }
    }

    /// The triplets of an epoch: a third of the photos as anchors, drawn anew every epoch, so that an epoch
    /// shows about as many photos as there are.
    pub fn epoch(&self, epoch: u64) -> Vec<Triplet> {
        let mut order = self.anchors.clone();
        order.shuffle(&mut self.rng(epoch, u64::MAX));
        let third = order.len().div_ceil(3);
        order.truncate(third);
        order.into_iter().map(|anchor| self.draw(epoch, anchor)).collect()
    }

    /// What the photo is the same as: photos of one number show one product, or one category where products are unknown.
    pub fn group(&self, photo: usize) -> usize {
        self.group_of[photo]
    }

    /// The triplet of one anchor. Half of the negatives are drawn from the anchor's own category where its groups are
    /// products, so that the network learns more than categories.
    fn draw(&self, epoch: u64, anchor: usize) -> Triplet {
        let mut rng = self.rng(epoch, anchor as u64);
        let group = &self.groups[self.group_of[anchor]];
        let positive = draw_until(&mut rng, group, |photo| photo != anchor).unwrap_or(anchor);
        let category = &self.by_category[self.category_of[anchor]];
        let other = |photo: usize| self.group_of[photo] != self.group_of[anchor];
        let close = category.len() > group.len() && rng.random_bool(0.5);
        let negative = if close {
            draw_until(&mut rng, category, other)
        } else {
            let total = self.group_of.len();
            (0..10_000).map(|_| rng.random_range(0..total)).find(|&photo| other(photo))
        };
        let negative = negative.or_else(|| (0..self.group_of.len()).find(|&photo| other(photo)));
        Triplet { anchor, positive, negative: negative.unwrap_or(anchor) }
    }

    fn rng(&self, epoch: u64, index: u64) -> ChaCha8Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ epoch.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        rng.set_stream(index);
        rng
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
            let sampler = TripletSampler::new(known, seed);
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
        let sampler = TripletSampler::new((0..300).map(|i| (i % 3, None)), 1);
        let (a, b) = (sampler.epoch(0), sampler.epoch(1));
        assert_eq!(a.len(), 100);
        assert_ne!(a, b);
        let negatives: std::collections::HashSet<usize> = a.iter().map(|t| t.negative).collect();
        assert!(negatives.len() > 50, "one negative must not serve all: {}", negatives.len());
    }
}
