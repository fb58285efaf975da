//! The arguments that name a data set.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use lookalike_trainer::dataset::{Categories, Dataset, Layout};

/// Where the photos are.
#[derive(Args)]
pub struct OneSet {
    /// The folder with the photos.
    #[arg(long)]
    pub data: PathBuf,
    /// How it says what is what; must be said where both fit.
    #[arg(long, value_enum)]
    pub layout: Option<Layout>,
    #[command(flatten)]
    pub reading: Reading,
}

/// Several folders, trained on as one.
#[derive(Args)]
pub struct ManySets {
    /// A folder with photos; may be said several times.
    #[arg(long, required = true)]
    pub data: Vec<PathBuf>,
    /// How a folder says what is what: once for all, or once for each --data in the same order.
    #[arg(long, value_enum)]
    pub layout: Vec<Layout>,
    #[command(flatten)]
    pub reading: Reading,
}

/// How the lists are read.
#[derive(Args)]
pub struct Reading {
    /// Takes all categories of the DeepFashion lists, not the upper body's alone.
    #[arg(long)]
    pub all_categories: bool,
    /// Splits a set that has no list of splits: a function of it and the photo's path.
    #[arg(long, default_value_t = 0)]
    pub split_seed: u64,
}

impl Reading {
    fn open(&self, data: &std::path::Path, layout: Option<Layout>) -> Result<Dataset> {
        let categories = if self.all_categories { Categories::All } else { Categories::UpperBody };
        let set = Dataset::open(data, layout, categories, self.split_seed)?;
        let report = set.report();
        for named in &report.named {
            tracing::warn!("skipped {named}");
        }
        if report.skipped > 0 {
            tracing::warn!(skipped = report.skipped, used = set.records().len(), "photos were skipped");
        }
        report.notes().iter().for_each(|note| tracing::warn!("{}: {note}", data.display()));
        Ok(set)
    }
}

impl OneSet {
    pub fn open(&self) -> Result<Dataset> {
        self.reading.open(&self.data, self.layout)
    }
}

impl ManySets {
    pub fn open(&self) -> Result<Vec<Dataset>> {
        let (sets, layouts) = (self.data.len(), self.layout.len());
        ensure!(
            layouts <= 1 || layouts == sets,
            "--layout is said {layouts} times for {sets} --data: say it once, or once for each"
        );
        let layout = |i: usize| self.layout.get(if layouts == 1 { 0 } else { i }).copied();
        self.data.iter().enumerate().map(|(i, data)| self.reading.open(data, layout(i))).collect()
    }
}
