//! A photo as numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::InvalidValue;

/// How many numbers an embedding has: `deep` (D) and `colour` (C, 0 where a model has no colour module).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dims {
    /// D, the length of the deep embedding.
    pub deep: usize,
    /// C, the length of the colour feature.
    pub colour: usize,
}

impl fmt::Display for Dims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} deep and {} colour numbers", self.deep, self.colour)
    }
}

/// One photo as numbers: a deep embedding of norm 1 and its colour feature, every number finite.
#[derive(Clone, Debug, PartialEq)]
pub struct Vectors {
    deep: Vec<f32>,
    colour: Vec<f32>,
}

impl Vectors {
    /// Normalises `deep` to norm 1. Refused: a number that is not finite, a `deep` of norm 0 or length 0.
    pub fn new(mut deep: Vec<f32>, colour: Vec<f32>) -> Result<Self, InvalidValue> {
        let norm = deep.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        if !norm.is_finite() || norm < 1e-12 {
            return Err(InvalidValue::Vector("the deep embedding is zero, empty or not finite"));
        }
        // Larger numbers are finite too, but their squares are not.
        if !colour.iter().all(|x| x.abs() < 1e15) {
            return Err(InvalidValue::Vector("the colour feature is not finite, or far beyond any colour"));
        }
        deep.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
        Ok(Self { deep, colour })
    }

    /// Takes deep and colour bit by bit as they left an embedder, the deep ones of norm 1 already. Refused: what [`new`](Self::new)
    /// refuses, and another norm.
    pub fn normalised((deep, colour): (&[f32], &[f32])) -> Result<Self, InvalidValue> {
        let checked = Self::new(deep.to_vec(), colour.to_vec())?;
        let norm = deep.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        if (norm - 1.0).abs() > 1e-3 {
            return Err(InvalidValue::Vector("the deep embedding is not of norm 1"));
        }
        Ok(Self { deep: deep.to_vec(), ..checked })
    }

    /// Takes them bit by bit as a catalogue holds them: they were normalised when they went in.
    pub fn stored((deep, colour): (&[f32], &[f32])) -> Self {
        Self { deep: deep.to_vec(), colour: colour.to_vec() }
    }

    /// The deep embedding: D numbers of norm 1.
    pub fn deep(&self) -> &[f32] {
        &self.deep
    }

    /// The colour feature: C numbers, for our own models RGB in [0,1], cell after cell.
    pub fn colour(&self) -> &[f32] {
        &self.colour
    }

    /// D and C.
    pub fn dims(&self) -> Dims {
        Dims { deep: self.deep.len(), colour: self.colour.len() }
    }
}
