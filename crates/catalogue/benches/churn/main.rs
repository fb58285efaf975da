//! Half of a catalogue replaced while it is searched, ours beside hnswlib: `make bench-churn`.
//!
//! A base of 139,709 items (the bundle of `make bench-bundle`), half of which go, drawn at random, while as many new ones come, in a
//! hundred rounds with searches in between; the same in the same order for both. Then queries a second and recall over rising
//! candidate lists, one thread each. Ours writes to the disk, a round a transaction, and its graphs of what came in are built by
//! threads of low priority beside it; hnswlib keeps everything in memory, marks deleted and lets new items take over the
//! places of deleted ones (`scripts/bench-churn-peer.py`). hnswlib knows no blend of two distances: it searches `[deep, w·colour]`
//! by L2 and is held against the exact answer to that, ours against the exact blend.
//!
//! `PEERS=none` leaves hnswlib out and writes nothing. `ITEMS=20000` takes so many of the items into a base of their own. Prints a table, writes `target/bench/churn.json`.
#![allow(missing_docs, clippy::print_stdout)]

#[path = "../index/curve.rs"]
mod curve;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use curve::{Curve, Point};
use lookalike_catalogue::{
    BuildOptions, Catalogue, Condition, Effort, LiveCatalogue, LiveOptions, LocalCatalogue, Query, View,
    Write, WriteKind, build,
};
use lookalike_items::{ColourWeight, Dims, Filter, Item, ItemId, Vectors};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

type Failed = Box<dyn std::error::Error + Send + Sync>;

const K: usize = 10;
const ROUNDS: usize = 100;
/// Searches between two rounds of writes.
const SEARCHES: usize = 20;
const QUERIES: usize = 1_000;
const RECALL: f64 = 0.95;
/// Candidate lists tried.
const LISTS: [usize; 12] = [10, 14, 20, 28, 40, 56, 72, 96, 128, 176, 256, 384];
/// The best of so many runs counts, for both.
const BEST_OF: usize = 3;

/// What came of one side.
#[derive(Serialize, Deserialize)]
struct Side {
    name: String,
    /// All rounds of writes and searches.
    churn_seconds: f64,
    /// Of that, the searches.
    search_seconds: f64,
    curve: Curve,
}

/// What happens to both sides.
struct Churn {
    dims: Dims,
    held: Vec<(Item, Vectors)>,
    /// Places among those held, in the order in which they go.
    gone: Vec<usize>,
    new: Vec<(Item, Vectors)>,
    queries: Vec<Query>,
}

fn main() -> Result<(), Failed> {
    // Cargo runs a benchmark in its package's folder; paths here are from the repository's root.
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))?;
    let bundle = Path::new("target/bench/full");
    let manifest: serde_json::Value = serde_json::from_slice(&fs::read(bundle.join("manifest.json"))?)?;
    let model = manifest["model_id"].as_str().ok_or("the bundle's manifest names no model")?;
    let mut base = LocalCatalogue::open(bundle, model)?;
    let items = std::env::var("ITEMS").map_or(Ok(base.len()), |n| n.parse())?;
    let churn = Churn::drawn(&base, items)?;
    let smaller = tempfile::tempdir()?;
    if items < base.len() {
        build(smaller.path(), model, churn.held.clone(), &BuildOptions::default(), &|_, _, _| ())?;
        base = LocalCatalogue::open(smaller.path(), model)?;
    }
    println!("{items} items of {}, {} of them replaced in {ROUNDS} rounds", churn.dims, churn.gone.len());
    let sides = ours(&base, &churn)?;
    if std::env::var("PEERS").is_ok_and(|peers| peers == "none") {
        return Ok(());
    }
    let peer = peer(&churn)?;
    let at = |side: &Side| side.curve.rate_at(RECALL).unwrap_or(f64::NAN);
    let mut report = Vec::new();
    for side in sides.iter().chain([&peer]) {
        let ratio = at(side) / at(&peer);
        println!(
            "{:<34} churn {:>7.1} s, of it searches {:>6.1} s; {:>8.0} searches/s at recall {RECALL}: {ratio:.2} × hnswlib",
            side.name,
            side.churn_seconds,
            side.search_seconds,
            at(side)
        );
        report.push(serde_json::json!({"side": side, "rate_at_recall": at(side), "ratio": ratio}));
    }
    fs::write("target/bench/churn.json", serde_json::to_string_pretty(&report)? + "\n")?;
    println!("written to target/bench/churn.json");
    Ok(())
}

