//! From a query to the nearest points: which way is cheaper, the walk or the scan, and the exact order at the end.

use std::collections::BinaryHeap;

use super::{
    ColourWeight, Effort, Query,
    facets::Admitted,
    frozen::{Frozen, View},
    kernel::blend,
    walk::{Candidate, Scratch},
};

/// The candidate list of [`Effort::Usual`] at the weight the graph was built with.
const USUAL_EF: f32 = 96.0;

/// How much longer the usual list grows for each 1 that the weight is above that: the graph's neighbours are then less
/// and less the query's.
const EF_PER_WEIGHT: f32 = 4.0;

/// What a place in a walk's candidate list costs, in distances of a scan: it computes some 30, and each waits for memory
/// that a scan finds ready. Measured over 20,000 × 542 (M 16).
const WALK_COST: usize = 100;

/// A list asked for by name is walked up to here, however few the points: whoever measures the walk wants the walk.
const WALKED_AS_ASKED: usize = 1_024;

/// How a search is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Compare all that are admitted.
    Scan,
    /// Walk the graph with a candidate list of this length.
    Walk(usize),
}

/// A search made ready: what is asked of whom, and how.
#[derive(Debug)]
pub(super) struct Search {
    pub n: usize,
    pub admitted: Option<Admitted>,
    pub available: usize,
    pub way: Way,
}

impl Search {
    /// Chooses the way: the graph is walked, unless a filter leaves so few that comparing them all is cheaper.
    pub fn plan(
        count: usize,
        n: usize,
        admitted: Option<Admitted>,
        effort: Effort,
        weight: ColourWeight,
    ) -> Self {
        let available = admitted.as_ref().map_or(count, |admitted| admitted.count);
        let n = n.min(available);
        let walk = |ef: usize, as_asked: bool| {
            let ef = ef.max(n).min(count);
            // A walk that may keep one in x of what it meets has to meet x times as many.
            let cost = (ef * WALK_COST).saturating_mul(count) / available.max(1);
            let unfiltered = available * 2 > count;
            if unfiltered || (as_asked && ef <= WALKED_AS_ASKED) || cost < available {
                Way::Walk(ef)
            } else {
                Way::Scan
            }
        };
        let way = match effort {
            Effort::Usual => walk(usual_ef(weight), false),
            Effort::Ef(ef) => walk(ef.min(count), true),
            Effort::Exact => Way::Scan,
        };
        Self { n, admitted, available, way }
    }

    /// How many distances it takes, at most, or so.
    pub fn cost(&self) -> usize {
        match self.way {
            Way::Walk(ef) if self.admitted.is_none() => ef * WALK_COST,
            // It may give up, its budget spent, and scan after all.
            Way::Walk(_) => 4 * self.available,
            Way::Scan => self.available,
        }
    }

    /// The nearest `n` points, nearest first, ties by item.
    pub fn run(&self, frozen: &Frozen, query: &Query) -> Vec<u32> {
        if self.n == 0 {
            return Vec::new();
        }
        let view = frozen.view();
        let asked = (query.vectors.deep(), query.vectors.colour());
        let distance = |point| blend(asked, view.vectors(point), query.weight.get());
        match self.way {
            Way::Walk(ef) => self.walk(frozen, ef, distance),
            Way::Scan => None,
        }
        .unwrap_or_else(|| self.scan(view, distance))
    }

    /// `None` if the walk found fewer than there are, or gave up.
    fn walk(&self, frozen: &Frozen, ef: usize, distance: impl Fn(u32) -> f32 + Copy) -> Option<Vec<u32>> {
        let view = frozen.view();
        let start = frozen.descend(distance);
        Scratch::with(|scratch| {
            let done = match &self.admitted {
                None => {
                    scratch.walk(view.links, start, ef, distance);
                    true
                }
                Some(Admitted { points, count }) => {
                    scratch.walk_among(view.links, (start, ef), (points, *count), distance)
                }
            };
            let mut best: Vec<_> = scratch.found().map(|found| Ranked::of(view, found)).collect();
            best.sort_unstable();
            best.truncate(self.n);
            (done && best.len() == self.n).then(|| best.into_iter().map(|ranked| ranked.point).collect())
        })
    }

    fn scan(&self, view: View<'_>, distance: impl Fn(u32) -> f32) -> Vec<u32> {
        let mut best = BinaryHeap::with_capacity(self.n + 1);
        let mut meet = |point: u32| {
            best.push(Ranked::of(view, Candidate { distance: distance(point), point }));
            if best.len() > self.n {
                best.pop();
            }
        };
        match &self.admitted {
            None => (0..view.count() as u32).for_each(&mut meet),
            Some(admitted) => admitted.points.iter().for_each(&mut meet),
        }
        best.into_sorted_vec().into_iter().map(|ranked| ranked.point).collect()
    }
}

fn usual_ef(weight: ColourWeight) -> usize {
    let off = (weight.get() - ColourWeight::DEFAULT.get()).clamp(0.0, 1.0);
    (USUAL_EF * (1.0 + EF_PER_WEIGHT * off)) as usize
}

/// A point found, ordered as it is answered: ties go by item, whatever the points' numbers in this generation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Ranked {
    by_item: Candidate,
    point: u32,
}

impl Ranked {
    fn of(view: View<'_>, found: Candidate) -> Self {
        let by_item = Candidate { point: view.items[found.point as usize], ..found };
        Self { by_item, point: found.point }
    }
}
