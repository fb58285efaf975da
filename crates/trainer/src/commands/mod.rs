//! One type a command, in the order in which they are used.

mod compare;
mod data;
mod duplicate_photos;
mod elsewhere;
mod embed;
mod evaluate;
mod index;
pub mod recipe;
mod report;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use lookalike_model::{DeviceChoice, Precision};
use lookalike_photo::{Colour, Preprocessing, ResizeRule};
use lookalike_sample_shop as sample;
use lookalike_sample_shop::{CATEGORIES, SampleSpec};
use lookalike_trainer::{
    dataset::{Layout, Split},
    evaluation::Inspected,
    export::{self, ExportOptions},
    network::{Backbone, Pooling},
    progress::Bar,
    training::{RunFolder, TrainOptions},
};

use crate::commands::{
    compare::Compare,
    data::{ManySets, Reading},
    embed::Embed,
    evaluate::Evaluate,
    index::{Index, Merge},
    report::Report,
};

/// What can be done.
#[derive(Subcommand)]
pub enum Command {
    /// Draws a made-up shop, to try everything with.
    SampleData(SampleData),
    /// Trains a network on photos and leaves a run folder.
    Train(Box<Train>),
    /// Writes a run's report.html: curves, figures, what it finds and what it mistakes, where it looks.
    Report(Report),
    /// Makes a bundle of a run: TorchScript and a manifest.
    Export(Export),
    /// Makes a bundle of a TorchScript file from elsewhere.
    Import(Import),
    /// Embeds a data set and puts its catalogue into a bundle.
    Index(Index),
    /// Puts the shards that several machines embedded together, as a bundle's catalogue.
    Merge(Merge),
    /// Measures how good a bundle is on a data set.
    Evaluate(Evaluate),
    /// Trains several networks alike and tells them apart; then ways to search.
    Compare(Box<Compare>),
    /// Prints the embeddings of photos as JSON lines.
    Embed(Embed),
}

impl Command {
    pub fn run(self) -> Result<()> {
        match self {
            Self::SampleData(c) => c.run(),
            Self::Train(c) => c.run(),
            Self::Report(c) => c.run(),
            Self::Export(c) => c.run(),
            Self::Import(c) => c.run(),
            Self::Index(c) => c.run(),
            Self::Merge(c) => c.run(),
            Self::Evaluate(c) => c.run(),
            Self::Compare(c) => c.run(),
            Self::Embed(c) => c.run(),
        }
    }
}

/// `sample-data`
#[derive(Args)]
pub struct SampleData {
    /// The folder to draw into, in DeepFashion's layout.
    #[arg(long)]
    out: PathBuf,
    /// How many products; they go around the 20 categories.
    #[arg(long, default_value_t = 300)]
    products: u32,
    /// How many photos of each.
    #[arg(long, default_value_t = 4)]
    views: u32,
    /// The same seed gives the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also draws all views of one product a category, on one sheet.
    #[arg(long, value_name = "PNG")]
    contact_sheet: Option<PathBuf>,
}

impl SampleData {
    fn run(self) -> Result<()> {
        let spec = SampleSpec::new(self.products, self.views, self.seed)?;
        let bar = Bar::new("drawing photos", spec.photos());
        let summary = sample::write(&spec, &self.out, &|done| bar.set(done, spec.photos()))?;
        bar.finish();
        if let Some(path) = &self.contact_sheet {
            let products = (CATEGORIES.len() as u32).min(self.products);
            let photos: Vec<(u32, u32)> =
                (0..products).flat_map(|p| (0..self.views.min(4)).map(move |v| (p, v))).collect();
            let sheet = sample::contact_sheet(&spec, &photos, 2 * self.views.min(4));
            sheet.save(path).with_context(|| path.display().to_string())?;
        }
        let [train, val, test] = summary.split;
        let done = if summary.already { "stood there already" } else { "drawn" };
        lookalike_common::say!("{} photos {done}: {train} train, {val} val, {test} test", summary.photos);
        Ok(())
    }
}

