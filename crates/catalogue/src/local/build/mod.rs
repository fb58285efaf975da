//! Offline: items and their vectors become the next generation of a bundle's catalogue.

pub(crate) mod hnsw;
mod reachability;
mod relink;

pub use hnsw::BuildOptions;

use std::{
    io::Write,
    path::Path,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use rayon::ThreadPool;

use crate::{
    contract::CatalogueError,
    local::{
        build::{
            hnsw::{Points, SERIAL, grow},
            reachability::{Reached, reach_all},
            relink::refine,
        },
        codes::{self, Codebook},
        format::{
            facets::Facets,
            generation::{FACETS, FORMAT, GRAPH, GenerationManifest, ITEMS, NUMBERS},
            graph_writer::Thaw,
            numbers::Numbers,
            publish::Draft,
        },
    },
};
use lookalike_common::{FileSeal, SealedFile};
use lookalike_items::{ColourWeight, Dims, Item, Vectors};

/// What a build is busy with; told with how much of how much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The codes are chosen and written.
    Codes,
    /// Points enter the graph: the long part.
    Graph,
    /// Every point looks around itself in the whole graph.
    Refine,
    /// Every point is being made reachable.
    Audit,
    /// The generation is written.
    Write,
}

/// Told of a build's progress.
pub type Progress<'a> = &'a (dyn Fn(Stage, u64, u64) + Sync);

/// Repairs up to this share of the points are in order; more mean that the graph is no good.
const REPAIRED_AT_MOST: f64 = 0.05;

/// Below this many points a few repairs are a large share of them, and say nothing.
const TINY: usize = 1_000;

/// Builds the next generation of the bundle's catalogue over `items` and puts it in place.
pub fn build(
    bundle_dir: &Path,
    model_id: &str,
    items: Vec<(Item, Vectors)>,
    options: &BuildOptions,
    progress: Progress<'_>,
) -> Result<GenerationManifest, CatalogueError> {
    build_coded(bundle_dir, model_id, (items, None), options, progress)
}

/// [`build`], in another catalogue's codes where its codebook is given: searches of both can then compare what they find by codes.
pub(crate) fn build_coded(
    bundle_dir: &Path,
    model_id: &str,
    items: (Vec<(Item, Vectors)>, Option<&Codebook>),
    options: &BuildOptions,
    progress: Progress<'_>,
) -> Result<GenerationManifest, CatalogueError> {
    options.check()?;
    let pool = options.pool()?;
    pool.install(|| build_with(&pool, (bundle_dir, model_id), items, options, progress))
}

