//! What is asked and written online.
//!
//! ```text
//! nearest   a walk, what it found compared exactly
//! reading   lists, items by name, counts, draws
//! writing   batches of writes
//! admission how many rows all searches may fetch at once
//! busy      who writes which items now
//! ```

mod admission;
mod busy;
mod nearest;
mod reading;
mod writing;

pub(crate) use writing::parts;

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use lookalike_catalogue::{
    About, Catalogue, CatalogueError, Effort, Facet, Listing, LivingCatalogue, Nearest, Outcome, Query,
    Visibility, Write,
};
use lookalike_items::{Dims, Filter, Item, ItemId, Vectors};
use tokio::time::Instant;

use crate::{
    Credentials, MilvusAddress, Options,
    client::{Level, Look, Milvus},
    schema,
};

/// How far behind Milvus' bounded reads may be: `common.gracefulTime`, as it is unless somebody sets it.
const BOUNDED: Duration = Duration::from_secs(5);

/// A catalogue in a collection of a Milvus server. Clones are of the same.
///
/// Nothing is kept here: every answer is Milvus' own, of the moment it was asked. What the address names is looked up when it is opened,
/// and again by [`refresh`](Self::refresh): until then requests are made of the same collection, wherever the alias points.
///
/// Searches see what Milvus has taken in, five seconds behind at most and mostly a few tenths of a second. Reads by name, lists and counts
/// see this process' own writes at once.
#[derive(Clone)]
pub struct MilvusCatalogue {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub milvus: Milvus,
    pub address: MilvusAddress,
    pub model: String,
    pub dims: Dims,
    /// The collection that is served, by its own name.
    pub served: ArcSwap<String>,
    categories: Mutex<Option<reading::Categories>>,
    /// When this process last wrote.
    wrote: Mutex<Option<Instant>>,
    busy: busy::Busy,
    admission: admission::Admission,
}

impl MilvusCatalogue {
    /// Opens the collection that the address names, or that its alias points at, and has it loaded into memory.
    ///
    /// # Errors
    /// Where Milvus does not answer, has no such collection, or holds vectors of another model in it.
    pub async fn open(
        address: &MilvusAddress,
        credentials: &Credentials,
        options: Options,
        model: &str,
        dims: Dims,
    ) -> Result<Self, CatalogueError> {
        let milvus = Milvus::connect(address, credentials, options).await?;
        let inner = Inner {
            milvus,
            address: address.clone(),
            model: model.to_owned(),
            dims,
            served: ArcSwap::from_pointee(String::new()),
            categories: Mutex::default(),
            wrote: Mutex::default(),
            busy: busy::Busy::default(),
            admission: admission::Admission::default(),
        };
        let catalogue = Self { inner: Arc::new(inner) };
        catalogue.refresh().await?;
        Ok(catalogue)
    }

    /// Looks again where the alias points. Another collection is checked and loaded before it is served. True where it is another.
    ///
    /// # Errors
    /// Where Milvus does not answer, or the collection is not one for this model: then the one before is served on.
    pub async fn refresh(&self) -> Result<bool, CatalogueError> {
        let name = self.inner.address.collection();
        let described = self.inner.milvus.describe(name, self.inner.milvus.read_by()).await?;
        let described = described.ok_or_else(|| {
            CatalogueError::Engine(format!(
                "there is no collection and no alias '{name}' in Milvus: `lookalike-trainer index --catalogue {}` makes it",
                self.inner.address
            ))
        })?;
        if **self.inner.served.load() == described.name {
            return Ok(false);
        }
        self.fits(&described.name, described.about.as_ref(), described.dimension)?;
        self.inner.milvus.load(&described.name).await?;
        tracing::info!(collection = described.name, "serves");
        self.inner.served.store(Arc::new(described.name));
        self.inner.forget_categories();
        Ok(true)
    }

    /// The collection that is served, by its own name.
    pub fn serves(&self) -> Arc<String> {
        self.inner.served.load_full()
    }

    /// Whether what a collection holds is of this model.
    pub(crate) fn fits(
        &self,
        name: &str,
        about: Option<&schema::About>,
        dimension: Option<usize>,
    ) -> Result<(), CatalogueError> {
        fits(name, about, dimension, (&self.inner.model, self.inner.dims))
    }
}

