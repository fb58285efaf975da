//! One number of every point: what a range is tested on.
//!
//! Beside each number stands the bucket that it falls into, one byte. A range is tested on the buckets first, many points at a time;
//! numbers are read only in the buckets at its two ends.

use std::sync::Arc;

use lookalike_items::NumberRange;

use crate::local::kernel::Kernel;

/// Points of a chunk: one that changes is copied, and the others are shared.
pub(crate) const CHUNK: usize = 1_024;

/// A bit for each point of a chunk, the first the lowest.
pub(crate) type Mask = [u64; CHUNK / 64];

/// The bucket of a point without a number.
const NOWHERE: u8 = u8::MAX;

/// So many numbers are looked at to choose where buckets end, …
const SAMPLE: usize = 4_096;
/// … and so many must have come in before that is done again.
const REFIT: usize = 1_024;

#[derive(Clone, Debug)]
struct Chunk {
    numbers: [f64; CHUNK],
    buckets: [u8; CHUNK],
}

/// A number a point, NaN where a point has none. Cloning it is cheap: clones share the chunks that neither changes.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// The last one is as long as the others.
    chunks: Vec<Arc<Chunk>>,
    /// Where a bucket ends and the next begins, rising: a number's bucket is how many of them are not above it. Any edges are right;
    /// good ones leave about as many points in each bucket.
    edges: Arc<[f64]>,
    /// How many points had a number when the edges were chosen, and how many numbers came in since.
    fitted: (usize, usize),
}

impl Column {
    /// Of so many points, none of which has a number.
    pub fn none(count: usize) -> Self {
        let chunk = Arc::new(Chunk { numbers: [f64::NAN; CHUNK], buckets: [NOWHERE; CHUNK] });
        Self { chunks: vec![chunk; count.div_ceil(CHUNK)], edges: Arc::default(), fitted: (0, 0) }
    }

    /// Of these points, in their order.
    pub fn of(numbers: impl ExactSizeIterator<Item = f64>) -> Self {
        let mut column = Self::none(numbers.len());
        for (place, number) in numbers.enumerate() {
            if let Some(chunk) = column.chunks.get_mut(place / CHUNK) {
                Arc::make_mut(chunk).numbers[place % CHUNK] = number;
            }
        }
        column.fit();
        column
    }

    /// The number of a point.
    #[inline]
    pub fn get(&self, point: u32) -> f64 {
        let place = point as usize;
        self.chunks.get(place / CHUNK).map_or(f64::NAN, |chunk| chunk.numbers[place % CHUNK])
    }

    /// The numbers of all points, and NaN up to the last chunk's end.
    pub fn numbers(&self) -> impl Iterator<Item = f64> + '_ {
        self.chunks.iter().flat_map(|chunk| chunk.numbers)
    }

    /// The point has this number; NaN is none.
    pub fn set(&mut self, point: u32, number: f64) {
        let (place, bucket) = (point as usize, bucket(&self.edges, number));
        if let Some(chunk) = self.chunks.get_mut(place / CHUNK) {
            let chunk = Arc::make_mut(chunk);
            (chunk.numbers[place % CHUNK], chunk.buckets[place % CHUNK]) = (number, bucket);
        }
        self.fitted.1 += 1;
        if self.fitted.1 > self.fitted.0.max(REFIT) {
            self.fit();
        }
    }

    /// Chooses the edges anew, after the numbers that are there now.
    pub fn fit(&mut self) {
        let all: Vec<f64> = self.numbers().filter(|number| !number.is_nan()).collect();
        let looked_at = SAMPLE.min(all.len());
        let mut sample: Vec<f64> = (0..looked_at).map(|n| all[n * all.len() / looked_at]).collect();
        sample.sort_unstable_by(f64::total_cmp);
        let buckets = usize::from(NOWHERE);
        let mut edges: Vec<f64> =
            (1..buckets).filter_map(|n| sample.get(n * sample.len() / buckets)).copied().collect();
        edges.dedup();
        self.edges = edges.into();
        self.fitted = (all.len(), 0);
        for chunk in &mut self.chunks {
            let chunk = Arc::make_mut(chunk);
            for (to, &number) in chunk.buckets.iter_mut().zip(&chunk.numbers) {
                *to = bucket(&self.edges, number);
            }
        }
    }
}

#[inline]
fn bucket(edges: &[f64], number: f64) -> u8 {
    if number.is_nan() { NOWHERE } else { edges.partition_point(|edge| *edge <= number) as u8 }
}

