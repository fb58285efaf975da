//! A whole catalogue, written as the next generation, and served only once it is whole.
//!
//! While it is written an alias of its own (`NAME_loading`) names it. A load that was interrupted is so found again, and where it was of
//! the same source it goes on.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use lookalike_catalogue::CatalogueError;
use lookalike_items::{Dims, Item, ItemId, Vectors};
use tokio::time::{Instant, sleep};

use crate::{
    Credentials, MilvusAddress, Options,
    catalogue::{fits, parts},
    client::{Level, Milvus},
    fault::Fault,
    generations,
    rows::{self, Row},
    schema,
};

/// How many items are in one request at most.
const BATCH: usize = 1_000;

/// How many requests are on their way at once.
const IN_FLIGHT: usize = 3;

/// How long one batch is sent again and again before the load is given up: Milvus may restart meanwhile.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long an index may take to be built.
const INDEXING: Duration = Duration::from_secs(4 * 3_600);

/// What is loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What it is known by: the same for the same items with the same vectors, in the same order. A load goes on only with the same.
    pub fingerprint: String,
    /// How many items there are.
    pub items: usize,
}

/// How far a load is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadStep {
    /// Items are written.
    Writing {
        /// So many are there.
        items: usize,
        /// Of so many.
        of: usize,
    },
    /// What was written goes to the disk.
    Flushing,
    /// The graph is built.
    Indexing {
        /// Over so many.
        items: usize,
        /// Of so many.
        of: usize,
    },
    /// It is loaded into memory.
    Loading,
    /// The alias names it.
    Served,
}

/// What was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loaded {
    /// Its generation.
    pub generation: u64,
    /// Its collection.
    pub collection: String,
    /// How many items it holds.
    pub items: usize,
}

/// A generation that is being written.
pub struct Load {
    milvus: Milvus,
    alias: String,
    generation: u64,
    collection: String,
    dims: Dims,
    source: Source,
    progress: Box<dyn FnMut(LoadStep) + Send>,
    /// How many items of the source were there when it began.
    there: usize,
    written: usize,
    last: Option<ItemId>,
    waiting: Vec<Row>,
    on_the_way: VecDeque<BoxFuture<'static, Result<usize, Fault>>>,
}

impl Load {
    /// Begins the next generation of the address' alias, or goes on with the one whose load was interrupted, where it was of the same
    /// source and model. `progress` hears how far it is.
    ///
    /// # Errors
    /// Where Milvus does not answer, or the address names a collection that is no alias.
    pub async fn begin(
        address: &MilvusAddress,
        credentials: &Credentials,
        options: Options,
        (model, dims): (&str, Dims),
        source: Source,
        progress: impl FnMut(LoadStep) + Send + 'static,
    ) -> Result<Self, CatalogueError> {
        let milvus = Milvus::connect(address, credentials, options).await?;
        let alias = address.collection().to_owned();
        if let Some(there) = milvus.describe(&alias, milvus.read_by()).await?
            && there.name == alias
        {
            return Err(CatalogueError::Options(format!(
                "'{alias}' is a collection of Milvus and not an alias: index under another name, or drop it"
            )));
        }
        let about = schema::About {
            lookalike: schema::FORMAT,
            model: model.to_owned(),
            dims,
            source: source.fingerprint.clone(),
        };
        let loading = generations::loading(&alias);
        let mut interrupted = milvus.describe(&loading, milvus.read_by()).await?;
        // A load that was killed right after its generation was served: that one is whole, and has writes of its own by now.
        if interrupted.as_ref().is_some_and(|one| one.aliases.contains(&alias)) {
            milvus.unpoint(&loading, milvus.write_by()).await?;
            interrupted = None;
        }
        let all = generations::all(&milvus, &alias).await?;
        let mut there = 0;
        let same = interrupted.as_ref().is_some_and(|interrupted| {
            interrupted.about.as_ref() == Some(&about)
                && fits(&interrupted.name, Some(&about), interrupted.dimension, (model, dims)).is_ok()
        });
        let known = interrupted
            .as_ref()
            .and_then(|one| all.iter().find(|g| g.collection == one.name).map(|g| g.number));
        let (generation, collection) = match (interrupted, known, same) {
            (Some(interrupted), Some(number), true) => {
                milvus.load(&interrupted.name).await?;
                let until = Instant::now() + options.load;
                let count = milvus.count(&interrupted.name, "", Level::Strong, until).await?;
                // Batches arrive in any order, but never more of them than may be on their way: all before those are there.
                there = count.saturating_sub(BATCH * IN_FLIGHT);
                (number, interrupted.name)
            }
            (interrupted, _, _) => {
                if let Some(interrupted) = interrupted {
                    milvus.unpoint(&loading, milvus.write_by()).await?;
                    milvus.drop(&interrupted.name, milvus.write_by()).await?;
                }
                let number = all.last().map_or(0, |generation| generation.number) + 1;
                let collection = generations::collection(&alias, number);
                milvus.create(&collection, &about, milvus.write_by()).await?;
                milvus.point(&loading, &collection, milvus.write_by()).await?;
                (number, collection)
            }
        };
        Ok(Self {
            milvus,
            alias,
            generation,
            collection,
            dims,
            source,
            progress: Box::new(progress),
            there,
            written: there,
            last: None,
            waiting: Vec::new(),
            on_the_way: VecDeque::new(),
        })
    }

    /// How many of the source's first items are there already: [`put`](Self::put) begins with the next.
    pub fn there(&self) -> usize {
        self.there
    }

