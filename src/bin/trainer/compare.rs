//! `compare`: networks trained alike and judged alike, then ways to search what the best of them gives.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, Parser, ValueEnum};
use lookalike::{
    dataset::{Dataset, Layout, Split},
    embedder::DeviceChoice,
    network::Backbone,
    progress::Bar,
    training::{
        Inspected,
        chart::{Table, png},
        compare::{self, NetworkRow, StrategyOptions, StrategyRow},
        inspect,
    },
};
use serde::Serialize;

use crate::{Cli, data::ManySets};

/// `compare`
#[derive(Args)]
pub struct Compare {
    #[command(flatten)]
    sets: ManySets,
    /// The folder for the runs, compare.json and compare.png. Runs that are there already are taken as they are.
    #[arg(long)]
    out: PathBuf,
    /// What is trained and compared: BACKBONE, BACKBONE:WIDTH, or either with =WEIGHTS to start from.
    #[arg(long, value_delimiter = ',', default_value = "simple,resnet50,resnext50")]
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
    /// After `--`: what every network is trained with, as `train` takes it, e.g. --epochs 5 --size 128.
    #[arg(last = true, value_name = "TRAIN OPTIONS")]
    train: Vec<String>,
}

/// A row to be trained.
#[derive(Clone, Debug, PartialEq)]
struct Network {
    backbone: String,
    width: Option<u32>,
    weights: Option<String>,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (shape, weights) = match text.split_once('=') {
            Some((shape, weights)) => (shape, Some(weights.to_owned())),
            None => (text, None),
        };
        let (backbone, width) = match shape.split_once(':') {
            Some((backbone, width)) => (backbone, Some(width)),
            None => (shape, None),
        };
        Backbone::from_str(backbone, false).map_err(|e| format!("'{backbone}' is no backbone ({e})"))?;
        let width = width.map(|w| w.parse().map_err(|_| format!("'{w}' is no width"))).transpose()?;
        Ok(Self { backbone: backbone.to_owned(), width, weights })
    }
}

impl fmt::Display for Network {
    /// The name of its run's folder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.backbone)?;
        self.width.map_or(Ok(()), |width| write!(f, "-{width}"))?;
        let from = self.weights.as_deref().map(Path::new).and_then(Path::file_stem);
        from.map_or(Ok(()), |from| write!(f, "-from-{}", from.to_string_lossy()))
    }
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
    pub fn run(self) -> Result<()> {
        let device = self.device.open()?;
        ensure!(self.probes > 0, "--probes must be at least 1");
        let mut names: Vec<String> = self.networks.iter().map(Network::to_string).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            bail!("--networks names {} twice", twice[0]);
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
            let row = compare::network_row(run, &sets, what, &|done, all| bar.set(done, all))
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
            compare::networks_table(&networks, &split),
            compare::strategies_table(&strategies, (items, queries), &searched),
        ];
        let all = Comparison { split: self.split, networks, searched, items, queries, strategies };
        self.tell(&all, &tables)
    }

    /// Trains a row as `train` does; what stands there already is not trained again.
    fn train(&self, network: &Network) -> Result<PathBuf> {
        let run = self.out.join(network.to_string());
        if run.join("best.safetensors").is_file() {
            eprintln!("{}: trained before, taken as it is", run.display());
            return Ok(run);
        }
        eprintln!("── {network}");
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let mut arguments: Vec<String> = vec!["lookalike-trainer".into(), "train".into()];
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
        arguments.extend(self.sets.reading.all_categories.then(|| String::from("--all-categories")));
        arguments.extend(self.train.iter().cloned());
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
        let rows = compare::strategies(&inspection.scored, (&queries, &fitted), options)?;
        Ok((inspection.scored.len(), queries.len(), rows))
    }

    #[allow(clippy::print_stdout)] // this is what the command is for
    fn tell(&self, all: &Comparison, tables: &[Table]) -> Result<()> {
        let json = serde_json::to_string_pretty(all)?;
        let path = self.out.join("compare.json");
        fs::create_dir_all(&self.out).with_context(|| self.out.display().to_string())?;
        fs::write(&path, format!("{json}\n")).with_context(|| path.display().to_string())?;
        png(&Table::svg(tables), &self.out.join("compare.png"))?;
        if self.json {
            println!("{json}");
        } else {
            tables.iter().for_each(|table| println!("{}", table.text()));
        }
        eprintln!("{}, and compare.png beside it", path.display());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read_as_they_are_said() {
        let read = |text: &str| text.parse::<Network>();
        assert_eq!(read("resnet50:24=w/best.safetensors").unwrap().to_string(), "resnet50-24-from-best");
        assert_eq!(read("simple").unwrap().to_string(), "simple");
        for bad in ["", "resnet", "simple:", "simple:x", ":24"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