impl Churn {
    fn drawn(base: &LocalCatalogue, items: usize) -> Result<Self, Failed> {
        let mut rng = ChaCha8Rng::seed_from_u64(50);
        let mut held = Vec::with_capacity(items);
        for entry in base.items().take(items) {
            let (item, vectors) = entry?;
            held.push((item, Vectors::stored(vectors)));
        }
        let mut gone: Vec<usize> = (0..held.len()).collect();
        gone.shuffle(&mut rng);
        gone.truncate(held.len() / 2);
        // Photos near those of the base, as a shop's new stock is.
        let mut near = || -> Result<Vectors, Failed> {
            let (_, vectors) = &held[rng.random_range(0..held.len())];
            let mut shaken = |numbers: &[f32], by: f32| -> Vec<f32> {
                numbers.iter().map(|x| x + rng.random_range(-by..by)).collect()
            };
            let (deep, colour) = (shaken(vectors.deep(), 0.03), shaken(vectors.colour(), 0.02));
            Ok(Vectors::new(deep, colour)?)
        };
        let named = |n| Ok::<_, Failed>(Item::new(ItemId::parse(&format!("new-{n:06}"))?, "new"));
        let new = (0..gone.len()).map(|n| Ok((named(n)?, near()?))).collect::<Result<_, Failed>>()?;
        let weight = ColourWeight::DEFAULT;
        let queries =
            (0..QUERIES).map(|_| Ok(Query { vectors: near()?, weight })).collect::<Result<_, Failed>>()?;
        Ok(Self { dims: base.dims(), held, gone, new, queries })
    }

    /// The parts of the churn: which go and which come in each round.
    fn rounds(&self) -> impl Iterator<Item = std::ops::Range<usize>> {
        let all = self.gone.len();
        (0..ROUNDS).map(move |round| round * all / ROUNDS..(round + 1) * all / ROUNDS)
    }
}

/// Ours after the churn, and once more when it was compacted.
fn ours(base: &LocalCatalogue, churn: &Churn) -> Result<[Side; 2], Failed> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    // On a disk like the bundle's: a folder of the system's own may lie in memory.
    fs::create_dir_all("target/bench")?;
    let state = tempfile::tempdir_in("target/bench")?;
    let live = LiveCatalogue::open(state.path(), base.clone(), churn.dims, LiveOptions::default())?;
    let everything = Filter::default();
    let (started, mut searching) = (Instant::now(), Duration::ZERO);
    for (round, part) in churn.rounds().enumerate() {
        let mut writes = Vec::new();
        for n in part {
            let id = churn.held[churn.gone[n]].0.id.clone();
            writes.push(Write { id, kind: WriteKind::Delete, condition: Condition::Always });
            let (item, vectors) = churn.new[n].clone();
            let id = item.id.clone();
            writes.push(Write { id, kind: WriteKind::Put(item, vectors), condition: Condition::Always });
        }
        runtime.block_on(live.write(writes))?;
        let view = live.view();
        let asked = Instant::now();
        for n in 0..SEARCHES {
            let query = &churn.queries[(round * SEARCHES + n) % QUERIES];
            view.search(query, K, &everything, Effort::Usual)?;
        }
        searching += asked.elapsed();
    }
    let (churn_seconds, search_seconds) = (started.elapsed().as_secs_f64(), searching.as_secs_f64());
    // The last graph is being built beside.
    let started = Instant::now();
    while live.view().rows() > (live.view().in_segment() / 4).max(1_000) {
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(5));
    let view = live.view();
    println!(
        "   ours: settled in {:.0} s: {} items with a graph of their own, {} without, {} of the base hidden",
        started.elapsed().as_secs_f64(),
        view.in_segment(),
        view.rows(),
        view.hidden()
    );
    let after = curve(&view, churn)?;
    let started = Instant::now();
    runtime.block_on(live.compact(|_, _, _| ()))?;
    println!("   ours: compacted in {:.0} s", started.elapsed().as_secs_f64());
    let compacted = curve(&live.view(), churn)?;
    let side = |name: &str, curve| Side { name: name.into(), churn_seconds, search_seconds, curve };
    Ok([side("ours", after), side("ours, compacted after it", compacted)])
}

