//! What every engine that holds items promises: the trait, what it is asked, what it answers, how it fails.

mod about;
pub mod conformance;
mod error;
mod etag;
mod facets;
mod query;
mod shared;
mod write;

pub use about::{About, Visibility};
pub use error::CatalogueError;
pub use etag::Etag;
pub(crate) use etag::little_endian;
pub use facets::{BINS, Bin, CATEGORY, Facet, NumberCounts, TOP_VALUES, ValueCounts};
pub use query::{Effort, Hit, Listing, Nearest, Query};
pub use shared::{OpenShared, SharedCatalogue, SharedGeneration};
pub use write::{Condition, Outcome, Write, WriteKind};

use std::sync::Arc;

use async_trait::async_trait;
use lookalike_items::{Dims, Filter, Item, ItemId, Vectors};

/// What every engine that holds items can be asked: one state of it, that does not change while it is held. All distances are exact when they leave here.
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

    /// How many items have which value of each key, and how their numbers of that name lie: over all that the filter admits, a key's
    /// own conditions left out. One answer a key, in their order.
    async fn facets(&self, filter: &Filter, keys: &[String]) -> Result<Vec<Facet>, CatalogueError>;

    /// The item of that name with its vectors, if it is there.
    async fn get(&self, id: &ItemId) -> Result<Option<(Arc<Item>, Vectors)>, CatalogueError>;

    /// An item drawn at random, uniformly; `None` of an empty catalogue.
    async fn random(&self) -> Result<Option<Arc<Item>>, CatalogueError>;

    /// How many items there are.
    async fn count(&self) -> Result<usize, CatalogueError>;

    /// How many times it has changed online: every answer of one catalogue is of one revision. None of an engine that has no
    /// revisions.
    fn revision(&self) -> Option<u64>;

    /// What the engine is, and what it can do.
    fn about(&self) -> About;

    /// Whether it can be asked now.
    ///
    /// # Errors
    /// [`CatalogueError::Unavailable`] and [`CatalogueError::Timeout`] where it cannot.
    async fn health(&self) -> Result<(), CatalogueError> {
        Ok(())
    }

    /// D and C of what it holds.
    fn dims(&self) -> Dims;
}

/// A catalogue that takes writes.
#[async_trait]
pub trait LivingCatalogue: Send + Sync {
    /// What it is now.
    fn now(&self) -> Arc<dyn Catalogue>;

    /// Makes these changes in their order. When it returns they last, and are in searches as [`About::visibility`] says. What became of
    /// each, in their order.
    ///
    /// # Errors
    /// Where the engine did not take them: then none was made, or, where the engine is [unavailable](CatalogueError::Unavailable) or
    /// [too slow](CatalogueError::Timeout), any of them may have been, and they may be sent again. A condition that the engine cannot
    /// hold to is [`CatalogueError::NotSupported`], and then none was made.
    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Outcome>, CatalogueError>;

    /// Whether any item has this as its `image`; all acknowledged writes count.
    ///
    /// # Errors
    /// Where the engine cannot be asked.
    async fn shows(&self, image: &str) -> Result<bool, CatalogueError>;
}
