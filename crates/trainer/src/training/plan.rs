//! What an epoch shows, before any photo is read: a pure function of the options, the seed and the epoch.

use rand::{Rng, RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;

use crate::dataset::{Groups, PkSampler, TripletSampler, shuffled};
use crate::{
    TrainingError,
    training::{Sampling, TrainOptions, TrainingSet},
};

/// One batch of an epoch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    /// Its number in the epoch.
    pub step: u64,
    /// Photos by their number in the set.
    pub photos: Vec<usize>,
    /// Places in the batch: anchors, positives, negatives.
    pub triplets: [Vec<i64>; 3],
    /// Whom each photo is mixed with, and the share left of it.
    pub mixed: Option<(Vec<i64>, f64)>,
}

/// The photos of a batch, and its triplets where they were drawn with it.
type Drawn = (Vec<usize>, Option<[Vec<i64>; 3]>);

/// Plans epochs.
pub(crate) struct Planner {
    sampler: Sampler,
    groups: Groups,
    options: TrainOptions,
}

enum Sampler {
    Triplets(TripletSampler),
    Pk(PkSampler),
    Shuffled,
}

/// Numbers that keep what is drawn for different ends apart.
const MIXUP: u64 = 1 << 62;
const WITHIN: u64 = 1 << 61;
const VIEW: u64 = 1 << 60;

impl Planner {
    pub fn new(set: &TrainingSet, options: &TrainOptions) -> Self {
        let groups = set.groups(options.group);
        let sampler = match options.sampling {
            Sampling::Triplets => {
                let categories = (0..set.len()).map(|i| set.label(i));
                Sampler::Triplets(TripletSampler::new(groups.clone(), categories, options.seed))
            }
            Sampling::Pk => Sampler::Pk(PkSampler::new(groups.clone(), options.seed)),
            Sampling::Shuffled => Sampler::Shuffled,
        };
        Self { sampler, groups, options: options.clone() }
    }

    /// Which photos show the same.
    pub fn groups(&self) -> &Groups {
        &self.groups
    }

    /// The batches of an epoch, as many each time.
    pub fn epoch(&self, epoch: u64) -> Result<Vec<Plan>, TrainingError> {
        let TrainOptions { batch, per_group, seed, .. } = self.options;
        let batches: Vec<Drawn> = match &self.sampler {
            Sampler::Triplets(sampler) => {
                let drawn = sampler.epoch(epoch);
                // A last batch of a single triplet is left out: batch-norm cannot learn of it.
                let batches = drawn.chunks((batch / 3).max(2)).filter(|batch| batch.len() >= 2);
                let of = |batch: &[crate::dataset::Triplet]| {
                    let n = batch.len() as i64;
                    let photos = (batch.iter().map(|t| t.anchor))
                        .chain(batch.iter().map(|t| t.positive))
                        .chain(batch.iter().map(|t| t.negative));
                    let third = |i: i64| (i * n..(i + 1) * n).collect();
                    (photos.collect(), Some([third(0), third(1), third(2)]))
                };
                batches.map(of).collect()
            }
            Sampler::Pk(sampler) => {
                let batches = sampler.epoch(epoch, (batch / per_group).max(2), per_group);
                batches.into_iter().map(|photos| (photos, None)).collect()
            }
            Sampler::Shuffled => {
                let order = shuffled(self.groups.photos(), seed, epoch);
                let whole = order.chunks(batch).filter(|b| b.len() == batch || b.len() == order.len());
                whole.map(|photos| (photos.to_vec(), None)).collect()
            }
        };
        if !batches.iter().any(|(photos, _)| photos.len() >= 2) {
            let why =
                "no batches: training needs at least two categories or products with two photos each".into();
            return Err(TrainingError::Options(why));
        }
        let plan = |(step, (photos, triplets)): (usize, Drawn)| {
            let step = step as u64;
            let triplets = triplets.unwrap_or_else(|| self.within(&photos, epoch, step));
            let mixed = self.mix(photos.len(), epoch, step);
            Plan { step, photos, triplets, mixed }
        };
        Ok(batches.into_iter().enumerate().map(plan).collect())
    }