    /// The number of the generation.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Takes the next items, by rising id. It waits while enough are on their way to Milvus.
    ///
    /// # Errors
    /// Where an item is not one that Milvus can keep, comes twice or in another order, or Milvus does not take it. What was taken before
    /// stays, and another load goes on with it.
    pub async fn put(&mut self, items: Vec<(Item, Vectors)>) -> Result<(), CatalogueError> {
        for (item, vectors) in items {
            if vectors.dims() != self.dims {
                return Err(CatalogueError::Dims { holds: self.dims, given: vectors.dims() });
            }
            if self.last.as_ref().is_some_and(|last| *last >= item.id) {
                let why = format!(
                    "the item '{}' is not after the one before: items are loaded by rising id",
                    item.id
                );
                return Err(CatalogueError::Options(why));
            }
            let id = item.id.clone();
            let refused =
                |bad: lookalike_items::BadItem| CatalogueError::Options(format!("the item '{id}': {bad}"));
            item.check().map_err(refused)?;
            self.waiting.push(Row::new(Arc::new(item), vectors).map_err(refused)?);
            self.last = Some(id);
            if self.waiting.len() == BATCH {
                self.send().await?;
            }
        }
        Ok(())
    }

    /// Has the rest written, the graph built and the generation loaded, counts it, and lets the alias name it. The generation before stays,
    /// for a rollback.
    ///
    /// # Errors
    /// Where Milvus does not do so, or holds another number of items than the source has: then the alias stays where it is.
    pub async fn finish(mut self) -> Result<Loaded, CatalogueError> {
        if !self.waiting.is_empty() {
            self.send().await?;
        }
        while !self.on_the_way.is_empty() {
            self.arrive().await?;
        }
        (self.progress)(LoadStep::Flushing);
        let wait = Duration::from_secs(600);
        self.milvus.flush(&self.collection, wait, Instant::now() + wait + PATIENCE).await?;
        self.indexed().await?;
        (self.progress)(LoadStep::Loading);
        self.milvus.load(&self.collection).await?;
        let until = Instant::now() + PATIENCE;
        let items = self.milvus.count(&self.collection, "", Level::Strong, until).await?;
        if items != self.source.items {
            return Err(CatalogueError::Engine(format!(
                "'{}' holds {items} items, and {} were to be loaded: the alias '{}' was not moved; index again",
                self.collection, self.source.items, self.alias
            )));
        }
        self.milvus.point(&self.alias, &self.collection, until).await?;
        self.milvus.unpoint(&generations::loading(&self.alias), until).await?;
        (self.progress)(LoadStep::Served);
        Ok(Loaded { generation: self.generation, collection: self.collection.clone(), items })
    }

    async fn send(&mut self) -> Result<(), Fault> {
        let rows = std::mem::take(&mut self.waiting);
        let (milvus, collection) = (self.milvus.clone(), self.collection.clone());
        let sending = tokio::spawn(async move {
            let sent = rows.len();
            for part in parts(rows) {
                patiently(&milvus, &collection, &part).await?;
            }
            Ok(sent)
        });
        let sending = async move {
            sending.await.unwrap_or_else(|e| Err(Fault::Wrong(format!("a batch was not sent: {e}"))))
        };
        self.on_the_way.push_back(Box::pin(sending));
        // One less than may be on their way: what is begun next is the last of them.
        while self.on_the_way.len() >= IN_FLIGHT {
            self.arrive().await?;
        }
        Ok(())
    }

    async fn arrive(&mut self) -> Result<(), Fault> {
        if let Some(first) = self.on_the_way.pop_front() {
            self.written += first.await?;
            (self.progress)(LoadStep::Writing { items: self.written, of: self.source.items });
        }
        Ok(())
    }

    /// Waits for the graph.
    async fn indexed(&mut self) -> Result<(), Fault> {
        let until = Instant::now() + INDEXING;
        let mut finished = 0;
        loop {
            let indexed = self.milvus.indexed(&self.collection, Instant::now() + PATIENCE).await?;
            (self.progress)(LoadStep::Indexing {
                items: indexed.rows.min(self.source.items),
                of: self.source.items,
            });
            // A collection that was flushed just now may be said to be done before it has begun.
            finished = if indexed.done && indexed.rows >= indexed.of { finished + 1 } else { 0 };
            if finished == 3 {
                return Ok(());
            }
            if Instant::now() >= until {
                return Err(Fault::Slow(format!("the graph of '{}' was not built in time", self.collection)));
            }
            sleep(Duration::from_millis(300)).await;
        }
    }
}

/// Sends rows, again and again while Milvus is away, busy or slow: what is there already is put over itself.
async fn patiently(milvus: &Milvus, collection: &str, rows: &[Row]) -> Result<(), Fault> {
    let until = Instant::now() + PATIENCE;
    let columns = rows::columns(rows);
    loop {
        let fault = match milvus.upsert(collection, &columns, milvus.write_by()).await {
            Ok(()) => return Ok(()),
            Err(fault) => fault,
        };
        let wait = match &fault {
            Fault::Open { retry_after, .. } => *retry_after,
            Fault::Away(_) | Fault::Busy(_) | Fault::Slow(_) => Duration::from_secs(1),
            _ => return Err(fault),
        };
        if Instant::now() + wait >= until {
            return Err(fault);
        }
        tracing::warn!(why = fault.why(), "a batch is sent again");
        sleep(wait).await;
    }
}
