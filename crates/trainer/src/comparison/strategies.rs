//! Ways to search one set of embeddings: what they find of the truth, how long they take, what they hold.

use std::{collections::HashSet, time::Instant};

use serde::Serialize;

use crate::comparison::{cells::Cells, count};
use crate::{
    TrainingError,
    chart::{Cell, Table},
    evaluation::Scored,
    export::Pca,
};
use lookalike_catalogue as catalogue;
use lookalike_catalogue::{BuildOptions, Effort, LocalCatalogue, Query, distance};
use lookalike_items::{ColourWeight, Dims, Filter, Item, Vectors};

/// How many neighbours are asked for.
const NEAREST: usize = 10;
/// Photos asked with, at most.
const ASKED: usize = 500;

/// What the strategies are set to.
#[derive(Clone, Copy, Debug)]
pub struct StrategyOptions {
    /// Principal components kept.
    pub pca: usize,
    /// k-means cells; 0 is the square root of the number of items.
    pub cells: usize,
    /// Cells that a query looks into.
    pub probes: usize,
    /// What is drawn follows from it.
    pub seed: u64,
}

/// A strategy, measured.
#[derive(Clone, Debug, Serialize)]
pub struct StrategyRow {
    /// Its name.
    pub strategy: String,
    /// Share of the exact nearest ten that it finds.
    pub recall_at_10: f64,
    /// Share of queries with a right one among its ten: the same product where products are known, else the same category.
    pub hit_at_10: f64,
    /// Median time of a query, on one thread, in microseconds.
    pub microseconds: f64,
    /// The time that 95 of 100 stay below.
    pub microseconds_p95: f64,
    /// Bytes an item that must be in memory.
    pub bytes_per_item: f64,
    /// Bytes an item that may stay on disk, mapped.
    pub mapped_bytes_per_item: f64,
}

/// A way to search: query and its own place → places of the nearest.
type Search<'a> = Box<dyn Fn(&Vectors, usize) -> Result<Vec<usize>, TrainingError> + 'a>;

/// Searches `photos` by each strategy, with photos of the set itself (at `queries`), each left out of its own answer. Principal
/// components are fitted to `fitted`, places of photos that were trained on; to all where there are none.
pub fn strategies(
    photos: &[Scored],
    (queries, fitted): (&[usize], &[usize]),
    options: StrategyOptions,
) -> Result<Vec<StrategyRow>, TrainingError> {
    // A catalogue numbers items by rising id: so do all of these.
    let mut by_id: Vec<usize> = (0..photos.len()).collect();
    by_id.sort_by(|a, b| photos[*a].item.id.cmp(&photos[*b].item.id));
    let mut place = vec![0; photos.len()];
    by_id.iter().enumerate().for_each(|(new, &old)| place[old] = new);
    let sorted: Vec<&Scored> = by_id.iter().map(|&i| &photos[i]).collect();
    let step = queries.len().div_ceil(ASKED).max(1);
    let queries: Vec<usize> = queries.iter().step_by(step).map(|&q| place[q]).collect();
    let fitted: Vec<usize> = match fitted {
        [] => (0..photos.len()).collect(),
        some => some.iter().map(|&i| place[i]).collect(),
    };
    let bench = Bench { items: &sorted, queries: &queries };
    let vectors: Vec<Vectors> = sorted.iter().map(|s| s.vectors.clone()).collect();
    let dims = vectors.first().map(Vectors::dims).unwrap_or(Dims { deep: 0, colour: 0 });
    let truth: Vec<Vec<usize>> =
        queries.iter().map(|&q| scan(&vectors, &vectors[q], 0..vectors.len(), q)).collect();
    let numbers = |deep: usize| (4 * (deep + dims.colour)) as f64;
    let everything = 0..vectors.len();

    let exact: Search<'_> = Box::new(|query, own| Ok(scan(&vectors, query, everything.clone(), own)));
    let mut rows = vec![bench.row("exact", &truth, (numbers(dims.deep), 0.0), &exact)?];

    let to = options.pca.min(dims.deep).min(fitted.len().saturating_sub(1)).max(1);
    let deep: Vec<&[f32]> = fitted.iter().map(|&i| vectors[i].deep()).collect();
    let pca = Pca::fit(&deep, to)?;
    let project = |v: &Vectors| Vectors::new(pca.apply(v.deep()), v.colour().to_vec());
    let projected: Vec<Vectors> = vectors.iter().map(project).collect::<Result<_, _>>()?;
    let reduced: Search<'_> =
        Box::new(|query, own| Ok(scan(&projected, &project(query)?, everything.clone(), own)));
    rows.push(bench.row(&format!("PCA {to}, exact"), &truth, (numbers(to), 0.0), &reduced)?);

    let wanted = if options.cells == 0 { (vectors.len() as f64).sqrt() as usize } else { options.cells };
    let flat: Vec<f32> = vectors.iter().flat_map(joined).collect();
    let cells = Cells::fit(&flat, dims.deep + dims.colour, wanted, options.seed);
    let (all, probes) = (cells.len(), options.probes.clamp(1, cells.len().max(1)));
    let inverted: Search<'_> = Box::new(|query, own| {
        let near = cells.nearest(&joined(query), probes);
        let members = near.iter().flat_map(|&cell| &cells.members[cell]).map(|&i| i as usize);
        Ok(scan(&vectors, query, members, own))
    });
    let held = numbers(dims.deep) * (1.0 + all as f64 / vectors.len().max(1) as f64) + 4.0;
    rows.push(bench.row(&format!("k-means cells, {probes} of {all}"), &truth, (held, 0.0), &inverted)?);

    let folder = tempfile::tempdir()
        .map_err(|e| TrainingError::Run { path: "a temporary folder".into(), reason: e.to_string() })?;
    let items: Vec<(Item, Vectors)> = sorted.iter().map(|s| ((*s.item).clone(), s.vectors.clone())).collect();
    catalogue::build(folder.path(), "compared", items, &BuildOptions::default(), &|_, _, _| ())?;
    let graph = LocalCatalogue::open(folder.path(), "compared")?;
    let n = graph.len().max(1) as f64;
    let footprint = graph.footprint();
    let bytes = ((footprint.codes + footprint.graph) as f64 / n, footprint.mapped as f64 / n);
    for (name, effort) in [("HNSW, as served", Effort::Usual), ("HNSW, ef 96", Effort::Ef(96))] {
        let walk: Search<'_> = Box::new(|query, own| {
            let ask = Query { vectors: query.clone(), weight: ColourWeight::DEFAULT };
            let filter = Filter { exclude: vec![sorted[own].item.id.clone()], ..Filter::default() };
            let found = graph.places(&ask, NEAREST, &filter, effort)?;
            Ok(found.into_iter().map(|(place, _)| place).collect())
        });
        rows.push(bench.row(name, &truth, bytes, &walk)?);
    }
    Ok(rows)
}

