//! What is asked of a catalogue and what it answers: plain data, so that a remote engine can take it too.

use std::sync::Arc;

use lookalike_items::{ColourWeight, Distance, Item, Vectors};

/// Where to look from: a photo's vectors and the weight of its colour.
#[derive(Clone, Debug)]
pub struct Query {
    /// The photo asked with.
    pub vectors: Vectors,
    /// This request's `w`.
    pub weight: ColourWeight,
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
