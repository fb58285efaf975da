//! What is served changes: the bundle read again, another model, the base before.

use std::{
    path::Path,
    sync::{Arc, PoisonError},
};

use lookalike_catalogue::{
    Base, BaseKind, BaseName, CatalogueError, LocalCatalogue, SharedGeneration, bundle_bases, one_before,
};
use lookalike_model::{Bundle, BundleError};

use crate::{
    ingest::{IngestError, NewModel, ReembedError, Unembeddable},
    recommender::{
        AskError, PairError, Recommender,
        opening::{Opened, OpenedItems, Serving},
        service::warm_up,
    },
};

/// Why a bundle was not read again.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The model's part.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The catalogue's part.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// Another model, which cannot be served.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// What came in cannot be embedded by another model.
    #[error(transparent)]
    Reembed(#[from] ReembedError),
    /// Another model fails on its first photo.
    #[error("the warm-up failed: {0}")]
    WarmUp(AskError),
    /// What came in cannot be laid over it.
    #[error(transparent)]
    State(IngestError),
    /// The thread that opened it did not come back.
    #[error("opening stopped: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// Why no other base is served.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// There is no base before the one that is served.
    #[error("there is nothing to go back to from {0}: no base from before it is on the disk")]
    NothingBefore(BaseName),
    /// No base has this name.
    #[error("there is no base '{0}' on the disk: GET /admin/generations lists those that are there")]
    Unknown(BaseName),
    /// It is of another model.
    #[error(
        "{name} is of model {found}, and {served} is served: put a bundle of that model in place and reload it"
    )]
    OtherModel {
        /// What was asked for.
        name: BaseName,
        /// Its model.
        found: String,
        /// What is served.
        served: String,
    },
    /// The catalogue's part.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The thread that opened it did not come back.
    #[error("opening stopped: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// What could be served.
#[derive(Clone, Debug)]
pub struct Choice {
    /// What it is called.
    pub name: BaseName,
    /// The generation that it is, or that it was compacted of.
    pub stands_for: u64,
    /// The model of its vectors.
    pub model_id: String,
    /// How many items it has; not known of one that its engine has not loaded.
    pub items: Option<usize>,
    /// When it was made, in seconds since 1970, where that is known.
    pub built_at: Option<u64>,
    /// Whether it is what a start would serve, of its kind.
    pub current: bool,
}

impl From<&Base> for Choice {
    fn from(base: &Base) -> Self {
        let manifest = &base.manifest;
        Self {
            name: base.name,
            stands_for: base.stands_for(),
            model_id: manifest.model_id.clone(),
            items: Some(manifest.count),
            built_at: manifest.built_at,
            current: base.current,
        }
    }
}

impl From<SharedGeneration> for Choice {
    fn from(generation: SharedGeneration) -> Self {
        let SharedGeneration { number, model_id, items, built_at, current } = generation;
        Self { name: shared(number), stands_for: number, model_id, items, built_at, current }
    }
}

/// What a generation of an engine elsewhere is called.
fn shared(generation: u64) -> BaseName {
    BaseName { kind: BaseKind::Shared, generation }
}

/// What could be served, and what is.
#[derive(Clone, Debug)]
pub struct Bases {
    /// The generations of the bundle, then what was compacted of them; or those of an engine elsewhere.
    pub all: Vec<Choice>,
    /// What is served.
    pub served: BaseName,
    /// What a rollback holds.
    pub pinned: Option<BaseName>,
}

/// What a reload finds.
enum Found {
    OtherModel,
    /// The same model, whose items are in an engine elsewhere.
    SameModel,
    /// The same model, and the generation that the bundle holds now.
    Items(Box<LocalCatalogue>),
}

/// The bases on the disk, which of them is served, and which a rollback holds. It blocks.
fn on_disk(now: &Serving, bundle: &Path) -> Result<(Vec<Base>, BaseName, Option<BaseName>), CatalogueError> {
    let Some(ingest) = &now.ingest else {
        let served = BaseName { kind: BaseKind::Bundle, generation: now.pair.generation };
        return Ok((bundle_bases(bundle)?, served, None));
    };
    let live = ingest.live()?;
    Ok((live.bases(bundle)?, live.view().base().base_name(), live.pinned()?))
}

