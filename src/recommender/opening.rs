//! How bundles are opened: at the start, and when another model is to be served.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use lookalike_model::{DeviceChoice, EmbedderOptions, ModelThreads, Precision, PrecisionChoice};
use lookalike_photo::Limits;

use crate::{
    ingest::{Fetcher, Ingest, NewModel, PhotoStore, ReembedError, Unembeddable},
    recommender::{Pair, PairError},
};

/// The threads of every model that was served, to be waited for in the end.
pub type SharedThreads = Arc<Mutex<ModelThreads>>;

/// What a server is told of its bundle and of what comes in.
#[derive(Clone)]
pub struct Opening {
    /// The bundle's folder.
    pub bundle: PathBuf,
    /// Where the model runs.
    pub device: DeviceChoice,
    /// What it computes in.
    pub precision: PrecisionChoice,
    /// How much waits for it.
    pub embedding: EmbedderOptions,
    /// What a photo may cost.
    pub limits: Limits,
    /// The folder of what comes in online.
    pub state: Option<PathBuf>,
    /// Where photos of it are kept; without one, below that folder.
    pub photos: Option<PhotoStore>,
    /// What fetches photos by their addresses.
    pub fetcher: Option<Arc<Fetcher>>,
    /// What becomes, at the start, of items that came in as embeddings of another model.
    pub unembeddable: Unembeddable,
}

/// A model with its catalogue, and the way in for what changes.
pub(crate) struct Serving {
    pub(crate) pair: Pair,
    pub(crate) ingest: Option<Arc<Ingest>>,
}

impl Opening {
    /// Verifies the bundle as it is now, loads it and starts its model's threads. What it takes to open the state with that model comes
    /// along. It blocks.
    pub(crate) fn model(&self) -> Result<(Pair, NewModel, ModelThreads), PairError> {
        let how = (self.device, self.precision);
        let (pair, opened, threads) = Pair::open(&self.bundle, how, self.embedding)?;
        let (base, embedding) = (opened.catalogue().clone(), self.embedding);
        // Where the model answers in f32 already, it embeds what comes in too.
        let same = (pair.embedder.precision() == Precision::F32).then(|| pair.embedder.clone());
        let load = move || match &same {
            Some(embedder) => Ok(embedder.clone()),
            None => opened.embedder_in_f32(embedding).map_err(|e| e.to_string()),
        };
        let model = NewModel::new(base, pair.manifest.dims, self.limits, load).keeping(self.photos.clone());
        Ok((pair, model, threads))
    }

    /// The way in, where there is a state. What another model embedded is embedded again first.
    pub(crate) async fn way_in(&self, model: NewModel) -> Result<Option<Arc<Ingest>>, ReembedError> {
        let Some(state) = &self.state else { return Ok(None) };
        let ingest = model.opened(state, self.unembeddable).await?;
        Ok(Some(Arc::new(ingest.fetching(self.fetcher.clone()))))
    }
}
