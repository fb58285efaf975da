//! The questions a shop asks.

use std::{sync::Arc, time::Instant};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument, debug_span};

use crate::ingest::{Change, Changes, Ingest, IngestError, Made, PhotoStore};
use crate::pools;
use crate::recommender::{
    Answer, Ask, AskError, Asked, Collapse, Embedding, Examples, Opening, Pair, Region, ReloadError,
    SharedThreads, Subject, Timings,
    canary::Canary,
    find::{Start, find, weight},
    health::Health,
    opening::{Opened, Serving},
    photo::Studio,
};
use lookalike_catalogue::{Facet, Listing, Outcome, Query};
use lookalike_items::{Filter, Item, ItemId, Vectors};
use lookalike_photo::Photo;
use lookalike_telemetry::{self as telemetry, Ended, Question};

/// What one server takes on.
#[derive(Clone, Copy, Debug)]
pub struct RecommenderOptions {
    /// Photos worked on at once beside those in the model, from decoding to the search; one more is refused at once.
    pub photos: usize,
    /// Bytes that the embeddings of photos seen lately may take; 0 keeps none.
    pub cache: u64,
    /// One search in so many is made again exactly, to tell how much the graph finds; 0 is none.
    pub recall_check: u64,
}

/// Answers questions with the model and the catalogue that are current when they come in: each sees one revision from its first
/// step to its last.
pub struct Recommender {
    pub(super) serving: ArcSwap<Serving>,
    pub(super) opening: Opening,
    health: Health,
    pub(super) threads: SharedThreads,
    /// Held while another generation or model is taken: one at a time.
    pub(super) changing: Mutex<()>,
    studio: Studio,
    admission: Arc<Semaphore>,
    canary: Option<Canary>,
}

impl Recommender {
    /// Opens the bundle, and what came in over it where there is a state.
    ///
    /// # Errors
    /// Where they cannot be served.
    pub async fn open(opening: Opening, options: RecommenderOptions) -> Result<Self, ReloadError> {
        let Opened { pair, items, model, threads } = opening.opened().await?;
        let at_work = options.photos.saturating_add(pair.embedder.at_once());
        let serving = opening.serving(pair, items, model).await?;
        Ok(Self {
            serving: ArcSwap::from_pointee(serving),
            health: Health::default(),
            threads: Arc::new(std::sync::Mutex::new(threads)),
            changing: Mutex::new(()),
            studio: Studio::new(opening.photo_room.clone(), options.cache),
            admission: Arc::new(Semaphore::new(at_work.max(1))),
            opening,
            canary: Canary::start(options.recall_check)
                .inspect_err(|e| tracing::warn!(error = %e, "no search is made again: recall is not told"))
                .ok()
                .flatten(),
        })
    }

    /// The threads of all models, to be waited for once this is gone.
    pub fn threads(&self) -> SharedThreads {
        Arc::clone(&self.threads)
    }

    /// The pair that answers now.
    pub fn pair(&self) -> Arc<Pair> {
        Arc::new(self.serving.load().now())
    }

    /// The way in for what changes, where the server has a state.
    pub fn ingest(&self) -> Option<Arc<Ingest>> {
        self.serving.load().ingest.clone()
    }

    /// Where photos that came in are kept, by this server or by others that share its items.
    pub fn photos(&self) -> Option<PhotoStore> {
        let ingest = self.ingest();
        ingest.map(|ingest| ingest.photos().clone()).or_else(|| self.opening.photos.clone())
    }

    /// Makes changes as [`Ingest::changes`] does; where the model changes meanwhile, by the one that is served then. None where the server
    /// has no state.
    pub async fn changes(&self, changes: &Arc<impl Changes>) -> Option<Result<Made, IngestError>> {
        loop {
            let ingest = self.ingest()?;
            let made = ingest.changes(changes).await;
            if !self.is_past(&ingest, made.as_ref().err()) {
                return Some(made);
            }
        }
    }

    /// The same for one change.
    pub async fn change(&self, change: Change) -> Option<Result<(Outcome, Option<u64>), IngestError>> {
        loop {
            let ingest = self.ingest()?;
            let made = ingest.change(change.clone()).await;
            if !self.is_past(&ingest, made.as_ref().err()) {
                return Some(made);
            }
        }
    }

    /// Whether another model's way in has taken this one's place, and it has done nothing any more.
    fn is_past(&self, ingest: &Arc<Ingest>, failed: Option<&IngestError>) -> bool {
        let served = self.ingest().is_some_and(|now| Arc::ptr_eq(&now, ingest));
        matches!(failed, Some(IngestError::HandedOver)) && !served
    }

