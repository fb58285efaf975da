//! What a change needs before it can be written: its item is checked, its photo fetched, decoded, kept and embedded. Many at
//! once, so that the model gets batches; they keep their order.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use lookalike_catalogue::{Condition, WriteKind};
use lookalike_common::lowest_priority;
use lookalike_items::{BadItem, Item, ItemId, Schemes, Timestamp, Vectors};
use lookalike_model::{Embedded, Embedder, EmbedderError};
use lookalike_photo::{Photo, Pixels, Undecoded, Wanted};
use serde_json::{Map, Value};
use tokio::sync::{OnceCell, OwnedSemaphorePermit, oneshot};

use crate::ingest::{
    Change, ChangeKind, Changes, FetchError, HeldPhoto, Ingest, IngestError, Jpeg, Load, PHOTOS_OF_MANY,
    PhotoName, Source,
};
use crate::pools::DECODE;

/// How long photos of many wait between two attempts to get into the model's queue.
const AGAIN: Duration = Duration::from_millis(20);

/// Whether photos wait for their turn where many are coming in, or are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    No,
    Yes,
}

/// A change that can be written, or cannot.
pub(super) struct Prepared {
    pub(super) id: ItemId,
    pub(super) condition: Condition,
    pub(super) kind: Result<WriteKind, IngestError>,
    /// Its photo, which must stay until the change is written.
    pub(super) photo: Option<HeldPhoto>,
}

impl Ingest {
    /// In the order of the changes, of which [`PHOTOS_OF_MANY`] are in memory at once.
    pub(super) async fn prepared(&self, changes: &Arc<impl Changes>) -> Vec<Option<Prepared>> {
        let each = (0..changes.count()).map(|place| async move {
            let _room = self.room_for_many.acquire().await;
            let changes = Arc::clone(changes);
            // A panic in there is told by the hook; the line is then none.
            let change = tokio::task::spawn_blocking(move || changes.read(place)).await.ok().flatten();
            match change {
                Some(change) => (place, Some(self.prepare(change, Patience::Yes).await)),
                None => (place, None),
            }
        });
        let mut all: Vec<_> = stream::iter(each).buffer_unordered(PHOTOS_OF_MANY).collect().await;
        all.sort_unstable_by_key(|(place, _)| *place);
        all.into_iter().map(|(_, prepared)| prepared).collect()
    }

    pub(super) async fn prepare(&self, change: Change, patience: Patience) -> Prepared {
        let Change { id, kind, condition } = change;
        let mut photo = None;
        let kind = match kind {
            ChangeKind::Patch(patch) => Ok(WriteKind::Patch(patch.at(Timestamp::now()))),
            ChangeKind::Delete => Ok(WriteKind::Delete),
            ChangeKind::Put(fields, source) => self.whole(&id, fields, source, (&mut photo, patience)).await,
        };
        Prepared { id, condition, kind, photo }
    }

    async fn whole(
        &self,
        id: &ItemId,
        fields: Map<String, Value>,
        source: Source,
        (held, patience): (&mut Option<HeldPhoto>, Patience),
    ) -> Result<WriteKind, IngestError> {
        let item = item(id, fields, !matches!(source, Source::Vectors { .. }))?;
        // Whoever fetches next waits until this photo has found its place here.
        let (bytes, fetched) = match source {
            Source::Vectors { deep, colour, model } => {
                return Ok(WriteKind::Put(item, self.vectors(deep, colour, model)?));
            }
            Source::Photo(bytes) => (bytes, None),
            Source::Address(address) => {
                let fetcher = self.fetcher.as_ref().ok_or(FetchError::Off)?;
                let fetched = fetcher.fetch(&address, patience == Patience::Yes).await?;
                (fetched.bytes.clone(), Some(fetched))
            }
        };
        let photo = held.insert(self.photos.hold(PhotoName::of(&bytes)));
        let image = photo.name().image();
        // The photo that the item shows already needs no model.
        let known = self.now().get(id).await?.filter(|(held, _)| held.image == image);
        let vectors = match known {
            Some((_, vectors)) => {
                drop(fetched);
                if !self.photos.stays(photo).await? {
                    let _room = self.room(patience)?;
                    let (_, jpeg) = self.decoded(bytes, photo, |_| ()).await?;
                    self.photos.keep(photo, jpeg).await?;
                }
                vectors
            }
            None => {
                let _room = self.room(patience)?;
                drop(fetched);
                photo.vectors(self.embedded(bytes, photo, patience)).await?
            }
        };
        Ok(WriteKind::Put(Item { image, ..item }, vectors))
    }

    /// A single photo's place among those that are worked on. Many have their room already.
    fn room(&self, patience: Patience) -> Result<Option<OwnedSemaphorePermit>, IngestError> {
        match patience {
            Patience::Yes => Ok(None),
            Patience::No => {
                Arc::clone(&self.room).try_acquire_owned().map(Some).map_err(|_| IngestError::Busy)
            }
        }
    }

