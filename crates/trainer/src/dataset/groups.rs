//! Photos that show the same, and batches of several of each (P×K).

use std::collections::HashMap;

use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

/// Which photos show the same: one product, or one category where products are unknown.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    of: Vec<usize>,
    members: Vec<Vec<usize>>,
}

impl Groups {
    /// `photos` gives each photo's category and, where known, its product. Groups are numbered as they first come.
    pub fn new<'a>(photos: impl Iterator<Item = (usize, Option<&'a str>)>) -> Self {
        let mut numbers: HashMap<(usize, Option<&str>), usize> = HashMap::new();
        let mut groups = Self::default();
        for (photo, key) in photos.enumerate() {
            let fresh = numbers.len();
            let group = *numbers.entry(key).or_insert(fresh);
            groups.members.resize(groups.members.len().max(group + 1), Vec::new());
            groups.members[group].push(photo);
            groups.of.push(group);
        }
        groups
    }

    /// How many groups.
    pub fn count(&self) -> usize {
        self.members.len()
    }

    /// How many photos.
    pub fn photos(&self) -> usize {
        self.of.len()
    }

    /// The group of a photo.
    pub fn of(&self, photo: usize) -> usize {
        self.of[photo]
    }

    /// The photos of a group.
    pub fn members(&self, group: usize) -> &[usize] {
        &self.members[group]
    }
}

/// Batches of P groups with K photos each, a pure function of seed and epoch.
#[derive(Clone, Debug)]
pub struct PkSampler {
    groups: Groups,
    seed: u64,
}

impl PkSampler {
    /// Over these groups; one of a single photo is passed over.
    pub fn new(groups: Groups, seed: u64) -> Self {
        Self { groups, seed }
    }

    /// An epoch: batches of `p · k` photos, those of one group side by side. Every photo is shown about once: a group's last
    /// few are filled up with others of it. A batch's groups differ as long as there are enough; a last batch that is not
    /// full is left out unless it is the only one.
    pub fn epoch(&self, epoch: u64, p: usize, k: usize) -> Vec<Vec<usize>> {
        let mut rng = rng(self.seed, epoch, u64::MAX);
        let mut waiting: Vec<Vec<Vec<usize>>> = Vec::new();
        for group in self.groups.members.iter().filter(|g| g.len() >= 2) {
            let mut order = group.clone();
            order.shuffle(&mut rng);
            let mut parts: Vec<Vec<usize>> = order.chunks(k).map(<[usize]>::to_vec).collect();
            for part in &mut parts {
                while part.len() < k {
                    part.push(group[rng.random_range(0..group.len())]);
                }
            }
            waiting.push(parts);
        }
        let mut batches = Vec::new();
        while waiting.iter().any(|parts| !parts.is_empty()) {
            // The groups with most left go first, so that all last until the end; drawn anew among equals.
            waiting.shuffle(&mut rng);
            waiting.sort_by_key(|parts| std::cmp::Reverse(parts.len()));
            let mut batch = Vec::with_capacity(p * k);
            while batch.len() < p * k && waiting.iter().any(|parts| !parts.is_empty()) {
                for parts in waiting.iter_mut() {
                    if batch.len() < p * k {
                        batch.extend(parts.pop().unwrap_or_default());
                    }
                }
            }
            if batch.len() == p * k || batches.is_empty() {
                batches.push(batch);
            }
        }
        batches.shuffle(&mut rng);
        batches
    }
}

/// All numbers below `n`, in an order drawn by seed and epoch.
pub fn shuffled(n: usize, seed: u64, epoch: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(&mut rng(seed, epoch, u64::MAX - 1));
    order
}

pub(crate) fn rng(seed: u64, epoch: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ epoch.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    rng.set_stream(stream);
    rng
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn a_batch_holds_k_of_each_group_and_an_epoch_almost_all_photos(
            sizes in prop::collection::vec(2usize..20, 4..12), p in 2usize..5, k in 2usize..5, seed: u64, epoch in 0u64..99,
        ) {
            let groups = Groups::new(sizes.iter().enumerate().flat_map(|(g, n)| (0..*n).map(move |_| (g, None))));
            let sampler = PkSampler::new(groups.clone(), seed);
            let batches = sampler.epoch(epoch, p, k);
            prop_assert_eq!(&batches, &sampler.epoch(epoch, p, k));
            prop_assert!(!batches.is_empty());
            let mut shown = HashSet::new();
            for batch in &batches {
                for part in batch.chunks(k) {
                    prop_assert!(part.iter().all(|photo| groups.of(*photo) == groups.of(part[0])));
                }
                shown.extend(batch.iter().copied());
            }
            prop_assert!(shown.len() + p * k > groups.photos() || batches.len() == 1);
        }
    }

    #[test]
    fn groups_of_a_batch_differ_where_there_are_enough() {
        let groups = Groups::new((0..240).map(|i| (i % 12, None)));
        for batch in PkSampler::new(groups.clone(), 3).epoch(1, 6, 4) {
            let different: HashSet<usize> = batch.iter().map(|photo| groups.of(*photo)).collect();
            assert_eq!((batch.len(), different.len()), (24, 6));
        }
    }

    #[test]
    fn an_order_is_of_its_seed_and_epoch() {
        assert_eq!(shuffled(50, 1, 2), shuffled(50, 1, 2));
        assert_ne!(shuffled(50, 1, 2), shuffled(50, 1, 3));
        assert_ne!(shuffled(50, 1, 2), shuffled(50, 2, 2));
        let mut sorted = shuffled(50, 1, 2);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }
}
