//! What is served changes: the bundle read again, another model, the base before.

use std::sync::{Arc, PoisonError};

use lookalike_catalogue::{
    Base, BaseKind, BaseName, CatalogueError, LocalCatalogue, bundle_bases, one_before,
};
use lookalike_model::{Bundle, BundleError};

use crate::{
    ingest::{IngestError, ReembedError, Unembeddable},
    recommender::{AskError, PairError, Recommender, opening::Serving, service::warm_up},
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

/// What could be served, and what is.
#[derive(Clone, Debug)]
pub struct Bases {
    /// The generations of the bundle, then what was compacted of them.
    pub all: Vec<Base>,
    /// What is served.
    pub served: BaseName,
    /// What a rollback holds.
    pub pinned: Option<BaseName>,
}

impl Recommender {
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
        let opening = tokio::task::spawn_blocking(move || {
            if Bundle::open(&dir)?.manifest().model_id != model {
                return Ok(None);
            }
            let catalogue = LocalCatalogue::open(&dir, &model)?;
            catalogue.warm_up()?;
            Ok::<_, ReloadError>(Some(catalogue))
        });
        let Some(catalogue) = opening.await?? else {
            return self.change_model(&now, unembeddable, progress).await;
        };
        let generation = catalogue.manifest().generation;
        if let Some(ingest) = &now.ingest {
            ingest.rebase(catalogue.clone()).await.map_err(ReloadError::State)?;
        }
        let pair = now.pair.at(generation, Arc::new(catalogue));
        self.serving.store(Arc::new(Serving { pair, ingest: now.ingest.clone() }));
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
        let opening = self.opening.clone();
        let (pair, model, threads) = tokio::task::spawn_blocking(move || opening.model()).await??;
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).add(threads);
        warm_up(&pair).await.map_err(ReloadError::WarmUp)?;
        let (generation, model_id) = (pair.generation, pair.manifest.model_id.clone());
        let (ingest, over) = match &now.ingest {
            None => (None, None),
            Some(before) => {
                let (ingest, over) = before.hand_over(model, unembeddable, progress).await?;
                (Some(Arc::new(ingest)), Some(over))
            }
        };
        self.serving.store(Arc::new(Serving { pair, ingest }));
        // Writes that waited meanwhile find the way in of the new model now.
        drop(over);
        tracing::info!(generation, model_id, "another model is served");
        Ok(generation)
    }

    /// What could be served: the generations of the bundle, and what was compacted of them.
    ///
    /// # Errors
    /// Where a folder cannot be listed.
    pub fn bases(&self) -> Result<Bases, CatalogueError> {
        let (now, bundle) = (self.serving.load(), &self.opening.bundle);
        let Some(ingest) = &now.ingest else {
            let served = BaseName { kind: BaseKind::Bundle, generation: now.pair.generation };
            return Ok(Bases { all: bundle_bases(bundle)?, served, pinned: None });
        };
        let live = ingest.live();
        let served = live.view().base().base_name();
        Ok(Bases { all: live.bases(bundle)?, served, pinned: live.pinned()? })
    }

    /// What a rollback to this base would serve; without one, the base before the one that is served.
    ///
    /// # Errors
    /// Where there is none, or none that this model can be served with.
    pub fn target(&self, to: Option<BaseName>) -> Result<BaseName, RollbackError> {
        let Bases { all, served, .. } = self.bases()?;
        let now = self.serving.load();
        let model = &now.pair.manifest.model_id;
        let Some(to) = to else {
            let before = one_before(&all, served, model).ok_or(RollbackError::NothingBefore(served))?;
            return Ok(before.name);
        };
        let found = all.iter().find(|base| base.name == to).ok_or(RollbackError::Unknown(to))?;
        if found.manifest.model_id != *model {
            let (found, served) = (found.manifest.model_id.clone(), model.clone());
            return Err(RollbackError::OtherModel { name: to, found, served });
        }
        Ok(to)
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
        if let Some(ingest) = &now.ingest {
            ingest.live().roll_back(&self.opening.bundle, to).await?;
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
        self.serving.store(Arc::new(Serving { pair, ingest: None }));
        tracing::info!(base = %to, "rolled back, until a restart");
        Ok(false)
    }
}
