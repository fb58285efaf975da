//! For our own executor: activations of 7 bits, the first convolution's weights of 13, what goes past a block unrounded.

use std::path::Path;

use tch::{Kind, Tensor, nn};

use super::{
    super::{NetworkError, projection::Projection, unit::Unit},
    Calibrated, folded, name, shift,
};
use crate::{
    executor::{ACTIVATION_LEVELS, Block, Convolution, Form, Linear, Quantised, STEM_LEVELS, quantise},
    libtorch::Moves,
};

/// Levels of the last map, which no convolution reads.
const LAST_LEVELS: u8 = u8::MAX;

pub(super) fn write(calibrated: &Calibrated<'_>, path: &Path) -> Result<(), NetworkError> {
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
) -> Result<Convolution<i8>, NetworkError> {
    let (seen, (weight, bias), moves) = (calibrated.seen(name)?, folded(unit)?, unit.moves());
    let shape = shape(&weight)?;
    let (weights, steps) = quantise(&numbers::<f64>(&weight)?, shape, moves.groups as usize)?;
    let stored: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
    let scale = Tensor::from_slice(&steps).to_kind(Kind::Double).view([-1, 1, 1, 1]);
    let error = Tensor::from_slice(&stored).view_as(&weight) * scale - &weight;
    let bias = numbers::<f32>(&(bias - shift(&error, seen, moves)))?;
    let form = form(moves, seen.output.step(f64::from(levels)));
    Ok(Convolution { shape, weights, steps, bias, form })
}

fn stem(calibrated: &Calibrated<'_>) -> Result<Convolution<i16>, NetworkError> {
    let (weight, bias) = calibrated.stem()?;
    let largest = weight.abs().amax([1i64, 2, 3].as_slice(), true).clamp_min(1e-12);
    let steps = largest / f64::from(STEM_LEVELS);
    let weights = numbers::<f64>(&(&weight / &steps).round())?.into_iter().map(|w| w as i16).collect();
    let seen = calibrated.seen("stem")?;
    let form = form(calibrated.network.backbone.stem.moves(), seen.output.step(f64::from(ACTIVATION_LEVELS)));
    Ok(Convolution { shape: shape(&weight)?, weights, steps: numbers(&steps)?, bias: numbers(&bias)?, form })
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
