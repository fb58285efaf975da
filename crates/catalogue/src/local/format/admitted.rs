//! The points that a filter lets through: by bitmaps, which are made for each query, and by columns of numbers and categories, which
//! are tested point by point.

use roaring::RoaringBitmap;

use crate::local::format::{
    column::{Bound, CHUNK, Mask, ones},
    labels::Wanted,
};

/// How many points are looked at to guess how many ranges let through, …
const SAMPLE: usize = 512;
/// … and so many of them must be let through for the guess to do: of fewer, all are counted.
const TRUSTED: usize = 32;

/// Fewer than one point in so many are tested one by one; of more, chunks are gone through.
const MANY: usize = 8;

/// The points a filter lets through.
#[derive(Debug)]
pub(crate) struct Admitted {
    points: Points,
    /// All of these hold, too.
    tests: Tests,
    count: Count,
}

/// What is tested point by point.
#[derive(Debug, Default)]
pub(crate) struct Tests {
    /// Numbers, …
    pub bounds: Vec<Bound>,
    /// … and the category.
    pub wanted: Option<Wanted>,
}

impl Tests {
    /// Whether nothing is tested.
    pub fn is_empty(&self) -> bool {
        self.bounds.is_empty() && self.wanted.is_none()
    }

    #[inline]
    fn hold(&self, point: u32) -> bool {
        self.wanted.as_ref().is_none_or(|wanted| wanted.holds(point))
            && self.bounds.iter().all(|bound| bound.holds(point))
    }

    /// The points of a chunk of which they hold: by the numbers' buckets first, many at once, and one by one what these leave open.
    fn mask(&self, chunk: usize) -> Mask {
        let (mut may, mut sure): (Mask, Mask) = ([u64::MAX; _], [u64::MAX; _]);
        self.bounds.iter().for_each(|bound| bound.sieve(chunk, &mut may, &mut sure));
        if let Some(wanted) = &self.wanted {
            wanted.sieve(chunk, &mut may);
        }
        for ((word, sure), first) in may.iter_mut().zip(sure).zip((chunk * CHUNK..).step_by(64)) {
            for bit in ones(*word & !sure) {
                if !self.bounds.iter().all(|bound| bound.holds(first as u32 + bit)) {
                    *word &= !(1 << bit);
                }
            }
        }
        may
    }

    /// All of `all` points of which they hold.
    fn met(&self, all: usize) -> RoaringBitmap {
        let words = (0..all.div_ceil(CHUNK)).flat_map(|chunk| self.mask(chunk));
        let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        let mut met = RoaringBitmap::from_lsb0_bytes(0, &bytes);
        met.remove_range(all as u32..);
        met
    }
}

/// How many are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// So many.
    Exactly(usize),
    /// So many or so: some were looked at.
    About(usize),
}

impl Count {
    /// The number, whichever it is.
    pub fn number(self) -> usize {
        match self {
            Self::Exactly(number) | Self::About(number) => number,
        }
    }

    /// The number where it is exact.
    pub fn exactly(self) -> Option<usize> {
        match self {
            Self::Exactly(number) => Some(number),
            Self::About(_) => None,
        }
    }
}

#[derive(Debug)]
enum Points {
    Only(RoaringBitmap),
    AllBut(RoaringBitmap),
}

impl Admitted {
    /// These points alone.
    pub fn only(points: RoaringBitmap) -> Self {
        let count = Count::Exactly(points.len() as usize);
        Self { points: Points::Only(points), tests: Tests::default(), count }
    }

    /// All of `count` points but these.
    pub fn all_but(points: RoaringBitmap, count: usize) -> Self {
        let count = Count::Exactly(count - points.len() as usize);
        Self { points: Points::AllBut(points), tests: Tests::default(), count }
    }

    /// Of them those of which these hold, too; `all` is how many points there are.
    pub fn within(self, tests: Tests, all: usize) -> Self {
        if tests.is_empty() {
            return self;
        }
        let tested = Self { tests, ..self };
        let sample = SAMPLE.min(all);
        let looked_at = (0..sample).map(|n| (n * all / sample) as u32);
        let met = looked_at.filter(|&point| tested.contains(point)).count();
        if met >= TRUSTED && sample < all {
            return Self { count: Count::About(met * all / sample), ..tested };
        }
        tested.counted(all)
    }

    /// The same, counted: a bitmap of all of them.
    pub fn counted(self, all: usize) -> Self {
        if self.tests.is_empty() { self } else { Self::only(self.gathered(all)) }
    }

    fn gathered(&self, all: usize) -> RoaringBitmap {
        match &self.points {
            Points::Only(points) if points.len() < (all / MANY) as u64 => {
                let met = points.iter().filter(|&point| self.tests.hold(point));
                // They rise, so that none of them is refused.
                RoaringBitmap::from_sorted_iter(met).unwrap_or_default()
            }
            Points::Only(points) => self.tests.met(all) & points,
            Points::AllBut(points) => self.tests.met(all) - points,
        }
    }

    /// All of them as a bitmap; `all` is how many points there are.
    pub fn into_bitmap(self, all: usize) -> RoaringBitmap {
        match self.counted(all).points {
            Points::Only(points) => points,
            Points::AllBut(points) => everyone(all) - points,
        }
    }

    /// How many there are.
    pub fn count(&self) -> Count {
        self.count
    }

    /// Whether this point may answer.
    #[inline]
    pub fn contains(&self, point: u32) -> bool {
        let listed = match &self.points {
            Points::Only(points) => points.contains(point),
            Points::AllBut(points) => !points.contains(point),
        };
        listed && self.tests.hold(point)
    }

    /// All of them, rising; `all` is how many points there are.
    pub fn iter(&self, all: usize) -> Box<dyn Iterator<Item = u32> + '_> {
        match &self.points {
            _ if !self.tests.is_empty() => Box::new(self.gathered(all).into_iter()),
            Points::Only(points) => Box::new(points.iter()),
            Points::AllBut(points) => Box::new((0..all as u32).filter(|&point| !points.contains(point))),
        }
    }
}

/// All points.
pub(crate) fn everyone(all: usize) -> RoaringBitmap {
    let mut points = RoaringBitmap::new();
    points.insert_range(0..all as u32);
    points
}
