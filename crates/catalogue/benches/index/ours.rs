//! The local catalogue: built, opened, and searched as a server would.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use lookalike_catalogue as catalogue;
use lookalike_catalogue::{
    BuildOptions, Catalogue, Effort, GenerationManifest, LocalCatalogue, Query, Stage,
};
use lookalike_items::{ColourWeight, Filter, NumberRange, Vectors};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    K,
    curve::{Curve, Point},
    failure::Failed,
    sets::{CATEGORIES, COUNTED, NUMBERS, SHARES, Set},
};

const MODEL: &str = "bench";

/// Candidate lists tried.
const LISTS: [usize; 15] = [10, 12, 14, 20, 28, 40, 56, 72, 96, 128, 176, 256, 384, 512, 768];

/// No longer list is tried once so much is found.
const ENOUGH: f64 = 0.9985;

/// The best of so many runs counts, for us as for the peers.
const ROUNDS: usize = 7;

pub struct Ours {
    pub catalogue: LocalCatalogue,
    pub truth: Vec<Truth>,
    pub manifest: GenerationManifest,
    pub build_seconds: f64,
    /// One before the peers, one after.
    pub curves: Vec<Curve>,
    pub exact_rate: f64,
    pub filters: serde_json::Value,
    pub ranges: serde_json::Value,
    pub facets_ms: serde_json::Value,
    pub two_threads: f64,
    pub footprint: Measured,
}

/// What a fresh process says of an open catalogue.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Measured {
    pub anonymous_bytes: usize,
    pub codes_bytes: usize,
    pub graph_bytes: usize,
    pub mapped_bytes: usize,
    pub open_to_answer_ms: f64,
    pub hashing_ms: f64,
}

impl Ours {
    pub fn build(set: &Set, folder: &Path) -> Result<Self, Failed> {
        let bundle = folder.join(&set.name);
        let _ = fs::remove_dir_all(&bundle);
        fs::create_dir_all(&bundle)?;
        let items = set.items()?;
        let options = BuildOptions { threads: 2, ..BuildOptions::default() };
        let started = Instant::now();
        let stages = |stage: Stage, done: u64, all: u64| {
            if done == 0 || done == all {
                println!("   {stage:?} {done}/{all} at {:.1} s", started.elapsed().as_secs_f64());
            }
        };
        let manifest = catalogue::build(&bundle, MODEL, items, &options, &stages)?;
        let build_seconds = started.elapsed().as_secs_f64();
        println!("   ours: built in {build_seconds:.1} s with 2 threads, head {}", manifest.code_head);
        let query: Vec<f32> =
            set.queries[0].vectors.deep().iter().chain(set.queries[0].vectors.colour()).copied().collect();
        fs::write(bundle.join("query.f32"), bytemuck::cast_slice(&query))?;
        let footprint = Command::new(std::env::current_exe()?).arg("footprint").arg(&bundle).output()?;
        let footprint = serde_json::from_slice(&footprint.stdout)?;
        let catalogue = LocalCatalogue::open(&bundle, MODEL)?;
        let truth = truth(&catalogue, &set.queries, &Filter::default())?;
        Ok(Self {
            catalogue,
            truth,
            manifest,
            build_seconds,
            curves: Vec::new(),
            exact_rate: 0.0,
            filters: json!([]),
            ranges: json!([]),
            facets_ms: json!({}),
            two_threads: 0.0,
            footprint,
        })
    }

    /// Recall and rate over rising candidate lists, on one thread.
    pub fn measure(&mut self, set: &Set) -> Result<(), Failed> {
        let mut points = Vec::new();
        for ef in LISTS {
            let recall = self.recall(&set.queries, &self.truth, &Filter::default(), Effort::Ef(ef))?;
            let rate = self.rate(&set.queries, &Filter::default(), Effort::Ef(ef))?;
            println!("   ours: ef {ef:>4}  recall {recall:.4}  {rate:>8.0} q/s");
            points.push(Point { ef, recall, rate });
            if recall > ENOUGH {
                break;
            }
        }
        self.exact_rate = self.rate(&set.queries[..50], &Filter::default(), Effort::Exact)?;
        self.curves.push(Curve(points));
        Ok(())
    }

