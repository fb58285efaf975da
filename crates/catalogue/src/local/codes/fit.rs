//! Finds the codebook for a set of vectors: how few numbers a point can be told by.

use nalgebra::{DMatrix, SymmetricEigen};
use rayon::prelude::*;

use crate::local::codes::{CodeShape, Codebook, Coded, LINE, STEPS, TOP};
use crate::local::{
    codes::RERANKED,
    kernel::{BATCH, Kernel},
};
use lookalike_items::{ColourWeight, Dims};

/// Below this many points codes are not worth a rotation.
const ROTATED_FROM: usize = 4_096;

/// No longer head is tried: then all of a vector is coded.
const HEAD_AT_MOST: usize = 256;

/// How many vectors the principal components are taken from.
const SAMPLE: usize = 8_192;

/// On how many queries a head is tried.
const TRIALS: usize = 128;

/// A head is good if codes rank so much of the ten nearest among the [`RERANKED`] best.
const GOOD: f64 = 0.997;

/// This share of the numbers may lie beyond the codes on either side: the rest is told apart more finely.
const CLIPPED: f64 = 0.0005;

/// Chooses the codes for `rows`, each `[deep | colour]`: the shortest whose ranking is good. The same rows give the same
/// codebook, whatever the number of threads.
pub(crate) fn fit(rows: &[f32], dims: Dims) -> Codebook {
    let set = Set { rows, dims, kernel: Kernel::best() };
    let whole = || set.book(dims.deep, None);
    if set.count() < ROTATED_FROM {
        return whole();
    }
    let rotation = Rotation::of(&set);
    // What fills up whole cache lines together with the colour.
    let beside = CodeShape { dims, head: 0, rotated: true }.colour_bytes() % LINE;
    let heads = (1..).map(|lines| lines * LINE - beside).take_while(|&head| head <= HEAD_AT_MOST);
    let trial = Trial::of(&set);
    heads
        .filter(|&head| head >= LINE && head < dims.deep)
        .map(|head| set.book(head, Some(&rotation)))
        .find_map(|book| trial.good(&set, book))
        .unwrap_or_else(|| trial.scaled(&set, whole()))
}

/// The vectors a codebook is for.
struct Set<'a> {
    rows: &'a [f32],
    dims: Dims,
    kernel: Kernel,
}

impl<'a> Set<'a> {
    fn width(&self) -> usize {
        self.dims.deep + self.dims.colour
    }

    fn count(&self) -> usize {
        self.rows.len().checked_div(self.width()).unwrap_or(0)
    }

    fn row(&self, i: usize) -> (&'a [f32], &'a [f32]) {
        self.rows[i * self.width()..][..self.width()].split_at(self.dims.deep)
    }

    /// `n` of the rows, evenly spread.
    fn spread(&self, n: usize) -> impl Iterator<Item = usize> + Clone + use<> {
        let (count, n) = (self.count(), n.min(self.count()));
        (0..n).map(move |i| i * count / n)
    }

    /// A codebook with this head, its steps and lows taken from a sample.
    fn book(&self, head: usize, rotation: Option<&Rotation>) -> Codebook {
        let shape = CodeShape { dims: self.dims, head, rotated: rotation.is_some() };
        let mut numbers = vec![1.0; STEPS];
        let deep: Vec<Vec<f32>> = match rotation {
            Some(rotation) => rotation.sample[..head].to_vec(),
            None => (0..head).map(|j| self.spread(SAMPLE).map(|i| self.row(i).0[j]).collect()).collect(),
        };
        let colour: Vec<Vec<f32>> =
            (0..self.dims.colour).map(|j| self.spread(SAMPLE).map(|i| self.row(i).1[j]).collect()).collect();
        let (deep_step, deep_low) = steps(&deep);
        let (colour_step, colour_low) = steps(&colour);
        numbers[..STEPS].copy_from_slice(&[deep_step, colour_step, deep_step, colour_step]);
        numbers.extend(deep_low);
        numbers.extend(colour_low);
        if let Some(rotation) = rotation {
            numbers.extend(&rotation.mean);
            let directions = rotation.basis.chunks_exact(self.dims.deep).take(head);
            let directions: Vec<&[f32]> = directions.collect();
            numbers.extend(
                (0..self.dims.deep).flat_map(|i| directions.iter().map(move |direction| direction[i])),
            );
        }
        Codebook { shape, numbers }
    }
}

/// One step length for all columns, and for each its low, so that its middle is in the middle of the codes.
fn steps(columns: &[Vec<f32>]) -> (f32, Vec<f32>) {
    let ranges: Vec<(f32, f32)> = columns
        .iter()
        .map(|column| {
            let mut sorted = column.clone();
            sorted.sort_unstable_by(f32::total_cmp);
            let out = (sorted.len() as f64 * CLIPPED) as usize;
            match (sorted.get(out), sorted.iter().rev().nth(out)) {
                (Some(&low), Some(&high)) => (low, high),
                _ => (0.0, 0.0),
            }
        })
        .collect();
    let widest = ranges.iter().map(|(low, high)| high - low).fold(0.0, f32::max);
    let step = if widest > 0.0 && widest.is_finite() { widest / TOP } else { 1.0 };
    (step, ranges.iter().map(|(low, high)| low.midpoint(*high) - step * TOP / 2.0).collect())
}

/// Principal components of the deep vectors.
struct Rotation {
    mean: Vec<f32>,
    /// [`HEAD_AT_MOST`] directions of norm 1, the widest first, row after row.
    basis: Vec<f32>,
    /// The sample along each of them.
    sample: Vec<Vec<f32>>,
}

