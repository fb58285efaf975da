//! What is asked of a catalogue and what it answers: plain data, so that a remote engine can take it too.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{CatalogueError, Item, ItemId, kernel::Kernel};

/// How much colour counts beside shape: `w` of `d = ‖deep‖ + w·‖colour‖`, finite and not negative.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f32", into = "f32")]
pub struct ColourWeight(f32);

impl ColourWeight {
    /// The weight graphs are built with.
    pub const DEFAULT: Self = Self(0.1);

    /// Takes a weight, if it is finite and not negative.
    pub fn new(w: f32) -> Result<Self, CatalogueError> {
        if w.is_finite() && w >= 0.0 { Ok(Self(w)) } else { Err(CatalogueError::Weight(w)) }
    }

    /// The weight as a number.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl TryFrom<f32> for ColourWeight {
    type Error = CatalogueError;

    fn try_from(w: f32) -> Result<Self, CatalogueError> {
        Self::new(w)
    }
}

impl From<ColourWeight> for f32 {
    fn from(w: ColourWeight) -> f32 {
        w.0
    }
}

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
    pub fn new(mut deep: Vec<f32>, colour: Vec<f32>) -> Result<Self, CatalogueError> {
        let norm = deep.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        if !norm.is_finite() || norm < 1e-12 {
            return Err(CatalogueError::Vector("the deep embedding is zero, empty or not finite"));
        }
        // Larger numbers are finite too, but their squares are not.
        if !colour.iter().all(|x| x.abs() < 1e15) {
            return Err(CatalogueError::Vector("the colour feature is not finite, or far beyond any colour"));
        }
        deep.iter_mut().for_each(|x| *x = (f64::from(*x) / norm) as f32);
        Ok(Self { deep, colour })
    }

    /// Takes deep and colour bit by bit as they left an embedder, the deep ones of norm 1 already. Refused: what [`new`](Self::new)
    /// refuses, and another norm.
    pub fn normalised((deep, colour): (&[f32], &[f32])) -> Result<Self, CatalogueError> {
        let checked = Self::new(deep.to_vec(), colour.to_vec())?;
        let norm = deep.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
        if (norm - 1.0).abs() > 1e-3 {
            return Err(CatalogueError::Vector("the deep embedding is not of norm 1"));
        }
        Ok(Self { deep: deep.to_vec(), ..checked })
    }

    /// Takes them bit by bit as a catalogue holds them: they were normalised when they went in.
    pub(super) fn stored((deep, colour): (&[f32], &[f32])) -> Self {
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

/// Where to look from: a photo's vectors and the weight of its colour.
#[derive(Clone, Debug)]
pub struct Query {
    /// The photo asked with.
    pub vectors: Vectors,
    /// This request's `w`.
    pub weight: ColourWeight,
}

/// Which items may answer. The default lets all through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// One of these categories, where any are named.
    pub categories: Vec<String>,
    /// One of the values under every key.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// None of these items.
    pub exclude: Vec<ItemId>,
}

impl Filter {
    /// Whether this item may answer.
    pub fn admits(&self, item: &Item) -> bool {
        let has = |key: &String, wanted: &[String]| {
            item.attributes.get(key).is_some_and(|values| values.iter().any(|v| wanted.contains(v)))
        };
        (self.categories.is_empty() || self.categories.contains(&item.category))
            && self.attributes.iter().all(|(key, wanted)| has(key, wanted))
            && !self.exclude.contains(&item.id)
    }

    /// Whether every item may answer.
    pub fn admits_all(&self) -> bool {
        self.categories.is_empty() && self.attributes.is_empty() && self.exclude.is_empty()
    }
}

/// How hard to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effort {
    /// The walk of the graph with the engine's own candidate list (`ef`).
    #[default]
    Usual,
    /// The walk with this `ef`: more is slower and closer to exact.
    Ef(usize),
    /// Every item is compared.
    Exact,
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
    /// The exact distance from f32 vectors. Both must have the same [`Dims`].
    pub fn between(a: (&[f32], &[f32]), b: (&[f32], &[f32]), weight: ColourWeight) -> Self {
        Self::measured(Kernel::best(), a, b, weight)
    }

    /// The same with the kernel at hand.
    #[inline]
    pub(super) fn measured(
        kernel: Kernel,
        a: (&[f32], &[f32]),
        b: (&[f32], &[f32]),
        weight: ColourWeight,
    ) -> Self {
        let (deep, colour) = (kernel.squared_l2(a.0, b.0).sqrt(), kernel.squared_l2(a.1, b.1).sqrt());
        Self { deep, colour, blend: deep + weight.get() * colour }
    }

    /// `1 / (1 + blend)`: 1 for the same photo, towards 0 for unlike ones.
    pub fn score(&self) -> f32 {
        1.0 / (1.0 + self.blend)
    }
}

/// One answer: an item and how far it is.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The item found.
    pub item: Arc<Item>,
    /// How far it is from the query.
    pub distance: Distance,
}

/// What a search found: at most the `n` asked for, nearest first.
#[derive(Clone, Debug, Default)]
pub struct Nearest {
    /// Hits by rising blend.
    pub hits: Vec<Hit>,
    /// The catalogue has no further item that the filter admits: a larger `n` would bring nothing.
    pub exhausted: bool,
}

/// A part of the items, by rising id.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    /// Those of this part.
    pub items: Vec<Arc<Item>>,
    /// How many the filter admits, in all parts together.
    pub total: usize,
    /// There are further ones after these.
    pub more: bool,
}
