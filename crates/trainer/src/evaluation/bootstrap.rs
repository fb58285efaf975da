//! How sure a figure is: the interval in which it lies when photos are drawn again.

use std::collections::HashMap;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use crate::evaluation::{
    Scored,
    figures::{Column, Figure},
};

/// A percentile bootstrap: photos are drawn with replacement, as many as there are. Photos of one product come and go
/// together: they are not independent.
#[derive(Clone, Copy, Debug)]
pub struct Bootstrap {
    /// How often; 0 gives no intervals.
    pub resamples: u32,
    /// The same seed gives the same intervals.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, seed: 0 }
    }
}

/// How much lies below the interval, and above it.
const TAIL: f64 = 0.025;

/// For each photo, the number of what it is drawn with: its product, or itself alone.
pub(crate) fn clusters(photos: &[Scored]) -> Vec<usize> {
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut count = 0;
    let mut numbers = Vec::with_capacity(photos.len());
    for photo in photos {
        let number = match photo.item.product.as_deref() {
            Some(product) => *known.entry(product).or_insert(count),
            None => count,
        };
        count = count.max(number + 1);
        numbers.push(number);
    }
    numbers
}

/// Sum and count of a figure.
type Share = (f64, f64);

impl Bootstrap {
    /// Brings columns to figures.
    pub(crate) fn intervals(&self, columns: Vec<Column>, clusters: &[usize]) -> Vec<Figure> {
        let count = clusters.iter().max().map_or(0, |last| last + 1);
        let mut sums: Vec<Vec<Share>> = vec![vec![(0.0, 0.0); columns.len()]; count];
        for (c, (_, each)) in columns.iter().enumerate() {
            for (value, cluster) in each.iter().zip(clusters).filter_map(|(v, c)| Some((v.as_ref()?, c))) {
                let share = &mut sums[*cluster][c];
                *share = (share.0 + value, share.1 + 1.0);
            }
        }
        let drawn: Vec<Vec<Option<f64>>> =
            (0..u64::from(self.resamples)).into_par_iter().map(|i| self.draw(i, &sums)).collect();
        let all: Vec<usize> = (0..count).collect();
        let values = means(all.iter().map(|at| &sums[*at]), columns.len());
        (columns.into_iter().zip(values).enumerate())
            .map(|(c, ((name, _), value))| {
                let samples: Vec<f64> = drawn.iter().filter_map(|sample| sample[c]).collect();
                Figure { name, value, interval: interval(samples) }
            })
            .collect()
    }

    fn draw(&self, resample: u64, sums: &[Vec<Share>]) -> Vec<Option<f64>> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(resample);
        let width = sums.first().map_or(0, Vec::len);
        means((0..sums.len()).map(|_| &sums[rng.random_range(0..sums.len())]), width)
    }
}

fn means<'a>(clusters: impl Iterator<Item = &'a Vec<Share>>, width: usize) -> Vec<Option<f64>> {
    let mut totals = vec![(0.0, 0.0); width];
    for cluster in clusters {
        for (total, share) in totals.iter_mut().zip(cluster) {
            *total = (total.0 + share.0, total.1 + share.1);
        }
    }
    totals.into_iter().map(|(sum, count)| (count > 0.0).then(|| sum / count)).collect()
}

/// The middle 95 %, between samples as NumPy's `percentile` has it.
fn interval(mut samples: Vec<f64>) -> Option<[f64; 2]> {
    samples.sort_unstable_by(f64::total_cmp);
    let last = samples.len().checked_sub(1)?;
    let at = |share: f64| {
        let place = share * last as f64;
        let (low, high) = (samples[place.floor() as usize], samples[place.ceil() as usize]);
        low + (high - low) * place.fract()
    };
    Some([at(TAIL), at(1.0 - TAIL)])
}
