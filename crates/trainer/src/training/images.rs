//! Photos' bytes as a network's input.

use lookalike_photo::Preprocessing;
use tch::{Device, Kind, Tensor};

use crate::TrainingError;

/// `[N, 3, S, S]`, normalised, in channels-last order: bytes travel to the device, floats are made there.
pub(crate) fn to_images(bytes: &[u8], rule: &Preprocessing, device: Device) -> Result<Tensor, TrainingError> {
    let side = i64::from(rule.size());
    let pixels = Tensor::f_from_slice(bytes)?.f_view([-1, side, side, 3])?.f_to_device(device)?;
    let row = |v: [f32; 3]| Tensor::f_from_slice(&v)?.f_to_device(device);
    let (scale, shift) =
        (rule.std().map(|s| 1.0 / (255.0 * s)), [0, 1, 2].map(|c| rule.mean()[c] / rule.std()[c]));
    let mut images = pixels.f_to_kind(Kind::Float)?;
    let _ = images.f_mul_(&row(scale)?)?;
    let _ = images.f_sub_(&row(shift)?)?;
    Ok(images.f_permute([0, 3, 1, 2])?)
}
