//! Offline: items and their vectors become the next generation of a bundle's catalogue.

use std::{io::Write, path::Path, time::Instant};

use super::{
    BuildOptions, CatalogueError, ColourWeight, Dims, GenerationManifest, Item, Vectors,
    build::{SERIAL, grow},
    freeze::{FileSeal, SealedFile, Thaw},
    generation::{FORMAT, GRAPH, ITEMS},
    kernel::blend,
    publish::Draft,
    repair::{Reached, reach_all},
};

/// What a build is busy with; told with how much of how much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Points enter the graph: the long part.
    Graph,
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
    let started = Instant::now();
    options.check()?;
    let Gathered { items, rows, dims } = gather(items)?;
    let mut graph = grow(&rows, dims, options, &|done, all| progress(Stage::Graph, done, all))?;
    progress(Stage::Audit, 0, 1);
    let row = |item: u32| rows[item as usize * (dims.deep + dims.colour)..].split_at(dims.deep);
    let near = |a, b| {
        let ((a, a_colour), (b, b_colour)) = (row(a), row(b));
        blend((a, &a_colour[..dims.colour]), (b, &b_colour[..dims.colour]), ColourWeight::DEFAULT.get())
    };
    let reached = match &mut graph {
        Some(graph) => reach_all(graph, near),
        None => Reached { order: Vec::new(), unreachable: 0, repaired: 0 },
    };
    check_repairs(&reached, items.len())?;
    progress(Stage::Write, 0, 1);
    let draft = Draft::start(bundle_dir)?;
    let thaw = Thaw { rows: &rows, dims, m: options.m, graph: graph.as_ref(), order: &reached.order };
    let path = draft.path(GRAPH);
    let graph = thaw.freeze(&path).map_err(CatalogueError::io("write", &path))?;
    let path = draft.path(ITEMS);
    let lines = write_items(&path, &items).map_err(CatalogueError::io("write", &path))?;
    let manifest = GenerationManifest {
        format: FORMAT,
        generation: draft.number,
        model_id: model_id.to_owned(),
        count: items.len(),
        dims,
        m: options.m,
        ef_construction: options.ef_construction,
        weight: ColourWeight::DEFAULT,
        seed: options.seed,
        deterministic: items.len() <= SERIAL || options.threads == 1,
        unreachable: reached.unreachable,
        orphans_repaired: reached.repaired,
        build_seconds: started.elapsed().as_secs_f64(),
        files: [(GRAPH.to_owned(), graph), (ITEMS.to_owned(), lines)].into(),
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
    if count >= TINY && reached.repaired as f64 > REPAIRED_AT_MOST * count as f64 {
        return Err(CatalogueError::CutOff { repaired: reached.repaired, count });
    }
    Ok(())
}

fn write_items(path: &Path, items: &[Item]) -> std::io::Result<FileSeal> {
    let mut file = SealedFile::create(path)?;
    for item in items {
        serde_json::to_writer(&mut file, item)?;
        file.write_all(b"\n")?;
    }
    file.seal()
}
