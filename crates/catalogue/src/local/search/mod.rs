//! From a query to the nearest points: which way is cheaper, the walk or the scan, and the exact order at the end.

pub(crate) mod walk;

use std::cmp::Ordering;

use crate::{
    contract::{Effort, Query},
    local::{
        codes::{Coded, RERANKED},
        costs::LISTED,
        distance::measured,
        format::{
            admitted::{Admitted, Count},
            graph_file::{Frozen, View},
        },
        kernel::prefetch,
        search::walk::{Ground, Scratch},
    },
};
use lookalike_common::Wanted;
use lookalike_items::{ColourWeight, Distance};

/// The candidate list of [`Effort::Usual`] at the weight the graph was built with.
const USUAL_EF: f32 = 96.0;

/// How much longer the usual list grows for each 1 that the weight is above that: the graph's neighbours are then less
/// and less the query's.
const EF_PER_WEIGHT: f32 = 4.0;

/// What a place in a walk's candidate list costs, in rows of a scan over codes: it compares some ten, and each waits for
/// memory that a scan finds ready.
const WALK_COST: usize = 30;

/// How a list grows where a walk may keep one in x of what it meets: by x to this power.
const STRETCH: f64 = 0.6;

/// How much longer a list is tried where the one before met too few that may answer.
const LONGER: usize = 4;

/// So few are compared exactly at once.
const FEW: usize = 200;

/// Where more than this many are asked for, all are compared and sorted: lists kept in order while they grow are for short ones.
const MANY: usize = 2_000;

/// A list asked for by name is walked up to here, however few the points: whoever measures the walk wants the walk.
const WALKED_AS_ASKED: usize = 1_024;

/// How a search is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Compare all that are admitted, exactly.
    Exact,
    /// Compare the codes of all that are admitted.
    Scan,
    /// Walk the graph with a candidate list of this length.
    Walk(usize),
}

/// A search made ready: what is asked of whom, and how.
#[derive(Debug)]
pub(crate) struct Search {
    n: usize,
    count: usize,
    admitted: Option<Admitted>,
    /// How many were asked for.
    asked: usize,
    /// How many points may answer.
    pub available: Count,
    way: Way,
    /// Whoever asked, where that is known: what nobody waits for is cut short, and its answer is worth nothing.
    wanted: Option<Wanted>,
}

/// So many points are compared before it is looked again whether anybody waits for them.
const UNTIL_LOOKED: u32 = 4_096;

/// A point that may be among the nearest, and how far it is by codes.
pub(crate) type Candidate = (f32, u32);

/// An item found and how far it is, exactly.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    /// Which item: its place by rising id.
    pub item: u32,
    pub distance: Distance,
}

impl Found {
    /// Nearest first; ties go by item, whatever the points' numbers in this generation.
    fn order(&self, other: &Self) -> Ordering {
        self.distance.blend.total_cmp(&other.distance.blend).then(self.item.cmp(&other.item))
    }
}

/// How many candidates are compared exactly where `n` are asked for.
pub(crate) fn reranked(n: usize) -> usize {
    RERANKED.max(n + n / 2 + 25)
}

impl Search {
    /// Chooses the way: the graph is walked, unless a filter leaves so few that comparing them all is cheaper. `part` is 1, and less
    /// for a graph of which fewer of the nearest are expected than of another: the usual list is as much shorter.
    pub fn plan(
        count: usize,
        n: usize,
        admitted: Option<Admitted>,
        effort: Effort,
        (weight, part): (ColourWeight, f32),
    ) -> Self {
        let asked = n;
        let counted = admitted.as_ref().map_or(Count::Exactly(count), Admitted::count);
        // What was guessed bounds nothing.
        let (available, n) = (counted.number(), n.min(counted.exactly().unwrap_or(count)));
        let walk = |ef: usize, as_asked: bool| {
            // A walk that may keep one in x of what it meets has to meet x times as many as will be wanted of it. What goes beyond
            // that, for the sake of those that it would miss, need not grow as fast.
            let x = count as f64 / available.max(1) as f64;
            let list = (ef as f64 * x.powf(STRETCH)).max(reranked(n) as f64 * x).min(count as f64) as usize;
            let list = if x > 1.0 { list } else { ef.max(n).min(count) };
            if n > MANY {
                Way::Exact
            } else if (as_asked && list <= WALKED_AS_ASKED) || list.saturating_mul(WALK_COST) < available {
                Way::Walk(list)
            } else if available <= FEW.max(reranked(n)) {
                Way::Exact
            } else {
                Way::Scan
            }
        };
        let way = match effort {
            Effort::Usual => walk((usual_ef(weight) as f32 * part) as usize, false),
            Effort::Ef(ef) => walk(ef.min(count), true),
            Effort::Exact => Way::Exact,
        };
        Self { n, count, admitted, asked, available: counted, way, wanted: None }
    }

    /// The same for somebody who may leave.
    pub fn for_whom(&mut self, wanted: &Wanted) {
        self.wanted = Some(wanted.clone());
    }

    /// What it costs at most, in rows of codes compared, or so: what it compares, and the items that its answer reads.
    pub fn cost(&self) -> usize {
        let compared = match self.way {
            // It may find too few, and scan after all.
            Way::Walk(list) => {
                list * WALK_COST + if self.admitted.is_some() { self.available.number() } else { 0 }
            }
            Way::Scan => self.available.number(),
            // Four bytes a number instead of one or a quarter.
            Way::Exact => self.available.number() * 8,
        };
        compared.saturating_add(self.n.saturating_mul(LISTED))
    }

