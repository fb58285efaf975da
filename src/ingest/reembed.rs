//! What came in online, embedded again by another model, from the photos that were kept of it.
//!
//! An item that came in as an embedding alone has no such photo. It stops the change, unless such items are dropped: of one that
//! the new base holds, its metadata stays.

use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write as _,
    path::Path,
    sync::Arc,
};

use futures_util::{StreamExt, stream};
use lookalike_catalogue::{Catalogue, CatalogueError, HandedOver, OtherState, Record, Records, Row};
use lookalike_items::{ItemId, Vectors};
use lookalike_photo::PhotoError;

use crate::ingest::{
    Engine, Ingest, IngestError, NewModel, PhotoName, PhotoStore, PhotosError,
    prepare::{Patience, in_turn, loaded},
};

/// Photos that are decoded and embedded at once.
const AT_ONCE: usize = 8;

/// Photos that may be left to embed while writes wait.
const FEW: usize = 16;

/// How often what came in meanwhile is embedded before writes are made to wait.
const ROUNDS: usize = 5;

/// Items that an error names.
const NAMED: usize = 20;

/// What becomes of items that have no photo to be embedded from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unembeddable {
    /// They stop the change of the model.
    #[default]
    Stop,
    /// They are dropped.
    Drop,
}

/// Why what came in was not embedded again.
#[derive(Debug, thiserror::Error)]
pub enum ReembedError {
    /// Items without a photo.
    #[error(
        "{count} items came in as embeddings of the model before, and no photo of them is kept: {named}. Put them with their \
         photos, delete them, or drop them (drop_unembeddable)"
    )]
    Unembeddable {
        /// How many there are.
        count: usize,
        /// Their ids, the first ones.
        named: String,
    },
    /// Everything else.
    #[error(transparent)]
    Ingest(#[from] IngestError),
}

impl From<CatalogueError> for ReembedError {
    fn from(e: CatalogueError) -> Self {
        Self::Ingest(e.into())
    }
}

/// Embeds kept photos by another model, each once.
struct Reembedder<'a> {
    model: &'a NewModel,
    photos: PhotoStore,
    unembeddable: Unembeddable,
    embedded: HashMap<PhotoName, Arc<Vectors>>,
    /// Photos that are not to be had any more.
    gone: BTreeSet<PhotoName>,
}

impl<'a> Reembedder<'a> {
    fn new(model: &'a NewModel, photos: PhotoStore, unembeddable: Unembeddable) -> Self {
        Self { model, photos, unembeddable, embedded: HashMap::new(), gone: BTreeSet::new() }
    }

    /// The photos of these records that are still to be embedded.
    fn missing(&self, records: &Records) -> Vec<PhotoName> {
        let names = records.records.iter().filter_map(|(_, record)| photo_of(record));
        let missing = names.filter(|name| !self.embedded.contains_key(name) && !self.gone.contains(name));
        missing.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Embeds them. `progress` hears how many of them are done.
    async fn embed(
        &mut self,
        missing: Vec<PhotoName>,
        progress: &(dyn Fn(usize) + Sync),
    ) -> Result<(), ReembedError> {
        let (model, photos) = (self.model, &self.photos);
        let each =
            missing.into_iter().map(|name| async move { (embedded(model, photos, &name).await, name) });
        let mut each = stream::iter(each).buffer_unordered(AT_ONCE);
        let (mut done, mut all) = (0, Vec::new());
        while let Some((embedded, name)) = each.next().await {
            done += 1;
            progress(done);
            all.push((name, embedded?));
        }
        drop(each);
        for (name, vectors) in all {
            match vectors {
                Some(vectors) => drop(self.embedded.insert(name, Arc::new(vectors))),
                None => drop(self.gone.insert(name)),
            }
        }
        Ok(())
    }

    /// The records as the new model has them.
    fn records(&self, records: &Records) -> Result<Records, ReembedError> {
        let (mut again, mut without) = (Vec::with_capacity(records.records.len()), Vec::new());
        for (id, record) in &records.records {
            let Record::Whole(row) = record else {
                again.push((id.clone(), record.clone()));
                continue;
            };
            let vectors = photo_of(record).and_then(|name| self.embedded.get(&name));
            match vectors {
                Some(vectors) => {
                    let row = Row { item: Arc::clone(&row.item), vectors: Arc::clone(vectors) };
                    again.push((id.clone(), Record::Whole(row)));
                }
                None if self.model.holds(id)? => {
                    again.push((id.clone(), Record::Metadata(Arc::clone(&row.item))))
                }
                None => without.push(id),
            }
        }
        match self.unembeddable {
            Unembeddable::Drop => {}
            Unembeddable::Stop => {
                refuse(records, |record| photo_of(record).is_some_and(|n| self.embedded.contains_key(&n)))?
            }
        }
        if !without.is_empty() {
            tracing::warn!(
                items = without.len(),
                "items that came in as embeddings of the model before are dropped"
            );
        }
        Ok(Records { revision: records.revision + 1, records: again })
    }

    /// Refuses, before anything is embedded, what could not be embedded in the end.
    fn check(&self, records: &Records) -> Result<(), ReembedError> {
        match self.unembeddable {
            Unembeddable::Drop => Ok(()),
            Unembeddable::Stop => refuse(records, |record| photo_of(record).is_some()),
        }
    }
}

/// An error that names the whole items of which this does not hold.
fn refuse(records: &Records, holds: impl Fn(&Record) -> bool) -> Result<(), ReembedError> {
    let without = |record: &&(ItemId, Record)| matches!(record.1, Record::Whole(_)) && !holds(&record.1);
    let count = records.records.iter().filter(without).count();
    if count == 0 {
        return Ok(());
    }
    let mut named = String::new();
    for (place, (id, _)) in records.records.iter().filter(without).take(NAMED).enumerate() {
        let _ = write!(named, "{}'{id}'", if place > 0 { ", " } else { "" });
    }
    if count > NAMED {
        named.push_str(", …");
    }
    Err(ReembedError::Unembeddable { count, named })
}

/// The kept photo of an item that came in whole.
fn photo_of(record: &Record) -> Option<PhotoName> {
    match record {
        Record::Whole(row) => PhotoName::from_image(&row.item.image),
        Record::Metadata(_) | Record::Deleted => None,
    }
}

/// None where the photo is not to be had any more.
async fn embedded(
    model: &NewModel,
    photos: &PhotoStore,
    name: &PhotoName,
) -> Result<Option<Vectors>, ReembedError> {
    let embedder = loaded(&model.model.embedder, &model.model.load).await?;
    let (rule, room) = (embedder.preprocessing().clone(), model.model.room.clone());
    let bytes = match photos.read(name, |_| true).await {
        Ok(kept) => kept.and_then(|kept| kept.bytes).ok_or_else(|| "it is not there".to_owned()),
        Err(PhotosError::Disk(e)) => Err(e.to_string()),
        // It may be there, and be had another time.
        Err(e) => return Err(IngestError::from(e).into()),
    };
    let read = tokio::task::spawn_blocking(move || {
        let bytes = bytes?;
        let decoded = || {
            let admitted = room.admit(&bytes, rule.wanted().at_side(u32::MAX), |_| 0)?;
            admitted.photo.decode().map(|photo| rule.apply(&photo))
        };
        decoded().map_err(|e: PhotoError| e.to_string())
    });
    match read.await.map_err(IngestError::from)? {
        Ok(pixels) => Ok(Some(in_turn(embedder, pixels, Patience::Yes).await?.vectors)),
        Err(why) => {
            tracing::warn!(photo = name.image(), why, "a kept photo cannot be read: its items have none");
            Ok(None)
        }
    }
}

impl NewModel {
    /// Whether the model's own base holds an item of this name.
    fn holds(&self, id: &ItemId) -> Result<bool, CatalogueError> {
        futures_executor::block_on(self.base.get(id)).map(|held| held.is_some())
    }