impl Recommender {
    /// Serves the generation that an engine elsewhere names now, if it is another. Nothing to do where the items are in the bundle.
    ///
    /// # Errors
    /// As [`SharedCatalogue::refresh`](lookalike_catalogue::SharedCatalogue::refresh): then the one before is served on.
    pub async fn refresh(&self) -> Result<(), CatalogueError> {
        let Some(shared) = self.serving.load().shared.clone() else { return Ok(()) };
        if shared.refresh().await? {
            tracing::info!(generation = shared.generation(), "another generation of the catalogue is served");
        }
        Ok(())
    }

    /// Whether the items are in an engine elsewhere.
    pub fn is_shared(&self) -> bool {
        self.serving.load().shared.is_some()
    }

    /// Takes what the bundle holds now, if it is something else: opened, verified and asked once before it answers. Every request sees one
    /// generation, of one model, from beginning to end. Another *model* is loaded beside the one before, and embeds what came in again;
    /// `progress` hears of parts of that, 0 to 1. It ends a rollback. The number of the generation.
    ///
    /// # Errors
    /// Where it cannot be served: then the one before goes on.
    pub async fn reload(
        &self,
        unembeddable: Unembeddable,
        progress: &(dyn Fn(f64) + Sync),
    ) -> Result<u64, ReloadError> {
        let _alone = self.changing.lock().await;
        let now = self.serving.load_full();
        let (dir, model) = (self.opening.bundle.clone(), now.pair.manifest.model_id.clone());
        let elsewhere = now.shared.is_some();
        let opening = tokio::task::spawn_blocking(move || {
            if Bundle::open(&dir)?.manifest().model_id != model {
                return Ok(Found::OtherModel);
            }
            if elsewhere {
                return Ok(Found::SameModel);
            }
            let catalogue = LocalCatalogue::open(&dir, &model)?;
            catalogue.warm_up()?;
            Ok::<_, ReloadError>(Found::Items(Box::new(catalogue)))
        });
        let catalogue = match (opening.await??, &now.shared) {
            (Found::Items(catalogue), _) => *catalogue,
            (Found::SameModel, Some(shared)) => {
                shared.refresh().await?;
                tracing::info!(generation = shared.generation(), "the catalogue was looked at again");
                return Ok(shared.generation());
            }
            _ => return self.change_model(&now, unembeddable, progress).await,
        };
        let generation = catalogue.manifest().generation;
        if let Some(ingest) = &now.ingest {
            ingest.rebase(catalogue.clone()).await.map_err(ReloadError::State)?;
        }
        let pair = now.pair.at(generation, Arc::new(catalogue));
        self.serving.store(Arc::new(Serving { pair, shared: None, ingest: now.ingest.clone() }));
        tracing::info!(generation, "the bundle was read again");
        Ok(generation)
    }