    /// How much of the truth is found. Fewer hits than there are to be found is an error.
    fn recall(
        &self,
        queries: &[Query],
        truth: &[Truth],
        filter: &Filter,
        effort: Effort,
    ) -> Result<f64, Failed> {
        let (mut found, mut wanted) = (0, 0);
        for (query, &(exact, last)) in queries.iter().zip(truth) {
            let nearest = self.catalogue.places(query, K, filter, effort)?;
            found += nearest.iter().filter(|(_, distance)| distance.blend <= last * (1.0 + 1e-6)).count();
            wanted += exact;
            if nearest.len() != exact {
                return Err(format!("{} hits where there are {exact}", nearest.len()).into());
            }
        }
        Ok(found as f64 / wanted as f64)
    }

    fn rate(&self, queries: &[Query], filter: &Filter, effort: Effort) -> Result<f64, Failed> {
        let mut best: f64 = 0.0;
        for _ in 0..ROUNDS {
            let started = Instant::now();
            for query in queries {
                self.catalogue.places(query, K, filter, effort)?;
            }
            best = best.max(queries.len() as f64 / started.elapsed().as_secs_f64());
        }
        Ok(best)
    }

    /// Recall and rate under filters of several shares, at the usual effort.
    pub fn filters(&mut self, set: &Set) -> Result<(), Failed> {
        let mut rows = Vec::new();
        for (share, _) in SHARES {
            let attributes = [("share".to_owned(), vec![share.to_owned()])].into();
            let filter = Filter { attributes, ..Filter::default() };
            let queries = &set.queries[..200];
            let truth = truth(&self.catalogue, queries, &filter)?;
            let recall = self.recall(queries, &truth, &filter, Effort::Usual)?;
            let rate = self.rate(queries, &filter, Effort::Usual)?;
            println!("   ours: filter {share:<8} recall {recall:.4}  {rate:>8.0} q/s");
            rows.push(json!({ "keeps": share, "ann_recall_at_10": recall, "queries_per_second": rate }));
        }
        self.filters = rows.into();
        Ok(())
    }

    /// Recall and rate under random bounds on three numbers together with four of five categories, beside no filter at all.
    pub fn ranges(&mut self, set: &Set) -> Result<(), Failed> {
        let mut rng = ChaCha8Rng::seed_from_u64(11);
        let mut rows = Vec::new();
        for (share, keeps) in [("50%", 0.5), ("5%", 0.05), ("0.5%", 0.005f64)] {
            let categories = (0..CATEGORIES).filter(|n| n % 5 > 0).map(|n| format!("category-{n}"));
            let categories: Vec<String> = categories.collect();
            let width = (keeps * CATEGORIES as f64 / categories.len() as f64).cbrt();
            let (mut recalls, mut ratios, mut rates) = (Vec::new(), Vec::new(), Vec::new());
            for part in set.queries[..500].chunks(25) {
                let mut range = || {
                    let from = rng.random_range(0.0..1.0 - width);
                    NumberRange::new(Some(from), Some(from + width))
                };
                let ranges = NUMBERS
                    .iter()
                    .map(|key| Ok(((*key).to_owned(), range()?)))
                    .collect::<Result<_, Failed>>()?;
                let filter = Filter { categories: categories.clone(), ranges, ..Filter::default() };
                let truth = truth(&self.catalogue, part, &filter)?;
                recalls.push(self.recall(part, &truth, &filter, Effort::Usual)?);
                let (rate, all) = (
                    self.rate(part, &filter, Effort::Usual)?,
                    self.rate(part, &Filter::default(), Effort::Usual)?,
                );
                rates.push(rate);
                ratios.push(rate / all);
            }
            let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
            let (recall, rate, ratio) = (mean(&recalls), mean(&rates), mean(&ratios));
            println!(
                "   ours: three ranges {share:<5} recall {recall:.4}  {rate:>8.0} q/s  {ratio:.2} × unfiltered"
            );
            rows.push(json!({ "keeps": share, "ann_recall_at_10": recall, "queries_per_second": rate,
                "ratio_to_unfiltered": ratio }));
        }
        self.ranges = rows.into();
        Ok(())
    }