    /// Items that look like the photo, or like the part of it in the box.
    pub async fn similar_to_photo(&self, bytes: Bytes, ask: &Ask) -> Result<Answer, AskError> {
        let _admitted = self.admit()?;
        let (mut clock, pair) = (Clock::of(Question::Photo), self.pair());
        let known = self.studio.embed(&pair, (bytes, ask.region), &mut clock.timings).await?;
        let asked = Asked::Photo(known.facts.clone());
        self.answer(clock, pair, Start::photo(known.vectors.clone()), asked, ask).await
    }

    /// Items that look like this one; itself left out, and its product too where each product counts once.
    pub async fn similar_to_item(&self, id: &ItemId, ask: &Ask) -> Result<Answer, AskError> {
        let (clock, pair) = (Clock::of(Question::Known), self.pair());
        let held = pair.catalogue.get(id).await?;
        let (item, vectors) = held.ok_or_else(|| AskError::UnknownItem(id.clone()))?;
        self.answer(clock, pair, start_at(&item, vectors), Asked::Item(item), ask).await
    }

    /// The same by the item's own photo, of which the part in the box counts.
    pub async fn similar_to_part_of(&self, id: &ItemId, bytes: Bytes, ask: &Ask) -> Result<Answer, AskError> {
        let _admitted = self.admit()?;
        let (mut clock, pair) = (Clock::of(Question::Photo), self.pair());
        let held = pair.catalogue.get(id).await?;
        let (item, _) = held.ok_or_else(|| AskError::UnknownItem(id.clone()))?;
        let known = self.studio.embed(&pair, (bytes, ask.region), &mut clock.timings).await?;
        self.answer(clock, pair, start_at(&item, known.vectors.clone()), Asked::Item(item), ask).await
    }

    /// Items that look like some and unlike others, or like a vector.
    pub async fn search(&self, subject: Subject, ask: &Ask) -> Result<Answer, AskError> {
        let (clock, pair) = (Clock::of(Question::Known), self.pair());
        match subject {
            Subject::Examples(examples) => {
                let start = among(&pair, &examples, ask).await?;
                self.answer(clock, pair, start, Asked::Examples(examples), ask).await
            }
            Subject::Vector(deep, colour) => {
                let start = from_vector(&pair, deep, colour)?;
                self.answer(clock, pair, start, Asked::Vector, ask).await
            }
        }
    }

    /// A photo, or the part of it in the box, as the model sees it.
    pub async fn embed(&self, bytes: Bytes, region: Option<Region>) -> Result<Embedding, AskError> {
        let _admitted = self.admit()?;
        let (mut clock, pair) = (Clock::of(Question::Photo), self.pair());
        let known = self.studio.embed(&pair, (bytes, region), &mut clock.timings).await?;
        let (facts, vectors) = (known.facts.clone(), known.vectors.clone());
        Ok(Embedding { pair, facts, region, vectors, timings: clock.stop() })
    }

    /// The item of that name.
    pub async fn item(&self, id: &ItemId) -> Result<Arc<Item>, AskError> {
        let held = self.pair().catalogue.get(id).await?;
        held.map(|(item, _)| item).ok_or_else(|| AskError::UnknownItem(id.clone()))
    }

    /// Items by rising id: at most `limit` of those after `after`.
    pub async fn items(
        &self,
        filter: &Filter,
        after: Option<&ItemId>,
        limit: usize,
    ) -> Result<Listing, AskError> {
        Ok(self.pair().catalogue.list(filter, after, limit).await?)
    }

    /// How many items the filter admits, in which revision, and what was counted over them.
    pub async fn facets(
        &self,
        filter: &Filter,
        keys: &[String],
    ) -> Result<(usize, Option<u64>, Vec<Facet>), AskError> {
        let catalogue = Arc::clone(&self.pair().catalogue);
        let items = catalogue.list(filter, None, 1).await?.total;
        Ok((items, catalogue.revision(), catalogue.facets(filter, keys).await?))
    }

    /// An item drawn at random.
    pub async fn random(&self) -> Result<Arc<Item>, AskError> {
        self.pair().catalogue.random().await?.ok_or(AskError::EmptyCatalogue)
    }

    /// Tells the metrics what the catalogue is.
    pub async fn count(&self) {
        let pair = self.pair();
        let places = match self.ingest().as_ref().and_then(|ingest| ingest.local()) {
            Some(live) => live.view().places(),
            None => pair.catalogue.count().await.map(|items| vec![("base", items)]).unwrap_or_default(),
        };
        telemetry::catalogue(pair.catalogue.revision(), &places);
        pools::tell();
        if !self.is_shared() {
            telemetry::catalogue_damaged(pair.catalogue.health().await.is_err());
        }
    }

