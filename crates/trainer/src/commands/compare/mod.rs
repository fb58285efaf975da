//! `compare`: networks trained alike and judged alike, then ways to search what the best of them gives.

mod network;

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Parser, ValueEnum};
use lookalike_model::DeviceChoice;
use lookalike_trainer::{
    chart::{Table, png},
    comparison::{self, NetworkRow, StrategyOptions, StrategyRow},
    dataset::{Dataset, Layout, Split},
    evaluation::{Inspected, inspect},
    network::Backbone,
    progress::Bar,
    training::RunFolder,
};
use serde::Serialize;

use crate::{
    Cli,
    commands::{data::ManySets, recipe},
};
use network::Network;

/// What `compare` says of each network itself.
const OWN: [&str; 9] =
    ["backbone", "weights", "out", "data", "layout", "split-seed", "all-categories", "device", "resume"];

/// `compare`
#[derive(Args)]
pub struct Compare {
    #[command(flatten)]
    sets: ManySets,
    /// The folder for the runs, compare.json and compare.png. Runs that are there already are taken as they are; one that was
    /// interrupted goes on.
    #[arg(long)]
    out: PathBuf,
    /// What is trained and compared: BACKBONE, BACKBONE:WIDTH, or either with =WEIGHTS to start from. Where neither this nor
    /// --run is said: simple,resnet50,resnext50.
    #[arg(long, value_delimiter = ',')]
    networks: Vec<Network>,
    /// Runs made before, to be compared too; may be said several times.
    #[arg(long, value_name = "RUN")]
    run: Vec<PathBuf>,
    /// Which photos judge.
    #[arg(long, value_enum, default_value = "test")]
    split: Split,
    /// Principal components of the strategy that keeps few.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pca: u32,
    /// k-means cells; 0 is the square root of the number of items.
    #[arg(long, default_value_t = 0)]
    cells: usize,
    /// Cells that a query looks into.
    #[arg(long, default_value_t = 8)]
    probes: usize,
    /// What is drawn for k-means follows from it.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// auto, cpu, cuda:0, …
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Prints JSON to standard output in place of the tables.
    #[arg(long)]
    json: bool,
    /// After `--`: what every network is trained with, as `train` takes it, e.g. --epochs 5 --size 128, or --recipe FILE.
    #[arg(last = true, value_name = "TRAIN OPTIONS")]
    train: Vec<String>,
}

/// `compare.json`.
#[derive(Serialize)]
struct Comparison {
    split: Split,
    networks: Vec<NetworkRow>,
    /// Whose embeddings the strategies searched.
    searched: String,
    items: usize,
    queries: usize,
    strategies: Vec<StrategyRow>,
}