    fn vectors(
        &self,
        deep: Vec<f32>,
        colour: Vec<f32>,
        model: Option<String>,
    ) -> Result<Vectors, IngestError> {
        if let Some(given) = model.filter(|given| *given != self.model.id) {
            return Err(IngestError::OtherModel { given, here: self.model.id.clone() });
        }
        let dims = self.model.dims;
        for (name, given, wanted) in
            [("embedding", deep.len(), dims.deep), ("colour", colour.len(), dims.colour)]
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

    /// Decodes a photo, keeps it, and embeds it in f32. Its pixels are let go before the model has its turn.
    async fn embedded(
        &self,
        bytes: Bytes,
        held: &HeldPhoto,
        patience: Patience,
    ) -> Result<Vectors, IngestError> {
        let embedder = self.embedder().await?;
        let rule = embedder.preprocessing().clone();
        let (pixels, jpeg) = self.decoded(bytes, held, move |photo| rule.apply(photo)).await?;
        // Both to their ends: a file that is still being written when its write is given up would stay.
        let (kept, embedded) =
            tokio::join!(self.photos.keep(held, jpeg), in_turn(embedder, pixels, patience));
        kept?;
        Ok(embedded?.vectors)
    }

    /// Decodes a photo and makes of it what is kept, on a core of its own; `then` has the photo.
    async fn decoded<T: Send + 'static>(
        &self,
        bytes: Bytes,
        held: &HeldPhoto,
        then: impl FnOnce(&Photo) -> T + Send + 'static,
    ) -> Result<(T, Jpeg), IngestError> {
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| IngestError::Busy)?;
        let (room, photos, again) =
            (self.model.room.clone(), self.photos.clone(), self.photos.hold(held.name().clone()));
        let wanted = Wanted { short_side: u32::MAX, colour: self.model.colour };
        let decoding = DECODE.run(1, move |_| {
            let _core = core;
            // What is kept of it is a JPEG of less than a byte a pixel, which grows to twice its size.
            let jpeg = |photo: &Undecoded<'_>| 2 * u64::from(photo.width()) * u64::from(photo.height());
            let admitted = room.admit(&bytes, wanted, jpeg)?;
            let photo = admitted.photo.decode()?;
            Ok::<_, IngestError>((then(&photo), photos.jpeg(&again, &photo)?))
        });
        decoding.await?
    }

    async fn embedder(&self) -> Result<&Embedder, IngestError> {
        loaded(&self.model.embedder, &self.model.load).await
    }
}

/// The model in f32, loaded at the first call.
pub(super) async fn loaded<'a>(
    embedder: &'a OnceCell<Embedder>,
    load: &Arc<Load>,
) -> Result<&'a Embedder, IngestError> {
    let load = || async {
        let load = Arc::clone(load);
        let (tell, told) = oneshot::channel();
        // A thread of its own: those of the model take its priority over, and shoppers' photos go first.
        let run = move || {
            lowest_priority();
            let _ = tell.send(load());
        };
        std::thread::Builder::new().name("ingest".into()).spawn(run).map_err(IngestError::Keep)?;
        told.await.map_err(|_| IngestError::Model("its thread panicked".into()))?.map_err(IngestError::Model)
    };
    embedder.get_or_try_init(load).await
}

/// The model has a queue of its own, which may be shorter than many photos are many.
pub(super) async fn in_turn(
    embedder: &Embedder,
    pixels: Pixels,
    patience: Patience,
) -> Result<Embedded, IngestError> {
    loop {
        match embedder.embed(pixels.clone()).await {
            Ok((embedded, _)) => return Ok(embedded),
            Err(EmbedderError::Busy) if patience == Patience::Yes => tokio::time::sleep(AGAIN).await,
            Err(EmbedderError::Busy) => return Err(IngestError::Busy),
            Err(EmbedderError::Down(_)) => return Err(IngestError::ModelDown),
            Err(other) => return Err(IngestError::Model(other.to_string())),
        }
    }
}

/// The item that these fields make, its photo's place aside where that is yet to be known.
fn item(id: &ItemId, mut fields: Map<String, Value>, from_photo: bool) -> Result<Item, IngestError> {
    match fields.get("id") {
        None => drop(fields.insert("id".into(), id.as_str().into())),
        Some(Value::String(named)) if named == id.as_str() => {}
        Some(_) => return Err(BadItem("'id' is another than the one that is written to".into()).into()),
    }
    match fields.get("image").map(Value::as_str) {
        None => drop(fields.insert("image".into(), "".into())),
        Some(_) if from_photo => {
            return Err(BadItem("'image' is the photo that comes along: leave it out".into()).into());
        }
        Some(Some(image)) if Schemes::Https.admit(image) => {}
        Some(_) => {
            return Err(BadItem("'image' must be an address that begins with https://".into()).into());
        }
    }
    if fields.contains_key("updated") {
        return Err(BadItem("'updated' is set by the server: leave it out".into()).into());
    }
    let item = Item { updated: Some(Timestamp::now()), ..Item::parse(Value::Object(fields))? };
    item.check()?;
    Ok(item)
}
