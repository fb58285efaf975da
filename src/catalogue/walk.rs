//! Best-first search in the graph: the nearest known point is expanded next, until none could better the result.

use std::{
    cell::Cell,
    cmp::{Ordering, Reverse},
    collections::BinaryHeap,
};

use super::{bits::Bits, graph::Links};

/// A point and how far it is; ordered by that, ties by number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub distance: f32,
    pub point: u32,
}

impl Ord for Candidate {
    fn cmp(&self, other: &Self) -> Ordering {
        self.distance.total_cmp(&other.distance).then(self.point.cmp(&other.point))
    }
}

impl PartialOrd for Candidate {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Candidate {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Candidate {}

/// The best `room` candidates so far, sorted. Small, so that inserting by moving beats a heap.
#[derive(Debug, Default)]
struct Pool {
    best: Vec<(Candidate, bool)>,
    room: usize,
}

impl Pool {
    /// Where it went in, if it is among the best.
    #[inline]
    fn insert(&mut self, candidate: Candidate) -> Option<usize> {
        if !self.admits(candidate.distance) {
            return None;
        }
        let at = self.best.partition_point(|(other, _)| *other < candidate);
        if self.best.len() == self.room {
            self.best.pop();
        }
        self.best.insert(at, (candidate, false));
        Some(at)
    }

    #[inline]
    fn admits(&self, distance: f32) -> bool {
        self.best.len() < self.room || self.best.last().is_some_and(|(worst, _)| distance < worst.distance)
    }
}

/// What a walk works with, kept from search to search so that none allocates.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    visited: Bits,
    pool: Pool,
    frontier: BinaryHeap<Reverse<Candidate>>,
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

    fn reset(&mut self, count: usize, room: usize) {
        self.visited.reset(count);
        self.pool.best.clear();
        self.pool.room = room.max(1);
        self.frontier.clear();
    }

    /// What the last walk found, nearest first.
    pub fn found(&self) -> impl Iterator<Item = Candidate> + '_ {
        self.pool.best.iter().map(|&(candidate, _)| candidate)
    }

    /// Walks from `start` and keeps the `ef` nearest points.
    pub fn walk(&mut self, links: Links<'_>, start: u32, ef: usize, distance: impl Fn(u32) -> f32) {
        self.reset(links.len(), ef);
        let Self { visited, pool, .. } = self;
        visited.insert(start);
        pool.insert(Candidate { distance: distance(start), point: start });
        let mut next = 0;
        while let Some((candidate, expanded)) = pool.best.get_mut(next) {
            if std::mem::replace(expanded, true) {
                next += 1;
                continue;
            }
            let mut first = next + 1;
            for point in links.of(candidate.point) {
                if visited.insert(point) {
                    let at = pool.insert(Candidate { distance: distance(point), point });
                    first = first.min(at.unwrap_or(usize::MAX));
                }
            }
            next = first;
        }
    }

    /// Walks from `start` over all points and keeps the `ef` nearest of `admitted`. False if it gave up after `budget`
    /// distances: what is admitted then lies far from the query, and a scan of it is cheaper.
    pub fn walk_among(
        &mut self,
        links: Links<'_>,
        (start, ef): (u32, usize),
        (admitted, mut budget): (&Bits, usize),
        distance: impl Fn(u32) -> f32,
    ) -> bool {
        self.reset(links.len(), ef);
        let Self { visited, pool, frontier } = self;
        visited.insert(start);
        let take = |candidate: Candidate, pool: &mut Pool, frontier: &mut BinaryHeap<_>| {
            frontier.push(Reverse(candidate));
            if admitted.contains(candidate.point) {
                pool.insert(candidate);
            }
        };
        take(Candidate { distance: distance(start), point: start }, pool, frontier);
        while let Some(Reverse(nearest)) = frontier.pop() {
            if !pool.admits(nearest.distance) {
                break;
            }
            for point in links.of(nearest.point).filter(|&point| visited.insert(point)) {
                let candidate = Candidate { distance: distance(point), point };
                if pool.admits(candidate.distance) {
                    take(candidate, pool, frontier);
                }
                budget = budget.saturating_sub(1);
            }
            if budget == 0 {
                return false;
            }
        }
        true
    }
}
