//! The graph's walk beside the exact scan, in one run on one thread: `cargo bench --bench search`.
//!
//! Clustered made-up vectors (512 deep + 30 colour numbers), 20,000 of them or as many as `ITEMS` says. Prints a table
//! and writes `target/bench/search.json`, whose `ratios` are walk ÷ scan in queries a second.
#![allow(missing_docs, clippy::print_stdout)]

use std::{fs, path::Path, time::Instant};

use lookalike::catalogue::{
    self, BuildOptions, ColourWeight, Effort, Filter, Item, ItemId, LocalCatalogue, Query, Vectors,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;

const CENTRES: usize = 200;
const QUERIES: usize = 200;
const K: usize = 10;

fn main() {
    if let Err(e) = run() {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let items: usize = std::env::var("ITEMS").ok().map_or(Ok(20_000), |n| n.parse())?;
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let centres: Vec<Vec<f32>> = (0..CENTRES).map(|_| normal(&mut rng, 512)).collect();
    let mut draw = || -> Result<Vectors, Box<dyn std::error::Error>> {
        let centre = &centres[rng.random_range(0..CENTRES)];
        let deep = normal(&mut rng, 512).iter().zip(centre).map(|(x, c)| c + 0.7 * x).collect();
        Ok(Vectors::new(deep, (0..30).map(|_| rng.random_range(0.0..1.0)).collect())?)
    };
    let mut set = Vec::new();
    for i in 0..items {
        let (id, image) = (ItemId::parse(&format!("item-{i}"))?, format!("{i}.jpg"));
        let item =
            Item { id, product: None, category: "made up".into(), image, attributes: Default::default() };
        set.push((item, draw()?));
    }
    let queries: Vec<Query> = (0..QUERIES)
        .map(|_| Ok(Query { vectors: draw()?, weight: ColourWeight::DEFAULT }))
        .collect::<Result<_, Box<dyn std::error::Error>>>()?;
    let dir = Path::new("target/bench/search");
    fs::create_dir_all(dir)?;
    let made = catalogue::build(dir, "bench", set, &BuildOptions::default(), &|_, _, _| ())?;
    let catalogue = LocalCatalogue::open(dir, "bench")?;

    let rate = |effort: Effort| -> Result<f64, Box<dyn std::error::Error>> {
        let started = Instant::now();
        for query in &queries {
            catalogue.search(query, K, &Filter::default(), effort)?;
        }
        Ok(QUERIES as f64 / started.elapsed().as_secs_f64())
    };
    rate(Effort::Ef(32))?; // the file's pages come in
    let scan = rate(Effort::Exact)?;
    println!(
        "{items} items, 512 + 30 numbers, k {K}, one thread; graph built in {:.1} s",
        made.build_seconds
    );
    println!("{:<12} {:>10} {:>12} {:>8}", "", "queries/s", "ann_recall", "ratio");
    println!("{:<12} {scan:>10.0} {:>12} {:>8}", "exact scan", "1.0000", "1.0");
    let (mut rows, mut ratios) = (Vec::new(), serde_json::Map::new());
    for ef in [16, 32, 64, 96, 128, 256] {
        let (rate, recall) = (rate(Effort::Ef(ef))?, catalogue.ann_recall(&queries, K, Effort::Ef(ef))?);
        println!("{:<12} {rate:>10.0} {recall:>12.4} {:>8.1}", format!("walk ef {ef}"), rate / scan);
        rows.push(json!({ "ef": ef, "queries_per_second": rate, "ann_recall_at_10": recall }));
        ratios.insert(format!("exact_scan@ef{ef}"), json!(rate / scan));
    }
    let report =
        json!({ "items": items, "exact_scan_queries_per_second": scan, "walk": rows, "ratios": ratios });
    fs::write("target/bench/search.json", serde_json::to_string_pretty(&report)? + "\n")?;
    println!("written to target/bench/search.json");
    Ok(())
}

/// Sums of uniform draws: near enough to normal.
fn normal(rng: &mut ChaCha8Rng, n: usize) -> Vec<f32> {
    (0..n).map(|_| (0..4).map(|_| rng.random_range(-1.0f32..1.0)).sum()).collect()
}
