//! What comes in online: photos and vectors become items of the catalogue, durable when they are acknowledged.
//!
//! May enter: items as JSON, photo bytes and addresses trusted in nothing, vectors. Catalogues hold f32 embeddings, so a photo is
//! embedded in f32 whatever precision answers queries; that model is loaded at the first photo.

mod change;
mod error;
mod fetch;
mod photos;
mod prepare;
mod reembed;
mod snapshot;

pub use change::{Change, ChangeKind, Changes, Made, Source};
pub use error::IngestError;
pub use fetch::{FetchError, FetchOptions, Fetched, Fetcher, ImageHost};
pub use photos::{AwsSettings, HeldPhoto, Jpeg, Kept, PhotoName, PhotoStore, PhotosAddress, PhotosError};
pub use reembed::{ReembedError, Unembeddable};
pub use snapshot::Snapshot;

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use crate::budget::PhotoRoom;
use lookalike_catalogue::{
    Catalogue, CatalogueError, Etag, LiveCatalogue, LiveOptions, LivingCatalogue, LocalCatalogue, Outcome,
    SharedCatalogue, Stage, Write,
};
use lookalike_items::{Dims, ItemId};
use lookalike_model::Embedder;
use lookalike_photo::Colour;
use lookalike_telemetry as telemetry;
use tokio::sync::{OnceCell, Semaphore};

use prepare::{Patience, Prepared};

/// Photos of single writes taken on at once; one more is refused.
const PHOTOS: usize = 32;

/// Photos of writes of many taken on at once, over all of them; the others wait.
const PHOTOS_OF_MANY: usize = 32;

/// Photos that no item shows are swept where several servers write, once they are so old. A write that shows one of them again has
/// put it again by then.
const SWEPT_AFTER: Duration = Duration::from_secs(60 * 60);

/// Loads the model in f32.
type Load = dyn Fn() -> Result<Embedder, String> + Send + Sync;

/// What embeds what comes in.
pub struct WriteModel {
    id: String,
    dims: Dims,
    colour: Colour,
    room: PhotoRoom,
    load: Arc<Load>,
    embedder: OnceCell<Embedder>,
}

impl WriteModel {
    /// The model of this id, which gives vectors of `dims` for photos in these colours; photos are decoded in this room; `load` gives the model in f32, when it is needed.
    pub fn new(
        id: String,
        dims: Dims,
        colour: Colour,
        room: PhotoRoom,
        load: impl Fn() -> Result<Embedder, String> + Send + Sync + 'static,
    ) -> Self {
        Self { id, dims, colour, room, load: Arc::new(load), embedder: OnceCell::new() }
    }
}

/// The base of a model, and what embeds by that model.
pub struct NewModel {
    base: LocalCatalogue,
    model: WriteModel,
    photos: Option<PhotoStore>,
}

impl NewModel {
    /// Over this base, which is of that model.
    pub fn new(base: LocalCatalogue, model: WriteModel) -> Self {
        Self { base, model, photos: None }
    }

    /// The same, keeping photos in this store; without one, below the state.
    #[must_use]
    pub fn keeping(self, photos: Option<PhotoStore>) -> Self {
        Self { photos, ..self }
    }

    /// Where photos are kept.
    fn photos(&self, state: &Path) -> Result<PhotoStore, IngestError> {
        self.photos.clone().map_or_else(|| PhotoStore::open(state).map_err(IngestError::Keep), Ok)
    }
}

/// Where items that come in are kept.
enum Engine {
    /// In a state of this server's, laid over a base.
    Local { live: LiveCatalogue, state: PathBuf },
    /// In an engine elsewhere.
    Shared(Arc<dyn SharedCatalogue>),
}

/// The way in.
pub struct Ingest {
    engine: Engine,
    photos: PhotoStore,
    model: WriteModel,
    fetcher: Option<Arc<Fetcher>>,
    room: Arc<Semaphore>,
    room_for_many: Arc<Semaphore>,
    cores: Arc<Semaphore>,
    /// One snapshot at a time.
    snapshots: Arc<Semaphore>,
}

