//! The network in bytes: in 8 bits as TorchScript (`int8.rs`), or for our own executor (`int7.rs`).
//!
//! Weights are int8 with a scale an output channel; activations are bytes with a scale a layer, found on calibration
//! photos: the clip with the least squared error. Zero is exact, as ReLU and padding need it. The first convolution takes the photo's
//! own bytes, the normalisation folded into it, so the input loses nothing.

mod int7;
mod int8;

use std::{collections::BTreeMap, path::Path};

use tch::{Kind, Tensor};

use crate::network::{Network, NetworkError, Pooling, resnet::pool, unit::Unit};
use lookalike_libtorch::Moves;
use lookalike_photo::Preprocessing;

/// Bins of an activation's histogram.
const BINS: usize = 2048;

/// What runs the quantised network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runner {
    /// libtorch, in 8 bits: a TorchScript whose `forward` is that of [`trace`](crate::network::trace()); its method `photos` takes bytes
    /// `[N, S, S, 3]`, RGB, and gives the same.
    Script,
    /// Our own [`Executor`](lookalike_int7::Executor), activations in 7 bits.
    Executor,
}

/// Quantises the folded network by what it does with `photos` (batches `[B, 3, S, S]`, normalised) and saves it.
pub fn quantise(
    network: &Network,
    preprocessing: &Preprocessing,
    photos: &[Tensor],
    runner: Runner,
    path: &Path,
) -> Result<(), NetworkError> {
    if photos.is_empty() {
        return Err(NetworkError::Architecture("quantising needs photos to calibrate with".into()));
    }
    if network.backbone.is_plain() {
        let why = "the simple network is not made in 7 or 8 bits: say --precision bf16,f16";
        return Err(NetworkError::Architecture(why.into()));
    }
    if runner == Runner::Executor && network.architecture.pooling == Pooling::Gem {
        let why = "int7 knows average pooling alone, and this network pools by GeM: name other precisions (--precision bf16,int8)";
        return Err(NetworkError::Architecture(why.into()));
    }
    let _guard = tch::no_grad_guard();
    let calibrated =
        Calibrated { network, preprocessing, observed: observe(network, preprocessing, photos)? };
    match runner {
        Runner::Script => int8::write(calibrated, path),
        Runner::Executor => int7::write(&calibrated, path),
    }
}

/// A network and what it does with photos.
struct Calibrated<'a> {
    network: &'a Network,
    preprocessing: &'a Preprocessing,
    observed: BTreeMap<String, Seen>,
}

impl Calibrated<'_> {
    fn seen(&self, name: &str) -> Result<&Seen, NetworkError> {
        self.observed
            .get(name)
            .ok_or_else(|| NetworkError::Architecture(format!("calibration did not see {name}")))
    }

    /// Weights and bias of the first convolution over bytes, where real = byte / 255: the normalisation is folded into them.
    fn stem(&self) -> Result<(Tensor, Tensor), NetworkError> {
        let (weight, bias) = folded(&self.network.backbone.stem)?;
        let [mean, std] = [self.preprocessing.mean(), self.preprocessing.std()]
            .map(|v| Tensor::from_slice(&v).to_kind(Kind::Double).view([1, 3, 1, 1]));
        let weight = weight / std;
        let shift = (&weight * mean).sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Double);
        Ok((weight, bias - shift))
    }

    /// What lies around the photo for it: the photo's mean, as a byte.
    fn frame(&self) -> [u8; 3] {
        self.preprocessing.mean().map(|m| (m.clamp(0.0, 1.0) * 255.0).round() as u8)
    }
}

/// What calibration saw at one convolution.
struct Seen {
    /// Mean of each input channel.
    input: Tensor,
    /// Of the convolution's output, ReLU and addition included.
    output: Range,
}

/// How activations are spread: of bytes from 0 (after ReLU), or of both signs.
struct Range {
    signed: bool,
    largest: f64,
    histogram: Vec<f64>,
}

/// real = (byte − zero) · scale
#[derive(Clone, Copy)]
struct Scale {
    scale: f64,
    zero: i64,
}

impl Range {
    /// Bytes, from 0 or around 128.
    fn scale(&self) -> Scale {
        let steps = if self.signed { 127.5 } else { 255.0 };
        Scale { scale: self.step(steps), zero: if self.signed { 128 } else { 0 } }
    }

    /// What a step is worth at the clip where rounding within and cutting off without cost least; the clip lies `steps` from 0.
    fn step(&self, steps: f64) -> f64 {
        let width = self.largest / BINS as f64;
        // Zeros are exact whatever the clip: the first bin does not count.
        let bins = || self.histogram.iter().enumerate().skip(1);
        let cost = |clip: f64| {
            let rounding = (clip / steps).powi(2) / 12.0;
            bins()
                .map(|(i, n)| n * rounding.max(((i as f64 + 0.5) * width - clip).max(0.0).powi(2)))
                .sum::<f64>()
        };
        let clips = (BINS / 8..=BINS).step_by(8).map(|i| i as f64 * width);
        let best = clips.map(|clip| (cost(clip), clip)).min_by(|a, b| a.0.total_cmp(&b.0));
        // A layer that never fires still needs a scale.
        let clip = best.map_or(0.0, |(_, clip)| clip).max(1e-6);
        clip / steps
    }
}