/// Whether what a collection holds is of a model.
pub(crate) fn fits(
    name: &str,
    about: Option<&schema::About>,
    dimension: Option<usize>,
    (model, dims): (&str, Dims),
) -> Result<(), CatalogueError> {
    let Some(about) = about else {
        return Err(CatalogueError::Engine(format!(
            "the collection '{name}' is not one of lookalike's: its description does not say what it holds"
        )));
    };
    let path = PathBuf::from(name);
    if about.lookalike != schema::FORMAT {
        return Err(CatalogueError::Version { path, found: about.lookalike, known: schema::FORMAT });
    }
    if about.model != model {
        let (belongs_to, expected) = (about.model.clone(), model.to_owned());
        return Err(CatalogueError::Model { path, belongs_to, expected });
    }
    if about.dims != dims || dimension != Some(dims.deep + dims.colour) {
        return Err(CatalogueError::Dims { holds: about.dims, given: dims });
    }
    Ok(())
}

impl Inner {
    pub fn collection(&self) -> Arc<String> {
        self.served.load_full()
    }

    /// How fresh a read must be to see this process' own writes: no fresher than need be.
    fn level(&self) -> Level {
        let wrote = *self.wrote.lock().unwrap_or_else(PoisonError::into_inner);
        match wrote {
            Some(at) if at.elapsed() <= BOUNDED + self.milvus.options.write => Level::Session,
            _ => Level::Bounded,
        }
    }

    fn has_written(&self) {
        *self.wrote.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.forget_categories();
    }

    fn forget_categories(&self) {
        *self.categories.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

#[async_trait]
impl Catalogue for MilvusCatalogue {
    async fn nearest(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
    ) -> Result<Nearest, CatalogueError> {
        self.inner.nearest(query, n, filter, effort).await
    }

    async fn vectors(&self, ids: &[ItemId]) -> Result<Vec<Option<Vectors>>, CatalogueError> {
        Ok(self.inner.vectors(ids).await?)
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<&ItemId>,
        limit: usize,
    ) -> Result<Listing, CatalogueError> {
        Ok(self.inner.list(filter, after, limit).await?)
    }

    async fn categories(&self) -> Result<Vec<(String, usize)>, CatalogueError> {
        Ok(self.inner.categories().await?)
    }

    async fn facets(&self, _: &Filter, _: &[String]) -> Result<Vec<Facet>, CatalogueError> {
        let why = "Milvus does not count values: facets are the local engine's";
        Err(CatalogueError::NotSupported(why.into()))
    }

    async fn get(&self, id: &ItemId) -> Result<Option<(Arc<Item>, Vectors)>, CatalogueError> {
        Ok(self.inner.get(id).await?)
    }

    async fn random(&self) -> Result<Option<Arc<Item>>, CatalogueError> {
        Ok(self.inner.random().await?)
    }

    async fn count(&self) -> Result<usize, CatalogueError> {
        let inner = &self.inner;
        Ok(inner.milvus.count(&inner.collection(), "", inner.level(), inner.milvus.read_by()).await?)
    }

    fn revision(&self) -> Option<u64> {
        None
    }

    fn about(&self) -> About {
        About {
            engine: "milvus",
            visibility: Visibility::Within(BOUNDED),
            conditional_writes: false,
            facets: false,
            exact: false,
            most: nearest::MOST,
        }
    }

    async fn health(&self) -> Result<(), CatalogueError> {
        let milvus = &self.inner.milvus;
        let until = Instant::now() + Duration::from_secs(1).min(milvus.options.read);
        milvus.health(until).await?;
        // Milvus says that it is well before it finds anything: it is asked for something.
        let (collection, dims) = (self.inner.collection(), self.inner.dims);
        let walk: Vec<f32> =
            (0..dims.deep + dims.colour).map(|place| f32::from(u8::from(place == 0))).collect();
        let look =
            Look { collection: &collection, expression: "", walk: &walk, k: 1, ef: 16, vectors: false };
        milvus.search(&look, until).await?;
        Ok(())
    }

    fn dims(&self) -> Dims {
        self.inner.dims
    }
}

#[async_trait]
impl LivingCatalogue for MilvusCatalogue {
    fn now(&self) -> Arc<dyn Catalogue> {
        Arc::new(self.clone())
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Outcome>, CatalogueError> {
        self.inner.write(writes).await
    }

    async fn shows(&self, image: &str) -> Result<bool, CatalogueError> {
        Ok(self.inner.shows(image).await?)
    }
}
