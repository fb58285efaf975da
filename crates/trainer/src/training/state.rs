//! Everything that a run goes on with, in one file that is written whole or not at all.

use std::{collections::HashMap, io, path::Path};

use lookalike_common::write_atomically_with;

use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::{
    TrainingError,
    training::{EpochMetrics, step::StepResult},
};

/// How far a run is. Nothing draws from a generator that has a past: what is drawn follows from seed, epoch, step and place.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Whole epochs done.
    pub history: Vec<EpochMetrics>,
    /// Steps done of the next one.
    pub step: u64,
    /// What they came to.
    pub sums: Sums,
}

/// Sums over the steps of an epoch.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub steps: f64,
    pub photos: u64,
    pub loss: f64,
    pub cross_entropy: f64,
    /// Sum and number, as not every batch has one.
    pub metric: (f64, f64),
    pub active: (f64, f64),
    pub right: (f64, f64),
    pub seconds: f64,
    pub waited: f64,
}

impl Sums {
    pub fn add(&mut self, result: &StepResult, photos: u64) {
        self.steps += 1.0;
        self.photos += photos;
        self.loss += result.loss;
        self.cross_entropy += result.cross_entropy;
        for (sum, value) in [
            (&mut self.metric, result.metric),
            (&mut self.active, result.active),
            (&mut self.right, result.right),
        ] {
            if let Some(value) = value {
                *sum = (sum.0 + value, sum.1 + 1.0);
            }
        }
    }
}

/// The name of the tensor that holds a [`Progress`] as JSON.
const PROGRESS: &str = "progress";

/// Writes `tensors` and `progress` to `path`.
pub(crate) fn save(
    path: &Path,
    mut tensors: Vec<(String, Tensor)>,
    progress: &Progress,
) -> Result<(), TrainingError> {
    let failed = |reason: String| TrainingError::Run { path: path.to_owned(), reason };
    for (_, tensor) in &mut tensors {
        *tensor = tensor.f_to_device(Device::Cpu)?.f_contiguous()?;
    }
    let json = serde_json::to_vec(progress).map_err(|e| failed(e.to_string()))?;
    tensors.push((PROGRESS.into(), Tensor::f_from_slice(&json)?));
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let write = |beside: &Path| Tensor::write_safetensors(&tensors, beside).map_err(io::Error::other);
    write_atomically_with(path, write).map_err(|e| failed(e.to_string()))
}

/// Reads what [`save`] wrote.
pub(crate) fn load(path: &Path) -> Result<(HashMap<String, Tensor>, Progress), TrainingError> {
    let failed = |reason: String| TrainingError::Run { path: path.to_owned(), reason };
    let tensors = Tensor::read_safetensors(path).map_err(|e| failed(e.to_string()))?;
    let mut tensors: HashMap<String, Tensor> = tensors.into_iter().collect();
    let progress = tensors.remove(PROGRESS).ok_or_else(|| failed("it is not the state of a run".into()))?;
    let json = Vec::<u8>::try_from(progress)?;
    let progress = serde_json::from_slice(&json).map_err(|e| failed(e.to_string()))?;
    Ok((tensors, progress))
}
