//! In 8 bits as TorchScript: bytes of a photo in, quantised convolutions with ReLU and addition within, run by libtorch.

use std::{fmt::Write, path::Path};

use tch::{Device, Kind, Tensor};

use crate::network::{
    COLOUR_CELLS, NetworkError,
    quantise::{Calibrated, Scale, folded, name, shift},
    unit::Unit,
};
use lookalike_libtorch::{Moves, ScriptModule, use_quantised_engine};

pub(crate) fn write(calibrated: Calibrated<'_>, path: &Path) -> Result<(), NetworkError> {
    use_quantised_engine()?;
    Writer { calibrated, module: ScriptModule::begin()?, source: String::new() }.write(path)
}

/// Puts the module together, layer by layer.
struct Writer<'a> {
    calibrated: Calibrated<'a>,
    module: ScriptModule,
    source: String,
}

impl Writer<'_> {
    fn write(mut self, path: &Path) -> Result<(), NetworkError> {
        let stem = self.stem()?;
        self.line(&format!("x = quantized.conv2d_relu(x, self.stem, {}, 0)", stem.scale));
        self.line("x = torch.max_pool2d(x, [3, 3], [2, 2], [1, 1], [1, 1], False)");
        for (i, block) in self.calibrated.network.backbone.blocks().enumerate() {
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

    /// The first convolution, over bytes: its frame is laid around the photo beforehand.
    fn stem(&mut self) -> Result<Scale, NetworkError> {
        let moves = self.calibrated.network.backbone.stem.moves();
        let side = i64::from(self.calibrated.preprocessing.size()) + 2 * moves.padding;
        let frame = Tensor::from_slice(&self.calibrated.frame()).view([1, 1, 1, 3]);
        self.module.tensor("frame", &frame.expand([1, side, side, 3], false).contiguous())?;
        let (weight, bias) = self.calibrated.stem()?;
        self.pack("stem", &weight, &bias, Moves { padding: 0, ..moves })
    }

    fn convolution(&mut self, name: &str, unit: &Unit) -> Result<Scale, NetworkError> {
        let (weight, bias) = folded(unit)?;
        self.pack(name, &weight, &bias, unit.moves())
    }

    /// Quantises the weights, a scale an output channel; what that shifts the mean output by is taken off the bias.
    fn pack(
        &mut self,
        name: &str,
        weight: &Tensor,
        bias: &Tensor,
        moves: Moves,
    ) -> Result<Scale, NetworkError> {
        let seen = self.calibrated.seen(name)?;
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
        let error = quantised.f_dequantize()?.to_kind(Kind::Double) - weight;
        let bias = (bias - shift(&error, seen, moves)).to_kind(Kind::Float);
        self.module.convolution(name, (&quantised, &bias), moves)?;
        Ok(seen.output.scale())
    }

    /// The methods, with the layers' lines between what comes before and after them.
    fn around(&mut self) -> Result<String, NetworkError> {
        let plane = |v: [f32; 3]| Tensor::from_slice(&v).view([1, 3, 1, 1]);
        self.module.tensor("mean", &plane(self.calibrated.preprocessing.mean()))?;
        self.module.tensor("std", &plane(self.calibrated.preprocessing.std()))?;
        for (name, layer) in [
            ("embedding", &self.calibrated.network.embedding),
            ("classifier", &self.calibrated.network.classifier),
        ] {
            self.module.tensor(&format!("{name}_weight"), &layer.ws.detach().to_kind(Kind::Float))?;
            let none = || Tensor::zeros([layer.ws.size()[0]], (Kind::Float, Device::Cpu));
            let bias = layer.bs.as_ref().map_or_else(none, |b| b.detach().to_kind(Kind::Float));
            self.module.tensor(&format!("{name}_bias"), &bias)?;
        }
        let mut projected = "";
        if let Some(projection) = &self.calibrated.network.projection {
            let (tensors, lines) = projection.script();
            tensors.iter().try_for_each(|(name, tensor)| self.module.tensor(name, tensor))?;
            projected = lines;
        }
        let size = i64::from(self.calibrated.preprocessing.size());
        let side = i64::from(self.calibrated.preprocessing.size().div_ceil(32));
        let (cells, padding) = (side * side, self.calibrated.network.backbone.stem.moves().padding);
        let chosen = COLOUR_CELLS.min(cells);
        let (layers, deep) = (&self.source, self.calibrated.network.pool.source());
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
    embedding = torch.linear({deep}, self.embedding_weight, self.embedding_bias)
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