impl Compare {
    pub fn run(mut self) -> Result<()> {
        let device = self.device.open()?;
        if self.networks.is_empty() && self.run.is_empty() {
            self.networks = Backbone::value_variants().iter().map(Network::whole).collect();
        }
        ensure!(self.probes > 0, "--probes must be at least 1");
        let mut names: Vec<String> = self.networks.iter().map(Network::to_string).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            bail!("--networks names {} twice", twice[0]);
        }
        if let Some(flag) = self.train.iter().find_map(|argument| own(argument)) {
            bail!("--{flag} after -- would be of all networks alike: say it before --, or in --networks");
        }
        let mut runs = Vec::new();
        for network in &self.networks {
            runs.push(self.train(network)?);
        }
        runs.extend(self.run.iter().cloned());
        let sets = self.sets.open()?;
        let mut networks = Vec::new();
        for run in &runs {
            let bar = Bar::new("judging", 0);
            let what = Inspected::of(Some(self.split), usize::MAX, device);
            let row = comparison::network_row(run, &sets, what, &|done, all| bar.set(done, all))
                .with_context(|| run.display().to_string())?;
            bar.finish_with(run.display().to_string());
            networks.push(row);
        }
        let best = (0..runs.len()).max_by(|&a, &b| networks[a].score().total_cmp(&networks[b].score()));
        let best = best.context("there is nothing to compare: name --networks or --run")?;
        let searched = self.search(&runs[best], &sets, Inspected::of(None, usize::MAX, device))?;
        let (items, queries, strategies) = searched;
        let split = format!("{:?}", self.split).to_lowercase();
        let searched = networks[best].network.clone();
        let tables = [
            comparison::networks_table(&networks, &split),
            comparison::strategies_table(&strategies, (items, queries), &searched),
        ];
        let all = Comparison { split: self.split, networks, searched, items, queries, strategies };
        self.tell(&all, &tables)
    }

    /// Trains a row as `train --resume` does; what was trained to its end is not trained again.
    fn train(&self, network: &Network) -> Result<PathBuf> {
        let run = self.out.join(network.to_string());
        if is_finished(&run) {
            lookalike_common::say!("{}: trained before, taken as it is", run.display());
            return Ok(run);
        }
        lookalike_common::say!("── {network}");
        let path = |path: &Path| path.to_string_lossy().into_owned();
        // What is said of all networks stands first: what is said of this one goes before it.
        let mut arguments: Vec<String> = vec!["lookalike-trainer".into(), "train".into()];
        arguments.extend(self.train.iter().cloned());
        let mut say = |flag: &str, value: String| arguments.extend([format!("--{flag}"), value]);
        self.sets.data.iter().for_each(|data| say("data", path(data)));
        let layout = |layout: &Layout| layout.to_possible_value().map(|v| v.get_name().to_owned());
        self.sets.layout.iter().filter_map(layout).for_each(|layout| say("layout", layout));
        say("split-seed", self.sets.reading.split_seed.to_string());
        say("out", path(&run));
        say("device", self.device.to_string());
        say("backbone", network.backbone.clone());
        network.width.iter().for_each(|width| say("width", width.to_string()));
        network.weights.iter().for_each(|weights| say("weights", weights.clone()));
        arguments.push("--resume".into());
        arguments.extend(self.sets.reading.all_categories.then(|| String::from("--all-categories")));
        let arguments = recipe::expand(arguments.into_iter().map(Into::into).collect())?;
        Cli::try_parse_from(arguments)?.command.run()?;
        Ok(run)
    }

    /// All photos embedded by a run, and searched: how many there are, how many are asked with, and what came of it.
    fn search(
        &self,
        run: &Path,
        sets: &[Dataset],
        what: Inspected,
    ) -> Result<(usize, usize, Vec<StrategyRow>)> {
        let bar = Bar::new("embedding", 0);
        let inspection = inspect(run, sets, what, &|done, all| bar.set(done, all))?;
        bar.finish();
        let of = |split| inspection.places(split);
        let (queries, fitted) = (of(self.split), of(Split::Train));
        let options = StrategyOptions {
            pca: self.pca as usize,
            cells: self.cells,
            probes: self.probes,
            seed: self.seed,
        };
        let rows = comparison::strategies(&inspection.scored, (&queries, &fitted), options)?;
        Ok((inspection.scored.len(), queries.len(), rows))
    }

    fn tell(&self, all: &Comparison, tables: &[Table]) -> Result<()> {
        let json = serde_json::to_string_pretty(all)?;
        let path = self.out.join("compare.json");
        fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        fs::write(&path, format!("{json}\n")).with_context(|| path.display().to_string())?;
        png(&Table::svg(tables), &self.out.join("compare.png"))?;
        if self.json {
            writeln!(io::stdout(), "{json}")?;
        } else {
            tables.iter().try_for_each(|table| writeln!(io::stdout(), "{}", table.text()))?;
        }
        lookalike_common::say!("{}, and compare.png beside it", path.display());
        Ok(())
    }
}

/// The flag of an argument, where it is not for `train` to be told.
fn own(argument: &str) -> Option<&str> {
    let flag = argument.strip_prefix("--")?.split('=').next()?;
    OWN.contains(&flag).then_some(flag)
}

/// Whether a run has all of its epochs.
fn is_finished(run: &Path) -> bool {
    let Ok((folder, config)) = RunFolder::open(run) else { return false };
    let epochs = folder.metrics().map_or(0, |epochs| epochs.len() as u64);
    epochs >= config.options.epochs && folder.best().is_file()
}
