//! Which photos train, which choose, which judge.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A part of a data set; no photo is in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Weights are fitted to it.
    Train,
    /// The best epoch is chosen by it.
    Val,
    /// Looked at once, at the end.
    Test,
}

impl Split {
    /// As DeepFashion's `list_eval_partition.txt` names it.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "train" => Some(Self::Train),
            "val" => Some(Self::Val),
            "test" => Some(Self::Test),
            _ => None,
        }
    }

    /// 80 % train, 10 % val, 10 % test: a function of the seed and the photo's path alone, so that a set that grows
    /// keeps what it has where it was.
    pub fn draw(seed: u64, path: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(seed.to_le_bytes());
        hash.update(path.as_bytes());
        match hash.finalize()[0] {
            0..=204 => Self::Train,
            205..=229 => Self::Val,
            230..=255 => Self::Test,
        }
    }
}
