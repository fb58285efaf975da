//! A trained run becomes a bundle, in every precision that is asked for.

mod bundle_writer;
mod drift;
mod import;
mod pca;

pub use bundle_writer::{Draft, Saved, write};
pub use import::import;
pub use pca::Pca;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest, Sha256};
use tch::{Device, Kind, Tensor};

use crate::{
    TrainingError,
    dataset::{Dataset, Record, Split, ordered},
    evaluation::Scored,
    extraction::{ExtractionError, extract},
    network::{self, COLOUR_CELLS, Network, NetworkError},
    training::{EpochMetrics, RunConfig, RunFolder},
};
use lookalike_items::Dims;
use lookalike_model::{Bundle, BundleError, EmbedderError, PcaRecord, file_of};
use lookalike_model::{Model, Precision, PrecisionChoice};
use lookalike_photo::{Pixels, Preprocessing};

/// Photos that 8 bits are calibrated with, at most.
const CALIBRATED_WITH: usize = 256;
/// Photos that a precision is judged on, at most.
const JUDGED_ON: usize = 1000;
/// Photos that principal components are fitted to, at most.
const FITTED_TO: usize = 20_000;
/// Photos in one forward pass.
const BATCH: usize = 16;

/// Why a bundle could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file of it cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// Something is there already.
    #[error("{}: there is something already; name a folder that does not exist or is empty", .0.display())]
    Occupied(PathBuf),
    /// The run it is to be made of.
    #[error("the run: {0}")]
    Run(#[from] TrainingError),
    /// The run's network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The photos given to calibrate and judge with.
    #[error("the photos of --data: {0}")]
    Photos(String),
    /// One of them, or too many.
    #[error("the photos of --data: {0}")]
    Extraction(#[from] ExtractionError),
    /// A model from elsewhere that does not run here, or cannot be right.
    #[error("{}: {reason}", path.display())]
    Brought {
        /// Its file.
        path: PathBuf,
        /// Why not, in one line.
        reason: String,
    },
    /// A precision is too far from f32.
    #[error(
        "{precision} strays too far from f32: {reason}. Leave it out with --precision, or write it with --allow-drift"
    )]
    Drift {
        /// Which.
        precision: Precision,
        /// What is past its bound.
        reason: String,
    },
    /// What was written is no bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The model does not run.
    #[error("the bundle's model: {0}")]
    Model(#[from] EmbedderError),
}

impl ExportError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// What an export makes besides f32, and of which photos.
#[derive(Default)]
pub struct ExportOptions<'a> {
    /// Photos to calibrate and to judge with. Without any, the bundle holds f32 alone.
    pub photos: &'a [Dataset],
    /// Precisions besides f32.
    pub precisions: Vec<Precision>,
    /// Writes a precision that strays past its bound all the same; the manifest says by how much.
    pub allow_drift: bool,
    /// Projects embeddings onto so many principal components of the training photos', in all precisions.
    pub pca: Option<usize>,
}

/// Takes the best checkpoint of the run, folds and traces it, and makes the folder `out` (new or empty) a bundle. Every
/// model written is loaded again and run; those in less than f32 are held against it. `progress` is told what comes next.
pub fn export(
    run: &Path,
    out: &Path,
    options: &ExportOptions<'_>,
    progress: &dyn Fn(Precision),
) -> Result<Bundle, ExportError> {
    let (folder, config) = RunFolder::open(run)?;
    let fresh = || -> Result<_, ExportError> {
        let (vs, network) = network::build(&config.architecture, Device::Cpu)?;
        network::load_weights(&vs, &folder.best())?;
        Ok((vs, network))
    };
    let metrics = folder.metrics()?;
    let best = EpochMetrics::best(&metrics, config.options.best_by);
    let mut exporting = Exporting { config: &config, options, pca: None };
    let pca = options.pca.map(|components| exporting.fit(fresh()?.1, components)).transpose()?;
    let deep = pca.as_ref().map_or(config.architecture.embedding as usize, |(pca, _)| pca.components());
    let digest = network::weights_digest(&fresh()?.0)?;
    let cells = i64::from(config.preprocessing.size().div_ceil(32)).pow(2).min(COLOUR_CELLS);
    let draft = Draft {
        architecture: config.architecture.name(),
        preprocessing: config.preprocessing.clone(),
        dims: Dims { deep, colour: 3 * cells as usize },
        categories: config.categories.clone(),
        trained_on_boxes: config.options.boxes,
        training: best.and_then(|m| serde_json::to_value(m).ok()).unwrap_or_default(),
        weights: pca.as_ref().map_or(digest, |(pca, _)| projected(digest, pca)),
        pca: pca.as_ref().map(|(_, record)| record.clone()),
    };
    exporting.pca = pca.map(|(pca, _)| pca);
    write(out, draft, |dir| {
        let mut written = BTreeMap::new();
        progress(Precision::F32);
        exporting.save(fresh()?.1, Precision::F32, dir)?;
        written.insert(Precision::F32, None);
        for &asked in &options.precisions {
            PrecisionChoice::This(asked).pick(&[asked], Device::Cpu)?;
        }
        let asked = options.precisions.iter().filter(|p| **p != Precision::F32);
        let asked: Vec<Precision> = asked.copied().collect();
        if asked.is_empty() {
            let _: Model = exporting.load(Precision::F32, dir)?;
            return Ok(written);
        }
        let exact = exporting.embed(Precision::F32, dir)?;
        for precision in asked {
            progress(precision);
            exporting.save(fresh()?.1, precision, dir)?;
            let measured = drift::measure(&exact, &exporting.embed(precision, dir)?, &config.categories);
            let measured = measured
                .ok_or_else(|| ExportError::Photos("too few photos to judge a precision on".into()))?;
            if let Err(reason) = drift::check(&measured, precision)
                && !options.allow_drift
            {
                return Err(ExportError::Drift { precision, reason });
            }
            written.insert(precision, Some(measured));
        }
        Ok(written)
    })
}

