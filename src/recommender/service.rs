//! The questions a shop asks.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Instant,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tracing::{Instrument, debug_span};

use crate::ingest::{Ingest, IngestError};
use crate::recommender::{
    Answer, Ask, AskError, Asked, Collapse, Embedding, Examples, Pair, Region, Subject, Timings,
    canary::Canary,
    find::{Start, find, weight},
    photo::Studio,
};
use lookalike_catalogue::{CatalogueError, Effort, Listing, LocalCatalogue, Query};
use lookalike_items::{ColourWeight, Filter, Item, ItemId, Vectors};
use lookalike_model::{Bundle, BundleError};
use lookalike_photo::{Limits, Photo};
use lookalike_telemetry as telemetry;

/// What one server takes on.
#[derive(Clone, Copy, Debug)]
pub struct RecommenderOptions {
    /// Photos worked on at once, from decoding to the search; one more is refused at once.
    pub photos: usize,
    /// What a photo may cost.
    pub limits: Limits,
    /// Bytes that the embeddings of photos seen lately may take; 0 keeps none.
    pub cache: u64,
    /// One search in so many is made again exactly, to tell how much the graph finds; 0 is none.
    pub recall_check: u64,
}

/// Why a bundle was not read again.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The model's part.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The catalogue's part.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// Another model.
    #[error(
        "the bundle holds model {found} now, and {served} is served: restart the server to serve another model"
    )]
    OtherModel {
        /// What the bundle holds.
        found: String,
        /// What is served.
        served: String,
    },
    /// What came in cannot be laid over it.
    #[error(transparent)]
    State(IngestError),
    /// The thread that opened it did not come back.
    #[error("opening stopped: {0}")]
    Interrupted(#[from] tokio::task::JoinError),
}

/// Answers questions with the model and the catalogue that are current when they come in: each sees one revision from its first
/// step to its last.
pub struct Recommender {
    pair: ArcSwap<Pair>,
    bundle: PathBuf,
    ingest: Option<Ingest>,
    studio: Studio,
    admission: Arc<Semaphore>,
    canary: Option<Canary>,
}

impl Recommender {
    /// Answers with this pair, of this bundle; with what came in, where there is a way in.
    pub fn new(pair: Pair, bundle: &Path, ingest: Option<Ingest>, options: RecommenderOptions) -> Self {
        Self {
            pair: ArcSwap::from_pointee(pair),
            bundle: bundle.to_owned(),
            ingest,
            studio: Studio::new(options.limits, options.cache),
            admission: Arc::new(Semaphore::new(options.photos.max(1))),
            canary: Canary::start(options.recall_check)
                .inspect_err(|e| tracing::warn!(error = %e, "no search is made again: recall is not told"))
                .ok()
                .flatten(),
        }
    }

    /// The pair that answers now.
    pub fn pair(&self) -> Arc<Pair> {
        match &self.ingest {
            None => self.pair.load_full(),
            Some(ingest) => Arc::new(self.pair.load().with(ingest.view())),
        }
    }

    /// Takes the generation that the bundle holds now, if it is another: opened, verified and asked once before it answers. Every
    /// request sees one generation from beginning to end.
    ///
    /// # Errors
    /// Where it cannot be served: then the one before goes on.
    pub async fn reload(&self) -> Result<u64, ReloadError> {
        let now = self.pair.load_full();
        let (dir, model) = (self.bundle.clone(), now.manifest.model_id.clone());
        let opening = tokio::task::spawn_blocking(move || {
            let found = Bundle::open(&dir)?.manifest().model_id.clone();
            if found != model {
                return Err(ReloadError::OtherModel { found, served: model });
            }
            let catalogue = LocalCatalogue::open(&dir, &model)?;
            // Touches what a search touches, so that the first shopper does not wait for the disk.
            if let Some(entry) = catalogue.items().next() {
                let (_, vectors) = entry?;
                let query = Query { vectors: Vectors::stored(vectors), weight: ColourWeight::DEFAULT };
                catalogue.search(&query, 10, &Filter::default(), Effort::Usual)?;
            }
            Ok(catalogue)
        });
        let catalogue = opening.await??;
        let generation = catalogue.manifest().generation;
        if let Some(ingest) = &self.ingest {
            ingest.rebase(catalogue.clone()).await.map_err(ReloadError::State)?;
        }
        self.pair.store(Arc::new(now.at(generation, Arc::new(catalogue))));
        tracing::info!(generation, "the bundle was read again");
        Ok(generation)
    }

