//! The average of the weights over steps: a second network that follows the first, and is the one evaluated and exported.

use tch::{Device, Tensor, nn::VarStore};

use crate::TrainingError;
use crate::network::{self, Architecture, Network};
use lookalike_libtorch as libtorch;

/// A network whose every variable, statistics of batch-norms too, is an average of the trained one's.
#[derive(Debug)]
pub(crate) struct Ema {
    /// The average.
    pub network: Network,
    /// Its variables.
    pub vs: VarStore,
    averages: Vec<Tensor>,
    sources: Vec<Tensor>,
    kept: f64,
}

impl Ema {
    /// Begins as `source` stands; `kept` is the share that stays of the average at each step.
    pub fn new(
        source: &VarStore,
        architecture: &Architecture,
        device: Device,
        kept: f64,
    ) -> Result<Self, TrainingError> {
        let (vs, network) = network::build(architecture, device)?;
        let (mut averages, mut sources) = (Vec::new(), Vec::new());
        let variables = source.variables();
        for (name, mut average) in vs.variables() {
            let Some(source) = variables.get(&name) else { continue };
            tch::no_grad(|| average.f_copy_(source))?;
            let _ = average.set_requires_grad(false);
            averages.push(average);
            sources.push(source.detach());
        }
        Ok(Self { network, vs, averages, sources, kept })
    }

    /// Follows the network after its step number `steps` (from 1). The first steps are followed faster: where training began is
    /// soon forgotten.
    pub fn follow(&mut self, steps: u64) -> Result<(), TrainingError> {
        let kept = self.kept.min((1.0 + steps as f64) / (10.0 + steps as f64));
        Ok(libtorch::lerp(&self.averages, &self.sources, 1.0 - kept)?)
    }
}
