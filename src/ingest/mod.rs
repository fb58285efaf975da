//! What comes in online: photos and vectors become items of the catalogue, durable when they are acknowledged.
//!
//! May enter: items as JSON, photo bytes trusted in nothing, vectors. Catalogues hold f32 embeddings, so a photo is embedded in
//! f32 whatever precision answers queries; that model is loaded at the first photo.

mod photos;
mod snapshot;

pub use photos::{HeldPhoto, PhotoName, PhotoStore};
pub use snapshot::Snapshot;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use lookalike_catalogue::{
    Catalogue, Condition, Etag, LiveCatalogue, LiveOptions, LocalCatalogue, Outcome, Stage, View, Write,
    WriteKind,
};
use lookalike_common::lowest_priority;
use lookalike_items::{BadItem, Dims, Item, ItemId, ItemPatch, Vectors};
use lookalike_model::{Embedder, EmbedderError};
use lookalike_photo::{Limits, Photo, PhotoError};
use serde_json::{Map, Value};
use tokio::sync::{OnceCell, Semaphore, oneshot};

/// Photos taken on at once, over all writes; one more is refused at once.
const PHOTOS: usize = 32;

/// Why a write was not made.
#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    /// The photo cannot be used.
    #[error(transparent)]
    Photo(#[from] PhotoError),
    /// As many photos are being worked on as are taken on at once.
    #[error("more photos are coming in than are taken on at once")]
    Busy,
    /// Vectors that are none of this model's.
    #[error("{0}")]
    BadVector(String),
    /// Vectors of another model.
    #[error(
        "the embedding is of model {given}, and this catalogue's is {here}: embed the photo with this one"
    )]
    OtherModel {
        /// As it was named.
        given: String,
        /// What embeds here.
        here: String,
    },
    /// What is no item.
    #[error(transparent)]
    BadItem(#[from] BadItem),
    /// The model that embeds in f32.
    #[error("the model in f32: {0}")]
    Model(String),
    /// The photo cannot be kept.
    #[error("the photo cannot be kept: {0}")]
    Keep(std::io::Error),
    /// The state is being sent as a snapshot already.
    #[error("a snapshot is being sent, and one at a time does")]
    SnapshotRunning,
    /// The catalogue did not take it.
    #[error(transparent)]
    Catalogue(#[from] lookalike_catalogue::CatalogueError),
    /// The thread that worked on it did not come back.
    #[error("it was not ended: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// What an item's vectors come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A photo, to be embedded and kept.
    Photo(Bytes),
    /// Numbers of this model.
    Vectors {
        /// D numbers.
        deep: Vec<f32>,
        /// C numbers; none is for models without colour.
        colour: Vec<f32>,
        /// The id of the model they are from, where it was told.
        model: Option<String>,
    },
}

/// One change that was asked for.
#[derive(Clone, Debug)]
pub struct Change {
    /// Of which item.
    pub id: ItemId,
    /// What of it.
    pub kind: ChangeKind,
    /// Where it holds.
    pub condition: Condition,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub enum ChangeKind {
    /// The whole item: its fields, and what its vectors come from.
    Put(Map<String, Value>, Source),
    /// Its metadata.
    Patch(ItemPatch),
    /// It goes.
    Delete,
}

/// Loads the model in f32.
type Load = dyn Fn() -> Result<Embedder, String> + Send + Sync;

/// The way in.
pub struct Ingest {
    live: LiveCatalogue,
    photos: PhotoStore,
    model: String,
    dims: Dims,
    limits: Limits,
    load: Arc<Load>,
    embedder: OnceCell<Embedder>,
    room: Arc<Semaphore>,
    cores: Arc<Semaphore>,
    /// Held while photos that no item shows any more are looked for.
    sweeping: Mutex<()>,
    /// One snapshot at a time.
    snapshots: Arc<Semaphore>,
}

impl Ingest {
    /// Opens the state in the folder over this base; `load` gives the model in f32, when it is needed.
    ///
    /// # Errors
    /// What [`LiveCatalogue::open`] says; where photos cannot be kept there.
    pub fn open(
        state: &Path,
        base: LocalCatalogue,
        dims: Dims,
        limits: Limits,
        load: impl Fn() -> Result<Embedder, String> + Send + Sync + 'static,
    ) -> Result<Self, IngestError> {
        let model = base.manifest().model_id.clone();
        let live = LiveCatalogue::open(state, base, dims, LiveOptions::default())?;
        let photos = PhotoStore::open(state).map_err(IngestError::Keep)?;
        // Left by a write that was cut off: no item shows them.
        let view = live.view();
        for name in photos.names().map_err(IngestError::Keep)? {
            if !view.shows(&name.image()) {
                photos.erase(&name);
            }
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok(Self {
            live,
            photos,
            model,
            dims,
            limits,
            load: Arc::new(load),
            embedder: OnceCell::new(),
            room: Arc::new(Semaphore::new(PHOTOS)),
            cores: Arc::new(Semaphore::new(cores)),
            sweeping: Mutex::new(()),
            snapshots: Arc::new(Semaphore::new(1)),
        })
    }

    /// The catalogue as it is now.
    pub fn view(&self) -> Arc<View> {
        self.live.view()
    }

    /// The catalogue that changes.
    pub fn live(&self) -> &LiveCatalogue {
        &self.live
    }

    /// Lays what came in over another generation of the same model.
    ///
    /// # Errors
    /// As [`LiveCatalogue::rebase`].
    pub async fn rebase(&self, bundle: LocalCatalogue) -> Result<(), IngestError> {
        Ok(self.live.rebase(bundle).await?)
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
        Ok(self.live.compact(told).await?)
    }

    /// The photos that came in.
    pub fn photos(&self) -> &PhotoStore {
        &self.photos
    }

    /// Makes one change; what became of it, and the revision it is in.
    ///
    /// # Errors
    /// Where it was not made, whatever the reason but its condition.
    pub async fn change(&self, change: Change) -> Result<(Outcome, u64), IngestError> {
        let (mut outcomes, revision) = self.changes(vec![change]).await;
        outcomes.pop().unwrap_or(Err(IngestError::Busy)).map(|outcome| (outcome, revision))
    }

    /// Makes changes in their order, in one transaction; those that cannot be made are left out, and the others are made. What
    /// became of each, and the revision they are in.
    pub async fn changes(&self, changes: Vec<Change>) -> (Vec<Result<Outcome, IngestError>>, u64) {
        let (mut ready, mut held, mut before) = (Vec::new(), Vec::new(), Vec::new());
        let mut outcomes: Vec<Option<Result<Outcome, IngestError>>> = Vec::new();
        for Change { id, kind, condition } in changes {
            before.extend(self.kept_photo(&id));
            let kind = match kind {
                ChangeKind::Patch(patch) => Ok(WriteKind::Patch(patch)),
                ChangeKind::Delete => Ok(WriteKind::Delete),
                ChangeKind::Put(fields, source) => self.whole(&id, fields, source, &mut held).await,
            };
            match kind {
                Ok(kind) => {
                    ready.push(Write { id, kind, condition });
                    outcomes.push(None);
                }
                Err(e) => outcomes.push(Some(Err(e))),
            }
        }
        let made = if ready.is_empty() { Ok(Vec::new()) } else { self.live.write(ready).await };
        let view = self.live.view();
        let mut made = match made {
            Ok(made) => made.into_iter().map(Ok).collect::<Vec<_>>(),
            // One transaction: the same for all, told to each.
            Err(e) => {
                outcomes.iter().filter(|told| told.is_none()).map(|_| Err(e.told_again().into())).collect()
            }
        }
        .into_iter();
        let told =
            outcomes.into_iter().map(|told| told.or_else(|| made.next()).unwrap_or(Err(IngestError::Busy)));
        let told = told.collect();
        drop(held);
        self.sweep(&before, &view);
        (told, view.revision())
    }

    fn kept_photo(&self, id: &ItemId) -> Option<PhotoName> {
        let (item, _) = self.live.view().came_in(id).ok()??;
        PhotoName::from_image(&item.image)
    }

    /// Erases those of these photos that no item shows any more.
    fn sweep(&self, names: &[PhotoName], view: &View) {
        let _alone = self.sweeping.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names.iter().filter(|name| !view.shows(&name.image())) {
            self.photos.erase(name);
        }
    }

    async fn whole(
        &self,
        id: &ItemId,
        mut fields: Map<String, Value>,
        source: Source,
        held: &mut Vec<HeldPhoto>,
    ) -> Result<WriteKind, IngestError> {
        match fields.get("id") {
            None => drop(fields.insert("id".into(), id.as_str().into())),
            Some(Value::String(named)) if named == id.as_str() => {}
            Some(_) => return Err(BadItem("'id' is another than the one that is written to".into()).into()),
        }
        let from_photo = matches!(source, Source::Photo(_));
        match fields.get("image").map(Value::as_str) {
            None => drop(fields.insert("image".into(), "".into())),
            Some(_) if from_photo => {
                return Err(BadItem("'image' is the photo that comes along: leave it out".into()).into());
            }
            Some(Some(image)) if is_https(image) => {}
            Some(_) => {
                return Err(BadItem("'image' must be an address that begins with https://".into()).into());
            }
        }
        let item = Item::parse(Value::Object(fields))?;
        item.check()?;
        match source {
            Source::Vectors { deep, colour, model } => {
                Ok(WriteKind::Put(item, self.vectors(deep, colour, model)?))
            }
            Source::Photo(bytes) => {
                let photo = self.photos.hold(PhotoName::of(&bytes));
                let image = photo.name().image();
                // The photo that the item shows already needs no model.
                let known = self.live.view().came_in(id)?.filter(|(held, _)| held.image == image);
                let vectors = match known {
                    Some((_, vectors)) => Arc::unwrap_or_clone(vectors),
                    None => self.embedded(bytes, &photo).await?,
                };
                held.push(photo);
                Ok(WriteKind::Put(Item { image, ..item }, vectors))
            }
        }
    }

    fn vectors(
        &self,
        deep: Vec<f32>,
        colour: Vec<f32>,
        model: Option<String>,
    ) -> Result<Vectors, IngestError> {
        if let Some(given) = model.filter(|given| *given != self.model) {
            return Err(IngestError::OtherModel { given, here: self.model.clone() });
        }
        for (name, given, wanted) in
            [("embedding", deep.len(), self.dims.deep), ("colour", colour.len(), self.dims.colour)]
        {
            if given != wanted {
                let why = format!(
                    "'{name}' must have {wanted} numbers, as many as this model's have; it has {given}"
                );
                return Err(IngestError::BadVector(why));
            }
        }
        Vectors::new(deep, colour).map_err(|e| IngestError::BadVector(e.to_string()))
    }

    /// Decodes a photo, keeps it, and embeds it in f32.
    async fn embedded(&self, bytes: Bytes, held: &HeldPhoto) -> Result<Vectors, IngestError> {
        let _room = Arc::clone(&self.room).try_acquire_owned().map_err(|_| IngestError::Busy)?;
        let embedder = self.embedder().await?;
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| IngestError::Busy)?;
        let (limits, rule) = (self.limits, embedder.preprocessing().clone());
        let decoded = tokio::task::spawn_blocking(move || {
            let _core = core;
            let photo = Photo::decode(&bytes, &limits)?;
            let pixels = rule.apply(&photo);
            Ok::<_, PhotoError>((photo, pixels))
        });
        let (photo, pixels) = decoded.await??;
        let (embedded, _) = embedder.embed(pixels).await.map_err(|e| match e {
            EmbedderError::Busy => IngestError::Busy,
            other => IngestError::Model(other.to_string()),
        })?;
        let (photos, again) = (self.photos.clone(), self.photos.hold(held.name().clone()));
        tokio::task::spawn_blocking(move || photos.keep(&again, &photo)).await?.map_err(IngestError::Keep)?;
        Ok(embedded.vectors)
    }

    async fn embedder(&self) -> Result<&Embedder, IngestError> {
        let load = || async {
            let load = Arc::clone(&self.load);
            let (tell, told) = oneshot::channel();
            // A thread of its own: those of the model take its priority over, and shoppers' photos go first.
            let run = move || {
                lowest_priority();
                let _ = tell.send(load());
            };
            std::thread::Builder::new().name("ingest".into()).spawn(run).map_err(IngestError::Keep)?;
            told.await
                .map_err(|_| IngestError::Model("its thread panicked".into()))?
                .map_err(IngestError::Model)
        };
        self.embedder.get_or_try_init(load).await
    }
}

/// An address that a browser can be sent to: https, a host, perhaps a port, and characters that an address may hold.
fn is_https(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://") else { return false };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let named = |b: u8| b.is_ascii_alphanumeric() || b"-.".contains(&b);
    let host_is_one =
        host.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) && host.bytes().all(named);
    let mut parts = path.split('%');
    let plain =
        |part: &str| part.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:/?@!$&'()*+,;=".contains(&b));
    let escaped =
        |part: &str| part.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit));
    host_is_one
        && port.parse::<u16>().is_ok()
        && parts.next().is_none_or(plain)
        && parts.all(|part| escaped(part) && plain(part))
}

/// An item's tag as HTTP writes it.
pub fn quoted(etag: &Etag) -> String {
    format!("\"{}\"", etag.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_a_browser_can_be_sent_to() {
        for address in [
            "https://a",
            "https://cdn.shop.example/a.jpg",
            "https://a.b:8443/x%20y?size=2&c=(1)",
            "https://1.2.3.4/?",
        ] {
            assert!(is_https(address), "{address}");
        }
        for other in [
            "",
            "https://",
            "https:///a",
            "http://a",
            "HTTPS://a",
            "https://ñ",
            "https://a b",
            "https://a/%",
            "https://a/%2",
            "https://a/%zz",
            "https://a:x/",
            "https://a:99999/",
            "https://user@a/",
            "https://a/\r\nSet-Cookie: x",
            "https://a/#part",
            "https://-a/",
            "javascript:alert(1)",
        ] {
            assert!(!is_https(other), "{other}");
        }
    }
}