/// Names of the convolutions: `stem`, then `b0_down`, `b0_across`, `b0_up`, `b0_past`, `b1_down` …
fn name(block: usize, part: &str) -> String {
    format!("b{block}_{part}")
}

/// Runs the folded network and shows every convolution's name, input and output (ReLU and addition included).
fn walk(network: &Network, images: &Tensor, show: &mut dyn FnMut(String, &Tensor, &Tensor)) {
    let x = network.backbone.stem.forward_t(images, false).relu_();
    show("stem".into(), images, &x);
    let mut x = pool(&x);
    for (i, block) in network.backbone.blocks().enumerate() {
        let [down, across, up] = &block.units;
        let y = down.forward_t(&x, false).relu_();
        show(name(i, "down"), &x, &y);
        let z = across.forward_t(&y, false).relu_();
        show(name(i, "across"), &y, &z);
        let past = match &block.downsample {
            Some(unit) => {
                let past = unit.forward_t(&x, false);
                show(name(i, "past"), &x, &past);
                past
            }
            None => x,
        };
        x = (up.forward_t(&z, false) + past).relu_();
        show(name(i, "up"), &z, &x);
    }
}

/// Twice over the photos: how far activations reach, then how they are spread.
fn observe(
    network: &Network,
    preprocessing: &Preprocessing,
    photos: &[Tensor],
) -> Result<BTreeMap<String, Seen>, NetworkError> {
    let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
    let share = 1.0 / photos.len() as f64;
    let [mean, std] =
        [preprocessing.mean(), preprocessing.std()].map(|v| Tensor::from_slice(&v).view([1, 3, 1, 1]));
    for images in photos {
        walk(network, images, &mut |name, input, output| {
            let input = if name == "stem" { input * &std + &mean } else { input.shallow_clone() };
            let channels = input.mean_dim([0i64, 2, 3].as_slice(), false, Kind::Double) * share;
            let signed = name.ends_with("past");
            let largest = output.abs().max().double_value(&[]);
            let fresh = || Seen {
                input: Tensor::zeros_like(&channels),
                output: Range { signed, largest: 0.0, histogram: vec![0.0; BINS] },
            };
            let seen = seen.entry(name).or_insert_with(fresh);
            seen.input += channels;
            seen.output.largest = seen.output.largest.max(largest);
        });
    }
    if let Some(name) = seen.iter().find(|(_, s)| !s.output.largest.is_finite()).map(|(name, _)| name) {
        return Err(NetworkError::Architecture(format!(
            "activations after {name} are not finite: not to be quantised"
        )));
    }
    for images in photos {
        let mut failed = None;
        walk(network, images, &mut |name, _, output| {
            let Some(range) = seen.get_mut(&name).map(|s| &mut s.output) else { return };
            if let Err(e) = count(range, output) {
                failed.get_or_insert(e);
            }
        });
        if let Some(e) = failed {
            return Err(e.into());
        }
    }
    Ok(seen)
}

fn count(range: &mut Range, output: &Tensor) -> Result<(), tch::TchError> {
    if range.largest <= 0.0 {
        return Ok(());
    }
    let places =
        (output.f_abs()?.f_flatten(0, -1)? * (BINS as f64 / range.largest)).f_to_kind(Kind::Int64)?;
    let places = places.f_clamp_max(BINS as i64 - 1)?;
    let counts = Vec::<i64>::try_from(places.f_bincount(None::<Tensor>, BINS as i64)?)?;
    for (sum, n) in range.histogram.iter_mut().zip(counts) {
        *sum += n as f64;
    }
    Ok(())
}

/// What quantised weights shift each mean output by: `error` is what they are off by, `[O, I / groups, k, k]`, met by the mean inputs.
fn shift(error: &Tensor, seen: &Seen, moves: Moves) -> Tensor {
    let (error, channels) =
        (error.sum_dim_intlist([2i64, 3].as_slice(), false, Kind::Double), error.size()[0]);
    // Channel o sees the inputs of its own group.
    let inputs = seen.input.view([moves.groups, 1, -1]);
    (error.view([moves.groups, channels / moves.groups, -1]) * inputs)
        .sum_dim_intlist([2i64].as_slice(), false, Kind::Double)
        .view([channels])
}

/// Weights and bias of a convolution, in f64.
fn folded(unit: &Unit) -> Result<(Tensor, Tensor), NetworkError> {
    let (weight, bias) = unit.folded().ok_or_else(|| {
        NetworkError::Architecture("the network must be folded before it is quantised".into())
    })?;
    Ok((weight.to_kind(Kind::Double), bias.to_kind(Kind::Double)))
}
