//! What an engine is, and what it can do.

use std::time::Duration;

/// What an engine is, and what it can do. What it cannot do it refuses with [`NotSupported`](crate::CatalogueError::NotSupported),
/// and never answers wrongly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The engine's name: `local`, `milvus`.
    pub engine: &'static str,
    /// When an acknowledged write is in every search.
    pub visibility: Visibility,
    /// It makes writes that hold under a condition, and no other write comes in between.
    pub conditional_writes: bool,
    /// It counts values: [`facets`](crate::Catalogue::facets).
    pub facets: bool,
    /// It can compare every item: [`Effort::Exact`](crate::Effort::Exact).
    pub exact: bool,
    /// The most hits of one search. Where more are asked for, it gives these and says that there are more.
    pub most: usize,
}

/// When an acknowledged write is in every search.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// In the next.
    Immediate,
    /// After this time at most, while the engine is well.
    Within(Duration),
}
