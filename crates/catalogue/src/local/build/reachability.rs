//! The audit of a new graph: every point must be reachable from the entry point on level 0, or no search finds it.

use crate::local::{
    adjacency::{Grown, Links, NONE},
    build::hnsw::Points,
    search::walk::{Ground, Scratch},
};

/// How many reachable neighbours of a cut-off point are looked at for a free link.
const CANDIDATES: usize = 64;

/// A graph in which every point can be reached.
#[derive(Debug)]
pub(crate) struct Reached {
    /// All points in the order a breadth-first search meets them: neighbours lie close to each other.
    pub order: Vec<u32>,
    /// How many points could not be reached before.
    pub unreachable: usize,
    /// How many links had to be made so that they can, …
    pub repaired: usize,
    /// … and how many of these lead from a point to one that looks the same: of many such points a graph links few, as it should.
    pub twins: usize,
}

/// Breadth-first search from the entry point. Whatever it misses is linked from its nearest reachable neighbour.
pub(crate) fn reach_all(graph: &mut Grown, points: Points<'_>) -> Reached {
    let count = graph.links().len();
    let mut audit = Audit { parent: vec![NONE; count], order: Vec::with_capacity(count), spread: 0 };
    audit.meet(graph.entry, graph.entry);
    audit.spread(graph.links());
    let unreachable = count - audit.order.len();
    let (mut repaired, mut twins) = (0, 0);
    for point in 0..count as u32 {
        if audit.parent[point as usize] == NONE {
            let (from, twin) = audit.link(graph, point, points);
            audit.meet(point, from);
            audit.spread(graph.links());
            (repaired, twins) = (repaired + 1, twins + usize::from(twin));
        }
    }
    Reached { order: audit.order, unreachable, repaired, twins }
}

/// A breadth-first search under way.
struct Audit {
    /// From where a point was reached first; [`NONE`] for one not reached yet. The entry point is its own.
    parent: Vec<u32>,
    order: Vec<u32>,
    /// How many of `order` have handed on the search.
    spread: usize,
}

impl Audit {
    fn meet(&mut self, point: u32, from: u32) {
        if let Some(parent) = self.parent.get_mut(point as usize)
            && *parent == NONE
        {
            *parent = from;
            self.order.push(point);
        }
    }

    fn spread(&mut self, links: Links<'_>) {
        while let Some(&point) = self.order.get(self.spread) {
            self.spread += 1;
            links.of(point).for_each(|neighbour| self.meet(neighbour, point));
        }
    }

    /// Links the cut-off point from the nearest reachable one that can take a link; which that is, and whether a reachable one looks the
    /// same.
    fn link(&self, graph: &mut Grown, point: u32, points: Points<'_>) -> (u32, bool) {
        let query = points.query(point);
        let (near, twin): (Vec<u32>, bool) = Scratch::with(|scratch| {
            let ground = Ground { links: graph.links(), rows: points.rows, query: &query };
            scratch.walk(ground, graph.entry, CANDIDATES, f32::INFINITY);
            let twin = scratch.found().next().is_some_and(|(distance, _)| distance == 0.0);
            (scratch.found().map(|(_, point)| point).collect(), twin)
        });
        // Some reachable point always can: a tree over them has fewer links than they have slots.
        let candidates = || near.iter().chain(&self.order).copied();
        let width = graph.width;
        let free = |from: u32| (0..width).find(|slot| graph.ground[from as usize * width + slot] == NONE);
        let spare = |from: u32| (0..width).rev().find(|slot| !self.carries(graph, from, *slot));
        let near_free = near.iter().find_map(|&from| free(from).map(|slot| (from, slot)));
        let found = near_free.or_else(|| {
            candidates().find_map(|from| free(from).or_else(|| spare(from)).map(|slot| (from, slot)))
        });
        let (from, slot) = found.unwrap_or((graph.entry, 0));
        graph.ground[from as usize * width + slot] = point;
        (from, twin)
    }

    /// Whether this link is the one its target was reached by.
    fn carries(&self, graph: &Grown, from: u32, slot: usize) -> bool {
        let target = graph.ground[from as usize * graph.width + slot];
        self.parent.get(target as usize) == Some(&from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::{codes::Scale, kernel::Rows};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_the_links_every_point_is_reached(
            width in 1usize..4,
            ground in prop::collection::vec(prop_oneof![0u32..40, Just(NONE)], 0..120),
        ) {
            let count = ground.len() / width;
            prop_assume!(count > 0);
            // Rows as a build leaves them: in bounds, and filled from the left.
            let mut rows: Vec<u32> = Vec::new();
            for row in ground.chunks_exact(width) {
                let mut row: Vec<u32> = row.iter().copied().filter(|&n| (n as usize) < count).collect();
                row.resize(width, NONE);
                rows.extend(row);
            }
            let mut graph = Grown { ground: rows, width, levels: vec![], entry: 0 };
            let codes: Vec<u8> = (0..count as u8).flat_map(|n| [n; 64]).collect();
            let points = Points { rows: Rows { bytes: &codes, deep: 64, stride: 64 }, scale: Scale::of(1.0, 0.0) };
            let reached = reach_all(&mut graph, points);
            prop_assert!(reached.repaired <= reached.unreachable);
            let again = reach_all(&mut graph, points);
            prop_assert_eq!((again.unreachable, again.order.len()), (0, count));
        }
    }
}