    /// A random positive and negative for every photo that has both in its batch.
    fn within(&self, photos: &[usize], epoch: u64, step: u64) -> [Vec<i64>; 3] {
        let mut rng = rng(self.options.seed, epoch, WITHIN | step);
        let mut triplets: [Vec<i64>; 3] = Default::default();
        let group = |place: usize| self.groups.of(photos[place]);
        for anchor in 0..photos.len() {
            let mut draw = |fits: &dyn Fn(usize) -> bool| -> Option<usize> {
                let all: Vec<usize> = (0..photos.len()).filter(|place| fits(*place)).collect();
                (!all.is_empty()).then(|| all[rng.random_range(0..all.len())])
            };
            let same = |place: usize| group(place) == group(anchor) && photos[place] != photos[anchor];
            let (positive, negative) = (draw(&same), draw(&|place| group(place) != group(anchor)));
            if let (Some(positive), Some(negative)) = (positive, negative) {
                for (list, place) in triplets.iter_mut().zip([anchor, positive, negative]) {
                    list.push(place as i64);
                }
            }
        }
        triplets
    }

    /// Every other batch is mixed, where mixing is asked for.
    fn mix(&self, photos: usize, epoch: u64, step: u64) -> Option<(Vec<i64>, f64)> {
        let alpha = self.options.mixup;
        if alpha <= 0.0 {
            return None;
        }
        let mut rng = rng(self.options.seed, epoch, MIXUP | step);
        if rng.random_bool(0.5) {
            return None;
        }
        let share = beta(alpha, &mut rng);
        let mut others: Vec<i64> = (0..photos as i64).collect();
        others.shuffle(&mut rng);
        Some((others, share))
    }
}

/// Beta(α, α) for 0 < α ≤ 1, by Jöhnk's method.
fn beta(alpha: f64, rng: &mut impl Rng) -> f64 {
    loop {
        let (x, y) = (rng.random::<f64>().powf(1.0 / alpha), rng.random::<f64>().powf(1.0 / alpha));
        if x + y > 0.0 && x + y <= 1.0 {
            return x / (x + y);
        }
    }
}

/// The generator of one end of one epoch.
fn rng(seed: u64, epoch: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ epoch.wrapping_mul(0xD1B5_4A32_D192_ED03));
    rng.set_stream(stream);
    rng
}

/// What augments the photo at `place` of a batch.
pub(crate) fn augmenting(seed: u64, epoch: u64, step: u64, place: usize) -> ChaCha8Rng {
    rng(seed, epoch, (step << 20) + place as u64)
}

/// What augments view number `view` of a photo, in every epoch alike.
pub(crate) fn viewing(seed: u64, photo: usize, view: u64) -> ChaCha8Rng {
    rng(seed, 0, VIEW | (view << 40) | photo as u64)
}

/// Which of the views the photo at `place` of a batch shows.
pub(crate) fn view_of(views: u64, seed: u64, epoch: u64, step: u64, place: usize) -> u64 {
    augmenting(seed, epoch, step, place).random_range(0..views.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_spread_as_the_beta_distribution_is() {
        // Mean 1/2; variance 1 / (4 (2 α + 1)).
        for alpha in [0.2, 0.5, 1.0] {
            let mut rng = rng(1, 2, 3);
            let drawn: Vec<f64> = (0..20_000).map(|_| beta(alpha, &mut rng)).collect();
            let mean = drawn.iter().sum::<f64>() / drawn.len() as f64;
            let variance = drawn.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / drawn.len() as f64;
            assert!((mean - 0.5).abs() < 0.01, "{alpha}: {mean}");
            assert!((variance - 1.0 / (4.0 * (2.0 * alpha + 1.0))).abs() < 0.01, "{alpha}: {variance}");
        }
    }
}
