//! The simple network: what a study compares the deep ones with. Five 3×3 convolutions of stride 2 with batch-norm and ReLU, to a
//! feature map of the same shape as theirs; its variables have the names that the stages of the others have.

use tch::nn;

use crate::network::unit::{Spec, Unit};

/// Channels after each stage, in widths.
const CHANNELS: [i64; 4] = [2, 4, 8, 32];

/// The stem, then a unit a stage: `[N, 3, S, S]` → `[N, 32·width, S/32, S/32]`.
pub(crate) fn units(path: &nn::Path, width: i64) -> (Unit, Vec<Unit>) {
    let spec = |input, output| Spec { input, output, kernel: 3, stride: 2, groups: 1, scale: 1.0 };
    let stem = Unit::new(path, "conv1", "bn1", spec(3, width));
    let mut input = width;
    let stages = (1..).zip(CHANNELS).map(|(stage, channels)| {
        let output = channels * width;
        let unit = Unit::new(&(path / format!("layer{stage}") / 0), "conv1", "bn1", spec(input, output));
        input = output;
        unit
    });
    (stem, stages.collect())
}