/// `train`
#[derive(Args)]
#[command(args_override_self = true)]
pub struct Train {
    #[command(flatten)]
    sets: ManySets,
    /// The run's folder, new or empty; with --resume the one to go on with.
    #[arg(long)]
    out: PathBuf,
    /// A file with more of these flags, `lr = 0.1` for --lr 0.1; flags said here go before it.
    #[arg(long, value_name = "TOML")]
    #[allow(dead_code)] // taken in before arguments are parsed: recipe.rs
    recipe: Option<PathBuf>,
    /// auto, cpu, cuda:0, …
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    #[command(flatten)]
    options: TrainOptions,
}

impl Train {
    fn run(self) -> Result<()> {
        let device = self.device.open()?;
        let sets = self.sets.open()?;
        let best = lookalike_trainer::training::train(sets.clone(), &self.options, device, &self.out)?;
        report::after_training(&self.out, &sets, Inspected::of(Some(Split::Val), report::PHOTOS, device));
        lookalike_common::say!("best epoch {}, in {}", best.epoch, self.out.display());
        Ok(())
    }
}

/// `export`
#[derive(Args)]
pub struct Export {
    /// The run's folder.
    #[arg(long)]
    run: PathBuf,
    /// The bundle's folder, new or empty.
    #[arg(long)]
    out: PathBuf,
    /// A folder with photos, best those it was trained on; may be said several times. The precisions below f32 are
    /// calibrated with its training photos and judged on the others; without it the bundle holds f32 alone.
    #[arg(long)]
    data: Vec<PathBuf>,
    /// How a folder says what is what: once for all, or once for each --data in the same order.
    #[arg(long, value_enum)]
    layout: Vec<Layout>,
    #[command(flatten)]
    reading: Reading,
    /// Precisions to write besides f32; all that this machine can judge, where it is not said.
    #[arg(long, value_enum, value_delimiter = ',', requires = "data")]
    precision: Vec<Precision>,
    /// Write a precision that strays past its bound all the same.
    #[arg(long, requires = "data")]
    allow_drift: bool,
    /// Keeps so many principal components of the embedding, fitted to the training photos of --data: a part of the model
    /// from then on, in all precisions.
    #[arg(long, value_name = "NUMBERS", requires = "data")]
    pca: Option<usize>,
}

/// Every precision that this machine computes right and the run's network has; what is left out is said.
fn all_right_here(run: &Path) -> Result<Vec<Precision>> {
    let mut right = Precision::right_here();
    let (_, config) = RunFolder::open(run)?;
    if config.architecture.pooling == Pooling::Gem {
        lookalike_common::say!(
            "int7 is left out: it knows average pooling alone, and this network pools by GeM"
        );
        right.retain(|p| *p != Precision::Int7);
    }
    if config.architecture.backbone == Backbone::Simple {
        lookalike_common::say!("int7 and int8 are left out: the simple network is made in neither");
        right.retain(|p| !p.is_quantised());
    } else if !right.contains(&Precision::Int8) {
        lookalike_common::say!(
            "int8 is left out: this CPU has no VNNI to judge it with; where servers have it, export there"
        );
    }
    Ok(right)
}