impl Rotation {
    fn of(set: &Set<'_>) -> Self {
        let (deep, chosen) = (set.dims.deep, set.spread(SAMPLE));
        let n = chosen.clone().count();
        let mut mean = vec![0f64; deep];
        for i in chosen.clone() {
            mean.iter_mut().zip(set.row(i).0).for_each(|(m, &x)| *m += f64::from(x) / n as f64);
        }
        let mean: Vec<f32> = mean.into_iter().map(|m| m as f32).collect();
        let centred = |i| set.row(i).0.iter().zip(&mean).map(|(x, m)| x - m);
        let sample = DMatrix::from_iterator(deep, n, chosen.clone().flat_map(centred));
        let covariance = (&sample * sample.transpose()).cast::<f64>() / n as f64;
        let eigen = SymmetricEigen::new(covariance);
        let mut order: Vec<usize> = (0..deep).collect();
        order.sort_by(|&a, &b| eigen.eigenvalues[b].total_cmp(&eigen.eigenvalues[a]));
        order.truncate(HEAD_AT_MOST);
        let direction =
            |&at: &usize| eigen.eigenvectors.column(at).iter().map(|&x| x as f32).collect::<Vec<_>>();
        let basis: Vec<f32> = order.iter().flat_map(direction).collect();
        let turned = DMatrix::from_column_slice(deep, order.len(), &basis).tr_mul(&sample);
        let sample = turned.row_iter().map(|row| row.iter().copied().collect()).collect();
        Self { mean, basis, sample }
    }
}

/// Queries whose ten nearest are known: points of the set, each without itself.
struct Trial {
    queries: Vec<(usize, Vec<u32>)>,
}

impl Trial {
    fn of(set: &Set<'_>) -> Self {
        let exact = |i: usize| {
            let (deep, colour) = set.row(i);
            let blend = |j: u32| {
                let (other, other_colour) = set.row(j as usize);
                let colour = set.kernel.squared_l2(colour, other_colour).sqrt();
                set.kernel.squared_l2(deep, other).sqrt() + ColourWeight::DEFAULT.get() * colour
            };
            (i, nearest(10, (0..set.count() as u32).filter(|&j| j as usize != i).map(|j| (blend(j), j))))
        };
        let chosen: Vec<usize> = set.spread(TRIALS).collect();
        Self { queries: chosen.into_par_iter().map(exact).collect() }
    }

    /// The book with its factors, if its codes rank well.
    fn good(&self, set: &Set<'_>, book: Codebook) -> Option<Codebook> {
        let book = self.scaled(set, book);
        let codes = encode_all(&book, set.rows);
        let rows = book.shape.rows(&codes);
        let found: usize = self
            .queries
            .par_iter()
            .map(|(i, truth)| {
                let query = Coded::of(set.kernel, rows.of(*i as u32), book.scale(ColourWeight::DEFAULT));
                let all: Vec<u32> = (0..set.count() as u32).filter(|&j| j as usize != *i).collect();
                let measured = all.chunks(BATCH).flat_map(|points| {
                    let mut distances = [0.0; BATCH];
                    query.measure(rows, points, &mut distances);
                    distances.into_iter().zip(points.iter().copied())
                });
                let best = nearest(RERANKED, measured);
                truth.iter().filter(|point| best.contains(point)).count()
            })
            .sum();
        let wanted: usize = self.queries.iter().map(|(_, truth)| truth.len()).sum();
        tracing::debug!(head = book.shape.head, ranked = found as f64 / wanted.max(1) as f64, "codes tried");
        (found as f64 >= GOOD * wanted as f64).then_some(book)
    }

    /// What a head leaves out makes near things seem nearer: the factor makes up for it, so that deep and colour are
    /// added in proportion.
    fn scaled(&self, set: &Set<'_>, mut book: Codebook) -> Codebook {
        let (kernel, mut coded, mut exact) = (set.kernel, 0.0, 0.0);
        let row = |i: usize| {
            let mut row = vec![0; book.shape.stride()];
            book.encode(kernel, set.row(i).0, set.row(i).1, &mut row);
            row.truncate(book.shape.deep_bytes());
            row
        };
        for (i, truth) in &self.queries {
            let query = row(*i);
            for &j in truth {
                exact += f64::from(kernel.squared_l2(set.row(*i).0, set.row(j as usize).0)).sqrt();
                coded += f64::from(kernel.codes(&query, &row(j as usize))).sqrt();
            }
        }
        let factor = (exact / coded) as f32;
        if factor.is_finite() && factor > 0.0 {
            book.numbers[2] = factor;
        }
        book
    }
}

/// The numbers of the `n` nearest, ties by number.
fn nearest(n: usize, distances: impl Iterator<Item = (f32, u32)>) -> Vec<u32> {
    let mut best: Vec<(f32, u32)> = Vec::with_capacity(2 * n);
    let order = |a: &(f32, u32), b: &(f32, u32)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
    for candidate in distances {
        if best.len() < n || best.get(n - 1).is_some_and(|worst| order(&candidate, worst).is_lt()) {
            let at = best.partition_point(|other| order(other, &candidate).is_lt());
            best.insert(at, candidate);
            best.truncate(n);
        }
    }
    best.into_iter().map(|(_, point)| point).collect()
}

/// Rows of codes for rows of f32, each `[deep | colour]`.
pub(crate) fn encode_all(book: &Codebook, rows: &[f32]) -> Vec<u8> {
    let (dims, stride) = (book.shape.dims, book.shape.stride());
    let width = (dims.deep + dims.colour).max(1);
    let mut codes = vec![0; rows.len() / width * stride];
    let kernel = Kernel::best();
    codes.par_chunks_exact_mut(stride.max(1)).zip(rows.par_chunks_exact(width)).for_each(|(code, row)| {
        let (deep, colour) = row.split_at(dims.deep);
        book.encode(kernel, deep, colour, code);
    });
    codes
}