    /// Serves the bundle's model in place of another one.
    async fn change_model(
        &self,
        now: &Serving,
        unembeddable: Unembeddable,
        progress: &(dyn Fn(f64) + Sync),
    ) -> Result<u64, ReloadError> {
        let Opened { pair, items, model, threads } = self.opening.opened().await?;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).add(threads);
        warm_up(&pair).await.map_err(ReloadError::WarmUp)?;
        let (generation, model_id) = (pair.generation, pair.manifest.model_id.clone());
        let (serving, over) = match (&now.ingest, items) {
            (Some(before), OpenedItems::Bundle(base)) => {
                let model = NewModel::new(base, model);
                let (ingest, over) = before.hand_over(model, unembeddable, progress).await?;
                (Serving { pair, shared: None, ingest: Some(Arc::new(ingest)) }, Some(over))
            }
            (_, items) => (self.opening.serving(pair, items, model).await?, None),
        };
        self.serving.store(Arc::new(serving));
        // Writes that waited meanwhile find the way in of the new model now.
        drop(over);
        tracing::info!(generation, model_id, "another model is served");
        Ok(generation)
    }

    /// What could be served: the generations of the bundle, and what was compacted of them.
    ///
    /// # Errors
    /// Where a folder cannot be listed.
    pub async fn bases(&self) -> Result<Bases, RollbackError> {
        let now = self.serving.load_full();
        if let Some(elsewhere) = &now.shared {
            let all = elsewhere.generations().await?.into_iter().map(Choice::from).collect();
            return Ok(Bases { all, served: shared(elsewhere.generation()), pinned: None });
        }
        let bundle = self.opening.bundle.clone();
        // Manifests are read from the disk.
        let listing = tokio::task::spawn_blocking(move || {
            let (all, served, pinned) = on_disk(&now, &bundle)?;
            Ok::<_, RollbackError>(Bases { all: all.iter().map(Choice::from).collect(), served, pinned })
        });
        listing.await?
    }

    /// What a rollback to this base would serve; without one, the base before the one that is served.
    ///
    /// # Errors
    /// Where there is none, or none that this model can be served with.
    pub async fn target(&self, to: Option<BaseName>) -> Result<BaseName, RollbackError> {
        let now = self.serving.load_full();
        let model = now.pair.manifest.model_id.clone();
        let Some(to) = to else {
            return self.one_before(now, model).await;
        };
        let all = self.bases().await?.all;
        let found = all.into_iter().find(|base| base.name == to).ok_or(RollbackError::Unknown(to))?;
        if found.model_id != model {
            return Err(RollbackError::OtherModel { name: to, found: found.model_id, served: model });
        }
        Ok(to)
    }

    /// The base before the one that is served, of this model.
    async fn one_before(&self, now: Arc<Serving>, model: String) -> Result<BaseName, RollbackError> {
        if let Some(elsewhere) = &now.shared {
            let (all, served) = (elsewhere.generations().await?, elsewhere.generation());
            let before = all.iter().filter(|other| other.number < served && other.model_id == model);
            let before = before.map(|other| other.number).max();
            return before.map(shared).ok_or(RollbackError::NothingBefore(shared(served)));
        }
        let bundle = self.opening.bundle.clone();
        let choosing = tokio::task::spawn_blocking(move || {
            let (all, served, _) = on_disk(&now, &bundle)?;
            let before = one_before(&all, served, &model).ok_or(RollbackError::NothingBefore(served))?;
            Ok(before.name)
        });
        choosing.await?
    }

    /// Serves another base: opened, verified and asked once before it answers; what came in is laid over it. With a state it holds until
    /// the next reload, or until the bundle's `CURRENT` is another; without one, until the next reload or a restart. Whether it
    /// outlives a restart.
    ///
    /// # Errors
    /// Where it cannot be served: then the one before goes on.
    pub async fn roll_back(&self, to: BaseName) -> Result<bool, RollbackError> {
        let _alone = self.changing.lock().await;
        let now = self.serving.load_full();
        if let Some(elsewhere) = &now.shared {
            if to.kind != BaseKind::Shared {
                return Err(RollbackError::Unknown(to));
            }
            elsewhere.roll_back(to.generation).await?;
            tracing::info!(base = %to, "rolled back, for all servers of this catalogue");
            return Ok(true);
        }
        if let Some(ingest) = &now.ingest {
            ingest.live()?.roll_back(&self.opening.bundle, to).await?;
            tracing::info!(base = %to, "rolled back");
            return Ok(true);
        }
        let (dir, model) = (self.opening.bundle.clone(), now.pair.manifest.model_id.clone());
        let opening = tokio::task::spawn_blocking(move || {
            if to.kind != BaseKind::Bundle {
                return Err(CatalogueError::NoBase(to.to_string()));
            }
            let catalogue = LocalCatalogue::open_generation(&dir, to.generation, &model)?;
            catalogue.warm_up()?;
            Ok(catalogue)
        });
        let catalogue = opening.await??;
        let pair = now.pair.at(to.generation, Arc::new(catalogue));
        self.serving.store(Arc::new(Serving { pair, shared: None, ingest: None }));
        tracing::info!(base = %to, "rolled back, until a restart");
        Ok(false)
    }
}