fn curve(view: &View, churn: &Churn) -> Result<Curve, Failed> {
    let everything = Filter::default();
    let mut limits = Vec::with_capacity(QUERIES);
    for query in &churn.queries {
        let exact = view.search(query, K, &everything, Effort::Exact)?;
        limits.push(exact.hits.last().map_or(0.0, |hit| hit.distance.blend));
    }
    let mut points = Vec::new();
    for ef in LISTS {
        let (mut rate, mut found) = (0.0f64, 0);
        for round in 0..BEST_OF {
            let started = Instant::now();
            for (query, limit) in churn.queries.iter().zip(&limits) {
                let hits = view.search(query, K, &everything, Effort::Ef(ef))?.hits;
                if round == 0 {
                    found += hits.iter().filter(|hit| hit.distance.blend <= limit * (1.0 + 1e-6)).count();
                }
            }
            rate = rate.max(QUERIES as f64 / started.elapsed().as_secs_f64());
        }
        let recall = found as f64 / (K * QUERIES) as f64;
        println!("   ours: ef {ef:>4}  recall {recall:.4}  {rate:>8.0} q/s");
        points.push(Point { ef, recall, rate });
        if recall > 0.999 {
            break;
        }
    }
    Ok(Curve(points))
}

/// hnswlib, in a process of its own.
fn peer(churn: &Churn) -> Result<Side, Failed> {
    let folder = tempfile::tempdir_in("target/bench")?;
    let weight = ColourWeight::DEFAULT.get();
    // Its fastest loops want a multiple of 16.
    let narrow = churn.dims.deep + churn.dims.colour;
    let width = narrow.next_multiple_of(16);
    let row = |vectors: &Vectors| -> Vec<f32> {
        let colour = vectors.colour().iter().map(|x| x * weight);
        vectors.deep().iter().copied().chain(colour).chain(std::iter::repeat_n(0.0, width - narrow)).collect()
    };
    let write = |name: &str, rows: Vec<f32>| fs::write(folder.path().join(name), bytes(rows));
    write("rows.f32", churn.held.iter().flat_map(|(_, vectors)| row(vectors)).collect())?;
    write("new.f32", churn.new.iter().flat_map(|(_, vectors)| row(vectors)).collect())?;
    write("queries.f32", churn.queries.iter().flat_map(|query| row(&query.vectors)).collect())?;
    let gone: Vec<u8> = churn.gone.iter().flat_map(|&n| (n as u32).to_le_bytes()).collect();
    fs::write(folder.path().join("gone.u32"), gone)?;
    let python = std::env::var("BENCH_PYTHON").unwrap_or_else(|_| "target/bench/venv/bin/python".into());
    let mut command = Command::new(&python);
    command.arg("scripts/bench-churn-peer.py").arg(folder.path());
    command.args([width, ROUNDS, SEARCHES].map(|n| n.to_string())).stderr(Stdio::inherit());
    let output = command.output().map_err(|e| format!("{python}: {e}; `make bench-churn` installs it"))?;
    if !output.status.success() {
        return Err(format!("hnswlib failed: {}", output.status).into());
    }
    let side: Side =
        serde_json::from_str(String::from_utf8(output.stdout)?.lines().last().unwrap_or_default())?;
    for point in &side.curve.0 {
        println!("   hnswlib: ef {:>4}  recall {:.4}  {:>8.0} q/s", point.ef, point.recall, point.rate);
    }
    Ok(side)
}

fn bytes(numbers: Vec<f32>) -> Vec<u8> {
    numbers.into_iter().flat_map(f32::to_le_bytes).collect()
}