/// The places of a word's ones.
#[inline]
pub(crate) fn ones(mut word: u64) -> impl Iterator<Item = u32> {
    std::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(bit)
    })
}

/// A column and where its numbers must be.
#[derive(Clone, Debug)]
pub(crate) struct Bound {
    column: Arc<Column>,
    range: NumberRange,
    /// The first and the last bucket that holds numbers of the range.
    least: u8,
    most: u8,
    /// From the first to before the second hold no others.
    wholly: (u8, u8),
}

impl Bound {
    /// The column's numbers must be in this range.
    pub fn new(column: Arc<Column>, range: NumberRange) -> Self {
        let (least, most) = (bucket(&column.edges, range.least()), bucket(&column.edges, range.most()));
        let begins = least.checked_sub(1).map_or(f64::NEG_INFINITY, |edge| column.edges[usize::from(edge)]);
        let wholly =
            (least + u8::from(begins < range.least()), most + u8::from(range.most() == f64::INFINITY));
        Self { column, range, least, most, wholly }
    }

    /// Whether a point's number is in the range.
    #[inline]
    pub fn holds(&self, point: u32) -> bool {
        let place = point as usize;
        self.column.chunks.get(place / CHUNK).is_some_and(|chunk| {
            let bucket = chunk.buckets[place % CHUNK];
            (self.wholly.0 <= bucket && bucket < self.wholly.1)
                || (self.least <= bucket
                    && bucket <= self.most
                    && self.range.contains(chunk.numbers[place % CHUNK]))
        })
    }

    /// Leaves in `may` the bits of a chunk's points whose number may be in the range, and in `sure` those of which it is.
    pub fn sieve(&self, chunk: usize, may: &mut Mask, sure: &mut Mask) {
        let Some(chunk) = self.column.chunks.get(chunk) else { return may.fill(0) };
        let kernel = Kernel::best();
        kernel.within(&chunk.buckets, (self.least, self.most - self.least), may);
        match self.wholly.1.checked_sub(self.wholly.0) {
            Some(buckets @ 1..) => kernel.within(&chunk.buckets, (self.wholly.0, buckets - 1), sure),
            _ => sure.fill(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn number() -> impl Strategy<Value = f64> {
        prop_oneof![1 => Just(f64::NAN), 3 => (0..12).prop_map(f64::from), 3 => -5.0..500.0f64, 1 => Just(-0.0)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_bound_says_of_every_point_what_its_range_says(
            numbers in prop_oneof![vec(number(), 0..40), vec(number(), 2_000..2_600)],
            changes in vec((0usize..2_600, number()), 0..30),
            many in 0usize..3,
            ends in (prop::option::of(number()), prop::option::of(number())),
        ) {
            let mut plain = numbers.clone();
            let mut column = Column::of(numbers.into_iter());
            let before = column.clone();
            // Enough of them for the edges to be chosen anew.
            for (n, (place, number)) in (0..).zip(changes.iter().cycle().take(changes.len() * (1 + many * 60))) {
                let place = (place + n * 7) % plain.len().max(1);
                if place < plain.len() {
                    plain[place] = number + f64::from(n as u32 % 5);
                    column.set(place as u32, plain[place]);
                }
            }
            let Ok(range) = NumberRange::new(ends.0, ends.1) else { return Ok(()) };
            let bound = Bound::new(Arc::new(column), range);
            let chunks = plain.len().div_ceil(CHUNK);
            for chunk in 0..chunks {
                let (mut may, mut sure): (Mask, Mask) = ([u64::MAX; _], [u64::MAX; _]);
                bound.sieve(chunk, &mut may, &mut sure);
                for place in chunk * CHUNK..(chunk + 1) * CHUNK {
                    let wanted = plain.get(place).is_some_and(|number| range.contains(*number));
                    prop_assert_eq!(bound.holds(place as u32), wanted);
                    let bit = |mask: &Mask| mask[place % CHUNK / 64] >> (place % 64) & 1 == 1;
                    prop_assert!((!wanted || bit(&may)) && (wanted || !bit(&sure)));
                }
            }
            prop_assert!(!bound.holds((chunks * CHUNK) as u32));
            // A clone keeps what it had.
            prop_assert!(before.numbers().zip(before.chunks.iter().flat_map(|chunk| chunk.buckets))
                .all(|(number, bucket)| bucket == super::bucket(&before.edges, number)));
        }
    }
}
