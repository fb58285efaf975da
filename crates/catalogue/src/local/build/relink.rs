//! Betters a grown graph: every point looks around itself in the whole graph, where an insertion saw only those who were
//! there before, and links to the nearest in each direction.
//!
//! Each pass reads one graph and makes another, so that the result does not depend on how many threads made it.

use rayon::prelude::*;

use crate::local::{
    adjacency::{Grown, Links, NONE},
    build::hnsw::Points,
    kernel::BATCH,
    search::walk::{Ground, Scratch},
};

/// A candidate is passed over if someone chosen before is nearer to it by more than this factor. At 1 (the usual rule) a
/// point gets some 14 links, here some 24: more to compare a step, but fewer steps. 1.1 and 1.2 found no more for more.
const DIVERSITY: f32 = 1.05;

/// After how many points progress is told.
const CHUNK: usize = 8_192;

/// Relinks all points of level 0 from what a walk with a list of `ef` finds around each. `progress` is told how many have
/// looked around.
pub(crate) fn refine(graph: &mut Grown, points: Points<'_>, ef: usize, progress: &dyn Fn(u64)) {
    let (width, count) = (graph.width, points.len());
    let mut around: Vec<Vec<u32>> = Vec::with_capacity(count);
    for start in (0..count).step_by(CHUNK) {
        let chunk = start as u32..count.min(start + CHUNK) as u32;
        around.par_extend(chunk.into_par_iter().map(|point| look_around(graph.links(), points, point, ef)));
        progress(around.len() as u64);
    }
    let mut incoming: Vec<Vec<u32>> = vec![Vec::new(); around.len()];
    for (point, row) in (0..).zip(&around) {
        row.iter().for_each(|&to| incoming[to as usize].push(point));
    }
    graph.ground.par_chunks_exact_mut(width).enumerate().for_each(|(point, row)| {
        let (own, theirs) = (&around[point], &incoming[point]);
        let mut all = own.clone();
        all.extend(theirs.iter().filter(|other| !own.contains(other)));
        let chosen = if all.len() > width {
            let mut nearest = measured(points, point as u32, &all);
            nearest.sort_unstable_by(by_distance);
            select(points, &nearest, width)
        } else {
            all
        };
        row.fill(NONE);
        row.iter_mut().zip(chosen).for_each(|(slot, neighbour)| *slot = neighbour);
    });
}

type Near = (f32, u32);

fn by_distance(a: &Near, b: &Near) -> std::cmp::Ordering {
    a.0.total_cmp(&b.0).then(a.1.cmp(&b.1))
}

/// Whom a point would link to: a choice of what it finds and whom it has.
fn look_around(links: Links<'_>, points: Points<'_>, point: u32, ef: usize) -> Vec<u32> {
    let query = points.query(point);
    let mut near: Vec<Near> = Scratch::with(|scratch| {
        scratch.walk(Ground { links, rows: points.rows, query: &query }, point, ef, f32::INFINITY);
        scratch.found().filter(|(_, other)| *other != point).collect()
    });
    let further: Vec<u32> =
        links.of(point).filter(|&n| n != point && !near.iter().any(|(_, other)| *other == n)).collect();
    near.extend(measured(points, point, &further));
    near.sort_unstable_by(by_distance);
    select(points, &near, links.width)
}

fn measured(points: Points<'_>, from: u32, to: &[u32]) -> Vec<Near> {
    let (query, mut distances) = (points.query(from), [0.0; BATCH]);
    let mut near = Vec::with_capacity(to.len());
    for batch in to.chunks(BATCH) {
        query.measure(points.rows, batch, &mut distances);
        near.extend(distances.into_iter().zip(batch.iter().copied()));
    }
    near
}

/// At most `room` of the candidates, given nearest first: each that is nearer to the point than to whoever was chosen
/// before, but for [`DIVERSITY`], so that links lead in all directions.
fn select(points: Points<'_>, candidates: &[Near], room: usize) -> Vec<u32> {
    let mut chosen: Vec<u32> = Vec::with_capacity(room);
    let mut distances = [0.0; BATCH];
    for &(distance, candidate) in candidates {
        if chosen.len() == room {
            break;
        }
        let query = points.query(candidate);
        let clear = chosen.chunks(BATCH).all(|batch| {
            query.measure(points.rows, batch, &mut distances);
            distances[..batch.len()].iter().all(|&between| DIVERSITY * between > distance)
        });
        if clear {
            chosen.push(candidate);
        }
    }
    chosen
}