/// What weights and a projection come to: another model than without it.
fn projected(weights: [u8; 32], pca: &Pca) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(weights);
    let (rows, biases) = pca.layer();
    rows.iter().chain(&biases).for_each(|x| hash.update(x.to_le_bytes()));
    hash.finalize().into()
}

/// What every precision is made and judged with.
struct Exporting<'a> {
    config: &'a RunConfig,
    options: &'a ExportOptions<'a>,
    pca: Option<Pca>,
}

impl Exporting<'_> {
    fn save(&self, mut network: Network, precision: Precision, dir: &Path) -> Result<(), ExportError> {
        let (rule, path) = (&self.config.preprocessing, dir.join(file_of(precision)));
        if let Some(pca) = &self.pca {
            let (rows, biases) = pca.layer();
            network.project((&rows, &biases))?;
        }
        let kind = match precision {
            Precision::F32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
            Precision::F16 => Kind::Half,
            Precision::Int7 | Precision::Int8 => {
                let own = precision == Precision::Int7;
                let runner = if own { network::Runner::Executor } else { network::Runner::Script };
                network.fold();
                return Ok(network::quantise(&network, rule, &self.calibration(rule)?, runner, &path)?);
            }
        };
        Ok(network::trace(network, rule, kind, &path)?)
    }

    fn load(&self, precision: Precision, dir: &Path) -> Result<Model, ExportError> {
        let rule = self.config.preprocessing.clone();
        Ok(Model::load(&dir.join(file_of(precision)), precision, Device::Cpu, rule)?)
    }

    /// Photos that were trained on, spread over the sets, in batches.
    fn calibration(&self, rule: &Preprocessing) -> Result<Vec<Tensor>, ExportError> {
        let mut batches = Vec::new();
        for (set, records) in self.choose(|split| split == Split::Train, CALIBRATED_WITH) {
            let (set, boxes, apply) = (set.clone(), self.config.options.boxes, rule.clone());
            let prepare = move |records: Vec<Record>| -> Vec<Pixels> {
                let whole = apply.wanted().at_side(u32::MAX);
                let photo = |r: &Record| set.photo_for(r, boxes, whole).ok();
                records.iter().filter_map(photo).map(|p| apply.apply(&p)).collect()
            };
            let jobs = records.chunks(BATCH).map(<[Record]>::to_vec).collect();
            for pixels in ordered(jobs, cores(), prepare) {
                let side = i64::from(rule.size());
                let numbers = rule.normalise(&pixels).filter(|n| !n.is_empty());
                let Some(numbers) = numbers else { continue };
                let images = Tensor::f_from_slice(&numbers).and_then(|t| t.f_view([-1, 3, side, side]));
                batches.push(network::channels_last(&images.map_err(network::NetworkError::from)?));
            }
        }
        if batches.is_empty() {
            return Err(ExportError::Photos("no photo to train with is among them".into()));
        }
        Ok(batches)
    }

    /// Principal components of photos that were trained on, as the model in f32 embeds them.
    fn fit(&self, network: Network, components: usize) -> Result<(Pca, PcaRecord), ExportError> {
        let folder = tempfile::tempdir().map_err(ExportError::io(Path::new("a temporary folder")))?;
        self.save(network, Precision::F32, folder.path())?;
        let model = self.load(Precision::F32, folder.path())?;
        let embedded = self.embedded(&model, |split| split == Split::Train, FITTED_TO)?;
        let rows: Vec<&[f32]> = embedded.iter().map(|s| s.vectors.deep()).collect();
        let pca = Pca::fit(&rows, components)?;
        let (from, explained) = (self.config.architecture.embedding as usize, pca.explained());
        let record = PcaRecord { from, to: components, explained, photos: rows.len() };
        Ok((pca, record))
    }

    /// Photos that were not trained on, embedded.
    fn embed(&self, precision: Precision, dir: &Path) -> Result<Vec<Scored>, ExportError> {
        self.embedded(&self.load(precision, dir)?, |split| split != Split::Train, JUDGED_ON)
    }

    fn embedded(
        &self,
        model: &Model,
        wanted: impl Fn(Split) -> bool,
        limit: usize,
    ) -> Result<Vec<Scored>, ExportError> {
        let mut scored = Vec::new();
        for (set, records) in self.choose(wanted, limit) {
            let extracted = extract(model, set, records, (self.config.options.boxes, cores()), |_| ())?;
            scored.extend(extracted.embedded.into_iter().map(|(record, embedded)| Scored {
                item: Arc::new(record.item),
                vectors: embedded.vectors,
                logits: embedded.logits,
            }));
        }
        Ok(scored)
    }

    /// Up to `limit` photos of the splits wanted, evenly from each set and evenly within it.
    fn choose(&self, wanted: impl Fn(Split) -> bool, limit: usize) -> Vec<(&Dataset, Vec<Record>)> {
        let sets = self.options.photos;
        let share = limit.div_ceil(sets.len().max(1));
        let choose = |set: &Dataset| -> Vec<Record> {
            let fit: Vec<&Record> = set.records().iter().filter(|r| wanted(r.split)).collect();
            let taken = fit.len().min(share);
            (0..taken).map(|i| fit[i * fit.len() / taken].clone()).collect()
        };
        sets.iter().map(|set| (set, choose(set))).collect()
    }
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}
