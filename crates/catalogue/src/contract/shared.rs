//! A catalogue of an engine elsewhere, which several servers ask at once.

use std::sync::Arc;

use async_trait::async_trait;
use lookalike_items::Dims;

use crate::contract::{CatalogueError, LivingCatalogue};

/// A catalogue of an engine elsewhere, which several servers ask and write to. Its generations lie there side by side, and the engine
/// names the one that all servers serve.
#[async_trait]
pub trait SharedCatalogue: LivingCatalogue {
    /// The number of the generation that is served here.
    fn generation(&self) -> u64;

    /// Serves the generation that the engine names now, if it is another: verified before it is taken. Whether it was another.
    ///
    /// # Errors
    /// Where the engine cannot be asked, or where that generation is of another model: then the one before is served on.
    async fn refresh(&self) -> Result<bool, CatalogueError>;

    /// All generations there are, by rising number.
    ///
    /// # Errors
    /// Where the engine cannot be asked.
    async fn generations(&self) -> Result<Vec<SharedGeneration>, CatalogueError>;

    /// Makes the engine name this generation, and serves it. Other servers follow with their next [`refresh`](Self::refresh).
    ///
    /// # Errors
    /// Where it is not there, where it is of another model: then nothing has changed. Where the engine cannot be asked.
    async fn roll_back(&self, to: u64) -> Result<(), CatalogueError>;
}

/// A generation of a [`SharedCatalogue`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedGeneration {
    /// Its number: they only ever count up.
    pub number: u64,
    /// The model that its vectors come from.
    pub model_id: String,
    /// How many items it has; none where the engine would have to load it to tell.
    pub items: Option<usize>,
    /// When it was made, in seconds since 1970, where that is known.
    pub built_at: Option<u64>,
    /// Whether the engine names it as the one to serve.
    pub current: bool,
}

/// Opens a [`SharedCatalogue`] once it is known which model asks.
#[async_trait]
pub trait OpenShared: Send + Sync {
    /// Opens it for this model, whose vectors are of `dims`.
    ///
    /// # Errors
    /// Where the engine cannot be asked, where nothing is there, where it is of another model.
    async fn open(&self, model_id: &str, dims: Dims) -> Result<Arc<dyn SharedCatalogue>, CatalogueError>;
}
