//! What a model computes in.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a model computes in. Answers are f32 whatever it is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits: what catalogues are embedded with.
    #[default]
    F32,
    /// bfloat16.
    Bf16,
    /// 16 bits.
    F16,
    /// Weights of 8 bits, activations of 7, run by our own executor.
    Int7,
    /// Quantised to 8 bits, run by libtorch.
    Int8,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::F32, Self::Bf16, Self::F16, Self::Int7, Self::Int8];

    /// Whether it takes a photo's bytes, and runs on a CPU alone.
    pub fn is_quantised(self) -> bool {
        matches!(self, Self::Int7 | Self::Int8)
    }

    /// As it is written: `f32`, `bf16`, `f16`, `int7`, `int8`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::Int7 => "int7",
            Self::Int8 => "int8",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
