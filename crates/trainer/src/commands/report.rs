//! `report`: a run as a page, with photos of a data set.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use lookalike_model::DeviceChoice;
use lookalike_trainer::{
    dataset::{Dataset, Layout, Split},
    evaluation::Inspected,
    progress::Bar,
    report::report,
};

use crate::commands::data::{ManySets, Reading};

/// Photos that a report looks at where it is not said.
pub const PHOTOS: usize = 2000;

/// `report`
#[derive(Args)]
pub struct Report {
    /// The run's folder; report.html is written into it.
    #[arg(long)]
    run: PathBuf,
    /// A folder with photos; may be said several times. Without it the page has the training's curves alone.
    #[arg(long)]
    data: Vec<PathBuf>,
    /// How a folder says what is what: once for all, or once for each --data in the same order.
    #[arg(long, value_enum)]
    layout: Vec<Layout>,
    #[command(flatten)]
    reading: Reading,
    /// Which photos are looked at.
    #[arg(long, value_enum, default_value = "test")]
    split: Split,
    /// So many of them at the most, evenly spread.
    #[arg(long, default_value_t = PHOTOS)]
    photos: usize,
    /// auto, cpu, cuda:0, …
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

impl Report {
    pub fn run(self) -> Result<()> {
        let device = self.device.open()?;
        let sets = ManySets { data: self.data, layout: self.layout, reading: self.reading }.open()?;
        write(&self.run, &sets, Inspected::of(Some(self.split), self.photos, device))
    }
}

/// The page at the end of a training. A training is not lost by its page: what fails is a warning.
pub fn after_training(run: &Path, sets: &[Dataset], what: Inspected) {
    if let Err(e) = write(run, sets, what) {
        tracing::warn!("no report.html: {e:#}");
    }
}

fn write(run: &Path, sets: &[Dataset], what: Inspected) -> Result<()> {
    let bar = Bar::new("looking at photos", 0);
    let path = report(run, sets, what, &|done, all| bar.set(done, all))?;
    bar.finish_with(path.display().to_string());
    Ok(())
}