/// Builds on the pool's threads.
fn build_with(
    pool: &ThreadPool,
    (bundle_dir, model_id): (&Path, &str),
    (items, book): (Vec<(Item, Vectors)>, Option<&Codebook>),
    options: &BuildOptions,
    progress: Progress<'_>,
) -> Result<GenerationManifest, CatalogueError> {
    let started = Instant::now();
    let Gathered { items, rows, dims } = gather(items)?;
    progress(Stage::Codes, 0, 1);
    let given = book.filter(|book| book.shape().dims == dims);
    let book = given.map_or_else(|| codes::fit(&rows, dims), Codebook::clone);
    let coded = codes::encode_all(&book, &rows);
    progress(Stage::Codes, 1, 1);
    let points = Points { rows: book.shape().rows(&coded), scale: book.scale(ColourWeight::DEFAULT) };
    let mut graph = grow(points, options, pool, &|done, all| progress(Stage::Graph, done, all));
    if let Some(graph) = &mut graph {
        let count = points.len() as u64;
        for (pass, ef) in (0..).zip(options.refined_with()) {
            refine(graph, points, ef, &|done| progress(Stage::Refine, pass * count + done, 2 * count));
        }
    }
    progress(Stage::Audit, 0, 1);
    let reached = match &mut graph {
        Some(graph) => reach_all(graph, points),
        None => Reached { order: Vec::new(), unreachable: 0, repaired: 0, twins: 0 },
    };
    check_repairs(&reached, items.len())?;
    progress(Stage::Write, 0, 1);
    let draft = Draft::start(bundle_dir)?;
    let path = draft.path(ITEMS);
    let (items_seal, lines) = write_items(&path, &items).map_err(CatalogueError::io("write", &path))?;
    let path = draft.path(FACETS);
    let facets = Facets::gather(reached.order.iter().map(|&item| &items[item as usize]));
    let facets_seal = facets.write(&path).map_err(CatalogueError::io("write", &path))?;
    let numbers = Numbers::gather(reached.order.iter().map(|&item| &items[item as usize]));
    let path = draft.path(NUMBERS);
    let numbers_seal = (!numbers.is_empty()).then(|| numbers.write(&path)).transpose();
    let numbers_seal = numbers_seal.map_err(CatalogueError::io("write", &path))?;
    let path = draft.path(GRAPH);
    let thaw = Thaw {
        rows: &rows,
        book: &book,
        codes: &coded,
        m: options.m,
        graph: graph.as_ref(),
        order: &reached.order,
        lines: &lines,
    };
    let graph_seal = thaw.freeze(&path).map_err(CatalogueError::io("write", &path))?;
    let manifest = GenerationManifest {
        format: FORMAT,
        generation: draft.number,
        model_id: model_id.to_owned(),
        count: items.len(),
        dims,
        m: options.m,
        ef_construction: options.ef_construction,
        code_head: book.shape().head,
        weight: ColourWeight::DEFAULT,
        seed: options.seed,
        deterministic: items.len() <= SERIAL || options.threads == 1,
        unreachable: reached.unreachable,
        orphans_repaired: reached.repaired,
        build_seconds: started.elapsed().as_secs_f64(),
        built_at: SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs()),
        files: [(GRAPH, graph_seal), (ITEMS, items_seal), (FACETS, facets_seal)]
            .into_iter()
            .chain(numbers_seal.map(|seal| (NUMBERS, seal)))
            .map(|(name, seal)| (name.to_owned(), seal))
            .collect(),
    };
    draft.publish(&manifest)?;
    progress(Stage::Write, 1, 1);
    Ok(manifest)
}

/// Items by rising id, and their vectors as rows `[deep | colour]` in the same order.
struct Gathered {
    items: Vec<Item>,
    rows: Vec<f32>,
    dims: Dims,
}

fn gather(mut given: Vec<(Item, Vectors)>) -> Result<Gathered, CatalogueError> {
    let dims = given.first().map_or(Dims { deep: 0, colour: 0 }, |(_, vectors)| vectors.dims());
    if let Some((_, other)) = given.iter().find(|(_, vectors)| vectors.dims() != dims) {
        return Err(CatalogueError::Dims { holds: dims, given: other.dims() });
    }
    given.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
    if let Some((a, b)) = given.windows(2).find_map(|pair| match pair {
        [(a, _), (b, _)] if a.id == b.id => Some((a, b)),
        _ => None,
    }) {
        let (first, second) = (a.image.clone(), b.image.clone());
        return Err(CatalogueError::Duplicate { id: a.id.clone(), first, second });
    }
    let mut rows = Vec::with_capacity(given.len() * (dims.deep + dims.colour));
    let mut items = Vec::with_capacity(given.len());
    for (item, vectors) in given {
        rows.extend_from_slice(vectors.deep());
        rows.extend_from_slice(vectors.colour());
        items.push(item);
    }
    Ok(Gathered { items, rows, dims })
}

fn check_repairs(reached: &Reached, count: usize) -> Result<(), CatalogueError> {
    let repaired = reached.repaired - reached.twins;
    if count >= TINY && repaired as f64 > REPAIRED_AT_MOST * count as f64 {
        return Err(CatalogueError::CutOff { repaired, count });
    }
    Ok(())
}

/// The items' file, and where each line of it starts.
fn write_items(path: &Path, items: &[Item]) -> std::io::Result<(FileSeal, Vec<u64>)> {
    let mut file = SealedFile::create(path)?;
    let mut starts = Vec::with_capacity(items.len());
    for item in items {
        starts.push(file.len());
        serde_json::to_writer(&mut file, item)?;
        file.write_all(b"\n")?;
    }
    Ok((file.seal()?, starts))
}
