//! Refuses what cannot be trained with, naming the flag.

use crate::training::options::{MetricLoss, Sampling, TrainOptions};
use crate::{TrainingError, network::Stages};

impl TrainOptions {
    /// Refuses what cannot be trained with, naming the flag.
    pub fn check(&self) -> Result<(), TrainingError> {
        let refuse = |why: String| Err(TrainingError::Options(why));
        if self.epochs == 0 {
            return refuse("--epochs must be at least 1".into());
        }
        if let Some(minutes) = self.minutes
            && !(minutes.is_finite() && minutes > 0.0)
        {
            return refuse(format!("--minutes must be more than 0, not {minutes}"));
        }
        if self.batch < 6 {
            return refuse("--batch must be at least 6: two triplets".into());
        }
        if self.sampling == Sampling::Pk && !(2..=self.batch / 2).contains(&self.per_group) {
            return refuse(format!(
                "--per-group must be 2 to {} (half of --batch), not {}: every batch needs two groups of two",
                self.batch / 2,
                self.per_group
            ));
        }
        self.check_numbers()?;
        self.check_sizes()?;
        self.check_frozen()
    }

    fn check_numbers(&self) -> Result<(), TrainingError> {
        let refuse = |why: String| Err(TrainingError::Options(why));
        for (flag, value) in [
            ("--lr", self.lr),
            ("--weight-decay", self.weight_decay),
            ("--metric-weight", self.metric_weight),
            ("--margin", self.margin),
            ("--checkpoint-minutes", self.checkpoint_minutes),
        ] {
            if !value.is_finite() || value < 0.0 {
                return refuse(format!("{flag} must be a number that is not negative, not {value}"));
            }
        }
        for (flag, value) in [
            ("--warmup", self.warmup),
            ("--label-smoothing", self.label_smoothing),
            ("--erase", self.erase),
            ("--mixup", self.mixup),
        ] {
            if !(0.0..=1.0).contains(&value) {
                return refuse(format!("{flag} must be 0 to 1, not {value}"));
            }
        }
        for (flag, value) in [("--ema", self.ema), ("--jitter", self.jitter)] {
            if !(0.0..1.0).contains(&value) {
                return refuse(format!("{flag} must be 0 or more and below 1, not {value}"));
            }
        }
        if !(0.01..=1.0).contains(&self.crop) {
            return refuse(format!("--crop must be 0.01 to 1, not {}", self.crop));
        }
        Ok(())
    }

    fn check_sizes(&self) -> Result<(), TrainingError> {
        let refuse = |why: String| Err(TrainingError::Options(why));
        let side = self.trained_side();
        if self.train_size.is_some() && !(32..=self.size).contains(&side) {
            return refuse(format!("--train-size must be 32 to {} (--size), not {side}", self.size));
        }
        if let Some(start) = self.start_size
            && !(32..=side).contains(&start)
        {
            return refuse(format!("--start-size must be 32 to {side} (--train-size), not {start}"));
        }
        if let Some(resize) = self.resize
            && !(side..=4096).contains(&resize)
        {
            return refuse(format!("--resize must be {side} (--train-size) to 4096, not {resize}"));
        }
        Ok(())
    }

    fn check_frozen(&self) -> Result<(), TrainingError> {
        let refuse = |why: &str| Err(TrainingError::Options(why.into()));
        let rates = &self.stage_lr;
        if !rates.is_empty()
            && (rates.len() != Stages::COUNT || rates.iter().any(|r| !r.is_finite() || *r < 0.0))
        {
            return refuse(
                "--stage-lr takes five numbers that are not negative: the stem's and the four stages', as in 0,0,0.1,0.3,1",
            );
        }
        if self.freeze_backbone && !rates.is_empty() {
            return refuse("--freeze-backbone and --stage-lr say two things: give one of them");
        }
        if self.stages() == Stages::NONE && self.weights.is_none() {
            return refuse("a frozen backbone stays as it began, at random: name its --weights");
        }
        if self.keeps_features() && self.minutes.is_some() {
            return refuse(
                "--minutes tries how fast photos pass, and a frozen backbone sees them once: say --epochs",
            );
        }
        let sized = self.start_size.is_some() || self.train_size.is_some();
        if self.keeps_features() && (self.mixup > 0.0 || sized) {
            return refuse(
                "--mixup, --start-size and --train-size need the photos themselves, and a frozen backbone sees them once: add --views 0",
            );
        }
        if self.metric_loss == MetricLoss::None && self.sampling == Sampling::Triplets {
            return refuse("--metric-loss none has no use for triplets: add --sampling shuffled");
        }
        Ok(())
    }
}