    /// Opens the state in the folder, of whatever model it is: where it is another's, what came in is embedded again first.
    ///
    /// # Errors
    /// As [`Ingest::open`]; items that cannot be embedded.
    pub async fn opened(self, state: &Path, unembeddable: Unembeddable) -> Result<Ingest, ReembedError> {
        let model_id = &self.base.manifest().model_id;
        if let Some(mut other) = OtherState::open(state, model_id)? {
            let records = other.records()?;
            let mut again = Reembedder::new(&self, self.photos(state)?, unembeddable);
            again.check(&records)?;
            let missing = again.missing(&records);
            let all = missing.len();
            tracing::info!(photos = all, "the state is of another model: what came in is embedded again");
            let told = move |done: usize| {
                if done.is_multiple_of(1_000) {
                    tracing::info!(done, all, "embedded again");
                }
            };
            again.embed(missing, &told).await?;
            let records = again.records(&records)?;
            other.hand_over(model_id, &records)?;
        }
        Ok(Ingest::open(state, self)?)
    }
}

impl Ingest {
    /// Embeds what came in by another model, beside the searches and writes of this one, and hands the state over to it. Writes that
    /// come while the last of it is embedded wait, and hear [`IngestError::HandedOver`] once what comes back is dropped: when the new
    /// way in is served. `progress` hears of parts of a whole, 0 to 1.
    ///
    /// # Errors
    /// Where items cannot be embedded, or the disk does not take it: then all is as it was.
    pub async fn hand_over(
        &self,
        model: NewModel,
        unembeddable: Unembeddable,
        progress: &(dyn Fn(f64) + Sync),
    ) -> Result<(Self, HandedOver), ReembedError> {
        let Engine::Local { live, state } = &self.engine else { return Err(self.not_local().into()) };
        let mut again = Reembedder::new(&model, self.photos.clone(), unembeddable);
        for round in 0..ROUNDS {
            let records = live.records().await?;
            again.check(&records)?;
            let missing = again.missing(&records);
            let all = missing.len();
            if round > 0 && all <= FEW {
                break;
            }
            let told =
                |done: usize| progress(if round == 0 { 0.9 * done as f64 / all.max(1) as f64 } else { 0.9 });
            again.embed(missing, &told).await?;
        }
        let held = live.hold().await?;
        again.embed(again.missing(&held.records), &|_| ()).await?;
        let records = again.records(&held.records)?;
        let over = held.hand_over(&model.base.manifest().model_id, records).await?;
        let state = state.clone();
        let opened = tokio::task::spawn_blocking(move || Self::open(&state, model)).await;
        Ok((opened.map_err(IngestError::from)??.fetching(self.fetcher.clone()), over))
    }
}
