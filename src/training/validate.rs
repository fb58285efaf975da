//! How well the network does on the photos it is chosen by.

use tch::{Device, Kind, Tensor};

use super::{EpochMetrics, TrainingError, TrainingSet, step::to_tensor};
use crate::{
    dataset::ordered,
    image::{Pixels, Preprocessing},
    network::Network,
};

/// Photos in one forward pass.
const BATCH: usize = 32;

/// Fills in the `val_…` figures. `bump` is called after each photo.
pub(super) fn validate(
    network: &Network,
    set: &TrainingSet,
    (preprocessing, device, workers): (&Preprocessing, Device, usize),
    metrics: &mut EpochMetrics,
    mut bump: impl FnMut(u64),
) -> Result<(), TrainingError> {
    if set.len() < 2 {
        return Ok(());
    }
    let _guard = tch::no_grad_guard();
    let photos: Vec<usize> = (0..set.len()).collect();
    let jobs: Vec<Vec<usize>> = photos.chunks(BATCH).map(<[usize]>::to_vec).collect();
    let (reader, rule) = (set.clone(), preprocessing.clone());
    let load = ordered(jobs, workers, move |job: Vec<usize>| -> Result<Vec<Pixels>, TrainingError> {
        job.into_iter().map(|i| Ok(rule.apply(&reader.photo(i)?))).collect()
    });
    let (mut embeddings, mut logits) = (Vec::new(), Vec::new());
    for pixels in load {
        let pixels = pixels?;
        let output = network.forward(&to_tensor(&pixels, preprocessing, device)?, false);
        let norm = output.embedding.norm_scalaropt_dim(2.0, [1i64].as_slice(), true).clamp_min(1e-12);
        embeddings.push(output.embedding / norm);
        logits.push(output.logits);
        bump(pixels.len() as u64);
    }
    let (embeddings, logits) = (Tensor::f_cat(&embeddings, 0)?, Tensor::f_cat(&logits, 0)?);
    let labels: Vec<i64> = (0..set.len()).map(|i| set.label(i) as i64).collect();
    let labels = Tensor::f_from_slice(&labels)?.f_to_device(device)?;
    let share = |hits: Tensor| {
        f64::try_from(hits.to_kind(Kind::Float).mean(Kind::Float)).map_err(TrainingError::from)
    };
    let k = logits.size()[1].min(3);
    let (_, first) = logits.topk(k, 1, true, true);
    let right = first.eq_tensor(&labels.unsqueeze(1));
    metrics.val_top1 = Some(share(right.select(1, 0))?);
    metrics.val_top3 = Some(share(right.any_dim(1, false))?);
    let near = embeddings.matmul(&embeddings.tr()).fill_diagonal_(-2.0, false).argmax(1, false);
    let near = Vec::<i64>::try_from(near.to_device(Device::Cpu))?;
    let near = |i: usize| near[i] as usize;
    let same = (0..set.len()).filter(|&i| set.label(near(i)) == set.label(i)).count();
    metrics.val_hit_at_1 = Some(same as f64 / set.len() as f64);
    let product = |i: usize| set.record(i).item.product.as_deref();
    let known: Vec<usize> = (0..set.len()).filter(|&i| product(i).is_some()).collect();
    if !known.is_empty() {
        let same = known.iter().filter(|&&i| product(near(i)) == product(i)).count();
        metrics.val_product_hit_at_1 = Some(same as f64 / known.len() as f64);
    }
    Ok(())
}