/// Deep and colour as one vector whose L2 is near the blend.
fn joined(vectors: &Vectors) -> Vec<f32> {
    let weight = ColourWeight::DEFAULT.get();
    vectors.deep().iter().copied().chain(vectors.colour().iter().map(|x| x * weight)).collect()
}

/// The nearest ten of some places, less the query's own.
fn scan(vectors: &[Vectors], query: &Vectors, places: impl Iterator<Item = usize>, own: usize) -> Vec<usize> {
    let from = |v: &Vectors| {
        let (a, b) = ((query.deep(), query.colour()), (v.deep(), v.colour()));
        distance(a, b, ColourWeight::DEFAULT).blend
    };
    let mut best: Vec<(f32, usize)> = Vec::with_capacity(NEAREST + 1);
    for place in places.filter(|place| *place != own) {
        let found = (from(&vectors[place]), place);
        if best.len() < NEAREST || best.last().is_some_and(|worst| found.0 < worst.0) {
            let at = best.partition_point(|other| *other <= found);
            best.insert(at, found);
            best.truncate(NEAREST);
        }
    }
    best.into_iter().map(|(_, place)| place).collect()
}

struct Bench<'a> {
    items: &'a [&'a Scored],
    queries: &'a [usize],
}

impl Bench<'_> {
    fn row(
        &self,
        name: &str,
        truth: &[Vec<usize>],
        (bytes, mapped): (f64, f64),
        search: &Search<'_>,
    ) -> Result<StrategyRow, TrainingError> {
        let (mut found, mut wanted, mut hits) = (0, 0, 0);
        let mut times = Vec::with_capacity(self.queries.len());
        // What is searched first finds cold caches.
        for &query in self.queries.iter().take(20) {
            search(&self.items[query].vectors, query)?;
        }
        for (&query, truth) in self.queries.iter().zip(truth) {
            let started = Instant::now();
            let answer = search(&self.items[query].vectors, query)?;
            times.push(started.elapsed().as_secs_f64() * 1e6);
            let truth: HashSet<usize> = truth.iter().copied().collect();
            found += answer.iter().filter(|place| truth.contains(place)).count();
            wanted += truth.len();
            hits += usize::from(answer.iter().any(|place| self.right(query, *place)));
        }
        times.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| times.get((times.len() as f64 * share) as usize).copied().unwrap_or(0.0);
        Ok(StrategyRow {
            strategy: name.to_owned(),
            recall_at_10: if wanted == 0 { 1.0 } else { found as f64 / wanted as f64 },
            hit_at_10: hits as f64 / self.queries.len().max(1) as f64,
            microseconds: at(0.5),
            microseconds_p95: at(0.95),
            bytes_per_item: bytes,
            mapped_bytes_per_item: mapped,
        })
    }

    fn right(&self, query: usize, answer: usize) -> bool {
        let (a, b) = (&self.items[query].item, &self.items[answer].item);
        match (&a.product, &b.product) {
            (Some(a), Some(b)) => a == b,
            _ => a.category == b.category,
        }
    }
}

/// The rows as a table.
pub fn strategies_table(rows: &[StrategyRow], (items, queries): (usize, usize), network: &str) -> Table {
    let headings = ["strategy", "recall@10", "hit@10", "median", "95 %", "bytes/item", "mapped/item"];
    let time = |us: f64| if us < 1000.0 { format!("{us:.0} µs") } else { format!("{:.2} ms", us / 1000.0) };
    let row = |row: &StrategyRow| {
        vec![
            Cell::text(&row.strategy),
            Cell::share(Some(row.recall_at_10)),
            Cell::share(Some(row.hit_at_10)),
            Cell::text(time(row.microseconds)),
            Cell::text(time(row.microseconds_p95)),
            Cell::text(count(row.bytes_per_item)),
            Cell::text(count(row.mapped_bytes_per_item)),
        ]
    };
    let asked = queries.div_ceil(queries.div_ceil(ASKED).max(1));
    Table {
        title: "Retrieval strategies".into(),
        headings: headings.map(String::from).to_vec(),
        rows: rows.iter().map(row).collect(),
        note: format!(
            "{items} items embedded by {network}, {asked} of them asked with, one thread. recall@10: of the exact nearest ten. hit@10: a right one among them."
        ),
    }
}
