//! The bundle that `make bench-serve` and `make bench-model` run: ResNet-50 at full width, 224 pixels, 512 + 30 numbers, with
//! 139,709 made-up vectors for a catalogue. Its weights are random: how good it is is not its matter.
//!
//! Without arguments it makes `target/bench/full`, in every precision that is right on this machine. `make`, `batcher` and
//! `load` are the parts of `scripts/gpu-check.sh`, one program to carry: a bundle elsewhere, photos through the server's own
//! batcher, clients for a server that runs.
#![allow(missing_docs, clippy::print_stdout)]

mod batcher;
mod clients;
// The open loops are those of `make bench-serve` alone.
#[allow(dead_code)]
#[path = "../../../../benches/serve/load.rs"]
mod load;
mod make;

use std::{path::Path, process::ExitCode};

use clap::{Parser, Subcommand};
use lookalike_model::Precision;

pub type Failed = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    work: Option<Work>,
    /// `cargo bench` says so to every benchmark.
    #[arg(long, global = true, hide = true)]
    bench: bool,
}

#[derive(Subcommand)]
enum Work {
    /// Makes a bundle, unless it is there and whole.
    Make(make::Options),
    /// Photos a second through the server's own batcher; a JSON line for each precision and size of batch.
    Batcher(batcher::Options),
    /// Clients for a server that runs, each with one photo under way; a JSON line for each number of them.
    Load(clients::Options),
}

fn main() -> ExitCode {
    // Cargo runs a benchmark in its package's folder; paths here are from the repository's root, or from where it was carried.
    let _ = std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let done = match Cli::parse().work {
        None => make::run(&make::Options::full(Path::new("target/bench/full"), Precision::right_here())),
        Some(Work::Make(options)) => make::run(&options),
        Some(Work::Batcher(options)) => batcher::run(&options),
        Some(Work::Load(options)) => clients::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}
