//! An epoch: its batches, a look at the validation photos, checkpoints.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::{
    TrainingError,
    training::{
        EpochMetrics, MetricLoss, RunConfig, RunFolder, TrainingSet,
        batch::{Batch, Recipe, prepare, recall, to_target},
        features::{Features, Maker},
        plan::{Plan, Planner, viewing},
        schedule::{input_size, learning_rate},
        state::{self, Progress, Sums},
        step::Trainer,
        validate::{Pass, validate},
    },
};
use crate::{
    dataset::{Load, ordered},
    progress::Bar,
};

/// What all epochs share.
pub(crate) struct Run<'a> {
    trainer: Trainer,
    config: RunConfig,
    train: TrainingSet,
    val: TrainingSet,
    planner: Planner,
    /// Of the training photos, of the validation photos.
    features: Option<(Features, Features)>,
    folder: &'a RunFolder,
    saved: Instant,
}

impl<'a> Run<'a> {
    pub fn new(
        trainer: Trainer,
        config: RunConfig,
        (train, val): (TrainingSet, TrainingSet),
        folder: &'a RunFolder,
    ) -> Result<Self, TrainingError> {
        let planner = Planner::new(&train, &config.options);
        let mut run =
            Self { trainer, config, train, val, planner, features: None, folder, saved: Instant::now() };
        if run.config.options.keeps_features() {
            run.features = Some(run.compute_features()?);
        }
        Ok(run)
    }

    /// Goes on with the epoch that `progress` stands in, to its end.
    pub fn epoch(&mut self, progress: &mut Progress) -> Result<(), TrainingError> {
        let options = self.config.options.clone();
        let epoch = progress.history.len() as u64;
        let plans = self.planner.epoch(epoch)?;
        let steps = plans.len() as u64;
        let rule = self.config.preprocessing.at_size(input_size(
            options.start_size,
            options.trained_side(),
            epoch,
            options.epochs,
        ))?;
        let bar = self.bar(epoch, &plans, progress);
        let todo = plans.into_iter().skip(progress.step as usize).collect();
        let recipe = Recipe {
            set: self.train.clone(),
            augmentation: options.augmentation(),
            rule: rule.clone(),
            seed: options.seed,
            epoch,
        };
        let mut load = match self.features {
            None => {
                Batches::Photos(ordered(todo, options.loader_threads(), move |plan| prepare(&recipe, plan)))
            }
            Some(_) => Batches::Features(todo.into_iter()),
        };
        let started = Instant::now();
        let (seconds, waited) = (progress.sums.seconds, progress.sums.waited);
        let mut lr = 0.0;
        while let Some(batch) = self.next(&mut load, epoch)? {
            lr = learning_rate(
                options.lr,
                options.warmup,
                epoch * steps + batch.plan.step,
                steps * options.epochs,
            );
            let target = to_target(&batch.plan, (&self.train, self.planner.groups()), self.trainer.device())?;
            let result = self.trainer.step(&batch.inputs, &target, &rule, lr)?;
            if !result.loss.is_finite() {
                return Err(TrainingError::Diverged { loss: result.loss, epoch: epoch + 1 });
            }
            let photos = batch.plan.photos.len() as u64;
            progress.sums.add(&result, photos);
            progress.step = batch.plan.step + 1;
            progress.sums.seconds = seconds + started.elapsed().as_secs_f64();
            progress.sums.waited = waited + load.waited().as_secs_f64();
            bar.advance(photos);
            bar.message(format!("loss {:.3}", result.loss));
            if self.saved.elapsed().as_secs_f64() >= options.checkpoint_minutes * 60.0 {
                self.save(progress)?;
            }
        }
        let mut metrics = self.metrics(&progress.sums, epoch + 1, lr);
        metrics.size = rule.size();
        self.look(&mut metrics, &bar)?;
        metrics.seconds = seconds + started.elapsed().as_secs_f64();
        bar.finish_with(summary(&metrics));
        self.close(progress, metrics)?;
        Ok(())
    }

    /// The next batch; none at the epoch's end.
    fn next(&self, load: &mut Batches, epoch: u64) -> Result<Option<Batch>, TrainingError> {
        match (load, &self.features) {
            (Batches::Photos(load), _) => load.next().transpose(),
            (Batches::Features(plans), Some((features, _))) => {
                let seed = self.config.options.seed;
                plans.next().map(|plan| recall(features, plan, (seed, epoch))).transpose()
            }
            (Batches::Features(_), None) => Ok(None),
        }
    }

