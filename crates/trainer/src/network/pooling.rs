//! From a feature map to one vector a photo: the mean over its cells, or the generalised mean (GeM), whose exponent is
//! learnt.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, nn};

/// How the feature map's cells become one vector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub enum Pooling {
    /// Their mean.
    #[default]
    Average,
    /// `(mean xᵖ)^(1/p)`: between the mean (p = 1) and the maximum (p → ∞); p starts at 3 and is learnt.
    Gem,
}

/// Below this, cells count as this: a power of zero has no gradient.
const LEAST: f64 = 1e-6;

/// The pooling layer.
#[derive(Debug)]
pub(crate) struct Pool {
    /// The exponent, `[1]`; none where the mean is taken.
    exponent: Option<Tensor>,
}

impl Pool {
    pub fn new(path: &nn::Path, pooling: Pooling) -> Self {
        let gem = pooling == Pooling::Gem;
        Self { exponent: gem.then(|| path.var("p", &[1], nn::Init::Const(3.0))) }
    }

    /// `[N, F, h, w]` → `[N, F]`, f32.
    pub fn forward(&self, map: &Tensor) -> Tensor {
        let mean = |x: &Tensor| x.mean_dim([2i64, 3].as_slice(), false, Kind::Float);
        match &self.exponent {
            None => mean(map),
            // Powers in f32: the numbers of 16 bits end too soon.
            Some(p) => mean(&map.clamp_min(LEAST).type_as(p).pow(p)).pow(&p.reciprocal()),
        }
    }

    /// The same as TorchScript, of `map`.
    pub fn source(&self) -> String {
        match &self.exponent {
            None => "map.mean([2, 3])".into(),
            Some(p) => {
                let p = p.double_value(&[0]);
                format!(
                    "torch.pow(torch.pow(torch.clamp_min(map, {LEAST}), {p}).mean([2, 3]), {})",
                    p.recip()
                )
            }
        }
    }

    pub fn fold(&mut self) {
        self.exponent = self.exponent.as_ref().map(Tensor::detach);
    }
}
