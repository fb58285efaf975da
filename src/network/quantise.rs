//! The network in 8 bits, as TorchScript: bytes of a photo in, quantised convolutions with ReLU and addition within.
//!
//! Weights are int8 with a scale an output channel; activations are bytes with a scale a layer, found on calibration
//! photos: the clip with the least squared error. Zero is exact, as ReLU and padding need it. The first convolution takes the photo's
//! own bytes, the normalisation folded into it, so the input loses nothing.

use std::{collections::BTreeMap, fmt::Write, path::Path};

use tch::{Device, Kind, Tensor};

use super::{COLOUR_CELLS, Network, NetworkError, resnet::pool, unit::Unit};
use crate::{
    image::Preprocessing,
    libtorch::{Moves, ScriptModule, use_quantised_engine},
};

/// Bins of an activation's histogram.
const BINS: usize = 2048;

/// Quantises the folded network by what it does with `photos` (batches `[B, 3, S, S]`, normalised) and saves it. Its
/// `forward` is that of [`trace`](super::trace()); its method `photos` takes bytes `[N, S, S, 3]`, RGB, and gives the same.
pub fn quantise(
    network: &Network,
    preprocessing: &Preprocessing,
    photos: &[Tensor],
    path: &Path,
) -> Result<(), NetworkError> {
    let refuse = |why: &str| Err(NetworkError::Architecture(why.into()));
    if photos.is_empty() {
        return refuse("8 bits need photos to calibrate with");
    }
    if network.backbone.is_plain() {
        return refuse("the simple network is not made in int8: say --precision bf16,f16");
    }
    let _guard = tch::no_grad_guard();
    use_quantised_engine()?;
    let observed = observe(network, preprocessing, photos)?;
    let writer =
        Writer { network, preprocessing, observed, module: ScriptModule::begin()?, source: String::new() };
    writer.write(path)
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
    /// The clip at which rounding within and cutting off without cost least.
    fn scale(&self) -> Scale {
        let width = self.largest / BINS as f64;
        let steps = if self.signed { 127.5 } else { 255.0 };
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
        Scale { scale: clip / steps, zero: if self.signed { 128 } else { 0 } }
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

/// Puts the module together, layer by layer.
struct Writer<'a> {
    network: &'a Network,
    preprocessing: &'a Preprocessing,
    observed: BTreeMap<String, Seen>,
    module: ScriptModule,
    source: String,
}

impl Writer<'_> {
    fn write(mut self, path: &Path) -> Result<(), NetworkError> {
        let stem = self.stem()?;
        self.line(&format!("x = quantized.conv2d_relu(x, self.stem, {}, 0)", stem.scale));
        self.line("x = torch.max_pool2d(x, [3, 3], [2, 2], [1, 1], [1, 1], False)");
        for (i, block) in self.network.backbone.blocks().enumerate() {
            let [down, across, up] = &block.units;
            for (part, unit, from, to) in [("down", down, "x", "y"), ("across", across, "y", "y")] {
                let name = name(i, part);
                let Scale { scale, zero } = self.convolution(&name, unit)?;
                self.line(&format!("{to} = quantized.conv2d_relu({from}, self.{name}, {scale}, {zero})"));
            }
            if let Some(unit) = &block.downsample {
                let name = name(i, "past");
                let Scale { scale, zero } = self.convolution(&name, unit)?;
                self.line(&format!("x = quantized.conv2d(x, self.{name}, {scale}, {zero})"));
            }
            let name = name(i, "up");
            let Scale { scale, zero } = self.convolution(&name, up)?;
            self.line(&format!("x = quantized.conv2d_add_relu(y, x, self.{name}, {scale}, {zero})"));
        }
        let source = self.around()?;
        Ok(self.module.save(&source, path)?)
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.source, "    {line}");
    }

    /// The first convolution, over bytes: real = byte / 255. What it pads with is the photo's mean, as a byte, so it is
    /// laid around the photo beforehand.
    fn stem(&mut self) -> Result<Scale, NetworkError> {
        let unit = &self.network.backbone.stem;
        let (weight, bias) = folded(unit)?;
        let [mean, std] = [self.preprocessing.mean(), self.preprocessing.std()]
            .map(|v| Tensor::from_slice(&v).to_kind(Kind::Double).view([1, 3, 1, 1]));
        let (weight, bias) = (weight.to_kind(Kind::Double) / std, bias.to_kind(Kind::Double));
        let bias = bias - (&weight * mean).sum_dim_intlist([1i64, 2, 3].as_slice(), false, Kind::Double);
        let moves = unit.moves();
        let side = i64::from(self.preprocessing.size()) + 2 * moves.padding;
        let bytes = self.preprocessing.mean().map(|m| (m.clamp(0.0, 1.0) * 255.0).round() as u8);
        let frame =
            Tensor::from_slice(&bytes).view([1, 1, 1, 3]).expand([1, side, side, 3], false).contiguous();
        self.module.tensor("frame", &frame)?;
        self.pack("stem", &weight, &bias, Moves { padding: 0, ..moves })
    }

    fn convolution(&mut self, name: &str, unit: &Unit) -> Result<Scale, NetworkError> {
        let (weight, bias) = folded(unit)?;
        self.pack(name, &weight.to_kind(Kind::Double), &bias.to_kind(Kind::Double), unit.moves())
    }

    /// Quantises the weights, a scale an output channel; what that shifts the mean output by is taken off the bias.
    fn pack(
        &mut self,
        name: &str,
        weight: &Tensor,
        bias: &Tensor,
        moves: Moves,
    ) -> Result<Scale, NetworkError> {
        let Some(seen) = self.observed.get(name) else {
            return Err(NetworkError::Architecture(format!("calibration did not see {name}")));
        };
        let channels = weight.size()[0];
        let largest = weight.abs().amax([1i64, 2, 3].as_slice(), false).clamp_min(1e-12);
        let scales = largest / 127.0;
        let zeros = Tensor::zeros([channels], (Kind::Int64, Device::Cpu));
        let quantised = weight.to_kind(Kind::Float).contiguous().f_quantize_per_channel(
            &scales,
            &zeros,
            0,
            Kind::QInt8,
        )?;
        let error = (quantised.f_dequantize()?.to_kind(Kind::Double) - weight).sum_dim_intlist(
            [2i64, 3].as_slice(),
            false,
            Kind::Double,
        );
        // Channel o sees the inputs of its own group.
        let inputs = seen.input.view([moves.groups, 1, -1]);
        let shift = (error.view([moves.groups, channels / moves.groups, -1]) * inputs)
            .sum_dim_intlist([2i64].as_slice(), false, Kind::Double)
            .view([channels]);
        let bias = (bias - shift).to_kind(Kind::Float);
        self.module.convolution(name, (&quantised, &bias), moves)?;
        Ok(seen.output.scale())
    }

    /// The methods, with the layers' lines between what comes before and after them.
    fn around(&mut self) -> Result<String, NetworkError> {
        let plane = |v: [f32; 3]| Tensor::from_slice(&v).view([1, 3, 1, 1]);
        self.module.tensor("mean", &plane(self.preprocessing.mean()))?;
        self.module.tensor("std", &plane(self.preprocessing.std()))?;
        for (name, layer) in
            [("embedding", &self.network.embedding), ("classifier", &self.network.classifier)]
        {
            self.module.tensor(&format!("{name}_weight"), &layer.ws.detach().to_kind(Kind::Float))?;
            let none = || Tensor::zeros([layer.ws.size()[0]], (Kind::Float, Device::Cpu));
            let bias = layer.bs.as_ref().map_or_else(none, |b| b.detach().to_kind(Kind::Float));
            self.module.tensor(&format!("{name}_bias"), &bias)?;
        }
        let mut projected = "";
        if let Some(projection) = &self.network.projection {
            let (tensors, lines) = projection.script();
            tensors.iter().try_for_each(|(name, tensor)| self.module.tensor(name, tensor))?;
            projected = lines;
        }
        let size = i64::from(self.preprocessing.size());
        let side = i64::from(self.preprocessing.size().div_ceil(32));
        let (cells, padding) = (side * side, self.network.backbone.stem.moves().padding);
        let chosen = COLOUR_CELLS.min(cells);
        let layers = &self.source;
        let byte = 1.0 / 255.0;
        // Where cells are of whole pixels, rows are added up first, a vector at a time: 3 channels side by side are slow.
        let pooled = if size % 32 == 0 {
            let (width, share) = (size * 3, byte / 1024.0);
            [
                format!(
                    "rows = torch.sum(torch.to(torch.reshape(bytes, [-1, {side}, 32, {width}]), 6), [2])"
                ),
                format!("cells = torch.sum(torch.reshape(rows, [-1, {cells}, 32, 3]), [2]) * {share}"),
                "cells = cells.transpose(1, 2)".into(),
            ]
            .join("\n    ")
        } else {
            [
                format!("rgb = torch.to(bytes.permute([0, 3, 1, 2]), 6) * {byte}"),
                format!("cells = torch.reshape(torch.adaptive_avg_pool2d(rgb, [{side}, {side}]), [-1, 3, {cells}])"),
            ]
            .join("\n    ")
        };
        // Kinds are numbers here: 0 is a byte, 6 is f32.
        Ok(format!(
            "\
def photos(self, bytes) -> Tuple[Tensor, Tensor, Tensor]:
    framed = self.frame.repeat([bytes.size(0), 1, 1, 1])
    inner = framed.narrow(1, {padding}, {size}).narrow(2, {padding}, {size}).copy_(bytes)
    x = torch._make_per_tensor_quantized_tensor(framed.permute([0, 3, 1, 2]), {byte}, 0)
{layers}    map = x.dequantize()
    embedding = torch.linear(map.mean([2, 3]), self.embedding_weight, self.embedding_bias)
    logits = torch.linear(embedding, self.classifier_weight, self.classifier_bias)
{projected}    {pooled}
    activation = torch.reshape(map.mean([1]), [-1, {cells}])
    order = torch.sort(activation, stable=True, dim=1, descending=True)[1].narrow(1, 0, {chosen})
    order = torch.sort(order, 1, False)[0]
    colours = torch.gather(cells, 2, order.unsqueeze(1).expand([-1, 3, -1]))
    luminance = colours.select(1, 0) * 0.299 + colours.select(1, 1) * 0.587 + colours.select(1, 2) * 0.114
    order = torch.sort(luminance, stable=True, dim=1, descending=False)[1]
    colours = torch.gather(colours, 2, order.unsqueeze(1).expand([-1, 3, -1]))
    return (embedding, torch.flatten(colours.transpose(1, 2), 1, -1), logits)

def forward(self, images) -> Tuple[Tensor, Tensor, Tensor]:
    rgb = (images * self.std + self.mean).clamp(0.0, 1.0)
    return self.photos(torch.to(torch.round(rgb * 255.0), 0).permute([0, 2, 3, 1]))
"
        ))
    }
}

fn folded(unit: &Unit) -> Result<(&Tensor, &Tensor), NetworkError> {
    unit.folded()
        .ok_or_else(|| NetworkError::Architecture("the network must be folded before it is quantised".into()))
}