    /// Writes the epoch down: best and last weights, then the state, which alone says that it is done, then its figures.
    fn close(&mut self, progress: &mut Progress, metrics: EpochMetrics) -> Result<(), TrainingError> {
        progress.history.push(metrics.clone());
        (progress.step, progress.sums) = (0, Sums::default());
        let best = EpochMetrics::best(&progress.history, self.config.options.best_by);
        let better = best.is_some_and(|best| best.epoch == metrics.epoch);
        self.folder.checkpoint(self.trainer.variables(), &self.config, better)?;
        self.save(progress)?;
        self.folder.log(&metrics)
    }

    fn save(&mut self, progress: &Progress) -> Result<(), TrainingError> {
        state::save(&self.folder.state(), self.trainer.state(), progress)?;
        self.saved = Instant::now();
        Ok(())
    }

    fn metrics(&self, sums: &Sums, epoch: u64, lr: f64) -> EpochMetrics {
        let mean = |(sum, n): (f64, f64)| (n > 0.0).then(|| sum / n);
        let proxied = self.config.options.metric_loss != MetricLoss::Triplet;
        let metric = mean(sums.metric);
        EpochMetrics {
            epoch,
            lr,
            loss: sums.loss / sums.steps.max(1.0),
            cross_entropy: sums.cross_entropy / sums.steps.max(1.0),
            triplet: metric.filter(|_| !proxied),
            triplet_active: mean(sums.active),
            proxy: metric.filter(|_| proxied),
            train_top1: mean(sums.right),
            images_per_second: sums.photos as f64 / sums.seconds.max(1e-9),
            wait_share: sums.waited / sums.seconds.max(1e-9),
            finished: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64(),
            ..EpochMetrics::default()
        }
    }

    /// The validation photos.
    fn look(&self, metrics: &mut EpochMetrics, bar: &Bar) -> Result<(), TrainingError> {
        let pass = Pass {
            network: self.trainer.network(),
            rule: &self.config.preprocessing,
            device: self.trainer.device(),
            bf16: self.config.options.bf16,
            workers: self.config.options.loader_threads(),
        };
        let features = self.features.as_ref().map(|(_, val)| val);
        validate(&pass, &self.val, features, metrics, |n| bar.advance(n))
    }

    fn compute_features(&self) -> Result<(Features, Features), TrainingError> {
        let options = &self.config.options;
        let rule = &self.config.preprocessing;
        let maker = Maker {
            network: self.trainer.network(),
            rule,
            options,
            device: self.trainer.device(),
            folder: self.folder.path(),
        };
        let (set, augmentation, to, seed) =
            (self.train.clone(), options.augmentation(), rule.clone(), options.seed);
        let train = Features::compute(&maker, self.train.len(), options.views, move |photo, view| {
            let mut rng = viewing(seed, photo, view);
            Ok(augmentation.apply(&*set.photo(photo)?, &to, &mut rng)?)
        })?;
        let (set, to) = (self.val.clone(), rule.clone());
        let val =
            Features::compute(&maker, self.val.len(), 1, move |photo, _| Ok(to.apply(&*set.photo(photo)?)))?;
        Ok((train, val))
    }

    fn bar(&self, epoch: u64, plans: &[Plan], progress: &Progress) -> Bar {
        let photos: usize = plans.iter().map(|plan| plan.photos.len()).sum();
        let name = format!("epoch {}/{}", epoch + 1, self.config.options.epochs);
        let bar = Bar::new(&name, (photos + self.val.len()) as u64);
        bar.advance(progress.sums.photos);
        bar
    }
}

/// Where batches come from.
enum Batches {
    Photos(Load<Result<Batch, TrainingError>>),
    Features(std::vec::IntoIter<Plan>),
}

impl Batches {
    fn waited(&self) -> Duration {
        match self {
            Self::Photos(load) => load.waited(),
            Self::Features(_) => Duration::ZERO,
        }
    }
}

fn summary(m: &EpochMetrics) -> String {
    let share = |s: Option<f64>| s.map_or("–".into(), |s| format!("{s:.3}"));
    format!(
        "loss {:.3} (ce {:.3}, metric {}) · train {} · val top-1 {} hit@1 {} product {} · {:.0} photos/s",
        m.loss,
        m.cross_entropy,
        share(m.triplet.or(m.proxy)),
        share(m.train_top1),
        share(m.val_top1),
        share(m.val_hit_at_1),
        share(m.val_product_hit_at_1),
        m.images_per_second
    )
}
