//! A run from its beginning, or from where it stopped, to its end.

use std::{path::Path, sync::Arc, time::Instant};

use sha2::{Digest, Sha256};
use tch::Device;

use crate::{
    TrainingError,
    training::{
        EpochMetrics, Look, Room, RunConfig, RunFolder, Shape, TrainOn, TrainOptions, TrainingSet,
        ValidateOn, epoch::Run, set::merge_categories, speed_trial::Pace, state, step::Trainer,
    },
};
use crate::{
    dataset::{Dataset, Split},
    network::{self, Architecture},
    progress::Bar,
};
use lookalike_common::hex;
use lookalike_libtorch as libtorch;
use lookalike_photo::{Colour, Preprocessing};

/// Trains on the sets and leaves a run folder at `out`. Returns the best epoch's metrics.
pub fn train(
    sets: Vec<Dataset>,
    options: &TrainOptions,
    device: Device,
    out: &Path,
) -> Result<EpochMetrics, TrainingError> {
    let started = Instant::now();
    options.check()?;
    if !options.resume {
        // Before all photos are decoded, not after.
        RunFolder::vacant(out)?;
    }
    let preprocessing = Preprocessing::imagenet(options.size)?.in_colour(colour(options, out));
    let categories = merge_categories(&sets);
    let data = sets.iter().map(describe).collect();
    let (train, val) = open_sets(sets, &categories, options, &preprocessing)?;
    let architecture = Architecture {
        backbone: options.backbone,
        width: options.width,
        embedding: options.embedding,
        categories: categories.len() as u32,
        pooling: options.pooling,
    };
    let mut photos = Sha256::new();
    [&train, &val].into_iter().for_each(|set| set.digest(&mut photos));
    let photos = hex(&photos.finalize());
    if options.bf16 && !libtorch::has_bf16(device) {
        tracing::warn!("this CPU has no instructions for bf16 (lscpu: avx512_bf16): trains in f32");
    }
    let mut config =
        RunConfig { architecture, preprocessing, categories, options: options.clone(), data, photos };
    if let Some(minutes) = options.minutes {
        config.options.epochs = match RunFolder::open(out) {
            Ok((_, begun)) if options.resume => begun.options.epochs,
            _ => epochs_within(minutes, started, (&train, &val), &config, device)?,
        };
    }
    let mut trainer = begin(&config, &train, device)?;
    let folder =
        if options.resume { RunFolder::resume(out, &config)? } else { RunFolder::create(out, &config)? };
    let _held = folder.hold()?;
    let (epochs, best_by) = (config.options.epochs, config.options.best_by);
    let mut progress = state::Progress::default();
    if options.resume && folder.state().is_file() {
        let (tensors, saved) = state::load(&folder.state())?;
        trainer.restore(&tensors)?;
        progress = saved;
        tracing::info!(epoch = progress.history.len() + 1, step = progress.step, "the run goes on");
    }
    folder.rewrite(&progress.history)?;
    let mut run = Run::new(trainer, config, (train, val), &folder)?;
    while (progress.history.len() as u64) < epochs {
        run.epoch(&mut progress)?;
    }
    let best = EpochMetrics::best(&progress.history, best_by).cloned();
    best.ok_or_else(|| TrainingError::Options("--epochs must be at least 1".into()))
}

/// New runs are shown photos in sRGB; one that goes on is shown them as it was.
fn colour(options: &TrainOptions, out: &Path) -> Colour {
    match RunFolder::open(out) {
        Ok((_, begun)) if options.resume => begun.preprocessing.colour(),
        _ => Colour::Srgb,
    }
}

/// How many epochs end within so many minutes of `started`.
fn epochs_within(
    minutes: f64,
    started: Instant,
    (train, val): (&TrainingSet, &TrainingSet),
    config: &RunConfig,
    device: Device,
) -> Result<u64, TrainingError> {
    let pace = Pace::measure(&mut begin(config, train, device)?, (train, val), config)?;
    let seconds = minutes * 60.0 - started.elapsed().as_secs_f64();
    let epochs = pace.epochs_within(seconds, &config.options);
    tracing::info!(epochs, minutes, "the run's length, by a trial of the speed");
    Ok(epochs)
}

/// The network as it starts, drawn by the seed, with the weights asked for; and what changes it.
fn begin(config: &RunConfig, train: &TrainingSet, device: Device) -> Result<Trainer, TrainingError> {
    let options = &config.options;
    tch::manual_seed(options.seed as i64);
    let (vs, network) = network::build(&config.architecture, device)?;
    if let Some(weights) = &options.weights {
        let set = network::load_start(&vs, &network::locate(weights)?)?;
        tracing::info!(variables = set, %weights, "weights loaded");
    }
    Trainer::new(vs, network, options, train.groups(options.group).count())
}

/// The photos trained on and those validated with, checked.
fn open_sets(
    sets: Vec<Dataset>,
    categories: &[String],
    options: &TrainOptions,
    preprocessing: &Preprocessing,
) -> Result<(TrainingSet, TrainingSet), TrainingError> {
    let (train, val): (&[Split], &[Split]) = match (options.train_on, options.validate_on) {
        (TrainOn::All, _) => (&[Split::Train, Split::Val, Split::Test], &[]),
        (TrainOn::Train, ValidateOn::Val) => (&[Split::Train], &[Split::Val]),
        (TrainOn::Train, ValidateOn::Rest) => (&[Split::Train], &[Split::Val, Split::Test]),
    };
    let (sets, room) = (Arc::new(sets), Room::new(options.cache_mb << 20));
    let open = |splits: &[Split], shape: Shape| {
        let look = Look { boxes: options.boxes, shape, colour: preprocessing.colour(), room: room.clone() };
        check(&TrainingSet::new(sets.clone(), categories, splits, look), options)
    };
    let train = open(train, Shape::ShortSide(options.short_side()))?;
    Ok((train, open(val, Shape::Square(preprocessing.clone()))?))
}

fn describe(set: &Dataset) -> String {
    let name = set.root().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let count = |split| set.records().iter().filter(|r| r.split == split).count();
    let (train, val, test) = (count(Split::Train), count(Split::Val), count(Split::Test));
    format!("{name}: {train} train, {val} val, {test} test photos, {} categories", set.categories().len())
}

/// Decodes all photos once: what cannot be used is named now, not in the middle of the night; the rest stays in memory.
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
