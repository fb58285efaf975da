//! Items and their vectors: built offline, persisted, searched online.
//!
//! May enter: [`Item`]s and [`Vectors`] (offline), [`Query`]s and [`Filter`]s (online). Nothing of libtorch does: this
//! room builds without it. `hnsw_rs` is named in `build.rs` alone; what it builds is frozen into one file of our own.

mod item;
mod kernel;
mod query;

pub use item::{BadItemId, Item, ItemId};
pub use query::{ColourWeight, Dims, Distance, Effort, Filter, Hit, Nearest, Query, Vectors};

use std::sync::Arc;

use async_trait::async_trait;

/// Why a catalogue could not be built, opened or asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A colour weight that is no weight.
    #[error("a colour weight is a finite number that is not negative; this one is {0}")]
    Weight(f32),
    /// A vector that cannot be compared.
    #[error("{0}")]
    Vector(&'static str),
}

/// What every engine that holds items can do. All distances are exact when they leave here.
#[async_trait]
pub trait Catalogue: Send + Sync {
    /// The `n` items nearest to the query that the filter admits; fewer only where there are no more.
    async fn nearest(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
    ) -> Result<Nearest, CatalogueError>;

    /// The item of that name with its vectors, if it is there.
    async fn get(&self, id: &ItemId) -> Result<Option<(Arc<Item>, Vectors)>, CatalogueError>;

    /// An item drawn at random, uniformly; `None` of an empty catalogue.
    async fn random(&self) -> Result<Option<Arc<Item>>, CatalogueError>;

    /// Adds an item, or replaces the one of its name.
    async fn upsert(&self, item: Item, vectors: Vectors) -> Result<(), CatalogueError>;

    /// Removes an item; whether it was there.
    async fn delete(&self, id: &ItemId) -> Result<bool, CatalogueError>;

    /// How many items there are.
    async fn count(&self) -> Result<usize, CatalogueError>;

    /// D and C of what it holds.
    fn dims(&self) -> Dims;
}
