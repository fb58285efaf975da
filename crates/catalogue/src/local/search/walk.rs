//! Best-first search in the graph: the nearest known point is expanded next, until none could better the result.
//! Distances are of codes; whoever wants exact ones compares what was found again.

use std::cell::Cell;

use crate::local::{
    adjacency::{Links, NONE},
    bits::Bits,
    codes::Coded,
    kernel::{BATCH, Rows, prefetch},
};

/// A point and how far it is, as one number that sorts by distance, ties by point. The lowest bit says whether the walk
/// has been there.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place(u64);

impl Place {
    /// Distances are not negative, so that their bits sort as they do.
    #[inline]
    fn new(distance: f32, point: u32) -> Self {
        Self(u64::from(distance.to_bits()) << 32 | u64::from(point) << 1)
    }

    #[inline]
    fn point(self) -> u32 {
        self.0 as u32 >> 1
    }

    #[inline]
    fn distance(self) -> f32 {
        f32::from_bits((self.0 >> 32) as u32)
    }

    #[inline]
    fn expanded(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The best `room` places so far, sorted. Small, so that inserting by moving beats a heap.
#[derive(Default)]
struct Pool {
    best: Vec<Place>,
    room: usize,
}

impl Pool {
    fn reset(&mut self, room: usize) {
        self.best.clear();
        self.room = room.max(1);
    }

    /// From which distance on nothing is among the best.
    #[inline]
    fn bound(&self) -> f32 {
        match self.best.last() {
            Some(worst) if self.best.len() >= self.room => worst.distance(),
            _ => f32::INFINITY,
        }
    }

    /// Where it went in. It must be nearer than the bound.
    #[inline]
    fn insert(&mut self, place: Place) -> usize {
        let at = self.best.partition_point(|other| *other < place);
        if self.best.len() >= self.room {
            self.best.pop();
        }
        self.best.insert(at, place);
        at
    }
}

/// A walk that knows a bound takes so many steps before it believes that nothing is within.
const BEYOND: usize = 10;

/// Where a walk goes: neighbours, codes and the query in codes.
#[derive(Clone, Copy)]
pub(crate) struct Ground<'a> {
    pub links: Links<'a>,
    pub rows: Rows<'a>,
    pub query: &'a Coded<'a>,
}

/// What a walk works with, kept from search to search so that none allocates.
#[derive(Default)]
pub(crate) struct Scratch {
    visited: Bits,
    touched: Vec<u32>,
    pool: Pool,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

impl Scratch {
    /// Lends this thread's scratch to `work`.
    pub fn with<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
        let mut scratch = SCRATCH.take();
        let result = work(&mut scratch);
        SCRATCH.set(scratch);
        result
    }

    /// What was found last and how far it is, nearest first.
    pub fn found(&self) -> impl Iterator<Item = (f32, u32)> + '_ {
        self.pool.best.iter().map(|place| (place.distance(), place.point()))
    }

    /// Walks from `start` and keeps the `ef` nearest points. What is farther than `bound` is of no use: once the walk has gone
    /// [`BEYOND`] steps, it goes no further from there. Whether it ended so.
    pub fn walk(&mut self, ground: Ground<'_>, start: u32, ef: usize, bound: f32) -> bool {
        let Self { visited, touched, pool } = self;
        visited.clear(touched, ground.links.len());
        pool.reset(ef);
        visited.insert(start);
        touched.push(start);
        pool.insert(Place::new(ground.query.to(ground.rows, start), start));
        let (mut next, mut steps, mut distances) = (0, 0, [0.0; BATCH]);
        while let Some(place) = pool.best.get_mut(next) {
            if place.expanded() {
                next += 1;
                continue;
            }
            if place.distance() > bound && steps >= BEYOND {
                return true;
            }
            steps += 1;
            let point = place.point();
            place.0 |= 1;
            let mut first = next + 1;
            let new = touched.len();
            for &neighbour in ground.links.row(point) {
                if neighbour == NONE {
                    break;
                }
                if visited.insert(neighbour) {
                    prefetch(ground.rows.of(neighbour));
                    touched.push(neighbour);
                }
            }
            if let Some(after) = pool.best.get(next + 1) {
                prefetch(ground.links.row(after.point()));
            }
            for points in touched[new..].chunks(BATCH) {
                ground.query.measure(ground.rows, points, &mut distances);
                for (&point, &distance) in points.iter().zip(&distances) {
                    if distance < pool.bound() {
                        let at = pool.insert(Place::new(distance, point));
                        if at <= first {
                            // Who is first is likely to be next.
                            first = at;
                            prefetch(ground.links.row(point));
                        }
                    }
                }
            }
            next = first;
        }
        false
    }

    /// Compares all `points` and keeps the `room` nearest.
    pub fn scan(
        &mut self,
        rows: Rows<'_>,
        query: &Coded<'_>,
        points: impl Iterator<Item = u32>,
        room: usize,
    ) {
        self.pool.reset(room);
        let (mut points, mut distances) = (points, [0.0; BATCH]);
        let (mut batch, mut ahead) = ([0; BATCH], [0; BATCH]);
        let mut fetch = |batch: &mut [u32; BATCH]| {
            let mut n = 0;
            for (slot, point) in batch.iter_mut().zip(&mut points) {
                prefetch(rows.of(point));
                *slot = point;
                n += 1;
            }
            n
        };
        let mut n = fetch(&mut batch);
        while n > 0 {
            let n_ahead = fetch(&mut ahead);
            query.measure(rows, &batch[..n], &mut distances);
            for (&point, &distance) in batch[..n].iter().zip(&distances) {
                if distance < self.pool.bound() {
                    self.pool.insert(Place::new(distance, point));
                }
            }
            std::mem::swap(&mut batch, &mut ahead);
            n = n_ahead;
        }
    }
}