impl Ingest {
    /// Opens the state in the folder, which is this model's.
    ///
    /// # Errors
    /// What [`LiveCatalogue::open`] says; where photos cannot be kept there.
    pub fn open(state: &Path, model: NewModel) -> Result<Self, IngestError> {
        let photos = model.photos(state)?;
        let NewModel { base, model, photos: _ } = model;
        let live = LiveCatalogue::open(state, base, model.dims, LiveOptions::default())?;
        let view = live.view();
        photos.erase_left(|name| view.shows(&name.image())).map_err(IngestError::Keep)?;
        Ok(Self::keeping(Engine::Local { live, state: state.to_owned() }, photos, model))
    }

    /// Into an engine elsewhere, which is of this model; its photos are kept in that store.
    pub fn shared(catalogue: Arc<dyn SharedCatalogue>, photos: PhotoStore, model: WriteModel) -> Self {
        Self::keeping(Engine::Shared(catalogue), photos, model)
    }

    fn keeping(engine: Engine, photos: PhotoStore, model: WriteModel) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            engine,
            photos,
            model,
            fetcher: None,
            room: Arc::new(Semaphore::new(PHOTOS)),
            room_for_many: Arc::new(Semaphore::new(PHOTOS_OF_MANY)),
            cores: Arc::new(Semaphore::new(cores)),
            snapshots: Arc::new(Semaphore::new(1)),
        }
    }

    /// The same, taking addresses of photos too.
    #[must_use]
    pub fn fetching(self, fetcher: Option<Arc<Fetcher>>) -> Self {
        Self { fetcher, ..self }
    }

    /// The catalogue as it is now.
    pub fn now(&self) -> Arc<dyn Catalogue> {
        self.writer().now()
    }

    /// The engine that takes writes.
    fn writer(&self) -> &dyn LivingCatalogue {
        match &self.engine {
            Engine::Local { live, .. } => live,
            Engine::Shared(shared) => &**shared,
        }
    }

    /// This server's own state, where it has one.
    pub fn local(&self) -> Option<&LiveCatalogue> {
        match &self.engine {
            Engine::Local { live, .. } => Some(live),
            Engine::Shared(_) => None,
        }
    }

    /// The same, for what is done with such a state alone.
    ///
    /// # Errors
    /// [`CatalogueError::NotSupported`] where what comes in is kept elsewhere.
    pub fn live(&self) -> Result<&LiveCatalogue, CatalogueError> {
        self.local().ok_or_else(|| self.not_local())
    }

    fn not_local(&self) -> CatalogueError {
        let engine = self.now().about().engine;
        CatalogueError::NotSupported(format!(
            "the items of this server are kept in {engine}, which does this by itself or with tools of its own"
        ))
    }

    /// Lays what came in over another generation of the same model.
    ///
    /// # Errors
    /// As [`LiveCatalogue::rebase`].
    pub async fn rebase(&self, bundle: LocalCatalogue) -> Result<(), IngestError> {
        Ok(self.live()?.rebase(bundle).await?)
    }

    /// Folds what came in into one graph; how many items it holds. `progress` hears of parts of a whole, 0 to 1.
    ///
    /// # Errors
    /// As [`LiveCatalogue::compact`].
    pub async fn compact(
        &self,
        progress: impl Fn(f64) + Send + Sync + 'static,
    ) -> Result<usize, IngestError> {
        // The graph is the long part, and what betters it.
        let told = move |stage: Stage, done: u64, all: u64| {
            let part = done as f64 / all.max(1) as f64;
            match stage {
                Stage::Codes => progress(0.05 * part),
                Stage::Graph => progress(0.05 + 0.6 * part),
                Stage::Refine => progress(0.65 + 0.25 * part),
                Stage::Audit => progress(0.9),
                Stage::Write => progress(0.95 + 0.05 * part),
            }
        };
        Ok(self.live()?.compact(told).await?)
    }

    /// The photos that came in.
    pub fn photos(&self) -> &PhotoStore {
        &self.photos
    }

    /// Erases photos that no item shows any more, where several servers write them; how many. Elsewhere they are erased at once.
    ///
    /// # Errors
    /// Where the store cannot be asked: the rest is left for another time.
    pub async fn sweep_photos(&self) -> Result<usize, IngestError> {
        let shown = |image: String| async move { Ok(self.writer().shows(&image).await?) };
        self.photos.sweep(SWEPT_AFTER, shown).await
    }

    /// Makes one change; what became of it, and the revision it is in.
    ///
    /// # Errors
    /// Where it was not made, whatever the reason but its condition.
    pub async fn change(&self, change: Change) -> Result<(Outcome, Option<u64>), IngestError> {
        let prepared = self.prepare(change, Patience::No).await;
        let (mut outcomes, revision) = self.made(vec![Some(prepared)]).await?;
        let outcome = outcomes.pop().flatten().unwrap_or(Err(IngestError::Busy));
        outcome.map(|outcome| (outcome, revision))
    }

    /// Makes changes in their order, in one transaction; those that cannot be made are left out, and the others are made. What
    /// became of each, and the revision they are in. Their photos wait for their turn, where a single one is refused.
    ///
    /// # Errors
    /// [`IngestError::HandedOver`]: then none was made.
    pub async fn changes(&self, changes: &Arc<impl Changes>) -> Result<Made, IngestError> {
        self.made(self.prepared(changes).await).await
    }

    /// A file of no name, for what comes in and is not in memory.
    ///
    /// # Errors
    /// Where the state's folder, or the system's folder for such files where there is no state, takes none.
    pub fn spool(&self) -> Result<File, IngestError> {
        let file = match &self.engine {
            Engine::Local { state, .. } => tempfile::tempfile_in(state),
            Engine::Shared(_) => tempfile::tempfile(),
        };
        file.map_err(IngestError::Spool)
    }

    async fn made(&self, prepared: Vec<Option<Prepared>>) -> Result<Made, IngestError> {
        let (mut ready, mut held, mut unshown) = (Vec::new(), Vec::new(), Vec::new());
        // Of those that are ready nothing is known yet.
        let mut refused: Vec<Option<Result<(), IngestError>>> = Vec::new();
        for prepared in prepared {
            let Some(Prepared { id, condition, kind, photo }) = prepared else {
                refused.push(None);
                continue;
            };
            unshown.extend(self.kept_photo(&id));
            // Kept for a change that is not made after all, or that a later one overtakes, it goes as well.
            unshown.extend(photo.as_ref().map(|photo| photo.name().clone()));
            held.extend(photo);
            refused.push(Some(kind.map(|kind| ready.push(Write { id, kind, condition }))));
        }
        let made = if ready.is_empty() { Ok(Vec::new()) } else { self.writer().write(ready).await };
        if matches!(made, Err(CatalogueError::Stopped)) {
            // What is shown is the other's to say, and so is what is erased.
            return Err(IngestError::HandedOver);
        }
        let revision = self.now().revision();
        let (mut made, failed) = match made {
            Ok(made) => (made.into_iter(), None),
            // One transaction: the same for all, told to each.
            Err(e) => (Vec::new().into_iter(), Some(e)),
        };
        let mut next = || match &failed {
            Some(e) => Err(e.told_again().into()),
            None => made.next().ok_or(IngestError::Busy),
        };
        let told: Vec<_> =
            refused.into_iter().map(|told| told.map(|told| told.and_then(|()| next()))).collect();
        told.iter().flatten().for_each(|outcome| telemetry::written(name_of(outcome)));
        drop(held);
        unshown.iter().for_each(|name| self.sweep(name));
        Ok((told, revision))
    }

    /// The photo that an item of this server's state shows. Of what is kept elsewhere photos are swept, not erased one by one: another
    /// server may show them.
    fn kept_photo(&self, id: &ItemId) -> Option<PhotoName> {
        let (item, _) = self.local()?.view().came_in(id).ok()??;
        PhotoName::from_image(&item.image)
    }

    /// Erases a photo that no item shows any more.
    fn sweep(&self, name: &PhotoName) {
        if let Some(live) = self.local() {
            self.photos.erase_unless(name, || live.view().shows(&name.image()));
        }
    }
}

/// As the metrics name what became of a change.
fn name_of(outcome: &Result<Outcome, IngestError>) -> &'static str {
    match outcome {
        Ok(Outcome::Created(..)) => "created",
        Ok(Outcome::Changed(..)) => "changed",
        Ok(Outcome::Deleted) => "deleted",
        Ok(Outcome::Missing) => "missing",
        Ok(Outcome::ConditionFailed) => "condition_failed",
        Ok(Outcome::Refused(_)) | Err(IngestError::BadItem(_)) => "refused",
        Err(_) => "failed",
    }
}

/// An item's tag as HTTP writes it.
pub fn quoted(etag: &Etag) -> String {
    format!("\"{}\"", etag.as_str())
}
