//! Items and their vectors: built offline, persisted, searched online.
//!
//! May enter: [`Item`]s and [`Vectors`] (offline), [`Query`]s and [`Filter`]s (online). Nothing of libtorch does: this
//! room builds without it.
//!
//! ```text
//! offline  index: items + vectors → codes → build (hnsw_rs, named there alone) → refine → repair → freeze → publish
//! online   local: generation → frozen (mapped, checked) → facets (the filter as bitmaps)
//!          → search: codes walked or scanned (kernel) → the best compared again in f32 → hits
//! ```
//!
//! A file is checked once, when it is opened; after that nothing in it can make a search panic. `unsafe` is confined to
//! `kernel` and `mapping`.

mod audit;
mod bits;
mod build;
mod codes;
mod error;
mod facets;
mod freeze;
mod frozen;
mod generation;
mod graph;
mod index;
mod item;
mod kernel;
mod layout;
mod lines;
mod local;
mod mapping;
mod memory;
mod publish;
mod query;
mod recall;
mod refine;
mod repair;
mod search;
#[cfg(test)]
mod tests;
mod walk;

pub use audit::Audit;
pub use build::BuildOptions;
pub use error::CatalogueError;
pub use freeze::FileSeal;
pub use generation::GenerationManifest;
pub use index::{Progress, Stage, build};
pub use item::{BadItemId, Item, ItemId};
pub use local::{Entry, Footprint, LocalCatalogue, OpenTiming};
pub use query::{ColourWeight, Dims, Distance, Effort, Filter, Hit, Listing, Nearest, Query, Vectors};

use std::sync::Arc;

use async_trait::async_trait;

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

    /// The vectors of these items, in their order; `None` for one that is not there.
    async fn vectors(&self, ids: &[ItemId]) -> Result<Vec<Option<Vectors>>, CatalogueError>;

    /// The items that the filter admits, by rising id: at most `limit` of those after `after`.
    async fn list(
        &self,
        filter: &Filter,
        after: Option<&ItemId>,
        limit: usize,
    ) -> Result<Listing, CatalogueError>;

    /// Every category and how many items it has, by name.
    async fn categories(&self) -> Result<Vec<(String, usize)>, CatalogueError>;

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