    /// The way in for what changes, where the server has a state.
    pub fn ingest(&self) -> Option<&Ingest> {
        self.ingest.as_ref()
    }

    /// Items that look like the photo, or like the part of it in the box.
    pub async fn similar_to_photo(&self, bytes: Bytes, ask: &Ask) -> Result<Answer, AskError> {
        let _admitted = self.admit()?;
        let (mut clock, pair) = (Clock::of_photo(), self.pair());
        let known = self.studio.embed(&pair, (bytes, ask.region), &mut clock.timings).await?;
        let asked = Asked::Photo(known.facts.clone());
        self.answer(clock, pair, Start::photo(known.vectors.clone()), asked, ask).await
    }

    /// Items that look like this one; itself left out, and its product too where each product counts once.
    pub async fn similar_to_item(&self, id: &ItemId, ask: &Ask) -> Result<Answer, AskError> {
        let (clock, pair) = (Clock::start(), self.pair());
        let held = pair.catalogue.get(id).await?;
        let (item, vectors) = held.ok_or_else(|| AskError::UnknownItem(id.clone()))?;
        self.answer(clock, pair, start_at(&item, vectors), Asked::Item(item), ask).await
    }

    /// The same by the item's own photo, of which the part in the box counts.
    pub async fn similar_to_part_of(&self, id: &ItemId, bytes: Bytes, ask: &Ask) -> Result<Answer, AskError> {
        let _admitted = self.admit()?;
        let (mut clock, pair) = (Clock::of_photo(), self.pair());
        let held = pair.catalogue.get(id).await?;
        let (item, _) = held.ok_or_else(|| AskError::UnknownItem(id.clone()))?;
        let known = self.studio.embed(&pair, (bytes, ask.region), &mut clock.timings).await?;
        self.answer(clock, pair, start_at(&item, known.vectors.clone()), Asked::Item(item), ask).await
    }

    /// Items that look like some and unlike others, or like a vector.
    pub async fn search(&self, subject: Subject, ask: &Ask) -> Result<Answer, AskError> {
        let (clock, pair) = (Clock::start(), self.pair());
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
        let (mut clock, pair) = (Clock::of_photo(), self.pair());
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

    /// An item drawn at random.
    pub async fn random(&self) -> Result<Arc<Item>, AskError> {
        self.pair().catalogue.random().await?.ok_or(AskError::EmptyCatalogue)
    }

    /// Tells the metrics what the catalogue is.
    pub async fn count(&self) {
        let pair = self.pair();
        let places = match &self.ingest {
            Some(ingest) => ingest.view().places(),
            None => pair.catalogue.count().await.map(|items| vec![("base", items)]).unwrap_or_default(),
        };
        telemetry::catalogue(pair.catalogue.revision(), &places);
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
        find(&pair, Start::photo(embedded.vectors), &Ask::default()).await?;
        Ok(())
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
        clock.timings.search = Some(searching.elapsed());
        if let Some(canary) = self.canary.as_ref().filter(|_| !ask.exact) {
            canary.saw(&pair.catalogue, &query, &ask.filter);
        }
        let (region, page) = (ask.region, ask.page);
        let (hits, exhausted) = (found.hits, found.exhausted);
        Ok(Answer { pair, asked, region, page, hits, exhausted, timings: clock.stop() })
    }

    fn admit(&self) -> Result<OwnedSemaphorePermit, AskError> {
        Arc::clone(&self.admission).try_acquire_owned().map_err(|_| AskError::Busy)
    }
}

/// A question under way.
struct Clock {
    started: Instant,
    timings: Timings,
    /// Its stages are counted: it began with a photo.
    counted: bool,
}

impl Clock {
    fn start() -> Self {
        Self { started: Instant::now(), timings: Timings::default(), counted: false }
    }

    fn of_photo() -> Self {
        Self { counted: true, ..Self::start() }
    }

    fn stop(mut self) -> Timings {
        self.timings.total = self.started.elapsed();
        if self.counted {
            self.timings.stages().for_each(|(stage, time)| telemetry::took(stage, time));
        }
        self.timings
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
