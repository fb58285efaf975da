//! How well the network does on the photos it is chosen by.

use tch::{Device, Kind, Tensor};

use crate::{
    TrainingError,
    training::{EpochMetrics, TrainingSet, features::Features, images::to_images, losses::normalised},
};
use crate::{dataset::ordered, network::Network};
use lookalike_libtorch::with_bf16;
use lookalike_photo::Preprocessing;

/// Photos in one forward pass.
const BATCH: usize = 32;
/// Neighbours that precision looks at.
const NEAREST: i64 = 10;

/// How photos go through the network.
pub(crate) struct Pass<'a> {
    pub network: &'a Network,
    pub rule: &'a Preprocessing,
    pub device: Device,
    pub bf16: bool,
    pub workers: usize,
}

/// Fills in the `val_…` figures; `features` are those of the set where the backbone is frozen. `bump` is called after each
/// batch with its size.
pub(crate) fn validate(
    pass: &Pass<'_>,
    set: &TrainingSet,
    features: Option<&Features>,
    metrics: &mut EpochMetrics,
    bump: impl FnMut(u64),
) -> Result<(), TrainingError> {
    if set.len() < 2 {
        return Ok(());
    }
    let _guard = tch::no_grad_guard();
    let (unit, logits) = embed(pass, set, features, bump)?;
    let labels: Vec<i64> = (0..set.len()).map(|i| set.label(i) as i64).collect();
    let labels = Tensor::f_from_slice(&labels)?.f_to_device(pass.device)?;
    let share = |hits: Tensor| {
        f64::try_from(hits.to_kind(Kind::Float).mean(Kind::Float)).map_err(TrainingError::from)
    };
    let (_, first) = logits.topk(logits.size()[1].min(5), 1, true, true);
    let right = first.eq_tensor(&labels.unsqueeze(1));
    let within = |k: i64| share(right.narrow(1, 0, k.min(right.size()[1])).any_dim(1, false));
    metrics.val_top1 = Some(within(1)?);
    metrics.val_top3 = Some(within(3)?);
    metrics.val_top5 = Some(within(5)?);
    let similar = unit.matmul(&unit.tr()).fill_diagonal_(-2.0, false);
    let (_, near) = similar.topk(NEAREST.min(set.len() as i64 - 1), 1, true, true);
    let same = labels.index_select(0, &near.view([-1])).view_as(&near).eq_tensor(&labels.unsqueeze(1));
    metrics.val_hit_at_1 = Some(share(same.select(1, 0))?);
    metrics.val_precision_at_10 = Some(share(same)?);
    let near = Vec::<i64>::try_from(near.select(1, 0).contiguous().to_device(Device::Cpu))?;
    metrics.val_product_hit_at_1 = product_hit(set, &near);
    Ok(())
}

/// Share of the photos of a known product whose nearest is of the same.
fn product_hit(set: &TrainingSet, near: &[i64]) -> Option<f64> {
    let product = |i: usize| set.record(i).item.product.as_deref();
    let known: Vec<usize> = (0..set.len()).filter(|&i| product(i).is_some()).collect();
    let same = known.iter().filter(|&&i| product(near[i] as usize) == product(i)).count();
    (!known.is_empty()).then(|| same as f64 / known.len() as f64)
}

/// Embeddings of norm 1 and logits of all photos, in their order.
fn embed(
    pass: &Pass<'_>,
    set: &TrainingSet,
    features: Option<&Features>,
    mut bump: impl FnMut(u64),
) -> Result<(Tensor, Tensor), TrainingError> {
    let Pass { network, rule, device, bf16, workers } = pass;
    let photos: Vec<usize> = (0..set.len()).collect();
    let jobs: Vec<Vec<usize>> = photos.chunks(BATCH).map(<[usize]>::to_vec).collect();
    let (mut units, mut logits) = (Vec::new(), Vec::new());
    let mut take = |forward: &dyn Fn() -> crate::network::Output| -> Result<(), TrainingError> {
        let output = if *bf16 { with_bf16(*device, forward)? } else { forward() };
        bump(output.embedding.size()[0] as u64);
        units.push(normalised(&output.embedding));
        logits.push(output.logits.to_kind(Kind::Float));
        Ok(())
    };
    if let Some(features) = features {
        for job in jobs {
            let rows: Vec<(usize, u64)> = job.into_iter().map(|photo| (photo, 0)).collect();
            let map = features.rows(&rows)?.f_to_device(*device)?;
            take(&|| network.head(map.shallow_clone()))?;
        }
    } else {
        let reader = set.clone();
        // The set's photos have the test transform behind them.
        let load = ordered(jobs, *workers, move |job: Vec<usize>| -> Result<Vec<u8>, TrainingError> {
            let mut bytes = Vec::new();
            for photo in job {
                bytes.extend_from_slice(reader.photo(photo)?.rgb().as_raw());
            }
            Ok(bytes)
        });
        for bytes in load {
            let images = to_images(&bytes?, rule, *device)?;
            take(&|| network.forward(&images, false))?;
        }
    }
    Ok((Tensor::f_cat(&units, 0)?, Tensor::f_cat(&logits, 0)?))
}
