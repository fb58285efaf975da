//! The catalogue's search beside what people would pick instead, in one run: `make bench-index`.
//!
//! Two sets of 139,709 vectors: clustered made-up ones, 512 numbers each, at `w` 0 (what the peers can do too), and
//! embeddings of a sample catalogue by the shipped network, 512 + 30 numbers, at our own blend. Peers (hnswlib, faiss's
//! HNSW over 8-bit codes; `PEERS=all` adds faiss flat and usearch) run from `scripts/bench-index-peers.py`, each in a
//! process of its own. Prints tables, writes `target/bench/index.json`.
//!
//! `ITEMS=20000` takes fewer, `SETS=clustered` one set, `PEERS=none` no peers.
#![allow(missing_docs, clippy::print_stdout)]

mod curve;
mod failure;
mod ours;
mod peers;
mod report;
mod sets;

use std::{fs, path::Path};

use failure::Failed;

/// How many neighbours are asked for.
pub const K: usize = 10;

fn main() {
    // Cargo runs a benchmark in its package's folder; paths here are from the repository's root.
    let _ = std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let done = match std::env::args().nth(1).as_deref() {
        Some("footprint") => ours::footprint(),
        _ => run(),
    };
    if let Err(e) = done {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Failed> {
    let setting = |name: &str, usual: &str| std::env::var(name).unwrap_or_else(|_| usual.into());
    let items = setting("ITEMS", "139709").parse()?;
    let peers = peers::named(&setting("PEERS", "hnswlib,faiss-sq8"))?;
    let folder = Path::new("target/bench/index");
    fs::create_dir_all(folder)?;
    let mut results = Vec::new();
    for name in setting("SETS", "clustered,sample").split(',') {
        let set = sets::Set::of(name, items, folder)?;
        println!("── {name}: {} × {}, w {}", set.count(), set.dims, set.weight.get());
        let mut ours = ours::Ours::build(&set, folder)?;
        ours.measure(&set)?;
        let peers = peers.iter().map(|peer| peer.measure(&set, folder)).collect::<Result<Vec<_>, _>>()?;
        // Once more: whatever else the machine did meanwhile, it did to both.
        ours.measure(&set)?;
        ours.filters(&set)?;
        ours.ranges(&set)?;
        ours.facets()?;
        ours.threads(&set)?;
        results.push(report::SetReport::of(&set, ours, peers));
        report::write(Path::new("target/bench/index.json"), &results)?;
    }
    Ok(())
}
