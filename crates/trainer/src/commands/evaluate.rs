//! `evaluate`: how good a bundle is on a data set, as a table, as JSON, and as a picture.

use std::{
    io::{self, Write},
    path::PathBuf,
    sync::Arc,
};

use anyhow::{Context, Result, ensure};
use clap::Args;
use image::RgbImage;
use lookalike_catalogue::{Effort, LocalCatalogue, Query};
use lookalike_items::{ColourWeight, Filter, Item, Vectors};
use lookalike_model::{Bundle, DeviceChoice, PrecisionChoice};
use lookalike_trainer::{
    dataset::{Dataset, Record, Split},
    evaluation::{Bootstrap, Entry, Evaluation, Examination, Figure, Scored, evaluate},
    progress::Bar,
    report::{MontageTile, montage},
};
use rand::{SeedableRng, seq::SliceRandom};
use serde::Serialize;

use crate::commands::{data::OneSet, duplicate_photos::Twice, index::embed_records};

/// `evaluate`
#[derive(Args)]
pub struct Evaluate {
    /// The bundle, with its catalogue.
    #[arg(long)]
    bundle: PathBuf,
    #[command(flatten)]
    set: OneSet,
    /// Which photos are asked with; all of them where it is not said.
    #[arg(long, value_enum)]
    split: Option<Split>,
    /// auto, cpu, cuda:0, …
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// f32, bf16, f16, int7 or int8, if the bundle holds it; auto is what the server would take.
    #[arg(long, default_value = "f32")]
    precision: PrecisionChoice,
    /// Prints JSON to standard output in place of the table.
    #[arg(long)]
    json: bool,
    /// Also draws ten queries with their top five from the catalogue.
    #[arg(long, value_name = "PNG")]
    montage: Option<PathBuf>,
    /// How often photos are drawn again to say in which interval a figure lies in 95 of 100; 0 leaves intervals out.
    #[arg(long, default_value_t = Bootstrap::default().resamples, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    bootstrap: u32,
    /// What those drawings follow from.
    #[arg(long, default_value_t = 0)]
    bootstrap_seed: u64,
    /// Writes the photos that are byte for byte the same, a group a line: their paths and splits.
    #[arg(long, value_name = "JSONL")]
    duplicates: Option<PathBuf>,
}

/// All that is printed: the figures, and what the data set holds twice.
#[derive(Serialize)]
struct Told {
    #[serde(flatten)]
    figures: Evaluation,
    #[serde(flatten)]
    twice: Twice,
}

impl Evaluate {
    pub fn run(self) -> Result<()> {
        let device = self.device.open()?;
        let bundle = Bundle::open(&self.bundle)?;
        let manifest = bundle.manifest();
        let precision = self.precision.pick(&bundle.precisions(), device)?;
        let model = bundle.load_model_in(precision, device)?;
        let catalogue = LocalCatalogue::open(&self.bundle, &manifest.model_id)?;
        let set = self.set.open()?;
        let asked = |r: &&Record| self.split.is_none_or(|split| r.split == split);
        let records: Vec<Record> = set.records().iter().filter(asked).cloned().collect();
        ensure!(!records.is_empty(), "the data set has no photo in that split; say another --split");
        let scored: Vec<Scored> = embed_records(&model, &set, records, manifest.trained_on_boxes)?
            .into_iter()
            .map(|(r, e)| Scored { item: Arc::new(r.item), vectors: e.vectors, logits: e.logits })
            .collect();
        let weight = ColourWeight::new(manifest.color_weight)?;
        let mut items: Vec<Entry> = Vec::with_capacity(catalogue.len());
        for row in catalogue.items() {
            let (item, (deep, colour)) = row?;
            items.push((Arc::new(item), Vectors::new(deep.to_vec(), colour.to_vec())?));
        }
        let bar = Bar::new("comparing", scored.len() as u64);
        let asked =
            Examination { photos: &scored, catalogue: &items, categories: &manifest.categories, weight };
        let bootstrap = Bootstrap { resamples: self.bootstrap, seed: self.bootstrap_seed };
        let figures = evaluate(&asked, Some(&catalogue), bootstrap, &|| bar.advance(1))?;
        bar.finish();
        let twice = Twice::of(&set, self.split, self.duplicates.as_deref())?;
        if let Some(path) = &self.montage {
            let picture = draw(&scored, &set, &catalogue, weight)?;
            picture.save(path).with_context(|| path.display().to_string())?;
            lookalike_common::say!("montage: {}", path.display());
        }
        self.print(&Told { figures, twice })
    }

    fn print(&self, told: &Told) -> Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(told)?)?;
            return Ok(());
        }
        let Evaluation { photos, catalogue_items, product_queries, figures, ann_recall_at_10 } =
            &told.figures;
        writeln!(
            out,
            "{photos} photos, {product_queries} with others of their product among {catalogue_items} items\n"
        )?;
        for Figure { name, value, interval } in figures {
            let value = value.map_or("–".into(), |v| format!("{v:.4}"));
            let interval = interval.map_or(String::new(), |[low, high]| format!("  {low:.4} – {high:.4}"));
            writeln!(out, "{name:<30} {value}{interval}")?;
        }
        if let Some(recall) = ann_recall_at_10 {
            writeln!(out, "{:<30} {recall:.4}", "ann_recall_at_10")?;
        }
        if told.twice.duplicate_groups > 0 {
            writeln!(out, "\n{}", told.twice)?;
        }
        Ok(())
    }
}

/// Ten photos drawn at random with the five nearest items of the catalogue each, themselves left out.
fn draw(
    scored: &[Scored],
    set: &Dataset,
    catalogue: &LocalCatalogue,
    weight: ColourWeight,
) -> Result<RgbImage> {
    let mut order: Vec<&Scored> = scored.iter().collect();
    order.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(7));
    let photo = |item: &Item| -> Result<RgbImage> {
        let path = set.root().join(&item.image);
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        Ok(lookalike_photo::Photo::decode(&bytes, &Default::default())?.rgb().clone())
    };
    let mut rows = Vec::new();
    for query in order.into_iter().take(10) {
        let item = &query.item;
        let mut row = vec![MontageTile { photo: photo(item)?, caption: item.category.clone(), right: None }];
        let filter = Filter { exclude: vec![item.id.clone()], ..Default::default() };
        let ask = Query { vectors: query.vectors.clone(), weight };
        for hit in catalogue.search(&ask, 5, &filter, Effort::Usual)?.hits {
            let same = match (&item.product, &hit.item.product) {
                (Some(a), Some(b)) => a == b,
                _ => item.category == hit.item.category,
            };
            let caption = format!("{:.2} {}", hit.distance.score(), hit.item.category);
            row.push(MontageTile { photo: photo(&hit.item)?, caption, right: Some(same) });
        }
        rows.push(row);
    }
    Ok(montage(&rows))
}