    /// Whether so many that were found are all that there are.
    pub fn is_all(&self, found: usize) -> bool {
        found < self.asked || self.available == Count::Exactly(found)
    }

    /// Whether all that may answer are compared exactly: there are no candidates then.
    pub fn is_exact(&self) -> bool {
        self.way == Way::Exact
    }

    /// The nearest `n` points, nearest first.
    pub fn run(&self, frozen: &Frozen, query: &Query) -> Vec<Found> {
        if self.n == 0 {
            Vec::new()
        } else if self.is_exact() {
            self.compare(frozen.view(), query, self.points())
        } else {
            let candidates = self.candidates(frozen, &frozen.encode(query), f32::INFINITY);
            self.compare(frozen.view(), query, candidates.into_iter().map(|(_, point)| point))
        }
    }

    /// Who may be among the nearest, by codes, nearest first. What is farther than `bound` may be left out.
    pub fn candidates(&self, frozen: &Frozen, query: &Coded<'_>, bound: f32) -> Vec<Candidate> {
        if self.n == 0 {
            return Vec::new();
        }
        Scratch::with(|scratch| {
            let walked = match self.way {
                Way::Walk(list) => self.walk_on(frozen, query, (list, bound), scratch),
                _ => None,
            };
            walked.unwrap_or_else(|| {
                scratch.scan(frozen.view().codes, query, self.points(), reranked(self.n));
                scratch.found().collect()
            })
        })
    }

    /// Everyone who may answer.
    fn points(&self) -> Box<dyn Iterator<Item = u32> + '_> {
        let all: Box<dyn Iterator<Item = u32> + '_> = match &self.admitted {
            None => Box::new(0..self.count as u32),
            Some(admitted) => admitted.iter(self.count),
        };
        let Some(wanted) = &self.wanted else { return all };
        let mut compared = 0u32;
        Box::new(all.take_while(move |_| {
            compared = compared.wrapping_add(1);
            !compared.is_multiple_of(UNTIL_LOOKED) || wanted.is_wanted()
        }))
    }

    /// Walks, and where too few of what lies around the query may answer, with a longer and longer list, while that is cheaper
    /// than a scan: a product line that was taken off leaves a hole in the middle of what is near.
    fn walk_on(
        &self,
        frozen: &Frozen,
        query: &Coded<'_>,
        (mut list, bound): (usize, f32),
        scratch: &mut Scratch,
    ) -> Option<Vec<Candidate>> {
        loop {
            let found = self.walk(frozen, query, (list, bound), scratch);
            list = list.saturating_mul(LONGER);
            if found.is_some() || list.saturating_mul(WALK_COST) > self.available.number() {
                return found;
            }
        }
    }

    /// The candidates a walk finds; `None` if they are too few to be trusted: what may answer then lies far from the query.
    fn walk(
        &self,
        frozen: &Frozen,
        query: &Coded<'_>,
        (list, bound): (usize, f32),
        scratch: &mut Scratch,
    ) -> Option<Vec<Candidate>> {
        let view = frozen.view();
        let ground = Ground { links: view.links, rows: view.codes, query };
        let available = self.available.exactly().unwrap_or(self.count);
        let wanted = reranked(self.n).min(list.max(self.n)).min(available);
        let bounded = scratch.walk(ground, frozen.descend(query), list.max(wanted), bound);
        let Some(admitted) = &self.admitted else {
            return Some(scratch.found().take(wanted).collect());
        };
        let among = scratch.found().filter(|&(_, point)| admitted.contains(point));
        let found: Vec<Candidate> = among.take(wanted).collect();
        (bounded || found.len() >= self.n.max(wanted / 2)).then_some(found)
    }

    /// The nearest of the candidates, by exact distance.
    pub fn compare(
        &self,
        view: View<'_>,
        query: &Query,
        mut candidates: impl Iterator<Item = u32>,
    ) -> Vec<Found> {
        let asked = (query.vectors.deep(), query.vectors.colour());
        let found = |point: u32| {
            let distance = measured(view.kernel, asked, view.vectors(point), query.weight);
            Found { item: view.items[point as usize], distance }
        };
        if self.n > MANY {
            let mut all: Vec<Found> = candidates.map(found).collect();
            all.sort_unstable_by(Found::order);
            all.truncate(self.n);
            return all;
        }
        let mut best: Vec<Found> = Vec::with_capacity(self.n + 1);
        let fetch = |point: u32| {
            let (deep, colour) = view.vectors(point);
            prefetch(deep);
            prefetch(colour);
            point
        };
        let mut ahead = candidates.next().map(fetch);
        while let Some(point) = ahead {
            ahead = candidates.next().map(fetch);
            let found = found(point);
            if best.len() < self.n || best.last().is_some_and(|worst| found.order(worst).is_lt()) {
                let at = best.partition_point(|other| other.order(&found).is_lt());
                best.truncate(self.n - 1);
                best.insert(at, found);
            }
        }
        best
    }
}

fn usual_ef(weight: ColourWeight) -> usize {
    let off = (weight.get() - ColourWeight::DEFAULT.get()).clamp(0.0, 1.0);
    (USUAL_EF * (1.0 + EF_PER_WEIGHT * off)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::costs::INLINE;

    #[test]
    fn an_answer_of_many_items_is_not_cheap_however_few_are_compared() {
        let cost = |n| {
            let weight = ColourWeight::new(0.1).unwrap();
            Search::plan(1_200, n, None, Effort::Exact, (weight, 1.0)).cost()
        };
        assert!(cost(26) <= INLINE, "what a page shows is found where it is asked for");
        assert!(cost(501) > INLINE, "reading five hundred items keeps a thread for milliseconds");
    }
}
