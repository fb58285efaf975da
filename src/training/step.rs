//! A batch of triplets: prepared by the loader's threads, taken through the network by the one that trains.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tch::{
    Device, Kind, Tensor,
    nn::{self, OptimizerConfig},
};

use super::{Losses, OptimizerKind, TrainOptions, TrainingError, TrainingSet, losses};
use crate::{
    dataset::{Triplet, TripletSampler},
    image::{Augmentation, Pixels, Preprocessing},
    libtorch::with_cpu_bf16,
    network::{Network, NetworkError, channels_last, is_backbone},
};

/// Photos ready for the network: anchors, then positives, then negatives.
pub(super) struct Batch {
    pub pixels: Vec<Pixels>,
    pub labels: Vec<i64>,
    pub groups: Vec<i64>,
}

/// Decodes and augments a batch. What is drawn is a function of seed, epoch and photo.
pub(super) fn prepare(
    set: &TrainingSet,
    (triplets, sampler): (&[Triplet], &TripletSampler),
    preprocessing: &Preprocessing,
    augmentation: &Augmentation,
    (seed, epoch): (u64, u64),
) -> Result<Batch, TrainingError> {
    let roles = [|t: &Triplet| t.anchor, |t: &Triplet| t.positive, |t: &Triplet| t.negative];
    let photos: Vec<usize> = roles.iter().flat_map(|role| triplets.iter().map(role)).collect();
    let mut batch = Batch { pixels: Vec::new(), labels: Vec::new(), groups: Vec::new() };
    for (place, photo) in photos.into_iter().enumerate() {
        let anchor = triplets[place % triplets.len()].anchor as u64;
        let mut rng = ChaCha8Rng::seed_from_u64(seed ^ epoch.wrapping_mul(0xD1B5_4A32_D192_ED03));
        rng.set_stream(anchor * 3 + (place / triplets.len()) as u64);
        batch.pixels.push(augmentation.apply(&set.photo(photo)?, preprocessing, &mut rng)?);
        batch.labels.push(set.label(photo) as i64);
        batch.groups.push(sampler.group(photo) as i64);
    }
    Ok(batch)
}

/// `[N, 3, S, S]`, normalised, in channels-last order.
pub(super) fn to_tensor(
    pixels: &[Pixels],
    rule: &Preprocessing,
    device: Device,
) -> Result<Tensor, TrainingError> {
    let side = i64::from(rule.size());
    // The photos were made by this rule.
    let data = rule.normalise(pixels).unwrap_or_default();
    let images = Tensor::f_from_slice(&data)?.f_view([pixels.len() as i64, 3, side, side])?;
    Ok(channels_last(&images.f_to_device(device)?))
}

/// The network and what changes it.
pub(super) struct Trainer {
    pub network: Network,
    optimizer: nn::Optimizer,
    options: TrainOptions,
    device: Device,
}

/// What one step came to.
pub(super) struct StepResult {
    pub loss: f64,
    pub cross_entropy: f64,
    pub triplet: f64,
    pub active: f64,
    pub right: f64,
}

impl Trainer {
    pub fn new(vs: &nn::VarStore, network: Network, options: &TrainOptions) -> Result<Self, TrainingError> {
        if options.freeze_backbone {
            for (name, variable) in vs.variables() {
                if is_backbone(&name) {
                    let _ = variable.set_requires_grad(false);
                }
            }
        }
        let optimizer = match options.optimizer {
            OptimizerKind::Sgd => nn::sgd(0.9, 0.0, options.weight_decay, true).build(vs, options.lr),
            OptimizerKind::Adamw => nn::adamw(0.9, 0.999, options.weight_decay).build(vs, options.lr),
        }
        .map_err(NetworkError::from)?;
        Ok(Self { network, optimizer, options: options.clone(), device: vs.device() })
    }

    /// Forward, backward, step.
    pub fn step(
        &mut self,
        batch: &Batch,
        preprocessing: &Preprocessing,
        lr: f64,
    ) -> Result<StepResult, TrainingError> {
        let images = to_tensor(&batch.pixels, preprocessing, self.device)?;
        let labels = Tensor::f_from_slice(&batch.labels)?.f_to_device(self.device)?;
        let groups = Tensor::f_from_slice(&batch.groups)?.f_to_device(self.device)?;
        let trains = !self.options.freeze_backbone;
        let forward = || self.network.forward(&images, trains);
        let output =
            if self.options.bf16 && self.device == Device::Cpu { with_cpu_bf16(forward)? } else { forward() };
        let Losses { total, cross_entropy, triplet, active } =
            losses(&output, &labels, &groups, &self.options);
        self.optimizer.set_lr(lr);
        self.optimizer.backward_step_clip_norm(&total, 5.0);
        let right = output.logits.argmax(1, false).eq_tensor(&labels).to_kind(Kind::Float).mean(Kind::Float);
        let number = |t: &Tensor| f64::try_from(t).map_err(TrainingError::from);
        Ok(StepResult {
            loss: number(&total)?,
            cross_entropy: number(&cross_entropy)?,
            triplet: number(&triplet)?,
            active: number(&active)?,
            right: number(&right)?,
        })
    }
}
