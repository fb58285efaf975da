//! `index`: photos → embeddings → catalogue.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use lookalike::{
    bundle::Bundle,
    catalogue::{self, Audit, BuildOptions, Item, LocalCatalogue, Stage, Vectors},
    dataset::{Dataset, Record},
    embedder::{DeviceChoice, Embedded, Model},
    extraction::extract,
    progress::Bar,
};

use crate::data::OneSet;

/// How many items an audit asks with.
const AUDITED: usize = 500;

/// `index`
#[derive(Args)]
pub struct Index {
    /// The bundle that gets the catalogue.
    #[arg(long)]
    bundle: PathBuf,
    #[command(flatten)]
    set: OneSet,
    /// auto, cpu, cuda:0, …
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Neighbours of a point on the graph's upper levels; twice as many below.
    #[arg(long, default_value_t = BuildOptions::default().m)]
    m: usize,
    /// Candidates each photo considers for its neighbours.
    #[arg(long, default_value_t = BuildOptions::default().ef_construction)]
    ef_construction: usize,
    /// Threads that decode and build; 0 is one a core.
    #[arg(long, default_value_t = 0)]
    threads: usize,
    /// Hold the finished catalogue against the exact answer: print ann_recall, orphans, a histogram of neighbours, build
    /// time and bytes a vector.
    #[arg(long)]
    exact_audit: bool,
}

impl Index {
    pub fn run(self) -> Result<()> {
        let device = self.device.open()?;
        let bundle = Bundle::open(&self.bundle)?;
        let model = bundle.load_model(device)?;
        let set = self.set.open()?;
        let boxes = bundle.manifest().trained_on_boxes;
        let embedded = embed_records(&model, &set, set.records().to_vec(), boxes)?;
        let items: Vec<(Item, Vectors)> = embedded.into_iter().map(|(r, e)| (r.item, e.vectors)).collect();
        let options = BuildOptions {
            m: self.m,
            ef_construction: self.ef_construction,
            threads: self.threads,
            ..Default::default()
        };
        let bar = Bar::new("building graph", items.len() as u64);
        let progress = |stage: Stage, done: u64, total: u64| {
            // Every point goes in once and looks around itself twice.
            match stage {
                Stage::Graph => bar.set(done, 3 * total),
                Stage::Refine => bar.set(total / 2 + done, total / 2 * 3),
                Stage::Codes | Stage::Audit | Stage::Write => {}
            }
        };
        let model_id = &bundle.manifest().model_id;
        let made = catalogue::build(&self.bundle, model_id, items, &options, &progress)?;
        bar.finish();
        let opened = LocalCatalogue::open(&self.bundle, model_id)?;
        eprintln!(
            "generation {}: {} items, {} orphans repaired, built in {:.1} s",
            made.generation,
            opened.manifest().count,
            made.orphans_repaired,
            made.build_seconds
        );
        if self.exact_audit {
            print_audit(&opened.audit(AUDITED)?, made.build_seconds);
        }
        Ok(())
    }
}

#[allow(clippy::print_stdout)] // this is what the flag is for
fn print_audit(audit: &Audit, build_seconds: f64) {
    println!("{audit}\nbuilt in {build_seconds:.1} s");
}

/// Embeds these records with a bar, and names the photos that could not be used.
pub fn embed_records(
    model: &Model,
    set: &Dataset,
    records: Vec<Record>,
    boxes: bool,
) -> Result<Vec<(Record, Embedded)>> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let bar = Bar::new("embedding", records.len() as u64);
    let extracted = extract(model, set, records, (boxes, workers), |done| bar.advance(done))?;
    bar.finish();
    for reason in extracted.skipped.iter().take(20) {
        tracing::warn!("skipped {reason}");
    }
    if !extracted.skipped.is_empty() {
        tracing::warn!(skipped = extracted.skipped.len(), "photos were skipped");
    }
    Ok(extracted.embedded)
}
