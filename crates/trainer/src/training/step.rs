//! One step: a batch through the network, back, and down the gradient.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor, nn::VarStore};

use crate::network::Network;
use crate::{
    TrainingError,
    training::{
        MetricLoss, TrainOptions,
        batch::Inputs,
        ema::Ema,
        images::to_images,
        losses::{Losses, Proxies, Target, losses},
        optimiser::Optimiser,
    },
};
use lookalike_libtorch::with_bf16;
use lookalike_photo::Preprocessing;

/// The network and what changes it.
pub(crate) struct Trainer {
    network: Network,
    vs: VarStore,
    ema: Option<Ema>,
    proxies: Option<(Proxies, VarStore)>,
    optimiser: Optimiser,
    options: TrainOptions,
}

/// What one step came to. A metric loss and what comes with it is none where the batch had none.
pub(crate) struct StepResult {
    pub loss: f64,
    pub cross_entropy: f64,
    pub metric: Option<f64>,
    pub active: Option<f64>,
    /// Share classified right; none where photos were mixed.
    pub right: Option<f64>,
}

impl Trainer {
    /// `groups` is how many groups the photos fall into.
    pub fn new(
        vs: VarStore,
        network: Network,
        options: &TrainOptions,
        groups: usize,
    ) -> Result<Self, TrainingError> {
        let device = vs.device();
        let needs = matches!(options.metric_loss, MetricLoss::NormalisedSoftmax | MetricLoss::ProxyAnchor);
        let proxies = needs.then(|| {
            let store = VarStore::new(device);
            (Proxies::new(&store, groups, options.embedding), store)
        });
        let stores: Vec<&VarStore> = std::iter::once(&vs).chain(proxies.as_ref().map(|(_, s)| s)).collect();
        let optimiser = Optimiser::new(&stores, options);
        let ema = match options.ema {
            kept if kept > 0.0 => Some(Ema::new(&vs, network.architecture(), device, kept)?),
            _ => None,
        };
        Ok(Self { network, vs, ema, proxies, optimiser, options: options.clone() })
    }

    /// The network that is evaluated and exported: the average, where there is one.
    pub fn network(&self) -> &Network {
        self.ema.as_ref().map_or(&self.network, |ema| &ema.network)
    }

    /// Its variables.
    pub fn variables(&self) -> &VarStore {
        self.ema.as_ref().map_or(&self.vs, |ema| &ema.vs)
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.vs.device()
    }

    /// Forward, backward, step.
    pub fn step(
        &mut self,
        inputs: &Inputs,
        target: &Target,
        rule: &Preprocessing,
        lr: f64,
    ) -> Result<StepResult, TrainingError> {
        let device = self.device();
        let inputs = match inputs {
            Inputs::Photos(bytes) => mixed(to_images(bytes, rule, device)?, target)?,
            Inputs::Features(features) => features.f_to_device(device)?,
        };
        let keeps = self.options.keeps_features();
        let forward = || {
            if keeps {
                self.network.head(inputs.shallow_clone())
            } else {
                self.network.head(self.network.features(&inputs, self.options.stages()))
            }
        };
        let output = if self.options.bf16 { with_bf16(device, forward)? } else { forward() };
        let proxies = self.proxies.as_ref().map(|(proxies, _)| proxies);
        let Losses { total, cross_entropy, metric, active } = losses(&output, target, proxies, &self.options);
        self.optimiser.step(&total, lr)?;
        if let Some(ema) = &mut self.ema {
            ema.follow(self.optimiser.steps())?;
        }
        let right = target.mixed.is_none().then(|| {
            output.logits.argmax(1, false).eq_tensor(&target.labels).to_kind(Kind::Float).mean(Kind::Float)
        });
        let number = |t: &Tensor| f64::try_from(t).map_err(TrainingError::from);
        Ok(StepResult {
            loss: number(&total)?,
            cross_entropy: number(&cross_entropy)?,
            metric: metric.as_ref().map(number).transpose()?,
            active: active.as_ref().map(number).transpose()?,
            right: right.as_ref().map(number).transpose()?,
        })
    }

    /// All tensors that a run goes on with, by name.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = self.optimiser.state();
        for (kind, vs) in self.stores() {
            state.extend(vs.variables().into_iter().map(|(name, v)| (format!("{kind}.{name}"), v.detach())));
        }
        state
    }

    /// Takes over what [`state`](Self::state) gave.
    pub fn restore(&mut self, state: &HashMap<String, Tensor>) -> Result<(), TrainingError> {
        for (kind, vs) in self.stores() {
            for (name, mut variable) in vs.variables() {
                let saved = state.get(&format!("{kind}.{name}")).filter(|s| s.size() == variable.size());
                let saved = saved.ok_or_else(|| TrainingError::State(format!("'{name}' is missing")))?;
                tch::no_grad(|| variable.f_copy_(saved))?;
            }
        }
        self.optimiser.restore(state)
    }

    fn stores(&self) -> Vec<(&'static str, &VarStore)> {
        let mut stores = vec![("weights", &self.vs)];
        stores.extend(self.ema.as_ref().map(|ema| ("ema", &ema.vs)));
        stores.extend(self.proxies.as_ref().map(|(_, vs)| ("proxies", vs)));
        stores
    }
}

/// Photos mixed in pairs, where the batch says so.
fn mixed(images: Tensor, target: &Target) -> Result<Tensor, TrainingError> {
    let Some((others, share)) = &target.mixed else { return Ok(images) };
    let others = images.f_index_select(0, others)?;
    Ok(others.f_lerp(&images, *share)?)
}
