//! Grows the graph. The only file that names `hnsw_rs`; plain arrays leave it.
//!
//! With one thread, or with at most [`SERIAL`] points, the same input gives the same graph: `hnsw_rs` draws its levels
//! from a fixed seed, and the order of insertion is drawn from ours. Threads race for both, so a parallel build gives
//! another graph, of the same quality, each time.

use std::collections::BTreeMap;

use hnsw_rs::prelude::Hnsw;
use rand::{SeedableRng, seq::SliceRandom};
use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::{
    contract::CatalogueError,
    local::{
        adjacency::{Grown, NONE, Station},
        codes::{Coded, Scale},
        kernel::{Kernel, Rows},
    },
};

/// Up to here threads would gain nothing, and cost the graph its determinism.
pub(crate) const SERIAL: usize = 2_000;

/// After how many points progress is told.
const CHUNK: usize = 512;

/// `hnsw_rs` stores no more levels than this.
const LEVELS: usize = 16;

/// How a graph is built.
#[derive(Clone, Debug)]
pub struct BuildOptions {
    /// How many neighbours a point gets on upper levels; twice as many on level 0. 4 to 64.
    pub m: usize,
    /// How many candidates each point considers for its links: more is slower and gives a better graph.
    pub ef_construction: usize,
    /// Threads to build with; 0 takes every core.
    pub threads: usize,
    /// Draws the order of insertion.
    pub seed: u64,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self { m: 16, ef_construction: 200, threads: 0, seed: 0 }
    }
}

impl BuildOptions {
    /// Refuses what `hnsw_rs` would panic on, or what makes no graph.
    pub(crate) fn check(&self) -> Result<(), CatalogueError> {
        if !(4..=64).contains(&self.m) {
            return Err(CatalogueError::Options(format!("M is from 4 to 64; {} was asked for", self.m)));
        }
        if self.ef_construction < self.m {
            let why =
                format!("ef_construction is at least M ({}); {} was asked for", self.m, self.ef_construction);
            return Err(CatalogueError::Options(why));
        }
        Ok(())
    }

    /// The list `hnsw_rs` inserts with: short, for its graph is only where [`crate::local::build::relink`] starts from. That looks
    /// further in a tenth of the time.
    fn grown_with(&self) -> usize {
        (self.ef_construction / 5).max(self.m)
    }

    /// The lists of the two passes of refinement.
    pub(crate) fn refined_with(&self) -> [usize; 2] {
        [self.ef_construction / 2, self.ef_construction]
    }

    /// The threads to build with.
    pub(crate) fn pool(&self) -> Result<ThreadPool, CatalogueError> {
        let threads = self.threads;
        ThreadPoolBuilder::new().num_threads(threads).build().map_err(|e| {
            CatalogueError::Options(format!("cannot start {threads} threads to build with: {e}"))
        })
    }
}

/// What a graph is built over: codes, and what they come to.
#[derive(Clone, Copy)]
pub(crate) struct Points<'a> {
    pub rows: Rows<'a>,
    pub scale: Scale,
}

impl<'a> Points<'a> {
    /// How many there are.
    pub fn len(self) -> usize {
        self.rows.bytes.len().checked_div(self.rows.stride).unwrap_or(0)
    }

    /// A point as a query.
    pub fn query(self, point: u32) -> Coded<'a> {
        Coded::of(Kernel::best(), self.rows.of(point), self.scale)
    }
}

/// The blend over rows of codes.
struct Blend {
    kernel: Kernel,
    deep: usize,
    scale: Scale,
}

impl hnsw_rs::prelude::Distance<u8> for Blend {
    fn eval(&self, a: &[u8], b: &[u8]) -> f32 {
        let ((deep_a, colour_a), (deep_b, colour_b)) = (a.split_at(self.deep), b.split_at(self.deep));
        self.scale.blend(self.kernel.codes(deep_a, deep_b), self.kernel.codes(colour_a, colour_b))
    }
}

type Index<'a> = Hnsw<'a, u8, Blend>;

/// Grows the graph; `None` without points.
pub(crate) fn grow(
    set: Points<'_>,
    options: &BuildOptions,
    pool: &ThreadPool,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Option<Grown> {
    let mut points: Vec<(&[u8], usize)> = (0..set.len()).map(|i| (set.rows.of(i as u32), i)).collect();
    points.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(options.seed));
    let (first, rest) = points.split_first()?;
    let blend = Blend { kernel: Kernel::best(), deep: set.rows.deep, scale: set.scale };
    let index = Index::new(options.m, points.len(), LEVELS, options.grown_with(), blend);
    // The first alone: threads racing for the entry point could leave it without any link.
    index.insert_slice(*first);
    let pool = Some(pool).filter(|_| points.len() > SERIAL && options.threads != 1);
    for (chunk, done) in rest.chunks(CHUNK).zip((0..).step_by(CHUNK)) {
        progress(done, points.len() as u64);
        insert(&index, chunk, pool);
    }
    progress(points.len() as u64, points.len() as u64);
    Some(read_out(&index, points.len(), options.m))
}

fn insert(index: &Index<'_>, points: &[(&[u8], usize)], pool: Option<&ThreadPool>) {
    match pool {
        Some(pool) => pool.install(|| index.parallel_insert_slice(&points.to_vec())),
        None => points.iter().for_each(|point| index.insert_slice(*point)),
    }
}

/// Copies levels and neighbours. A neighbour that is not on the level it is listed for (it happens while the top level
/// rises) is left out.
fn read_out(index: &Index<'_>, count: usize, m: usize) -> Grown {
    let points = index.get_point_indexation();
    let top = usize::from(index.get_max_level_observed());
    let mut level_of = vec![0; count];
    let mut entry = 0;
    for level in 0..=top {
        for (nth, point) in points.get_layer_iterator(level).enumerate() {
            level_of[point.get_origin_id()] = level;
            if level == top && nth == 0 {
                entry = point.get_origin_id() as u32;
            }
        }
    }
    let width = 2 * m;
    let mut ground = vec![NONE; count * width];
    let mut levels: Vec<BTreeMap<u32, Vec<u32>>> = vec![BTreeMap::new(); top];
    for point in (0..=top).flat_map(|level| points.get_layer_iterator(level)) {
        let id = point.get_origin_id();
        let neighbours = point.get_neighborhood_id();
        for (level, listed) in neighbours.iter().enumerate().take(level_of[id] + 1) {
            let there = listed.iter().map(|n| n.d_id).filter(|&n| n != id && level_of[n] >= level);
            let there = there.map(|n| n as u32);
            match level.checked_sub(1) {
                None => ground[id * width..][..width].iter_mut().zip(there).for_each(|(slot, n)| *slot = n),
                Some(upper) => drop(levels[upper].insert(id as u32, there.take(m).collect())),
            }
        }
    }
    let levels = levels.into_iter().map(|level| level.into_iter().collect::<Vec<Station>>()).collect();
    Grown { ground, width, levels, entry }
}
