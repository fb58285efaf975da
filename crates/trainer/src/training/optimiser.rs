//! SGD with momentum and AdamW over groups of parameters that have a learning rate and a weight decay of their own.

use std::collections::{BTreeMap, HashMap};

use tch::{Tensor, nn::VarStore};

use crate::network::Stages;
use crate::{
    TrainingError,
    training::{OptimizerKind, TrainOptions},
};
use lookalike_libtorch as libtorch;

/// What a parameter's learning rate is times where it is a proxy's: these see only their own group, and start anywhere.
const PROXY_RATE: f64 = 10.0;
/// Gradients longer than this, all together, are cut to it.
const LONGEST: f64 = 5.0;

/// The parameters that train, and the moments of their gradients.
#[derive(Debug)]
pub(crate) struct Optimiser {
    kind: OptimizerKind,
    groups: Vec<Group>,
    all: Vec<Tensor>,
    steps: u64,
}

#[derive(Debug, Default)]
struct Group {
    names: Vec<String>,
    parameters: Vec<Tensor>,
    first: Vec<Tensor>,
    second: Vec<Tensor>,
    rate: f64,
    decay: f64,
}

impl Optimiser {
    /// Over the variables of `stores` (the network's, the proxies'). Those of a part with rate 0 are frozen.
    pub fn new(stores: &[&VarStore], options: &TrainOptions) -> Self {
        let rates = options.stage_rates();
        let mut groups: BTreeMap<(u64, bool), Group> = BTreeMap::new();
        let mut variables: Vec<(String, Tensor)> = stores.iter().flat_map(|vs| vs.variables()).collect();
        variables.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, variable) in variables.into_iter().filter(|(_, v)| v.requires_grad()) {
            let rate = match Stages::of(&name) {
                Some(stage) => rates[stage],
                None if name == "proxies" => PROXY_RATE,
                None => 1.0,
            };
            if rate <= 0.0 {
                let _ = variable.set_requires_grad(false);
                continue;
            }
            // Norms, biases and GeM's exponent are vectors; decay would only move what they mean.
            let decays = variable.dim() >= 2 && name != "proxies";
            let group = groups.entry((rate.to_bits(), decays)).or_default();
            group.rate = rate;
            group.decay = if decays { options.weight_decay } else { 0.0 };
            group.first.push(variable.zeros_like().detach());
            if options.optimizer == OptimizerKind::Adamw {
                group.second.push(variable.zeros_like().detach());
            }
            group.names.push(name);
            group.parameters.push(variable);
        }
        let groups: Vec<Group> = groups.into_values().collect();
        let all = groups.iter().flat_map(|g| g.parameters.iter().map(Tensor::shallow_clone)).collect();
        Self { kind: options.optimizer, groups, all, steps: 0 }
    }

    /// Steps made so far.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Goes down the gradient of `loss`.
    pub fn step(&mut self, loss: &Tensor, lr: f64) -> Result<(), TrainingError> {
        libtorch::forget_gradients(&self.all)?;
        loss.f_backward()?;
        libtorch::clip_gradients(&self.all, LONGEST)?;
        for group in &self.groups {
            let lr = lr * group.rate;
            match self.kind {
                OptimizerKind::Sgd => libtorch::sgd(&group.parameters, &group.first, lr, group.decay)?,
                OptimizerKind::Adamw => {
                    let moments = (group.first.as_slice(), group.second.as_slice());
                    libtorch::adamw(&group.parameters, moments, self.steps, lr, group.decay)?;
                }
            }
        }
        self.steps += 1;
        Ok(())
    }

    /// Everything but the parameters, by name.
    pub fn state(&self) -> Vec<(String, Tensor)> {
        let mut state = vec![("steps".to_owned(), Tensor::from(self.steps as i64))];
        for group in &self.groups {
            for (kind, tensors) in [("first", &group.first), ("second", &group.second)] {
                let named = group.names.iter().zip(tensors);
                state.extend(named.map(|(name, t)| (format!("{kind}.{name}"), t.shallow_clone())));
            }
        }
        state
    }

    /// Takes over what [`state`](Self::state) gave.
    pub fn restore(&mut self, state: &HashMap<String, Tensor>) -> Result<(), TrainingError> {
        for (name, mut tensor) in self.state() {
            let saved = state.get(&name).filter(|s| s.size() == tensor.size());
            let saved = saved.ok_or_else(|| TrainingError::State(format!("'{name}' is missing")))?;
            if name == "steps" {
                self.steps = saved.int64_value(&[]).max(0) as u64;
            } else {
                tch::no_grad(|| tensor.f_copy_(saved))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind, nn};

    /// One matrix and one bias under a quadratic loss; the formulas are written out beside it.
    fn descend(optimizer: OptimizerKind) -> (Vec<f32>, Vec<f32>) {
        let vs = nn::VarStore::new(Device::Cpu);
        let root = vs.root();
        let root = &root / "embedding";
        let w = root.var("weight", &[1, 2], nn::Init::Const(1.0));
        let b = root.var("bias", &[2], nn::Init::Const(1.0));
        let options = TrainOptions { optimizer, weight_decay: 0.1, ..TrainOptions::default() };
        let mut optimiser = Optimiser::new(&[&vs], &options);
        for _ in 0..3 {
            let loss = ((&w * &w).sum(Kind::Float) + (&b * &b).sum(Kind::Float)) * 0.5;
            optimiser.step(&loss, 0.1).unwrap();
        }
        let values = |t: &Tensor| Vec::<f32>::try_from(t.detach().flatten(0, -1)).unwrap();
        (values(&w), values(&b))
    }

    /// Nesterov's momentum as PyTorch writes it: the gradient is the value itself, plus what decay adds.
    fn sgd_by_hand(decay: f64) -> f64 {
        let (mut x, mut m) = (1.0, 0.0);
        for _ in 0..3 {
            let g = x + decay * x;
            m = 0.9 * m + g;
            x -= 0.1 * (g + 0.9 * m);
        }
        x
    }

    fn adamw_by_hand(decay: f64) -> f64 {
        let (mut x, mut m, mut v) = (1.0f64, 0.0f64, 0.0f64);
        for t in 1..=3 {
            let g = x;
            x *= 1.0 - 0.1 * decay;
            m = 0.9 * m + 0.1 * g;
            v = 0.999 * v + 0.001 * g * g;
            let (m, v) = (m / (1.0 - 0.9f64.powi(t)), v / (1.0 - 0.999f64.powi(t)));
            x -= 0.1 * m / (v.sqrt() + 1e-8);
        }
        x
    }

    #[test]
    fn steps_are_those_of_the_formula_and_biases_do_not_decay() {
        for (optimizer, by_hand) in
            [(OptimizerKind::Sgd, sgd_by_hand as fn(f64) -> f64), (OptimizerKind::Adamw, adamw_by_hand)]
        {
            let (weight, bias) = descend(optimizer);
            for (values, decay) in [(weight, 0.1), (bias, 0.0)] {
                let expected = by_hand(decay);
                assert!(
                    values.iter().all(|x| (f64::from(*x) - expected).abs() < 1e-5),
                    "{values:?} {expected}"
                );
            }
        }
    }
}
