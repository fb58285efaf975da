//! How bundles are opened: at the start, and when another model is to be served.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
};

use lookalike_catalogue::{Catalogue, LocalCatalogue, OpenShared, SharedCatalogue};
use lookalike_model::{
    Bundle, DeviceChoice, EmbedderOptions, Fault, ModelThreads, Precision, PrecisionChoice,
};

use crate::{
    budget::PhotoRoom,
    ingest::{Fetcher, Ingest, NewModel, PhotoStore, ReembedError, Unembeddable, WriteModel},
    recommender::{
        Pair, ReloadError,
        pair::{LoadedModel, check_dims, embedder_in_f32},
    },
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
    /// What a photo may be, and the memory it is decoded in.
    pub photo_room: PhotoRoom,
    /// Where the items are.
    pub items: Items,
    /// Where photos of what comes in are kept; without one, below the state's folder.
    pub photos: Option<PhotoStore>,
    /// Whether there is a key that may write. Without one nothing comes in.
    pub writes: bool,
    /// What fetches photos by their addresses.
    pub fetcher: Option<Arc<Fetcher>>,
    /// What becomes, at the start, of items that came in as embeddings of another model.
    pub unembeddable: Unembeddable,
    /// What a test makes of the model that answers: called before each pass, and with 0 before it is loaded again. Nothing else has one.
    pub fault: Option<Fault>,
}

/// Where the items are that a server answers with.
#[derive(Clone)]
pub enum Items {
    /// In the bundle; and, where a folder is named, what came in online in there.
    Bundle {
        /// The folder of what comes in online.
        state: Option<PathBuf>,
    },
    /// In an engine elsewhere.
    Shared {
        /// What opens it. Something comes in where there are keys that may write, and a store for its photos.
        engine: Arc<dyn OpenShared>,
    },
}

/// A model with its catalogue, and the way in for what changes.
pub(crate) struct Serving {
    pub(crate) pair: Pair,
    /// The engine elsewhere that holds the items, where one does.
    pub(crate) shared: Option<Arc<dyn SharedCatalogue>>,
    pub(crate) ingest: Option<Arc<Ingest>>,
}

impl Serving {
    /// The pair as it is now.
    pub(crate) fn now(&self) -> Pair {
        match (&self.shared, self.ingest.as_ref().and_then(|ingest| ingest.local())) {
            (Some(shared), _) => self.pair.at(shared.generation(), shared.now()),
            (None, Some(live)) => {
                let view = live.view();
                self.pair.at(view.generation(), view)
            }
            (None, None) => self.pair.at(self.pair.generation, Arc::clone(&self.pair.catalogue)),
        }
    }
}

/// A bundle's model and the items that belong to it, opened and not served yet.
pub(crate) struct Opened {
    pub(crate) pair: Pair,
    pub(crate) items: OpenedItems,
    /// What embeds what comes in.
    pub(crate) model: WriteModel,
    pub(crate) threads: ModelThreads,
}

/// The items of an [`Opened`].
pub(crate) enum OpenedItems {
    Bundle(LocalCatalogue),
    Shared(Arc<dyn SharedCatalogue>),
}

impl Opening {
    /// Verifies the bundle as it is now, opens the items, loads the model and starts its threads.
    pub(crate) async fn opened(&self) -> Result<Opened, ReloadError> {
        let (dir, items) = (self.bundle.clone(), self.items.clone());
        let bundle = tokio::task::spawn_blocking(move || Bundle::open(&dir)).await??;
        let (dims, model_id) = (bundle.manifest().dims, bundle.manifest().model_id.clone());
        let colour = bundle.manifest().preprocessing.colour();
        // The items first: whether they are there is known at once, and a model takes its time.
        let (items, catalogue, generation): (_, Arc<dyn Catalogue>, _) = match items {
            Items::Bundle { .. } => {
                let (dir, model_id) = (self.bundle.clone(), model_id.clone());
                let opening = move || LocalCatalogue::open(&dir, &model_id);
                let local = tokio::task::spawn_blocking(opening).await??;
                check_dims(dims, &local, local.is_empty())?;
                let generation = local.manifest().generation;
                (OpenedItems::Bundle(local.clone()), Arc::new(local), generation)
            }
            Items::Shared { engine } => {
                let shared = engine.open(&model_id, dims).await?;
                check_dims(dims, &*shared.now(), false)?;
                let (catalogue, generation) = (shared.now(), shared.generation());
                (OpenedItems::Shared(shared), catalogue, generation)
            }
        };
        let (how, embedding) = ((self.device, self.precision), self.embedding);
        let fault = self.fault.clone();
        let loading = move || LoadedModel::load(bundle, how, embedding, fault);
        let loaded = tokio::task::spawn_blocking(loading).await??;
        // Where the model answers in f32 already, it embeds what comes in too.
        let same = (loaded.embedder().precision() == Precision::F32).then(|| loaded.embedder().clone());
        let (dir, device) = (self.bundle.clone(), self.device);
        let load = move || match &same {
            Some(embedder) => Ok(embedder.clone()),
            None => embedder_in_f32(&dir, device, embedding).map_err(|e| e.to_string()),
        };
        let model = WriteModel::new(model_id, dims, colour, self.photo_room.clone(), load);
        let (pair, threads) = Pair::new(loaded, catalogue, generation)?;
        Ok(Opened { pair, items, model, threads })
    }

    /// What serves these items: with the way in, where something may come in. What another model embedded is embedded again first.
    pub(crate) async fn serving(
        &self,
        pair: Pair,
        items: OpenedItems,
        model: WriteModel,
    ) -> Result<Serving, ReembedError> {
        let (shared, ingest) = match (items, &self.items) {
            (OpenedItems::Bundle(base), Items::Bundle { state: Some(state) }) => {
                let model = NewModel::new(base, model).keeping(self.photos.clone());
                (None, Some(model.opened(state, self.unembeddable).await?))
            }
            (OpenedItems::Bundle(_), _) => (None, None),
            (OpenedItems::Shared(shared), _) => {
                let photos = self.photos.clone().filter(|_| self.writes);
                let ingest = photos.map(|photos| Ingest::shared(Arc::clone(&shared), photos, model));
                (Some(shared), ingest)
            }
        };
        let ingest = ingest.map(|ingest| Arc::new(ingest.fetching(self.fetcher.clone())));
        Ok(Serving { pair, shared, ingest })
    }
}
