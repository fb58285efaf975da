//! A convolution and its batch-norm, trained apart, exported as one.

use tch::{
    Kind, Tensor,
    nn::{self, ModuleT},
};

use lookalike_libtorch::Moves;

/// Convolution without bias, then batch-norm; after [`Unit::fold`] one convolution with bias.
#[derive(Debug)]
pub(crate) struct Unit {
    conv: nn::Conv2D,
    moves: Moves,
    norm: Option<nn::BatchNorm>,
}

/// What a convolution does to shapes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub input: i64,
    pub output: i64,
    pub kernel: i64,
    pub stride: i64,
    pub groups: i64,
    /// Where the batch-norm's scale starts: 1, or 0 where a residual block is to begin as the identity.
    pub scale: f64,
}

const EPS: f64 = 1e-5;

impl Unit {
    /// `conv` and `norm` are the two variables' names, torchvision's. "Same" padding; Kaiming init over the fan-out.
    pub fn new(path: &nn::Path, conv: &str, norm: &str, spec: Spec) -> Self {
        let ws_init = nn::Init::Kaiming {
            dist: nn::init::NormalOrUniform::Normal,
            fan: nn::init::FanInOut::FanOut,
            non_linearity: nn::init::NonLinearity::ReLU,
        };
        let config = nn::ConvConfig {
            stride: spec.stride,
            padding: spec.kernel / 2,
            groups: spec.groups,
            bias: false,
            ws_init,
            ..Default::default()
        };
        let norm_config =
            nn::BatchNormConfig { eps: EPS, ws_init: nn::Init::Const(spec.scale), ..Default::default() };
        Self {
            conv: nn::conv2d(path / conv, spec.input, spec.output, spec.kernel, config),
            moves: Moves { stride: spec.stride, padding: spec.kernel / 2, groups: spec.groups },
            norm: Some(nn::batch_norm2d(path / norm, spec.output, norm_config)),
        }
    }

    pub fn forward_t(&self, x: &Tensor, train: bool) -> Tensor {
        let y = x.apply(&self.conv);
        match &self.norm {
            Some(norm) => norm.forward_t(&y, train),
            None => y,
        }
    }

    /// Weights `[O, I / groups, k, k]` and biases `[O]`; none before [`Unit::fold`].
    pub fn folded(&self) -> Option<(&Tensor, &Tensor)> {
        self.conv.bs.as_ref().map(|bias| (&self.conv.ws, bias))
    }

    /// The weights as they stand.
    pub fn weight(&self) -> &Tensor {
        &self.conv.ws
    }

    /// How it moves over the image.
    pub fn moves(&self) -> Moves {
        self.moves
    }

    /// Brings the folded convolution's numbers to another kind.
    pub fn convert(&mut self, kind: Kind) {
        self.conv.ws = crate::network::channels_last(&self.conv.ws.to_kind(kind));
        self.conv.bs = self.conv.bs.as_ref().map(|bias| bias.to_kind(kind));
    }

    /// Folds the batch-norm (as it stands in evaluation) into the convolution.
    pub fn fold(&mut self) {
        let Some(norm) = self.norm.take() else { return };
        tch::no_grad(|| {
            let deviation = (&norm.running_var + EPS).sqrt();
            let one = Tensor::ones_like(&deviation);
            let scale = norm.ws.as_ref().unwrap_or(&one) / deviation;
            let shift = &norm.running_mean * &scale;
            let bias = match &norm.bs {
                Some(bs) => bs - shift,
                None => -shift,
            };
            let weight = &self.conv.ws * scale.view([-1, 1, 1, 1]);
            self.conv.ws = crate::network::channels_last(&weight).set_requires_grad(false);
            self.conv.bs = Some(bias.set_requires_grad(false));
        });
    }
}
