//! A run's best weights over photos of one split: embeddings, logits, and where the network looks.

use std::{path::Path, sync::Arc};

use tch::{Device, Tensor};

use crate::{
    TrainingError,
    evaluation::Scored,
    training::{RunConfig, RunFolder},
};
use crate::{
    dataset::{Dataset, DatasetError, Record, Split, ordered},
    network::{self, ColourModule, Network, activation_map},
};
use lookalike_items::Vectors;
use lookalike_photo::{Pixels, Preprocessing};

/// Photos in one forward pass.
const BATCH: usize = 32;

/// Which photos are looked at, and with what.
#[derive(Clone, Copy, Debug)]
pub struct Inspected {
    /// Of which split; of all where it is not said.
    pub split: Option<Split>,
    /// So many at the most, evenly spread.
    pub photos: usize,
    /// Where the network runs.
    pub device: Device,
    /// Threads that decode.
    pub workers: usize,
}

impl Inspected {
    /// With a thread a core to decode.
    pub fn of(split: Option<Split>, photos: usize, device: Device) -> Self {
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        Self { split, photos, device, workers }
    }
}

/// What a network says of photos, all in one order.
pub struct Inspection {
    /// The run's configuration.
    pub config: RunConfig,
    /// Items, embeddings and logits.
    pub scored: Vec<Scored>,
    /// The activation map of each, row by row: a square of [`side`](Self::side).
    pub maps: Vec<Vec<f32>>,
    /// How many cells a map has on a side.
    pub side: usize,
    /// How many photos there are that could be looked at.
    pub available: usize,
    sets: Arc<Vec<Dataset>>,
    records: Vec<(usize, Record)>,
}

/// Runs the best weights of the run in `run` over photos of `sets`. A photo that cannot be used is left out, with a warning.
pub fn inspect(
    run: &Path,
    sets: &[Dataset],
    what: Inspected,
    progress: &dyn Fn(u64, u64),
) -> Result<Inspection, TrainingError> {
    let (folder, config) = RunFolder::open(run)?;
    let (vs, network) = network::build(&config.architecture, what.device)?;
    network::load_weights(&vs, &folder.best())?;
    let wanted = |(s, set): (usize, &Dataset)| -> Vec<(usize, Record)> {
        let fits = |r: &&Record| what.split.is_none_or(|split| r.split == split);
        set.records().iter().filter(fits).map(|r| (s, r.clone())).collect()
    };
    let all: Vec<(usize, Record)> = sets.iter().enumerate().flat_map(wanted).collect();
    let taken = all.len().min(what.photos);
    let records: Vec<(usize, Record)> = (0..taken).map(|i| all[i * all.len() / taken].clone()).collect();
    let side = config.preprocessing.size().div_ceil(32) as usize;
    let mut inspection = Inspection {
        scored: Vec::with_capacity(taken),
        maps: Vec::with_capacity(taken),
        side,
        available: all.len(),
        sets: Arc::new(sets.iter().map(Dataset::without_records).collect()),
        records: Vec::with_capacity(taken),
        config,
    };
    inspection.run(&network, records, what, progress)?;
    Ok(inspection)
}

/// A record with its set's number, and its pixels.
type Prepared = Vec<(usize, Record, Result<Pixels, DatasetError>)>;

impl Inspection {
    fn run(
        &mut self,
        network: &Network,
        records: Vec<(usize, Record)>,
        what: Inspected,
        progress: &dyn Fn(u64, u64),
    ) -> Result<(), TrainingError> {
        let _guard = tch::no_grad_guard();
        let (rule, boxes, sets) =
            (self.config.preprocessing.clone(), self.config.options.boxes, self.sets.clone());
        let colour = ColourModule::new(&rule, what.device);
        let (total, mut done) = (records.len() as u64, 0);
        let jobs: Vec<Vec<(usize, Record)>> = records.chunks(BATCH).map(<[_]>::to_vec).collect();
        let prepare = move |job: Vec<(usize, Record)>| -> Prepared {
            let one = |s: usize, r: &Record| Ok(rule.apply(&sets[s].photo_for(r, boxes, rule.wanted())?));
            job.into_iter().map(|(s, r)| (s, r.clone(), one(s, &r))).collect()
        };
        for batch in ordered(jobs, what.workers, prepare) {
            done += batch.len() as u64;
            let (mut kept, mut pixels) = (Vec::new(), Vec::new());
            for (s, record, outcome) in batch {
                match outcome {
                    Ok(p) => {
                        kept.push((s, record));
                        pixels.push(p);
                    }
                    Err(e) => tracing::warn!("skipped {e}"),
                }
            }
            if !kept.is_empty() {
                let images = images(&self.config.preprocessing, &pixels, what.device)?;
                self.add(network, &colour, &images, kept)?;
            }
            progress(done, total);
        }
        Ok(())
    }

    fn add(
        &mut self,
        network: &Network,
        colour: &ColourModule,
        images: &Tensor,
        records: Vec<(usize, Record)>,
    ) -> Result<(), TrainingError> {
        let output = network.forward(images, false);
        let activation = activation_map(&output.map);
        let colours = colour.feature(images, &activation);
        let n = records.len();
        let [deep, colours, logits, maps] =
            [&output.embedding, &colours, &output.logits, &activation].map(|t| rows(t, n));
        let (deep, colours, logits, maps) = (deep?, colours?, logits?, maps?);
        for (i, (s, record)) in records.into_iter().enumerate() {
            match Vectors::new(deep[i].clone(), colours[i].clone()) {
                Ok(vectors) => {
                    let item = Arc::new(record.item.clone());
                    self.scored.push(Scored { item, vectors, logits: logits[i].clone() });
                    self.maps.push(maps[i].clone());
                    self.records.push((s, record));
                }
                Err(e) => tracing::warn!("skipped {}: {e}", record.item.image),
            }
        }
        Ok(())
    }

    /// Where the photos of a split stand.
    pub fn places(&self, split: Split) -> Vec<usize> {
        (0..self.records.len()).filter(|&i| self.records[i].1.split == split).collect()
    }

    /// One of the photos at about this shorter side or more, cut to its box where the run was trained so.
    pub fn photo(&self, i: usize, short_side: u32) -> Result<lookalike_photo::Photo, DatasetError> {
        let (s, record) = &self.records[i];
        let wanted = self.config.preprocessing.wanted().at_side(short_side);
        self.sets[*s].photo_for(record, self.config.options.boxes, wanted)
    }
}

fn images(rule: &Preprocessing, pixels: &[Pixels], device: Device) -> Result<Tensor, TrainingError> {
    let side = i64::from(rule.size());
    // The photos were made by this rule.
    let numbers = rule.normalise(pixels).unwrap_or_default();
    let images = Tensor::f_from_slice(&numbers)?.f_view([pixels.len() as i64, 3, side, side])?;
    Ok(network::channels_last(&images.f_to_device(device)?))
}

fn rows(tensor: &Tensor, n: usize) -> Result<Vec<Vec<f32>>, TrainingError> {
    let flat =
        tensor.f_to_device(Device::Cpu)?.f_to_kind(tch::Kind::Float)?.f_contiguous()?.f_flatten(0, -1)?;
    let flat = Vec::<f32>::try_from(flat)?;
    Ok(flat.chunks_exact((flat.len() / n).max(1)).map(<[f32]>::to_vec).collect())
}
