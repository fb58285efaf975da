//! The pooling module (where the network looks) and the colour module (what colours are there).

use tch::{Device, Kind, Tensor};

use lookalike_photo::Preprocessing;

/// How many of the most activated cells give their colour: three numbers each.
pub const COLOUR_CELLS: i64 = 10;

/// Pooling module: the mean over channels of the last feature map, `[N, F, h, w]` → `[N, h, w]`.
pub fn activation_map(map: &Tensor) -> Tensor {
    map.mean_dim([1i64].as_slice(), false, Kind::Float)
}

/// Colour module: the images in RGB [0,1], average-pooled to the activation map's cells; the [`COLOUR_CELLS`] most
/// activated of them, sorted by luminance (ties by cell index), `r, g, b` each: `[N, 3 · cells]`.
///
/// Its tensors are made beforehand: one that is made while a trace is recorded would be recorded as zeros, and a
/// conversion would pin the trace to this device.
#[derive(Debug)]
pub struct ColourModule {
    mean: Tensor,
    std: Tensor,
    side: i64,
}

impl ColourModule {
    /// For images normalised as `preprocessing` says.
    pub fn new(preprocessing: &Preprocessing, device: Device) -> Self {
        let plane = |v: [f32; 3]| Tensor::from_slice(&v).to_device(device).view([1, 3, 1, 1]);
        Self {
            mean: plane(preprocessing.mean()),
            std: plane(preprocessing.std()),
            side: i64::from(preprocessing.size().div_ceil(32)),
        }
    }

    /// `images` is f32 `[N, 3, S, S]`, `activation` is `[N, S/32, S/32]`.
    pub fn feature(&self, images: &Tensor, activation: &Tensor) -> Tensor {
        let side = self.side;
        let rgb = (images * &self.std + &self.mean).clamp(0.0, 1.0);
        let cells = rgb.adaptive_avg_pool2d([side, side]).view([-1, 3, side * side]);
        // A stable sort, so that equal activations come in the cells' own order.
        let (_, order) = activation.view([-1, side * side]).sort_stable(true, 1, true);
        let chosen = order.narrow(1, 0, COLOUR_CELLS.min(side * side));
        let (chosen, _) = chosen.sort(1, false);
        let colours = cells.gather(2, &chosen.unsqueeze(1).expand([-1, 3, -1], false), false);
        let luminance =
            colours.select(1, 0) * 0.299 + colours.select(1, 1) * 0.587 + colours.select(1, 2) * 0.114;
        let (_, order) = luminance.sort_stable(true, 1, false);
        let sorted = colours.gather(2, &order.unsqueeze(1).expand([-1, 3, -1], false), false);
        sorted.transpose(1, 2).flatten(1, -1)
    }
}
