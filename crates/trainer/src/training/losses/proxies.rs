//! Losses against learnt proxies, one a group: normalised softmax and Proxy-Anchor.

use tch::{Kind, Reduction, Tensor, nn};

use crate::training::losses::normalised;

/// One point of the embedding space a group, learnt with the network and left behind with the training.
#[derive(Debug)]
pub struct Proxies {
    points: Tensor,
}

impl Proxies {
    /// `groups` proxies of `size` numbers, in `vs` as `proxies`.
    pub fn new(vs: &nn::VarStore, groups: usize, size: u32) -> Self {
        let init = nn::Init::Randn { mean: 0.0, stdev: 1.0 };
        Self { points: vs.root().var("proxies", &[groups as i64, i64::from(size)], init) }
    }

    /// `[G, D]`, of norm 1.
    pub fn unit(&self) -> Tensor {
        normalised(&self.points)
    }
}

/// By what cosines are divided: sharper than the cosine itself, as Zhai and Wu (2018) found it best.
const TEMPERATURE: f64 = 0.05;
/// Proxy-Anchor's α and δ, as Kim et al. (2020) give them.
const SHARPNESS: f64 = 32.0;
const OFFSET: f64 = 0.1;

/// Cross-entropy of the cosines between embeddings `[N, D]` and proxies `[G, D]`, all of norm 1, over a temperature of 0.05.
pub fn normalised_softmax(unit: &Tensor, proxies: &Tensor, groups: &Tensor) -> Tensor {
    let cosines = unit.matmul(&proxies.tr()) / TEMPERATURE;
    cosines.cross_entropy_loss::<Tensor>(groups, None, Reduction::Mean, -100, 0.0)
}

/// Proxy-Anchor: `mean over proxies with positives of log(1 + Σ exp(−α(s − δ)))` plus
/// `mean over all proxies of log(1 + Σ exp(α(s + δ)))` over what is not theirs, α 32 and δ 0.1.
pub fn proxy_anchor(unit: &Tensor, proxies: &Tensor, groups: &Tensor) -> Tensor {
    let cosines = unit.matmul(&proxies.tr());
    let count = proxies.size()[0];
    let own = groups.one_hot(count).to_kind(Kind::Bool);
    // log(1 + Σ exp x) is the log-sum-exp of x and 0: no exponential overflows.
    let soft = |x: Tensor, masked: &Tensor| {
        let x = x.masked_fill(masked, f64::NEG_INFINITY);
        let zero = Tensor::zeros([1, count], (Kind::Float, unit.device()));
        Tensor::cat(&[x, zero], 0).logsumexp([0i64].as_slice(), false)
    };
    let pull = soft((&cosines - OFFSET) * -SHARPNESS, &own.logical_not());
    let push = soft((&cosines + OFFSET) * SHARPNESS, &own);
    let with_positives = own.any_dim(0, false).sum(Kind::Float);
    pull.sum(Kind::Float) / with_positives + push.mean(Kind::Float)
}