    /// How long three attributes of fifty values and less are counted, over all and over half of them.
    pub fn facets(&mut self) -> Result<(), Failed> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        let keys = COUNTED.map(|(key, _)| key.to_owned());
        let half = [("share".to_owned(), vec!["50%".to_owned()])].into();
        let mut took = serde_json::Map::new();
        for (name, filter) in
            [("all", Filter::default()), ("50%", Filter { attributes: half, ..Filter::default() })]
        {
            let mut times = Vec::new();
            for _ in 0..50 {
                let started = Instant::now();
                runtime.block_on(self.catalogue.facets(&filter, &keys))?;
                times.push(started.elapsed().as_secs_f64() * 1e3);
            }
            times.sort_by(f64::total_cmp);
            println!("   ours: three facets over {name:<4} {:.3} ms", times[25]);
            took.insert(name.to_owned(), times[25].into());
        }
        self.facets_ms = took.into();
        Ok(())
    }

    /// What a second thread adds.
    pub fn threads(&mut self, set: &Set) -> Result<(), Failed> {
        let effort = Effort::Usual;
        let pass = |queries: &[Query]| -> Result<(), Failed> {
            for _ in 0..4 {
                for query in queries {
                    self.catalogue.places(query, K, &Filter::default(), effort)?;
                }
            }
            Ok(())
        };
        let mut best: f64 = 0.0;
        for _ in 0..ROUNDS {
            let started = Instant::now();
            pass(&set.queries)?;
            let one = started.elapsed();
            let started = Instant::now();
            std::thread::scope(|scope| {
                let both = [scope.spawn(|| pass(&set.queries)), scope.spawn(|| pass(&set.queries))];
                both.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a search panicked")?)
            })?;
            best = best.max(2.0 * one.as_secs_f64() / started.elapsed().as_secs_f64());
        }
        println!("   ours: two threads answer {best:.2} times what one does");
        self.two_threads = best;
        Ok(())
    }
}

/// How many there are to be found, K at most, and how far the last of them is.
pub type Truth = (usize, f32);

fn truth(catalogue: &LocalCatalogue, queries: &[Query], filter: &Filter) -> Result<Vec<Truth>, Failed> {
    let last = |query| -> Result<Truth, Failed> {
        let exact = catalogue.places(query, K, filter, Effort::Exact)?;
        Ok((exact.len(), exact.last().map_or(0.0, |(_, distance)| distance.blend)))
    };
    queries.par_iter().map(last).collect()
}

/// In a process of its own: opens the catalogue, answers, and tells what that took.
pub fn footprint() -> Result<(), Failed> {
    let bundle = PathBuf::from(std::env::args().nth(2).ok_or("which catalogue?")?);
    let row = fs::read(bundle.join("query.f32"))?;
    let row: Vec<f32> = row.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let mut measured = Measured::default();
    for _ in 0..3 {
        let started = Instant::now();
        let catalogue = LocalCatalogue::open(&bundle, MODEL)?;
        let dims = catalogue.manifest().dims;
        let (deep, colour) = row.split_at(dims.deep);
        let vectors = Vectors::new(deep.to_vec(), colour.to_vec())?;
        let query = Query { vectors, weight: ColourWeight::DEFAULT };
        let hits = catalogue.search(&query, K, &Filter::default(), Effort::Usual)?.hits;
        assert_eq!(hits.len(), K);
        let timing = catalogue.timing();
        let (memory, status) = (catalogue.footprint(), fs::read_to_string("/proc/self/status")?);
        let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).ok_or("no RssAnon")?;
        measured = Measured {
            anonymous_bytes: anonymous.trim().trim_end_matches(" kB").parse::<usize>()? * 1024,
            codes_bytes: memory.codes,
            graph_bytes: memory.graph,
            mapped_bytes: memory.mapped,
            open_to_answer_ms: (started.elapsed() - timing.hashing).as_secs_f64() * 1e3,
            hashing_ms: timing.hashing.as_secs_f64() * 1e3,
        };
    }
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}
