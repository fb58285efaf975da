//! One type a command.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use lookalike::{embedder::DeviceChoice, training::TrainOptions};

use crate::data::ManySets;

/// What can be done.
#[derive(Subcommand)]
pub enum Command {
    /// Trains a network on photos and leaves a run folder.
    Train(Box<Train>),
}

impl Command {
    pub fn run(self) -> Result<()> {
        match self {
            Self::Train(c) => c.run(),
        }
    }
}

/// `train`
#[derive(Args)]
pub struct Train {
    #[command(flatten)]
    sets: ManySets,
    /// The run's folder, new or empty.
    #[arg(long)]
    out: PathBuf,
    /// auto, cpu, cuda:0, …
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    #[command(flatten)]
    options: TrainOptions,
}

impl Train {
    fn run(self) -> Result<()> {
        let device = self.device.open()?;
        let best = lookalike::training::train(self.sets.open()?, &self.options, device, &self.out)?;
        eprintln!("best epoch {} of {}, in {}", best.epoch, self.options.epochs, self.out.display());
        Ok(())
    }
}
