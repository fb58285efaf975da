//! The bundle that `make bench-serve` and `make bench-model` run: ResNet-50 at full width, 224 pixels, 512 + 30 numbers, in
//! every precision, with 139,709 made-up vectors for a catalogue. Its weights are random: how good it is is not its matter.
//!
//! `target/bench/full` is made once; a bundle that is there and whole is left alone.
#![allow(missing_docs, clippy::print_stdout)]

use std::{fs, path::Path};

use lookalike_catalogue as catalogue;
use lookalike_catalogue::{BuildOptions, LocalCatalogue};
use lookalike_items::{Item, ItemId, Vectors};
use lookalike_model::{Bundle, Precision};
use lookalike_photo::Preprocessing;
use lookalike_sample_shop as sample;
use lookalike_sample_shop::SampleSpec;
use lookalike_trainer::{
    dataset::{Categories, Dataset, Layout},
    export::{self, ExportOptions},
    network::{self, Architecture, Backbone, Storage},
    training::{RunConfig, RunFolder, TrainOptions},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const ITEMS: usize = 139_709;
/// Items of a category of their own, far apart: what a narrow filter finds.
const RARE: [usize; 3] = [7, 70_000, 139_700];
const CLUSTERS: usize = 1_400;
const DEEP: u32 = 512;
const COLOUR: usize = 30;
const SIZE: u32 = 224;
const FOLDER: &str = "target/bench";

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
    let out = Path::new(FOLDER).join("full");
    if let Ok(bundle) = Bundle::open(&out)
        && bundle.precisions() == Precision::right_here()
        && LocalCatalogue::open(&out, &bundle.manifest().model_id).is_ok()
    {
        println!("{}: complete", out.display());
        return Ok(());
    }
    let _ = fs::remove_dir_all(&out);
    let bundle = export(&out)?;
    println!("{}: {}, in {:?}", out.display(), bundle.manifest().architecture, bundle.precisions());
    let started = std::time::Instant::now();
    let options = BuildOptions::default();
    catalogue::build(&out, &bundle.manifest().model_id, items()?, &options, &|_, _, _| ())?;
    println!("{}: {ITEMS} items, {:.0} s", out.display(), started.elapsed().as_secs_f64());
    Ok(())
}

/// A run whose weights were never trained, exported; drawn photos calibrate it.
fn export(out: &Path) -> Result<Bundle, Failed> {
    let (run, photos) = (Path::new(FOLDER).join("full-run"), Path::new(FOLDER).join("full-photos"));
    let _ = fs::remove_dir_all(&run);
    let spec = SampleSpec::new(60, 4, 5)?;
    sample::write(&spec, &photos, &|_| ())?;
    let set = Dataset::open(&photos, Some(Layout::Deepfashion), Categories::UpperBody, 0)?;
    let categories = set.categories().to_vec();
    let architecture = Architecture {
        backbone: Backbone::Resnet50,
        width: 64,
        embedding: DEEP,
        categories: categories.len() as u32,
        pooling: Default::default(),
    };
    tch::manual_seed(0);
    let (vs, _network) = network::build(&architecture, tch::Device::Cpu)?;
    let preprocessing = Preprocessing::imagenet(SIZE)?;
    // What training was asked for does not matter to an export; the shipped run says something that is valid.
    let shipped = RunFolder::open(Path::new("weights/demo"))?.1;
    let options = TrainOptions { checkpoints: Storage::F32, ..shipped.options };
    let config = RunConfig {
        architecture,
        preprocessing,
        categories,
        options,
        data: Vec::new(),
        photos: String::new(),
    };
    RunFolder::create(&run, &config)?.checkpoint(&vs, &config, true)?;
    let precisions = Precision::right_here();
    let options = ExportOptions { photos: &[set], precisions, allow_drift: true, pca: None };
    Ok(export::export(&run, out, &options, &|precision| println!("exporting {precision}"))?)
}

/// Clustered embeddings and colours.
fn items() -> Result<Vec<(Item, Vectors)>, Failed> {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random_range(-1.0f32..1.0)).collect() };
    let centres: Vec<Vec<f32>> = (0..CLUSTERS).map(|_| draw(DEEP as usize)).collect();
    let one = |i: usize| -> Result<_, Failed> {
        let around = draw(DEEP as usize);
        let deep: Vec<f32> = centres[i % CLUSTERS].iter().zip(around).map(|(c, a)| c + 0.5 * a).collect();
        let colour = draw(COLOUR).iter().map(|x| x.abs()).collect();
        let item = Item {
            id: ItemId::parse(&format!("item-{i:06}"))?,
            product: Some(format!("p{}", i / 8)),
            category: if RARE.contains(&i) { "rare".into() } else { format!("category-{}", i % 20) },
            image: format!("img/item-{i:06}.jpg"),
            attributes: Default::default(),
        };
        Ok((item, Vectors::new(deep, colour)?))
    };
    (0..ITEMS).map(one).collect()
}
