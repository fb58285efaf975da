//! How far two photos are from each other.

use serde::{Deserialize, Serialize};

use crate::InvalidValue;

/// How much colour counts beside shape: `w` of `d = ‖deep‖ + w·‖colour‖`, finite and not negative.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct ColourWeight(f32);

impl ColourWeight {
    /// The weight graphs are built with.
    pub const DEFAULT: Self = Self(0.1);

    /// Takes a weight, if it is finite and not negative.
    pub fn new(w: f32) -> Result<Self, InvalidValue> {
        if w.is_finite() && w >= 0.0 { Ok(Self(w)) } else { Err(InvalidValue::Weight(w)) }
    }

    /// The weight as a number.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f32> for ColourWeight {
    type Error = InvalidValue;

    fn try_from(w: f32) -> Result<Self, InvalidValue> {
        Self::new(w)
    }
}

impl From<ColourWeight> for f32 {
    fn from(w: ColourWeight) -> f32 {
        w.0
    }
}

/// How far an item is from a query, in both parts and as `blend = deep + w·colour`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Distance {
    /// `‖deep_a − deep_b‖₂`, 0 to 2.
    pub deep: f32,
    /// `‖colour_a − colour_b‖₂`.
    pub colour: f32,
    /// What hits are ordered by.
    pub blend: f32,
}

impl Distance {
    /// From its two parts, which must not be negative.
    pub fn new(deep: f32, colour: f32, weight: ColourWeight) -> Self {
        Self { deep, colour, blend: deep + weight.get() * colour }
    }

    /// `1 / (1 + blend)`: 1 for the same photo, towards 0 for unlike ones.
    pub fn score(&self) -> f32 {
        1.0 / (1.0 + self.blend)
    }
}
