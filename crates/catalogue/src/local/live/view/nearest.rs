//! A search of one revision: what the base, the segment and the rows hold nearest, in one order.

use lookalike_common::Wanted;
use lookalike_items::{Distance, Filter};

use super::{Found, Layer, SEGMENT_PART, View};
use crate::{
    contract::{CatalogueError, Effort, Hit, Nearest, Query},
    local::{
        live::record::Row,
        search::{Candidate, Search, reranked},
    },
};

/// A search of one revision, made ready.
pub(super) struct Plan {
    /// Of the base, then of the segment.
    searches: Vec<Search>,
    n: usize,
    /// Whether all that came in and is in no graph is compared exactly.
    exact: bool,
}

/// Where candidates lie.
const BASE: usize = 0;
const ROWS: usize = 2;

/// What may be among the nearest, by one set of codes: where it lies, and its point or slot.
#[derive(Default)]
struct Candidates(Vec<(f32, usize, u32)>);

impl Candidates {
    fn add(&mut self, place: usize, candidates: Vec<Candidate>) {
        self.0.extend(candidates.into_iter().map(|(distance, point)| (distance, place, point)));
    }

    /// Those that are compared exactly where `n` are asked for, of each place.
    fn best(mut self, n: usize) -> [Vec<u32>; 3] {
        let room = reranked(n);
        if room < self.0.len() {
            self.0.select_nth_unstable_by(room - 1, |a, b| a.0.total_cmp(&b.0));
            self.0.truncate(room);
        }
        let mut places = [const { Vec::new() }; 3];
        for (_, place, point) in self.0 {
            places[place].push(point);
        }
        places
    }
}

fn near_at(place: usize, (point, distance): (u32, Distance)) -> (Distance, Found) {
    (distance, if place == BASE { Found::Base(point) } else { Found::Segment(point) })
}

impl Plan {
    /// The same for somebody who may leave.
    pub(super) fn for_whom(&mut self, wanted: &Wanted) {
        self.searches.iter_mut().for_each(|search| search.for_whom(wanted));
    }

    /// How many rows of codes the graphs' searches compare, at most, or so.
    pub(super) fn cost(&self) -> usize {
        self.searches.iter().map(Search::cost).sum()
    }
}

impl View {
    /// How a search is to be done.
    pub(super) fn plan(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
    ) -> Result<Plan, CatalogueError> {
        let (holds, given) = (self.dims, query.vectors.dims());
        if holds != given {
            return Err(CatalogueError::Dims { holds, given });
        }
        let parts = [1.0, SEGMENT_PART];
        let plan = |(layer, part): (&Layer, f32)| {
            layer.catalogue.plan(query, n, filter, effort, (&layer.changes, part))
        };
        let searches = self.layers().zip(parts).map(plan).collect::<Result<Vec<_>, _>>()?;
        Ok(Plan { searches, n, exact: effort == Effort::Exact })
    }

    /// Does it.
    pub(super) fn answer(
        &self,
        query: &Query,
        plan: &Plan,
        filter: &Filter,
    ) -> Result<Nearest, CatalogueError> {
        let rows = self.rows.admitted(filter);
        let in_graphs = plan.searches.iter().map(|search| search.available.exactly()).sum::<Option<usize>>();
        let available = in_graphs.map(|count| count + rows.len());
        let mut found = self.nearest(query, plan, &rows);
        // Where two are as near, those of the base come first, then those of the segment.
        found.sort_by(|a, b| a.0.blend.total_cmp(&b.0.blend));
        found.truncate(plan.n);
        for layer in self.layers() {
            layer.catalogue.sound(found.iter().map(|(distance, _)| *distance))?;
        }
        let hits = found.into_iter().map(|(distance, found)| {
            let item = match (found, &self.segment) {
                (Found::Row(row), _) => row.item,
                (Found::Segment(point), Some(segment)) => segment.item(point)?,
                (Found::Base(point) | Found::Segment(point), _) => self.base.item(point)?,
            };
            Ok(Hit { item, distance })
        });
        let hits = hits.collect::<Result<Vec<_>, CatalogueError>>()?;
        Ok(Nearest { exhausted: hits.len() < plan.n || available == Some(hits.len()), hits })
    }

    /// What is nearest where it lies, place after place; among `rows`, ties by id.
    fn nearest(&self, query: &Query, plan: &Plan, rows: &[u32]) -> Vec<(Distance, Found)> {
        let (mut candidates, mut bound) = (Candidates::default(), f32::INFINITY);
        let mut found = Vec::new();
        let coded = self.rows.coded().then(|| self.base.catalogue.encode(query));
        for (place, (layer, search)) in self.layers().zip(&plan.searches).enumerate() {
            let catalogue = &layer.catalogue;
            let coded = coded.as_ref().filter(|_| !search.is_exact() && (place == BASE || self.coded_alike));
            match coded {
                Some(coded) => {
                    let met = catalogue.candidates(search, coded, bound);
                    // As many as are compared exactly are nearer than the last of them: what is farther is of no use.
                    bound = met.get(reranked(plan.n) - 1).map_or(f32::INFINITY, |(last, _)| *last);
                    candidates.add(place, met);
                }
                None => {
                    found.extend(catalogue.run(search, query).into_iter().map(|near| near_at(place, near)))
                }
            }
        }
        let in_codes = coded.as_ref().filter(|_| rows.len() > plan.n && !plan.exact);
        if let Some(coded) = in_codes {
            candidates.add(ROWS, self.rows.candidates(coded, rows, reranked(plan.n)));
        }
        let [of_base, of_segment, of_rows] = candidates.best(plan.n);
        for (place, ((layer, search), points)) in
            self.layers().zip(&plan.searches).zip([of_base, of_segment]).enumerate()
        {
            let near = layer.catalogue.nearest_of(search, query, points.into_iter());
            found.extend(near.into_iter().map(|near| near_at(place, near)));
        }
        let slots = if in_codes.is_some() { &of_rows } else { rows };
        let mut rows = self.rows.measured(query, slots.iter().copied());
        let order = |a: &(&Row, Distance), b: &(&Row, Distance)| {
            a.1.blend.total_cmp(&b.1.blend).then_with(|| a.0.item.id.cmp(&b.0.item.id))
        };
        if plan.n > 0 && plan.n < rows.len() {
            rows.select_nth_unstable_by(plan.n - 1, order);
        }
        rows.truncate(plan.n);
        rows.sort_unstable_by(order);
        found.extend(rows.into_iter().map(|(row, distance)| (distance, Found::Row(row.clone()))));
        found
    }

    /// [`Catalogue::nearest`] on this thread.
    pub fn search(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
    ) -> Result<Nearest, CatalogueError> {
        let plan = self.plan(query, n, filter, effort)?;
        self.answer(query, &plan, filter)
    }
}
