//! Makes the bundle: random weights, exported; made-up vectors, indexed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;
use lookalike_catalogue::{self as catalogue, BuildOptions, LocalCatalogue};
use lookalike_items::{Item, ItemId, Vectors};
use lookalike_model::{Bundle, Precision};
use lookalike_photo::Preprocessing;
use lookalike_sample_shop::{self as sample, SampleSpec};
use lookalike_trainer::{
    dataset::{Categories, Dataset, Layout},
    export::{self, ExportOptions},
    network::{self, Architecture, Backbone, Storage},
    training::{RunConfig, RunFolder, TrainOptions},
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::Failed;

const ITEMS: usize = 139_709;
/// Items of a category of their own, far apart: what a narrow filter finds.
const RARE: [usize; 3] = [7, 70_000, 139_700];
const CLUSTERS: usize = 1_400;
const DEEP: u32 = 512;
const COLOUR: usize = 30;
const SIZE: u32 = 224;

#[derive(Args)]
pub struct Options {
    /// The bundle's folder; the run and the photos it is made of lie beside it.
    out: PathBuf,
    /// What it holds the model in, f32 among them.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Precision::right_here())]
    precisions: Vec<Precision>,
    /// Items in its catalogue.
    #[arg(long, default_value_t = ITEMS)]
    items: usize,
    /// Products of the drawn shop that precisions are calibrated with and judged on; 20 are the fewest that do.
    #[arg(long, default_value_t = 60)]
    products: u32,
    /// Photos of each.
    #[arg(long, default_value_t = 4)]
    views: u32,
}

impl Options {
    /// The bundle of the benchmarks.
    pub fn full(out: &Path, precisions: Vec<Precision>) -> Self {
        Self { out: out.to_owned(), precisions, items: ITEMS, products: 60, views: 4 }
    }
}

/// A bundle that is there and whole is left alone.
pub fn run(options: &Options) -> Result<(), Failed> {
    let out = &options.out;
    let mut precisions = options.precisions.clone();
    precisions.sort();
    precisions.dedup();
    if let Ok(bundle) = Bundle::open(out)
        && bundle.precisions() == precisions
        && LocalCatalogue::open(out, &bundle.manifest().model_id).is_ok()
    {
        println!("{}: complete", out.display());
        return Ok(());
    }
    let _ = fs::remove_dir_all(out);
    let started = Instant::now();
    let bundle = exported(options, precisions)?;
    let took = started.elapsed().as_secs_f64();
    let architecture = &bundle.manifest().architecture;
    println!("{}: {architecture}, in {:?}, {took:.0} s", out.display(), bundle.precisions());
    let started = Instant::now();
    let build = BuildOptions::default();
    catalogue::build(out, &bundle.manifest().model_id, items(options.items)?, &build, &|_, _, _| ())?;
    println!("{}: {} items, {:.0} s", out.display(), options.items, started.elapsed().as_secs_f64());
    Ok(())
}

/// A folder beside the bundle, by its name.
fn beside(out: &Path, what: &str) -> Result<PathBuf, Failed> {
    let name = out.file_name().ok_or("the bundle's folder has no name")?.to_string_lossy();
    Ok(out.with_file_name(format!("{name}-{what}")))
}

/// A run whose weights were never trained, exported; drawn photos calibrate it.
fn exported(options: &Options, precisions: Vec<Precision>) -> Result<Bundle, Failed> {
    let (run, photos) = (beside(&options.out, "run")?, beside(&options.out, "photos")?);
    let _ = fs::remove_dir_all(&run);
    let spec = SampleSpec::new(options.products, options.views, 5)?;
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
    let trained = TrainOptions { checkpoints: Storage::F32, ..shipped.options };
    let config = RunConfig {
        architecture,
        preprocessing,
        categories,
        options: trained,
        data: Vec::new(),
        photos: String::new(),
    };
    RunFolder::create(&run, &config)?.checkpoint(&vs, &config, true)?;
    let started = Instant::now();
    let told = |precision| println!("{:>5.1} s: exporting {precision}", started.elapsed().as_secs_f64());
    let asked = ExportOptions { photos: &[set], precisions, allow_drift: true, pca: None };
    Ok(export::export(&run, &options.out, &asked, &told)?)
}

/// Clustered embeddings and colours.
fn items(count: usize) -> Result<Vec<(Item, Vectors)>, Failed> {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut draw = |n: usize| -> Vec<f32> { (0..n).map(|_| rng.random_range(-1.0f32..1.0)).collect() };
    let centres: Vec<Vec<f32>> = (0..CLUSTERS).map(|_| draw(DEEP as usize)).collect();
    let one = |i: usize| -> Result<_, Failed> {
        let around = draw(DEEP as usize);
        let deep: Vec<f32> = centres[i % CLUSTERS].iter().zip(around).map(|(c, a)| c + 0.5 * a).collect();
        let colour = draw(COLOUR).iter().map(|x| x.abs()).collect();
        let category = if RARE.contains(&i) { "rare".into() } else { format!("category-{}", i % 20) };
        let item = Item {
            product: Some(format!("p{}", i / 8)),
            image: format!("img/item-{i:06}.jpg"),
            ..Item::new(ItemId::parse(&format!("item-{i:06}"))?, &category)
        };
        Ok((item, Vectors::new(deep, colour)?))
    };
    (0..count).map(one).collect()
}
