//! `index` and `merge`: photos → embeddings → catalogue, on one machine or on many.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use clap::Args;
use lookalike_catalogue as catalogue;
use lookalike_catalogue::{Audit, BuildOptions, LocalCatalogue, Stage};
use lookalike_items::{Item, Vectors};
use lookalike_model::{Bundle, DeviceChoice, Embedded, Model};
use lookalike_trainer::{
    dataset::{Dataset, Layout, Record},
    extraction::{self, Done, Extraction, Shard, extract},
    progress::Bar,
};

use crate::commands::{
    data::{OneSet, Reading},
    elsewhere::Elsewhere,
};

/// How many items an audit asks with.
const AUDITED: usize = 500;
/// Where `index` keeps its embeddings until the catalogue stands.
const WORK: &str = ".index";

/// `index`
#[derive(Args)]
pub struct Index {
    /// The bundle that gets the catalogue.
    #[arg(long)]
    bundle: PathBuf,
    /// The folder with the photos.
    #[arg(long, required_unless_present_any = ["empty", "catalogue"])]
    data: Option<PathBuf>,
    /// How it says what is what; must be said where both fit.
    #[arg(long, value_enum)]
    layout: Option<Layout>,
    #[command(flatten)]
    reading: Reading,
    /// No photos: a catalogue of no items, for a server into which all of them come online.
    #[arg(long, conflicts_with_all = ["data", "layout", "shard", "exact_audit"])]
    empty: bool,
    /// auto, cpu, cuda:0, …
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Embeds this part of the photos alone, e.g. 3/16, into --shards; `merge` makes the catalogue of all parts.
    #[arg(long, requires = "shards", conflicts_with_all = ["m", "ef_construction", "exact_audit"])]
    shard: Option<Shard>,
    /// The folder for --shard: one for all of them, or one a machine.
    #[arg(long, value_name = "DIR", requires = "shard")]
    shards: Option<PathBuf>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    #[command(flatten)]
    graph: Graph,
}

/// `merge`
#[derive(Args)]
pub struct Merge {
    /// The bundle that gets the catalogue, the same that the shards were made with.
    #[arg(long)]
    bundle: PathBuf,
    /// A folder with shards; may be said several times.
    #[arg(long, value_name = "DIR", required = true)]
    shards: Vec<PathBuf>,
    #[command(flatten)]
    elsewhere: Elsewhere,
    #[command(flatten)]
    graph: Graph,
}

/// How the graph is built.
#[derive(Args)]
struct Graph {
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
    /// What was embedded is on the disk: killed and run again, it goes on.
    pub fn run(self) -> Result<()> {
        let bundle = Bundle::open(&self.bundle)?;
        let Some(data) = self.data else {
            return match (self.elsewhere.is_named(), self.empty) {
                (true, true) => self.elsewhere.load(&bundle, Vec::new()),
                (true, false) => self.elsewhere.copy(&bundle),
                (false, _) => make(&bundle, Vec::new(), &self.graph),
            };
        };
        let model = bundle.load_model(self.device.open()?)?;
        let set = OneSet { data, layout: self.layout, reading: self.reading };
        let (records, set) = set.open()?.into_records();
        let with = (bundle.manifest().trained_on_boxes, cores(self.graph.threads));
        let extraction = Extraction::new(&model, &set, records, with);
        let model_id = &bundle.manifest().model_id;
        if let (Some(shard), Some(folder)) = (self.shard, &self.shards) {
            return embed(&extraction, shard, model_id, folder);
        }
        let work = self.bundle.join(WORK);
        embed(&extraction, Shard::WHOLE, model_id, &work)?;
        drop(extraction);
        drop(model); // its memory is the graph's now
        build(&bundle, std::slice::from_ref(&work), &self.elsewhere, &self.graph)?;
        fs::remove_dir_all(&work).with_context(|| work.display().to_string())
    }
}

impl Merge {
    pub fn run(self) -> Result<()> {
        build(&Bundle::open(&self.bundle)?, &self.shards, &self.elsewhere, &self.graph)
    }
}

/// Threads asked for, or one a core.
fn cores(threads: usize) -> usize {
    match threads {
        0 => std::thread::available_parallelism().map_or(2, usize::from),
        n => n,
    }
}

fn embed(extraction: &Extraction<'_>, shard: Shard, model_id: &str, folder: &Path) -> Result<()> {
    let name = if shard == Shard::WHOLE { "embedding".into() } else { format!("shard {shard}") };
    let (bar, started) = (Bar::new(&name, 0), std::time::Instant::now());
    let done = extraction.shard(shard, model_id, folder, &|done, all| bar.set(done, all))?;
    let Done { resumed, skipped, waited, .. } = done;
    let took = started.elapsed().as_secs_f64();
    let share = 100.0 * waited.as_secs_f64() / took.max(1e-9);
    let earlier = if resumed > 0 { format!(", {resumed} of them by an earlier run") } else { String::new() };
    bar.finish_with(format!("{took:.1} s, the model waited for photos {share:.1} % of it{earlier}"));
    if skipped > 0 {
        tracing::warn!(skipped, "photos were skipped; they are named when the catalogue is built");
    }
    Ok(())
}

/// Shards → catalogue, here or elsewhere.
fn build(bundle: &Bundle, shards: &[PathBuf], elsewhere: &Elsewhere, graph: &Graph) -> Result<()> {
    let merged = extraction::merge(shards, &bundle.manifest().model_id)?;
    name_skipped(&merged.skipped);
    match elsewhere.is_named() {
        true => elsewhere.load(bundle, merged.items),
        false => make(bundle, merged.items, graph),
    }
}

/// Items → catalogue.
fn make(bundle: &Bundle, items: Vec<(Item, Vectors)>, graph: &Graph) -> Result<()> {
    let model_id = &bundle.manifest().model_id;
    let options = BuildOptions {
        m: graph.m,
        ef_construction: graph.ef_construction,
        threads: graph.threads,
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
    let made = catalogue::build(bundle.dir(), model_id, items, &options, &progress)?;
    bar.finish();
    let opened = LocalCatalogue::open(bundle.dir(), model_id)?;
    lookalike_common::say!(
        "generation {}: {} items, {} orphans repaired, built in {:.1} s",
        made.generation,
        opened.manifest().count,
        made.orphans_repaired,
        made.build_seconds
    );
    if graph.exact_audit {
        print_audit(&opened.audit(AUDITED)?, made.build_seconds)?;
    }
    Ok(())
}

fn print_audit(audit: &Audit, build_seconds: f64) -> io::Result<()> {
    writeln!(io::stdout(), "{audit}\nbuilt in {build_seconds:.1} s")
}

/// Embeds these records with a bar, and names the photos that could not be used.
pub fn embed_records(
    model: &Model,
    set: &Dataset,
    records: Vec<Record>,
    boxes: bool,
) -> Result<Vec<(Record, Embedded)>> {
    let bar = Bar::new("embedding", records.len() as u64);
    let extracted = extract(model, set, records, (boxes, cores(0)), |done| bar.advance(done))?;
    bar.finish();
    name_skipped(&extracted.skipped);
    Ok(extracted.embedded)
}

fn name_skipped(skipped: &[String]) {
    for reason in skipped.iter().take(20) {
        tracing::warn!("skipped {reason}");
    }
    if !skipped.is_empty() {
        tracing::warn!(skipped = skipped.len(), "photos were skipped");
    }
}
