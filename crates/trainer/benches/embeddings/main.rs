//! Embeds a large sample catalogue with the shipped slim network, for `make bench-index`: drawn in memory, photo by
//! photo, never written as photos.
//!
//! `target/bench/embeddings/{items,queries}.f32` are rows of `[deep | colour]`, little-endian f32, in the order of
//! [`Plan`]. Takes a while (about a photo a hundredth of a second and core), goes on where it was stopped, and does
//! nothing where the files are complete.
#![allow(missing_docs, clippy::print_stdout)]

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::Path,
    time::Instant,
};

use lookalike_model::{Bundle, Model};
use lookalike_photo::{Photo, Pixels};
use lookalike_sample_shop as sample;
use lookalike_sample_shop::SampleSpec;
use lookalike_trainer::{
    dataset::ordered,
    export::{self, ExportOptions},
};

/// The shop whose photos are embedded. Its queries are one more view of some of its products.
const PRODUCTS: u32 = 17_464;
const VIEWS: u32 = 8;
const ITEMS: u64 = 139_709;
const QUERIES: u64 = 1_000;
const SEED: u64 = 2019;

const BATCH: u64 = 16;
const FOLDER: &str = "target/bench/embeddings";

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() {
    // Cargo runs a benchmark in its package's folder; paths here are from the repository's root, or from where it was carried.
    let _ = std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    if let Err(e) = run() {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), Failed> {
    fs::create_dir_all(FOLDER)?;
    let bundle = Path::new(FOLDER).join("bundle");
    let bundle = match Bundle::open(&bundle) {
        Ok(bundle) => bundle,
        Err(_) => {
            let _ = fs::remove_dir_all(&bundle);
            export::export(Path::new("weights/demo"), &bundle, &ExportOptions::default(), &|_| ())?
        }
    };
    let spec = SampleSpec::new(PRODUCTS, VIEWS, SEED)?;
    let photo = |i: u64| ((i / u64::from(VIEWS)) as u32, (i % u64::from(VIEWS)) as u32);
    let query = |i: u64| ((i * u64::from(PRODUCTS) / QUERIES) as u32, VIEWS);
    embed(&bundle, "queries.f32", QUERIES, &spec, query)?;
    embed(&bundle, "items.f32", ITEMS, &spec, photo)
}

/// Appends to the file whatever it lacks of `count` rows.
fn embed(
    bundle: &Bundle,
    name: &str,
    count: u64,
    spec: &SampleSpec,
    which: impl Fn(u64) -> (u32, u32),
) -> Result<(), Failed> {
    let path = Path::new(FOLDER).join(name);
    let dims = bundle.manifest().dims;
    let row = 4 * (dims.deep + dims.colour) as u64;
    let mut file: File = OpenOptions::new().create(true).append(true).open(&path)?;
    let standing = file.metadata()?.len() / row;
    file.set_len(standing.min(count) * row)?;
    if standing >= count {
        println!("{}: {count} embeddings, complete", path.display());
        return Ok(());
    }
    let model = bundle.load_model(tch::Device::Cpu)?;
    let jobs: Vec<Vec<(u32, u32)>> = (standing..count)
        .step_by(BATCH as usize)
        .map(|start| (start..count.min(start + BATCH)).map(&which).collect())
        .collect();
    let (rule, spec) = (model.preprocessing().clone(), *spec);
    let prepare = move |views: Vec<(u32, u32)>| -> Vec<Option<Pixels>> {
        let draw = |(product, view)| Photo::from_rgb(sample::draw(&spec, product, view).image);
        views.into_iter().map(|view| draw(view).map(|photo| rule.apply(&photo))).collect()
    };
    let (started, mut done) = (Instant::now(), standing);
    for pixels in ordered(jobs, std::thread::available_parallelism()?.get(), prepare) {
        done += append(&mut file, &model, pixels)?;
        if done % 4096 < BATCH {
            let seconds = started.elapsed().as_secs_f64();
            let left = seconds / (done - standing) as f64 * (count - done) as f64;
            println!("{}: {done} of {count}, {seconds:.0} s, {left:.0} s left", path.display());
        }
    }
    file.sync_all()?;
    Ok(())
}

/// Embeds a batch and writes it in one piece; how many rows it had.
fn append(file: &mut File, model: &Model, pixels: Vec<Option<Pixels>>) -> Result<u64, Failed> {
    let pixels: Vec<Pixels> =
        pixels.into_iter().collect::<Option<_>>().ok_or("a photo of no size was drawn")?;
    let mut bytes = Vec::new();
    for embedded in model.embed(&pixels)? {
        let vectors = embedded?.vectors;
        let numbers = vectors.deep().iter().chain(vectors.colour());
        numbers.for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
    }
    file.write_all(&bytes)?;
    Ok(pixels.len() as u64)
}
