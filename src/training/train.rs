//! The loop: epochs of triplets, each followed by a look at the validation photos and a checkpoint.

use std::{path::Path, sync::Arc, time::Instant};

use tch::Device;

use super::{
    EpochMetrics, RunConfig, RunFolder, TrainOptions, TrainingError, TrainingSet,
    schedule::learning_rate,
    set::merge_categories,
    step::{Trainer, prepare},
    validate::validate,
};
use crate::{
    dataset::{Dataset, Split, Triplet, TripletSampler, ordered},
    image::{Augmentation, Preprocessing},
    network::{self, Architecture},
    progress::Bar,
};

/// Trains on the sets' train split and leaves a run folder at `out`. Returns the best epoch's metrics.
pub fn train(
    sets: Vec<Dataset>,
    options: &TrainOptions,
    device: Device,
    out: &Path,
) -> Result<EpochMetrics, TrainingError> {
    options.check()?;
    let categories = merge_categories(&sets);
    let data = sets.iter().map(describe).collect();
    let sets = Arc::new(sets);
    let split = |split| TrainingSet::new(sets.clone(), &categories, split, options.boxes);
    let (train, val) = (check(&split(Split::Train), options)?, check(&split(Split::Val), options)?);
    let architecture = Architecture {
        backbone: options.backbone,
        width: options.width,
        embedding: options.embedding,
        categories: categories.len() as u32,
    };
    tch::manual_seed(options.seed as i64);
    let (vs, network) = network::build(&architecture, device)?;
    if let Some(weights) = &options.weights {
        let set = network::load_start(&vs, weights)?;
        tracing::info!(variables = set, file = %weights.display(), "weights loaded");
    }
    let preprocessing = Preprocessing::imagenet(options.size)?;
    let config = RunConfig { architecture, preprocessing, categories, options: options.clone(), data };
    let folder = RunFolder::create(out, &config)?;
    let mut run = Run { trainer: Trainer::new(&vs, network, options)?, config, train, val, device };
    let mut best: Option<EpochMetrics> = None;
    for epoch in 0..options.epochs {
        let metrics = run.epoch(epoch)?;
        let better = best.as_ref().is_none_or(|b| metrics.score() > b.score());
        folder.checkpoint(&vs, &run.config, better)?;
        folder.log(&metrics)?;
        if better {
            best = Some(metrics);
        }
    }
    best.ok_or_else(|| TrainingError::Options("--epochs must be at least 1".into()))
}

fn describe(set: &Dataset) -> String {
    let name = set.root().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let count = |split| set.records().iter().filter(|r| r.split == split).count();
    let (train, val, test) = (count(Split::Train), count(Split::Val), count(Split::Test));
    format!("{name}: {train} train, {val} val, {test} test photos, {} categories", set.categories().len())
}

/// Decodes all photos once: what cannot be used is named now, not in the middle of the night.
fn check(set: &TrainingSet, options: &TrainOptions) -> Result<TrainingSet, TrainingError> {
    let bar = Bar::new("checking photos", set.len() as u64);
    let (good, bad) = set.checked(options.loader_threads(), || bar.advance(1))?;
    bar.finish();
    for reason in bad.iter().take(20) {
        tracing::warn!(reason, "photo skipped");
    }
    if !bad.is_empty() {
        tracing::warn!(skipped = bad.len(), of = set.len(), "photos that cannot be used are left out");
    }
    Ok(good)
}

struct Run {
    trainer: Trainer,
    config: RunConfig,
    train: TrainingSet,
    val: TrainingSet,
    device: Device,
}

impl Run {
    fn epoch(&mut self, epoch: u64) -> Result<EpochMetrics, TrainingError> {
        let options = self.config.options.clone();
        let sampler = self.train.triplets(options.seed);
        let batches = self.batches(&sampler, epoch)?;
        let steps = batches.len();
        let photos: usize = batches.iter().map(|b| b.len() * 3).sum();
        let bar =
            Bar::new(&format!("epoch {}/{}", epoch + 1, options.epochs), (photos + self.val.len()) as u64);
        let (set, rule) = (self.train.clone(), self.config.preprocessing.clone());
        let augmentation = Augmentation { erase: options.erase, ..Augmentation::default() };
        let seed = (options.seed, epoch);
        let mut load = ordered(batches, options.loader_threads(), move |triplets: Vec<Triplet>| {
            prepare(&set, (&triplets, &sampler), &rule, &augmentation, seed)
        });
        let started = Instant::now();
        let mut metrics = EpochMetrics { epoch: epoch + 1, ..Default::default() };
        let (total, first) = (steps as u64 * options.epochs, steps as u64 * epoch);
        for step in 0..steps {
            let Some(batch) = load.next().transpose()? else { break };
            metrics.lr = learning_rate(options.lr, options.warmup, first + step as u64, total);
            let result = self.trainer.step(&batch, &self.config.preprocessing, metrics.lr)?;
            if !result.loss.is_finite() {
                return Err(TrainingError::Diverged { loss: result.loss, epoch: epoch + 1 });
            }
            metrics.loss += result.loss / steps as f64;
            metrics.cross_entropy += result.cross_entropy / steps as f64;
            metrics.triplet += result.triplet / steps as f64;
            metrics.triplet_active += result.active / steps as f64;
            metrics.train_top1 += result.right / steps as f64;
            bar.advance(batch.pixels.len() as u64);
            bar.message(format!("loss {:.3}", result.loss));
        }
        let took = started.elapsed().as_secs_f64();
        metrics.images_per_second = photos as f64 / took;
        metrics.wait_share = load.waited().as_secs_f64() / took;
        let with = (&self.config.preprocessing, self.device, options.loader_threads());
        validate(&self.trainer.network, &self.val, with, &mut metrics, |n| bar.advance(n))?;
        metrics.seconds = started.elapsed().as_secs_f64();
        bar.finish_with(summary(&metrics));
        Ok(metrics)
    }

    /// The epoch's triplets, a batch a job; a last batch of a single triplet is left out, batch-norm cannot learn of it.
    fn batches(&self, sampler: &TripletSampler, epoch: u64) -> Result<Vec<Vec<Triplet>>, TrainingError> {
        let triplets = sampler.epoch(epoch);
        let batches: Vec<Vec<Triplet>> = triplets
            .chunks((self.config.options.batch / 3).max(2))
            .filter(|batch| batch.len() >= 2)
            .map(<[Triplet]>::to_vec)
            .collect();
        if batches.is_empty() {
            let why =
                "no triplets: training needs at least two categories or products with two photos each".into();
            return Err(TrainingError::Options(why));
        }
        Ok(batches)
    }
}

fn summary(m: &EpochMetrics) -> String {
    let share = |s: Option<f64>| s.map_or("–".into(), |s| format!("{s:.3}"));
    format!(
        "loss {:.3} (ce {:.3}, triplet {:.3}) · train {:.3} · val top-1 {} hit@1 {} product {} · {:.0} photos/s",
        m.loss,
        m.cross_entropy,
        m.triplet,
        m.train_top1,
        share(m.val_top1),
        share(m.val_hit_at_1),
        share(m.val_product_hit_at_1),
        m.images_per_second
    )
}
