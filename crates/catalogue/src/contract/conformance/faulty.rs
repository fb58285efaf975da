//! An engine that is slow or down when it is told to be: what stands in for one elsewhere, in tests of who asks it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use lookalike_items::{Dims, Filter, Item, ItemId, Vectors};

use crate::contract::{
    About, Catalogue, CatalogueError, Condition, Effort, Facet, Listing, LivingCatalogue, Nearest,
    OpenShared, Outcome, Query, SharedCatalogue, SharedGeneration, Write,
};

/// What is wrong with an engine, to be changed while it is asked.
#[derive(Clone, Default)]
pub struct Faults(Arc<Switches>);

#[derive(Default)]
struct Switches {
    down: AtomicBool,
    millis: AtomicU64,
    /// It holds to no conditions and counts nothing.
    plain: AtomicBool,
}

impl Faults {
    /// Whether every question and every write fails from now on.
    pub fn down(&self, down: bool) {
        self.0.down.store(down, Ordering::Relaxed);
    }

    /// How long each takes from now on.
    pub fn slow(&self, time: Duration) {
        self.0.millis.store(time.as_millis() as u64, Ordering::Relaxed);
    }

    /// Whether it can do no more than an engine must: no conditions, no counts, no comparing of every item.
    pub fn plain(&self, plain: bool) {
        self.0.plain.store(plain, Ordering::Relaxed);
    }

    fn is_plain(&self) -> bool {
        self.0.plain.load(Ordering::Relaxed)
    }

    async fn met(&self) -> Result<(), CatalogueError> {
        let time = Duration::from_millis(self.0.millis.load(Ordering::Relaxed));
        if !time.is_zero() {
            tokio::time::sleep(time).await;
        }
        if self.0.down.load(Ordering::Relaxed) {
            let (why, retry_after) = ("it was told to be down".to_owned(), Duration::from_secs(2));
            return Err(CatalogueError::Unavailable { why, retry_after });
        }
        Ok(())
    }

    fn able(&self, able: bool, what: &str) -> Result<(), CatalogueError> {
        match able {
            true => Ok(()),
            false => Err(CatalogueError::NotSupported(format!("this engine does not {what}"))),
        }
    }
}

/// An engine with faults, over one that is well.
#[derive(Clone)]
pub struct Faulty {
    engine: Arc<dyn LivingCatalogue>,
    faults: Faults,
}

impl Faulty {
    /// Over this one, with these faults.
    pub fn new(engine: Arc<dyn LivingCatalogue>, faults: Faults) -> Self {
        Self { engine, faults }
    }
}

#[async_trait]
impl LivingCatalogue for Faulty {
    fn now(&self) -> Arc<dyn Catalogue> {
        Arc::new(FaultyView { view: self.engine.now(), faults: self.faults.clone() })
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Outcome>, CatalogueError> {
        let conditions = writes.iter().any(|write| write.condition != Condition::Always);
        self.faults.able(!(conditions && self.faults.is_plain()), "hold to conditions")?;
        self.faults.met().await?;
        self.engine.write(writes).await
    }

    async fn shows(&self, image: &str) -> Result<bool, CatalogueError> {
        self.faults.met().await?;
        self.engine.shows(image).await
    }
}

#[async_trait]
impl SharedCatalogue for Faulty {
    fn generation(&self) -> u64 {
        1
    }

    async fn refresh(&self) -> Result<bool, CatalogueError> {
        self.faults.met().await.map(|()| false)
    }

    async fn generations(&self) -> Result<Vec<SharedGeneration>, CatalogueError> {
        let items = Some(self.now().count().await?);
        let model_id = "the-model".to_owned();
        Ok(vec![SharedGeneration { number: 1, model_id, items, built_at: None, current: true }])
    }

    async fn roll_back(&self, to: u64) -> Result<(), CatalogueError> {
        self.faults.met().await?;
        Err(CatalogueError::NoBase(format!("shared-{to}")))
    }
}

#[async_trait]
impl OpenShared for Faulty {
    async fn open(&self, _: &str, dims: Dims) -> Result<Arc<dyn SharedCatalogue>, CatalogueError> {
        self.faults.met().await?;
        let holds = self.engine.now().dims();
        match holds == dims {
            true => Ok(Arc::new(self.clone())),
            false => Err(CatalogueError::Dims { holds, given: dims }),
        }
    }
}

struct FaultyView {
    view: Arc<dyn Catalogue>,
    faults: Faults,
}

#[async_trait]
impl Catalogue for FaultyView {
    async fn nearest(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
    ) -> Result<Nearest, CatalogueError> {
        self.faults.able(effort != Effort::Exact || self.about().exact, "compare every item")?;
        self.faults.met().await?;
        self.view.nearest(query, n, filter, effort).await
    }

    async fn vectors(&self, ids: &[ItemId]) -> Result<Vec<Option<Vectors>>, CatalogueError> {
        self.faults.met().await?;
        self.view.vectors(ids).await
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<&ItemId>,
        limit: usize,
    ) -> Result<Listing, CatalogueError> {
        self.faults.met().await?;
        self.view.list(filter, after, limit).await
    }

    async fn categories(&self) -> Result<Vec<(String, usize)>, CatalogueError> {
        self.faults.met().await?;
        self.view.categories().await
    }

    async fn facets(&self, filter: &Filter, keys: &[String]) -> Result<Vec<Facet>, CatalogueError> {
        self.faults.able(self.about().facets, "count values")?;
        self.faults.met().await?;
        self.view.facets(filter, keys).await
    }

    async fn get(&self, id: &ItemId) -> Result<Option<(Arc<Item>, Vectors)>, CatalogueError> {
        self.faults.met().await?;
        self.view.get(id).await
    }

    async fn random(&self) -> Result<Option<Arc<Item>>, CatalogueError> {
        self.faults.met().await?;
        self.view.random().await
    }

    async fn count(&self) -> Result<usize, CatalogueError> {
        self.faults.met().await?;
        self.view.count().await
    }

    fn revision(&self) -> Option<u64> {
        self.view.revision().filter(|_| !self.faults.is_plain())
    }

    fn about(&self) -> About {
        let about = self.view.about();
        let able = !self.faults.is_plain();
        About { engine: "faulty", conditional_writes: able, facets: able, exact: able, ..about }
    }

    async fn health(&self) -> Result<(), CatalogueError> {
        self.faults.met().await?;
        self.view.health().await
    }

    fn dims(&self) -> Dims {
        self.view.dims()
    }
}
