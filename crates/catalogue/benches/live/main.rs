//! What changes online cost a search: a base of 139,709 items alone, and the same with 20,000 items that came in, a tenth of all
//! deleted, and 10,000 patched. One thread asks; the sides take turns, so that the machine's moods meet them alike.
//!
//! `make bench-live`. The base is the bundle of `make bench-bundle`.
#![allow(missing_docs, clippy::print_stdout)]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use lookalike_catalogue::{
    Condition, Effort, LiveCatalogue, LiveOptions, LocalCatalogue, Query, View, Write, WriteKind,
};
use lookalike_items::{ColourWeight, Filter, Item, ItemId, ItemPatch, Vectors};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

type Failed = Box<dyn std::error::Error + Send + Sync>;

const NEW: usize = 20_000;
const PATCHED: usize = 10_000;
const QUERIES: usize = 500;
const ROUNDS: usize = 40;

fn main() -> Result<(), Failed> {
    // Cargo runs a benchmark in its package's folder; paths here are from the repository's root.
    std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))?;
    let bundle = Path::new("target/bench/full");
    let manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(bundle.join("manifest.json"))?)?;
    let model = manifest["model_id"].as_str().ok_or("the bundle's manifest names no model")?;
    let base = LocalCatalogue::open(bundle, model)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let (state, other) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let dims = lookalike_catalogue::Catalogue::dims(&base);
    let live = LiveCatalogue::open(state.path(), base.clone(), dims, LiveOptions::default())?;
    let patched = LiveCatalogue::open(other.path(), base.clone(), dims, LiveOptions::default())?;

    // Photos near those of the base, as a shop's new stock is.
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let mut held = Vec::new();
    for entry in base.items() {
        let (item, (deep, colour)) = entry?;
        held.push((item.id, deep.to_vec(), colour.to_vec()));
    }
    let mut near = || -> Result<Vectors, Failed> {
        let (_, deep, colour) = &held[rng.random_range(0..held.len())];
        let mut shaken = |numbers: &[f32], by: f32| -> Vec<f32> {
            numbers.iter().map(|x| x + rng.random_range(-by..by)).collect()
        };
        Ok(Vectors::new(shaken(deep, 0.03), shaken(colour, 0.02))?)
    };
    let write = |id: &ItemId, kind| Write { id: id.clone(), kind, condition: Condition::Always };
    let new = |n: usize| ItemId::parse(&format!("new-{n:06}"));

    let started = Instant::now();
    for from in (0..NEW).step_by(500) {
        let puts = (from..from + 500).map(|n| {
            let item = Item::new(new(n)?, "new");
            Ok(write(&item.id.clone(), WriteKind::Put(item, near()?)))
        });
        runtime.block_on(live.write(puts.collect::<Result<_, Failed>>()?))?;
    }
    println!("{NEW} items put in {:.1} s, 500 a transaction", started.elapsed().as_secs_f64());
    // Drawn, not every tenth: neighbours by id are of one cluster after the other.
    let mut dice = ChaCha8Rng::seed_from_u64(10);
    let gone: Vec<ItemId> =
        held.iter().filter(|_| dice.random_bool(0.1)).map(|(id, ..)| id.clone()).collect();
    let new_gone = (0..NEW).filter(|_| dice.random_bool(0.1)).map(new).collect::<Result<Vec<_>, _>>()?;
    for ids in gone.chunks(1_000).chain(new_gone.chunks(1_000)) {
        runtime.block_on(live.write(ids.iter().map(|id| write(id, WriteKind::Delete)).collect()))?;
    }
    let patch = ItemPatch::parse(json!({"category": "patched"}))?;
    let started = Instant::now();
    let ids: Vec<ItemId> = held.iter().skip(3).step_by(13).take(PATCHED).map(|(id, ..)| id.clone()).collect();
    for ids in ids.chunks(1_000) {
        let patches = ids.iter().map(|id| write(id, WriteKind::Patch(patch.clone())));
        runtime.block_on(patched.write(patches.collect()))?;
    }
    println!("{:.0} patches a second, 1,000 a transaction", PATCHED as f64 / started.elapsed().as_secs_f64());
    // The last graph is being built beside.
    let settled = |view: Arc<View>| view.rows() <= (view.in_segment() / 4).max(1_000);
    while !settled(live.view()) {
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_secs(5));
    let view = live.view();
    println!(
        "{} items with a graph of their own, {} without, {} of the base hidden",
        view.in_segment(),
        view.rows(),
        view.hidden()
    );

    let weight = ColourWeight::DEFAULT;
    let queries =
        (0..QUERIES).map(|_| Ok(Query { vectors: near()?, weight })).collect::<Result<Vec<_>, Failed>>()?;
    let everything = Filter::default();
    let alone = |query: &Query, effort| base.search(query, 10, &everything, effort);
    let (view, patched) = (live.view(), patched.view());
    let living = |query: &Query, effort| view.search(query, 10, &everything, effort);
    let with_patches = |query: &Query, effort| patched.search(query, 10, &everything, effort);
    type Side<'a> = &'a dyn Fn(
        &Query,
        Effort,
    )
        -> Result<lookalike_catalogue::Nearest, lookalike_catalogue::CatalogueError>;
    let sides: [(&str, Side<'_>); 3] =
        [("the base alone", &alone), ("with what came in", &living), ("with patches", &with_patches)];
    let mut took = [const { Vec::new() }; 3];
    for round in 0..=ROUNDS {
        // In turn: each side finds in the caches what another one left.
        for i in (0..sides.len()).map(|i| (i + round) % sides.len()) {
            let side = sides[i].1;
            let started = Instant::now();
            for query in &queries {
                side(query, Effort::Usual)?;
            }
            // The first round warms up.
            if round > 0 {
                took[i].push(started.elapsed().as_secs_f64());
            }
        }
    }
    // Of each round by itself: what else the machine does meets all sides of a round alike.
    let median = |mut numbers: Vec<f64>| {
        numbers.sort_by(f64::total_cmp);
        numbers[numbers.len() / 2]
    };
    let [alone, ratios @ ..] = &took;
    let ratios = ratios.each_ref().map(|side| median(alone.iter().zip(side).map(|(a, b)| a / b).collect()));
    for ((name, side), took) in sides.iter().zip(&took) {
        let (mut hits, mut wanted) = (0, 0);
        for query in queries.iter().take(200) {
            let exact = side(query, Effort::Exact)?.hits;
            let found = side(query, Effort::Usual)?.hits;
            hits += found.iter().filter(|hit| exact.iter().any(|e| e.item.id == hit.item.id)).count();
            wanted += exact.len();
        }
        let rate = QUERIES as f64 / median(took.clone());
        println!("{name:<20} {rate:>8.0} searches/s   recall@10 {:.4}", hits as f64 / wanted as f64);
    }
    println!("with what came in: {:.2} × the base alone; with patches: {:.2} ×", ratios[0], ratios[1]);
    Ok(())
}
