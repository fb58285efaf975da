//! A batch: prepared by the loader's threads, brought to the device by the one that trains.

use tch::{Device, Tensor};

use crate::dataset::Groups;
use crate::{
    TrainingError,
    training::{
        Plan, TrainingSet,
        features::Features,
        losses::{Target, Triplets},
        plan::{augmenting, view_of},
    },
};
use lookalike_photo::{Augmentation, Preprocessing};

/// Everything that a batch is made with; cheap to clone.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub set: TrainingSet,
    pub augmentation: Augmentation,
    /// At the side of this epoch.
    pub rule: Preprocessing,
    pub seed: u64,
    pub epoch: u64,
}

/// Photos ready for the network.
pub(crate) struct Batch {
    pub inputs: Inputs,
    pub plan: Plan,
}

/// What goes in.
pub(crate) enum Inputs {
    /// Bytes, `[N, S, S, 3]`.
    Photos(Vec<u8>),
    /// What a frozen backbone made of them, `[N, F, h, w]`.
    Features(Tensor),
}

/// Decodes and augments a batch. What is drawn is a function of seed, epoch, step and place.
pub(crate) fn prepare(recipe: &Recipe, plan: Plan) -> Result<Batch, TrainingError> {
    let Recipe { set, augmentation, rule, seed, epoch } = recipe;
    let mut bytes = Vec::with_capacity(plan.photos.len() * 3 * (rule.size() * rule.size()) as usize);
    for (place, &photo) in plan.photos.iter().enumerate() {
        let mut rng = augmenting(*seed, *epoch, plan.step, place);
        bytes.extend_from_slice(augmentation.apply(&*set.photo(photo)?, rule, &mut rng)?.bytes());
    }
    Ok(Batch { inputs: Inputs::Photos(bytes), plan })
}

/// The same of features that are kept.
pub(crate) fn recall(
    features: &Features,
    plan: Plan,
    (seed, epoch): (u64, u64),
) -> Result<Batch, TrainingError> {
    let view = |place: usize| view_of(features.views(), seed, epoch, plan.step, place);
    let rows: Vec<(usize, u64)> =
        plan.photos.iter().enumerate().map(|(place, photo)| (*photo, view(place))).collect();
    Ok(Batch { inputs: Inputs::Features(features.rows(&rows)?), plan })
}

/// Labels, groups and triplets on the device.
pub(crate) fn to_target(
    plan: &Plan,
    (set, groups): (&TrainingSet, &Groups),
    device: Device,
) -> Result<Target, TrainingError> {
    let numbers = |list: &[i64]| Tensor::f_from_slice(list)?.f_to_device(device);
    let of = |f: &dyn Fn(usize) -> usize| -> Vec<i64> { plan.photos.iter().map(|i| f(*i) as i64).collect() };
    let [anchors, positives, negatives] = &plan.triplets;
    let drawn = Triplets {
        anchors: numbers(anchors)?,
        positives: numbers(positives)?,
        negatives: numbers(negatives)?,
    };
    let mixed = match &plan.mixed {
        Some((others, share)) => Some((numbers(others)?, *share)),
        None => None,
    };
    Ok(Target {
        labels: numbers(&of(&|i| set.label(i)))?,
        groups: numbers(&of(&|i| groups.of(i)))?,
        drawn,
        mixed,
    })
}
