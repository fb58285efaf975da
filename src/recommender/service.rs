//! The questions a shop asks.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Instant,
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Answer, Ask, AskError, Asked, Pair, Timings, photo::Studio};
use crate::{
    catalogue::{Effort, Filter, Item, ItemId, Nearest, Query, Vectors},
    image::{Limits, Photo},
    telemetry,
};

/// What one server takes on.
#[derive(Clone, Copy, Debug)]
pub struct RecommenderOptions {
    /// Photos worked on at once, from decoding to the search; one more is refused at once.
    pub photos: usize,
    /// What a photo may cost.
    pub limits: Limits,
    /// Bytes that the embeddings of photos seen lately may take; 0 keeps none.
    pub cache: u64,
}

/// Answers questions with the pair that is current when they come in.
pub struct Recommender {
    pair: RwLock<Arc<Pair>>,
    studio: Studio,
    admission: Arc<Semaphore>,
}

impl Recommender {
    /// Begins with this pair.
    pub fn new(pair: Pair, options: RecommenderOptions) -> Self {
        Self {
            pair: RwLock::new(Arc::new(pair)),
            studio: Studio::new(options.limits, options.cache),
            admission: Arc::new(Semaphore::new(options.photos.max(1))),
        }
    }

    /// The pair that answers now.
    pub fn pair(&self) -> Arc<Pair> {
        Arc::clone(&self.pair.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Items that look like the photo.
    pub async fn similar_to_photo(&self, bytes: Bytes, ask: &Ask) -> Result<Answer, AskError> {
        let _admitted = self.admit()?;
        let (started, pair, mut timings) = (Instant::now(), self.pair(), Timings::default());
        let known = self.studio.embed(&pair, bytes, &mut timings).await?;
        let searching = Instant::now();
        let found = search(&pair, known.vectors.clone(), ask, &Filter::default()).await?;
        (timings.search, timings.total) = (searching.elapsed(), started.elapsed());
        timings.stages().for_each(|(stage, time)| telemetry::took(stage, time));
        Ok(answer(pair, Asked::Photo(known.facts.clone()), ask, found, timings))
    }

    /// Items that look like this one; itself left out.
    pub async fn similar_to_item(&self, id: &ItemId, ask: &Ask) -> Result<Answer, AskError> {
        let (started, pair) = (Instant::now(), self.pair());
        let held = pair.catalogue.get(id).await?;
        let (item, vectors) = held.ok_or_else(|| AskError::UnknownItem(id.clone()))?;
        let filter = Filter { exclude: vec![id.clone()], ..Filter::default() };
        let searching = Instant::now();
        let found = search(&pair, vectors, ask, &filter).await?;
        let timings = Timings { search: searching.elapsed(), total: started.elapsed(), ..Timings::default() };
        Ok(answer(pair, Asked::Item(item), ask, found, timings))
    }

    /// The item of that name.
    pub async fn item(&self, id: &ItemId) -> Result<Arc<Item>, AskError> {
        let held = self.pair().catalogue.get(id).await?;
        held.map(|(item, _)| item).ok_or_else(|| AskError::UnknownItem(id.clone()))
    }

    /// An item drawn at random.
    pub async fn random(&self) -> Result<Arc<Item>, AskError> {
        self.pair().catalogue.random().await?.ok_or(AskError::EmptyCatalogue)
    }

    /// One real pass through model and catalogue, so that the first shopper does not pay for what is done once.
    pub async fn warm_up(&self) -> Result<(), AskError> {
        let pair = self.pair();
        let side = pair.embedder.preprocessing().size();
        let checks = ::image::RgbImage::from_fn(side, side, |x, y| {
            ::image::Rgb(if (x / 16 + y / 16) % 2 == 0 { [200, 60, 60] } else { [40, 90, 160] })
        });
        let photo = Photo::from_rgb(checks).ok_or(AskError::EmptyCatalogue)?;
        let pixels = pair.embedder.preprocessing().apply(&photo);
        let (embedded, _) = pair.embedder.embed(pixels).await?;
        search(&pair, embedded.vectors, &Ask::default(), &Filter::default()).await?;
        Ok(())
    }

    fn admit(&self) -> Result<OwnedSemaphorePermit, AskError> {
        Arc::clone(&self.admission).try_acquire_owned().map_err(|_| AskError::Busy)
    }
}

async fn search(pair: &Pair, vectors: Vectors, ask: &Ask, filter: &Filter) -> Result<Nearest, AskError> {
    let query = Query { vectors, weight: pair.weight() };
    Ok(pair.catalogue.nearest(&query, ask.k.get(), filter, Effort::Usual).await?)
}

fn answer(pair: Arc<Pair>, asked: Asked, ask: &Ask, found: Nearest, timings: Timings) -> Answer {
    let Nearest { hits, exhausted } = found;
    Answer { pair, asked, requested: ask.k.get(), hits, exhausted, timings }
}
