//! `evaluate`: how good a bundle is on a data set, as a table, as JSON, and as a picture.

use std::{path::PathBuf, sync::Arc};

use anyhow::{Context, Result, ensure};
use clap::Args;
use image::RgbImage;
use lookalike::{
    bundle::Bundle,
    catalogue::{ColourWeight, Effort, Filter, Item, LocalCatalogue, Query, Vectors},
    dataset::{Dataset, Record, Split},
    embedder::{DeviceChoice, PrecisionChoice},
    progress::Bar,
    training::{Evaluation, MontageTile, Scored, evaluate, montage},
};
use rand::{SeedableRng, seq::SliceRandom};

use crate::{data::OneSet, index::embed_records};

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
        let mut items: Vec<(Arc<Item>, Vectors)> = Vec::with_capacity(catalogue.len());
        for row in catalogue.items() {
            let (item, (deep, colour)) = row?;
            items.push((Arc::new(item), Vectors::new(deep.to_vec(), colour.to_vec())?));
        }
        let bar = Bar::new("comparing", scored.len() as u64);
        let mut figures = evaluate(&scored, &items, &manifest.categories, weight, || bar.advance(1));
        bar.finish();
        let queries: Vec<Query> =
            scored.iter().map(|s| Query { vectors: s.vectors.clone(), weight }).take(1000).collect();
        figures.ann_recall_at_10 = Some(catalogue.ann_recall(&queries, 10, Effort::Usual)?);
        if let Some(path) = &self.montage {
            let picture = draw(&scored, &set, &catalogue, weight)?;
            picture.save(path).with_context(|| path.display().to_string())?;
            eprintln!("montage: {}", path.display());
        }
        self.print(&figures)
    }

    #[allow(clippy::print_stdout)] // this is what the command is for
    fn print(&self, figures: &Evaluation) -> Result<()> {
        if self.json {
            println!("{}", serde_json::to_string_pretty(figures)?);
            return Ok(());
        }
        let serde_json::Value::Object(rows) = serde_json::to_value(figures)? else { return Ok(()) };
        for (name, value) in rows {
            match value.as_f64() {
                Some(share) if value.is_f64() => println!("{name:<28} {share:.4}"),
                _ if value.is_null() => println!("{name:<28} –"),
                _ => println!("{name:<28} {value}"),
            }
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
        Ok(lookalike::image::Photo::decode(&bytes, &Default::default())?.rgb().clone())
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
