//! For our own executor: activations of 7 bits, weights of 8, what goes past a block unrounded.

use std::path::Path;

use tch::{Kind, Tensor, nn};

use crate::network::{
    NetworkError,
    projection::Projection,
    quantise::{Calibrated, Seen, folded, name, shift},
    unit::Unit,
};
use lookalike_int7::{ACTIVATION_LEVELS, Block, Convolution, Form, Linear, Quantised, STEM_LEVELS, quantise};
use lookalike_libtorch::Moves;

/// Levels of the last map, which no convolution reads.
const LAST_LEVELS: u8 = u8::MAX;

pub(crate) fn write(calibrated: &Calibrated<'_>, path: &Path) -> Result<(), NetworkError> {
    let network = calibrated.network;
    let blocks = network.backbone.blocks().count();
    let block = |(i, block): (usize, &crate::network::resnet::Bottleneck)| {
        let [down, across, up] = &block.units;
        let last = if i + 1 == blocks { LAST_LEVELS } else { ACTIVATION_LEVELS };
        let unit = |part: &str, unit, levels| convolution(calibrated, &name(i, part), unit, levels);
        Ok::<_, NetworkError>(Block {
            down: unit("down", down, ACTIVATION_LEVELS)?,
            across: unit("across", across, ACTIVATION_LEVELS)?,
            up: unit("up", up, last)?,
            past: block.downsample.as_ref().map(|past| unit("past", past, ACTIVATION_LEVELS)).transpose()?,
        })
    };
    let quantised = Quantised {
        size: calibrated.preprocessing.size() as usize,
        frame: calibrated.frame(),
        stem: stem(calibrated)?,
        blocks: network.backbone.blocks().enumerate().map(block).collect::<Result<_, _>>()?,
        embedding: linear(&network.embedding)?,
        classifier: linear(&network.classifier)?,
        projection: network.projection.as_ref().map(projection).transpose()?,
    };
    Ok(quantised.write(path)?)
}

fn convolution(
    calibrated: &Calibrated<'_>,
    name: &str,
    unit: &Unit,
    levels: u8,
) -> Result<Convolution, NetworkError> {
    let ((weight, bias), moves) = (folded(unit)?, unit.moves());
    let quantised = quantise(&numbers::<f64>(&weight)?, shape(&weight)?, moves.groups as usize)?;
    put_together(calibrated.seen(name)?, (&weight, &bias), quantised, (moves, levels))
}

/// Over all 8 bits of the photo's bytes, added up in 32: its weights need no bound.
fn stem(calibrated: &Calibrated<'_>) -> Result<Convolution, NetworkError> {
    let ((weight, bias), moves) = (calibrated.stem()?, calibrated.network.backbone.stem.moves());
    let largest = weight.abs().amax([1i64, 2, 3].as_slice(), true).clamp_min(1e-12);
    let steps = largest / f64::from(STEM_LEVELS);
    let weights = numbers::<f64>(&(&weight / &steps).round())?.into_iter().map(|w| w as i8).collect();
    let quantised = (weights, numbers(&steps)?);
    put_together(calibrated.seen("stem")?, (&weight, &bias), quantised, (moves, ACTIVATION_LEVELS))
}

/// Takes what rounding the weights shifts the mean outputs by out of the bias.
fn put_together(
    seen: &Seen,
    (weight, bias): (&Tensor, &Tensor),
    (weights, steps): (Vec<i8>, Vec<f32>),
    (moves, levels): (Moves, u8),
) -> Result<Convolution, NetworkError> {
    let stored: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
    let scale = Tensor::from_slice(&steps).to_kind(Kind::Double).view([-1, 1, 1, 1]);
    let error = Tensor::from_slice(&stored).view_as(weight) * scale - weight;
    let bias = numbers::<f32>(&(bias - shift(&error, seen, moves)))?;
    let form = form(moves, seen.output.step(f64::from(levels)));
    Ok(Convolution { shape: shape(weight)?, weights, steps, bias, form })
}

fn linear(layer: &nn::Linear) -> Result<Linear, NetworkError> {
    let none = || Tensor::zeros([layer.ws.size()[0]], (Kind::Float, layer.ws.device()));
    let bias = layer.bs.as_ref().map_or_else(none, Tensor::detach);
    Ok(Linear { weights: numbers(&layer.ws.detach())?, bias: numbers(&bias)? })
}

fn projection(layer: &Projection) -> Result<Linear, NetworkError> {
    Ok(Linear { weights: numbers(&layer.weight)?, bias: numbers(&layer.bias)? })
}

fn form(moves: Moves, output: f64) -> Form {
    let [stride, padding, groups] = [moves.stride, moves.padding, moves.groups].map(|n| n as usize);
    Form { stride, padding, groups, output: output as f32 }
}

fn shape(weight: &Tensor) -> Result<[usize; 4], NetworkError> {
    let sizes = weight.size().into_iter().map(|n| n as usize).collect::<Vec<_>>();
    <[usize; 4]>::try_from(sizes).map_err(|n| NetworkError::Architecture(format!("weights of shape {n:?}")))
}

/// All numbers of a tensor, in the order of its shape.
fn numbers<T: tch::kind::Element + Copy>(tensor: &Tensor) -> Result<Vec<T>, NetworkError>
where
    Vec<T>: TryFrom<Tensor, Error = tch::TchError>,
{
    Ok(Vec::try_from(tensor.to_kind(T::KIND).contiguous().f_flatten(0, -1)?)?)
}
