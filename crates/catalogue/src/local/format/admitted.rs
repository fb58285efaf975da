//! The points that a filter lets through: by bitmaps, which are made for each query, and by columns of numbers, which are tested
//! point by point.

use roaring::RoaringBitmap;

use crate::local::format::numbers::{CHUNK, Test};

/// How many points are looked at to guess how many ranges let through, …
const SAMPLE: usize = 512;
/// … and so many of them must be let through for the guess to do: of fewer, all are counted.
const TRUSTED: usize = 32;

/// The points a filter lets through.
#[derive(Debug)]
pub(crate) struct Admitted {
    points: Points,
    /// All of these hold, too.
    tests: Vec<Test>,
    count: Count,
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
        Self { points: Points::Only(points), tests: Vec::new(), count }
    }

    /// All of `count` points but these.
    pub fn all_but(points: RoaringBitmap, count: usize) -> Self {
        let count = Count::Exactly(count - points.len() as usize);
        Self { points: Points::AllBut(points), tests: Vec::new(), count }
    }

    /// Of them those of which these hold, too; `all` is how many points there are.
    pub fn within(self, tests: Vec<Test>, all: usize) -> Self {
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
        if self.tests.is_empty() {
            return self;
        }
        // They rise, so that none of them is refused.
        Self::only(RoaringBitmap::from_sorted_iter(self.iter(all)).unwrap_or_default())
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
        listed && self.tests.iter().all(|(column, range)| range.contains(column.get(point)))
    }

    /// All of them, rising; `all` is how many points there are.
    pub fn iter(&self, all: usize) -> Box<dyn Iterator<Item = u32> + '_> {
        match (&self.points, self.tests.as_slice()) {
            (Points::Only(points), []) => Box::new(points.iter()),
            (Points::AllBut(points), []) => {
                Box::new((0..all as u32).filter(|&point| !points.contains(point)))
            }
            (Points::Only(points), _) if points.len() < (all / 8) as u64 => {
                Box::new(points.iter().filter(|&point| self.contains(point)))
            }
            _ => Box::new((0..all.div_ceil(CHUNK)).flat_map(move |chunk| self.of_chunk(chunk, all))),
        }
    }

    /// Those of a chunk of the columns: the numbers first, side by side, and the bitmap of what they leave.
    fn of_chunk(&self, chunk: usize, all: usize) -> Vec<u32> {
        let first = chunk * CHUNK;
        let mut holds = [true; CHUNK];
        for (column, range) in &self.tests {
            let numbers = column.chunk(chunk).iter().copied().chain(std::iter::repeat(f64::NAN));
            holds.iter_mut().zip(numbers).for_each(|(holds, number)| *holds &= range.contains(number));
        }
        let points = (first as u32..all.min(first + CHUNK) as u32).zip(holds).filter(|(_, holds)| *holds);
        let listed = |point: &u32| match &self.points {
            Points::Only(points) => points.contains(*point),
            Points::AllBut(points) => !points.contains(*point),
        };
        points.map(|(point, _)| point).filter(listed).collect()
    }
}

/// All points.
pub(crate) fn everyone(all: usize) -> RoaringBitmap {
    let mut points = RoaringBitmap::new();
    points.insert_range(0..all as u32);
    points
}