impl Export {
    fn run(self) -> Result<()> {
        let photos = ManySets { data: self.data, layout: self.layout, reading: self.reading }.open()?;
        let precisions = match self.precision {
            _ if photos.is_empty() => Vec::new(),
            asked if asked.is_empty() => all_right_here(&self.run)?,
            asked => asked,
        };
        let options =
            ExportOptions { photos: &photos, precisions, allow_drift: self.allow_drift, pca: self.pca };
        let bar = Bar::new("exporting", options.precisions.len() as u64 + 1);
        let begun = std::cell::Cell::new(0);
        let bundle = export::export(&self.run, &self.out, &options, &|_| {
            bar.set(begun.get(), options.precisions.len() as u64 + 1);
            begun.set(begun.get() + 1);
        })?;
        bar.finish();
        let m = bundle.manifest();
        lookalike_common::say!("{}: {}, model {:.12}", self.out.display(), m.architecture, m.model_id);
        if let Some(pca) = &m.pca {
            let (share, photos) = (100.0 * pca.explained, pca.photos);
            lookalike_common::say!(
                "PCA: {} → {} numbers, {share:.1} % of the variance of {photos} training photos",
                pca.from,
                pca.to
            );
        }
        for (precision, d) in &m.drift {
            let change = |c: Option<f64>| c.map_or("–".into(), |c| format!("{:+.1} %", 100.0 * c));
            lookalike_common::say!(
                "{precision}: centred cosine with f32 {:.4} (least {:.4}), overlap of the nearest ten {:.3}, top-1 {}, hit@1 {} ({} photos)",
                d.centred_cosine_mean,
                d.centred_cosine_min,
                d.top10_overlap,
                change(d.top1_change),
                change(d.hit1_change),
                d.photos
            );
        }
        Ok(())
    }
}

/// `import`
#[derive(Args)]
pub struct Import {
    /// A file of `torch.jit.trace` or `script`: `[N,3,S,S]` → `[N,D]`, or the tuple of embedding, colour and logits.
    #[arg(long)]
    torchscript: PathBuf,
    /// The bundle's folder, new or empty.
    #[arg(long)]
    out: PathBuf,
    /// Side of the model's input, in pixels.
    #[arg(long, default_value_t = 224)]
    size: u32,
    /// The shorter side is resized to this before the centre is cut; the size itself where it is not said.
    #[arg(long)]
    resize: Option<u32>,
    /// What is subtracted from RGB in [0,1]; ImageNet's where it is not said.
    #[arg(long, num_args = 1..=3, value_names = ["R", "G", "B"], value_delimiter = ',')]
    mean: Option<Vec<f32>>,
    /// What it is then divided by; ImageNet's where it is not said.
    #[arg(long, num_args = 1..=3, value_names = ["R", "G", "B"], value_delimiter = ',')]
    std: Option<Vec<f32>>,
    /// Photos are brought to sRGB first, as their colour profiles say: for a model that was trained so. Without it their numbers are
    /// taken as they are, as most training code in Python does.
    #[arg(long)]
    srgb: bool,
    /// A folder with photos to try the model on; may be said several times. Drawn ones where it is not said.
    #[arg(long)]
    data: Vec<PathBuf>,
    /// How a folder says what is what: once for all, or once for each --data in the same order.
    #[arg(long, value_enum, requires = "data")]
    layout: Vec<Layout>,
    #[command(flatten)]
    reading: Reading,
}

impl Import {
    fn run(self) -> Result<()> {
        let three = |given: Option<Vec<f32>>, usual: [f32; 3], flag: &str| match given {
            None => Ok(usual),
            Some(v) => {
                <[f32; 3]>::try_from(v).map_err(|_| anyhow::anyhow!("{flag} takes three numbers: R G B"))
            }
        };
        let preprocessing = Preprocessing::new(
            self.size,
            ResizeRule::ShortSideThenCentre(self.resize.unwrap_or(self.size)),
            three(self.mean, Preprocessing::IMAGENET_MEAN, "--mean")?,
            three(self.std, Preprocessing::IMAGENET_STD, "--std")?,
        )?
        .in_colour(if self.srgb { Colour::Srgb } else { Colour::AsIs });
        let photos = ManySets { data: self.data, layout: self.layout, reading: self.reading }.open()?;
        let bundle = export::import(&self.torchscript, preprocessing, &photos, &self.out)?;
        let m = bundle.manifest();
        lookalike_common::say!(
            "{}: {} numbers a photo, model {:.12}",
            self.out.display(),
            m.dims.deep,
            m.model_id
        );
        Ok(())
    }
}
