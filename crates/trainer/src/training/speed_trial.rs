//! How many epochs a number of minutes has room for: each size of square is tried on a network that is thrown away.

use std::{collections::BTreeMap, time::Instant};

use crate::{
    TrainingError,
    training::{
        EpochMetrics, RunConfig, TrainOptions, TrainingSet,
        batch::{Recipe, prepare, to_target},
        plan::Planner,
        schedule::input_size,
        step::Trainer,
        validate::{Pass, validate},
    },
};
use crate::{dataset::ordered, progress::Bar};

/// Steps that are timed at each size, after one that is not: it sets up what later ones find ready.
const STEPS: usize = 4;
/// Validation photos that are timed, at most.
const LOOKED_AT: usize = 256;

/// How long the parts of an epoch take here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pace {
    /// Seconds that all steps of an epoch take, by the side of the squares.
    steps: BTreeMap<u32, f64>,
    /// Seconds that the look at the validation photos takes.
    look: f64,
}

impl Pace {
    /// Trains a few steps at every size and looks at some validation photos. `trainer` is of no use afterwards.
    pub fn measure(
        trainer: &mut Trainer,
        (train, val): (&TrainingSet, &TrainingSet),
        config: &RunConfig,
    ) -> Result<Self, TrainingError> {
        let options = &config.options;
        let planner = Planner::new(train, options);
        let plans = planner.epoch(0)?;
        let planned: usize = plans.iter().map(|plan| plan.photos.len()).sum();
        let sides = sides(options);
        let bar = Bar::new("trial of speed", sides.len() as u64 + 1);
        let mut steps = BTreeMap::new();
        for side in sides {
            let rule = config.preprocessing.at_size(side)?;
            let (set, augmentation) = (train.clone(), options.augmentation());
            let recipe = Recipe { set, augmentation, rule: rule.clone(), seed: options.seed, epoch: 0 };
            let tried = plans.iter().take(STEPS + 1).cloned().collect();
            let load = ordered(tried, options.loader_threads(), move |plan| prepare(&recipe, plan));
            let (mut started, mut photos) = (Instant::now(), 0);
            for (i, batch) in load.enumerate() {
                let batch = batch?;
                let target = to_target(&batch.plan, (train, planner.groups()), trainer.device())?;
                trainer.step(&batch.inputs, &target, &rule, 0.0)?;
                match i {
                    // The only one counts where there is no other.
                    0 if plans.len() > 1 => started = Instant::now(),
                    _ => photos += batch.plan.photos.len(),
                }
            }
            let each = started.elapsed().as_secs_f64() / photos.max(1) as f64;
            steps.insert(side, each * planned as f64);
            bar.advance(1);
        }
        let some = val.first(LOOKED_AT);
        let pass = Pass {
            network: trainer.network(),
            rule: &config.preprocessing,
            device: trainer.device(),
            bf16: options.bf16,
            workers: options.loader_threads(),
        };
        let started = Instant::now();
        validate(&pass, &some, None, &mut EpochMetrics::default(), |_| ())?;
        let look = started.elapsed().as_secs_f64() * val.len() as f64 / some.len().max(1) as f64;
        bar.finish();
        Ok(Self { steps, look })
    }

    /// Seconds that a run of so many epochs takes.
    fn seconds(&self, options: &TrainOptions, epochs: u64) -> f64 {
        let side = |epoch| input_size(options.start_size, options.trained_side(), epoch, epochs);
        let steps = (0..epochs).map(|epoch| self.steps.get(&side(epoch)).copied().unwrap_or(0.0));
        steps.sum::<f64>() + self.look * epochs as f64
    }

    /// The most epochs that end within so many seconds; one if none does.
    pub fn epochs_within(&self, seconds: f64, options: &TrainOptions) -> u64 {
        // Small sets of photos on a fast machine would have more than any schedule is good for.
        const MOST: u64 = 10_000;
        let (mut fits, mut too_many) = (1, MOST + 1);
        while too_many - fits > 1 {
            let middle = u64::midpoint(fits, too_many);
            if self.seconds(options, middle) <= seconds { fits = middle } else { too_many = middle }
        }
        fits
    }
}

/// The sides that squares have in the course of a run.
fn sides(options: &TrainOptions) -> Vec<u32> {
    // More epochs than there are sizes: none is passed over.
    let epochs = 1000;
    let mut sides: Vec<u32> = (0..epochs)
        .map(|epoch| input_size(options.start_size, options.trained_side(), epoch, epochs))
        .collect();
    sides.dedup();
    sides
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(start_size: Option<u32>, size: u32) -> TrainOptions {
        TrainOptions { start_size, size, ..TrainOptions::default() }
    }

    #[test]
    fn every_size_is_tried() {
        assert_eq!(sides(&options(Some(96), 160)), [96, 112, 128, 144, 160]);
        assert_eq!(sides(&options(Some(100), 128)), [100, 116, 128]);
        assert_eq!(sides(&options(None, 128)), [128]);
    }

    #[test]
    fn as_many_epochs_as_fit_and_no_more() {
        let plain = Pace { steps: BTreeMap::from([(128, 9.0)]), look: 1.0 };
        let within = |seconds| plain.epochs_within(seconds, &options(None, 128));
        assert_eq!([within(100.0), within(109.9), within(10.0), within(3.0)], [10, 10, 1, 1]);
        assert_eq!(within(-5.0), 1);

        let growing = Pace { steps: BTreeMap::from([(96, 10.0), (112, 20.0), (128, 30.0)]), look: 2.0 };
        let options = options(Some(96), 128);
        for seconds in [100.0, 1000.0, 3333.0] {
            let fits = growing.epochs_within(seconds, &options);
            assert!(growing.seconds(&options, fits) <= seconds);
            assert!(growing.seconds(&options, fits + 1) > seconds);
        }
        let nothing = Pace { steps: BTreeMap::from([(128, 0.0)]), look: 0.0 };
        assert_eq!(nothing.epochs_within(60.0, &self::options(None, 128)), 10_000);
    }
}
