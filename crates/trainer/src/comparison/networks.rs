//! Runs beside each other: how good, how long.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use tch::Device;

use crate::comparison::count;
use crate::{
    TrainingError,
    chart::{Cell, Table},
    dataset::{Dataset, Split},
    evaluation::{Bootstrap, Entry, Evaluation, Examination, Inspected, Inspection, evaluate, inspect},
    network,
    training::{RunFolder, TrainOn},
};
use lookalike_items::ColourWeight;

/// A run, judged.
#[derive(Clone, Debug, Serialize)]
pub struct NetworkRow {
    /// E.g. `resnet50 (width 24)`.
    pub network: String,
    /// What its weights were before training: `random`, the last two parts of the path of the file they were loaded from, or
    /// their name on the hub.
    pub initialisation: String,
    /// Numbers that are learnt, statistics of batch-norm with them.
    pub parameters: u64,
    /// Epochs trained.
    pub epochs: usize,
    /// Seconds of all epochs, validation included.
    pub training_seconds: Option<f64>,
    /// Photos a second while training, of the last epoch.
    pub images_per_second: Option<f64>,
    /// Its figures over the photos looked at.
    #[serde(flatten)]
    pub evaluation: Evaluation,
}

impl NetworkRow {
    /// What the best row is told by: how often the nearest photo is right.
    pub fn score(&self) -> f64 {
        let hit = self.evaluation.value("product_hit_at_1");
        hit.or_else(|| self.evaluation.value("category_hit_at_1")).unwrap_or(0.0)
    }
}

/// Judges the run in `run` by photos of `sets`, each against the others. Products are looked for among these photos.
pub fn network_row(
    run: &Path,
    sets: &[Dataset],
    what: Inspected,
    progress: &dyn Fn(u64, u64),
) -> Result<NetworkRow, TrainingError> {
    let (_, config) = RunFolder::open(run)?;
    if config.options.train_on == TrainOn::All && what.split != Some(Split::Train) {
        let why =
            "it was trained on all photos, so none of them can judge it: train it with --train-on train";
        return Err(TrainingError::Options(why.into()));
    }
    let inspection = inspect(run, sets, what, progress)?;
    let read = |name: &str| std::fs::read_to_string(run.join(name)).unwrap_or_default();
    // As JSON: a run of an earlier or a later program may lack some of it.
    let config: Value = serde_json::from_str(&read("config.json")).unwrap_or_default();
    let epochs: Vec<Value> =
        read("metrics.jsonl").lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let figure = |epoch: &Value, name: &str| epoch.get(name).and_then(Value::as_f64);
    let seconds: Option<Vec<f64>> = epochs.iter().map(|epoch| figure(epoch, "seconds")).collect();
    Ok(NetworkRow {
        network: inspection.config.architecture.name(),
        initialisation: initialisation(&config),
        parameters: parameters(run)?,
        epochs: epochs.len(),
        training_seconds: seconds.filter(|s| !s.is_empty()).map(|s| s.iter().sum()),
        images_per_second: epochs.last().and_then(|epoch| figure(epoch, "images_per_second")),
        evaluation: judge(&inspection)?,
    })
}

fn judge(inspection: &Inspection) -> Result<Evaluation, TrainingError> {
    let photos = &inspection.scored;
    if photos.len() < 2 {
        let why = "the data set has fewer than two photos in that split; say another --split".into();
        return Err(TrainingError::Options(why));
    }
    let mut catalogue: Vec<Entry> = photos.iter().map(|p| (p.item.clone(), p.vectors.clone())).collect();
    catalogue.sort_by(|a, b| a.0.id.cmp(&b.0.id));
    let categories = &inspection.config.categories;
    let asked = Examination { photos, catalogue: &catalogue, categories, weight: ColourWeight::DEFAULT };
    evaluate(&asked, None, Bootstrap::default(), &|| ())
}

fn initialisation(config: &Value) -> String {
    match config.pointer("/options/weights") {
        None | Some(Value::Null) => "random".into(),
        // A file's own name says little: all runs call their best weights the same.
        Some(Value::String(from)) if !from.starts_with("hf:") => {
            let parts: Vec<&str> = from.split('/').filter(|part| !part.is_empty()).collect();
            parts[parts.len().saturating_sub(2)..].join("/")
        }
        Some(Value::String(from)) => from.clone(),
        Some(other) => other.to_string(),
    }
}

fn parameters(run: &Path) -> Result<u64, TrainingError> {
    let (_, config) = RunFolder::open(run)?;
    let (vs, _network) = network::build(&config.architecture, Device::Cpu)?;
    Ok(vs.variables().values().map(|v| v.numel() as u64).sum())
}

/// The rows as a table.
pub fn networks_table(rows: &[NetworkRow], split: &str) -> Table {
    let headings = [
        "network",
        "started from",
        "parameters",
        "top-1",
        "hit@1",
        "hit@10",
        "mAP@R",
        "epochs",
        "training",
        "photos/s",
    ];
    let row = |row: &NetworkRow| {
        let e = &row.evaluation;
        // By product where products are known.
        let kind = if e.product_queries > 0 { "product" } else { "category" };
        let value = |name: &str| Cell::share(e.value(&format!("{kind}_{name}")));
        let seconds = row.training_seconds.map_or("–".into(), |s| match s {
            s if s < 120.0 => format!("{s:.0} s"),
            s => format!("{:.1} min", s / 60.0),
        });
        vec![
            Cell::text(&row.network),
            Cell::text(&row.initialisation),
            Cell::text(count(row.parameters as f64)),
            Cell::share(e.value("category_top1")),
            value("hit_at_1"),
            value("hit_at_10"),
            value("map_at_r"),
            Cell::text(row.epochs.to_string()),
            Cell::text(seconds),
            Cell::text(row.images_per_second.map_or("–".into(), |i| format!("{i:.0}"))),
        ]
    };
    let products = rows.first().is_some_and(|row| row.evaluation.product_queries > 0);
    let photos = rows.first().map_or(0, |row| row.evaluation.photos);
    Table {
        title: "Networks".into(),
        headings: headings.map(String::from).to_vec(),
        rows: rows.iter().map(row).collect(),
        note: format!(
            "{photos} {split} photos. top-1: the classifier names the category. hit@k, mAP@R: neighbours by {}.",
            if products { "product" } else { "category" }
        ),
    }
}