    /// Whether the items can be asked for now, as of a second ago at most.
    ///
    /// # Errors
    /// Where they cannot, in words.
    pub async fn health(&self) -> Result<(), String> {
        let catalogue = Arc::clone(&self.pair().catalogue);
        self.health.of(&*catalogue).await
    }

    /// One real pass through model and catalogue, so that the first shopper does not pay for what is done once.
    pub async fn warm_up(&self) -> Result<(), AskError> {
        warm_up(&self.pair()).await
    }

    /// The last step of every search.
    async fn answer(
        &self,
        mut clock: Clock,
        pair: Arc<Pair>,
        start: Start,
        asked: Asked,
        ask: &Ask,
    ) -> Result<Answer, AskError> {
        let searching = Instant::now();
        let query = Query { weight: weight(&pair, ask, start.colourless)?, vectors: start.vectors.clone() };
        let found = find(&pair, start, ask).instrument(debug_span!("search")).await?;
        let facets = match ask.facets.as_slice() {
            [] => Vec::new(),
            keys => pair.catalogue.facets(&ask.filter, keys).await?,
        };
        clock.timings.search = Some(searching.elapsed());
        if let Some(canary) = self.canary.as_ref().filter(|_| !ask.exact && pair.catalogue.about().exact) {
            canary.saw(&pair.catalogue, &query, &ask.filter);
        }
        let (region, page, order) = (ask.region, ask.page, ask.order.clone());
        let (hits, exhausted) = (found.hits, found.exhausted);
        Ok(Answer { pair, asked, region, page, hits, exhausted, order, facets, timings: clock.stop() })
    }

    fn admit(&self) -> Result<OwnedSemaphorePermit, AskError> {
        Arc::clone(&self.admission).try_acquire_owned().map_err(|_| AskError::Busy)
    }
}

/// One real pass through a model and its catalogue.
pub(super) async fn warm_up(pair: &Pair) -> Result<(), AskError> {
    let side = pair.embedder.preprocessing().size();
    let checks = ::image::RgbImage::from_fn(side, side, |x, y| {
        ::image::Rgb(if (x / 16 + y / 16) % 2 == 0 { [200, 60, 60] } else { [40, 90, 160] })
    });
    let photo = Photo::from_rgb(checks).ok_or(AskError::EmptyCatalogue)?;
    let pixels = pair.embedder.preprocessing().apply(&photo);
    let (embedded, _) = pair.embedder.embed(pixels).await?;
    find(pair, Start::photo(embedded.vectors), &Ask::default()).await?;
    Ok(())
}

/// A question under way. Its stages are counted when it ends, however it does: a caller that leaves drops it.
struct Clock {
    started: Instant,
    timings: Timings,
    asked: Question,
    outcome: Ended,
}

impl Clock {
    fn of(asked: Question) -> Self {
        Self { started: Instant::now(), timings: Timings::default(), asked, outcome: Ended::Failed }
    }

    fn stop(mut self) -> Timings {
        self.timings.total = self.started.elapsed();
        self.outcome = Ended::Answered;
        self.timings
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        if self.outcome == Ended::Failed {
            self.timings.total = self.started.elapsed();
        }
        self.timings
            .stages()
            .for_each(|(stage, time)| telemetry::took(stage, self.asked, self.outcome, time));
    }
}

fn start_at(item: &Item, vectors: Vectors) -> Start {
    let products = item.product.iter().cloned().collect();
    Start { vectors, colourless: false, items: vec![item.id.clone()], products }
}

/// The examples themselves are no results, nor their products where each counts once.
async fn among(pair: &Pair, examples: &Examples, ask: &Ask) -> Result<Start, AskError> {
    let vectors = examples.vectors(pair).await?;
    let mut products = Vec::new();
    if ask.collapse == Collapse::Product {
        for id in examples.items() {
            products.extend(pair.catalogue.get(id).await?.and_then(|(item, _)| item.product.clone()));
        }
    }
    Ok(Start { vectors, colourless: false, items: examples.items().cloned().collect(), products })
}

fn from_vector(pair: &Pair, deep: Vec<f32>, colour: Option<Vec<f32>>) -> Result<Start, AskError> {
    let dims = pair.manifest.dims;
    let check = |name: &str, given: usize, wanted: usize| {
        let wrong =
            format!("'{name}' must have {wanted} numbers, as many as this model's have; it has {given}");
        if given == wanted { Ok(()) } else { Err(AskError::BadVector(wrong)) }
    };
    check("vector", deep.len(), dims.deep)?;
    let colourless = colour.is_none();
    let colour = colour.unwrap_or_else(|| vec![0.0; dims.colour]);
    check("colour", colour.len(), dims.colour)?;
    let vectors = Vectors::new(deep, colour).map_err(|e| AskError::BadVector(e.to_string()))?;
    Ok(Start { colourless, ..Start::photo(vectors) })
}
