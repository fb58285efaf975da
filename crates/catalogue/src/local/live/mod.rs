//! A catalogue that changes while it is served: a base generation, and what came in online, laid over it.
//!
//! The truth of what came in is a file under the state's folder ([`store`]): the last record of each item, of one model. A base
//! never changes it: whatever base is opened, the records are laid over it again. Writes go through one thread, which
//! takes those that wait together into one transaction; an acknowledged write is on the disk, and in the next search. Searches
//! hold a [`View`], which never changes.

mod compaction;
mod handover;
mod record;
mod rows;
mod segment;
mod store;
mod view;
mod write;
mod writer;

pub use handover::{HandedOver, HeldWrites, OtherState};
pub use record::{Etag, Record, Records, Row};
pub use view::{CameIn, View};
pub use write::{Condition, Outcome, Write, WriteKind};

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Instant,
};

use arc_swap::ArcSwap;
use lookalike_common::lowest_priority;
use lookalike_items::Dims;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::{
    contract::{Catalogue, CatalogueError},
    local::{
        LocalCatalogue,
        build::Stage,
        live::{
            segment::Builder,
            store::Store,
            writer::{Content, Request, Writer, laid},
        },
    },
};

/// Requests that may wait for the thread that writes; more wait where they are.
const WAITING: usize = 256;

/// How a catalogue that changes is kept.
#[derive(Clone, Copy, Debug)]
pub struct LiveOptions {
    /// Up to so many of the items that came in are compared one by one in every search; more get a graph of their own.
    pub few: usize,
}

impl Default for LiveOptions {
    fn default() -> Self {
        Self { few: 1_000 }
    }
}

/// A catalogue that changes. Dropped, it ends what it was given, then its thread.
pub struct LiveCatalogue {
    view: Arc<ArcSwap<View>>,
    requests: mpsc::Sender<Request>,
    dims: Dims,
    state: PathBuf,
    /// The bundle's generation, whatever it was compacted into. Held while another base is made or taken: one at a time.
    bundle: Mutex<LocalCatalogue>,
}

impl fmt::Debug for LiveCatalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveCatalogue").field(&*self.view.load()).finish()
    }
}

impl LiveCatalogue {
    /// Opens the state in the folder, or begins one there, over this base, whose model gives vectors of `dims`.
    ///
    /// # Errors
    /// Where another process has the state open, where it belongs to another model or has another format, where it is damaged.
    pub fn open(
        folder: &Path,
        base: LocalCatalogue,
        dims: Dims,
        options: LiveOptions,
    ) -> Result<Self, CatalogueError> {
        let started = Instant::now();
        let mut store = Store::open(folder, &base.manifest().model_id)?;
        let bundle = base;
        let base = compaction::opened(folder, &bundle).unwrap_or_else(|| bundle.clone());
        let view = laid(&mut store, base.clone(), dims)?;
        let (records, hidden, revision) = (view.rows(), view.hidden(), view.revision());
        tracing::info!(state = %folder.display(), revision, rows = records, hidden, took = ?started.elapsed(), "state open");
        let view = Arc::new(ArcSwap::from_pointee(view));
        let (requests, waiting) = mpsc::channel(WAITING);
        let builder = {
            let requests = requests.downgrade();
            let done = move |catalogue, rows| {
                requests
                    .upgrade()
                    .is_some_and(|to| to.blocking_send(Request::Segment(catalogue, rows)).is_ok())
            };
            Builder::start(folder, base.manifest().model_id.clone(), options.few, done)?
        };
        let writer = Writer { store, base, dims, builder, view: Arc::clone(&view) };
        writer.builder.look(&writer.view.load_full());
        let thread = thread::Builder::new().name("writer".into()).spawn(move || writer.run(waiting));
        thread.map_err(CatalogueError::io("start a thread for", folder))?;
        Ok(Self { view, requests, dims, state: folder.to_owned(), bundle: Mutex::new(bundle) })
    }

    /// What it is now.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Lays what came in over another generation of the same model, if it is another: every write is kept, whatever it holds. The searches of one
    /// [`view`](Self::view) see nothing of it.
    ///
    /// # Errors
    /// Where it belongs to another model; where the state cannot be read.
    pub async fn rebase(&self, bundle: LocalCatalogue) -> Result<(), CatalogueError> {
        let mut served = self.bundle.lock().await;
        let (expected, given) = (served.manifest().model_id.clone(), &bundle.manifest().model_id);
        if *given != expected {
            let belongs_to = given.clone();
            return Err(CatalogueError::Model {
                path: PathBuf::from("the new bundle"),
                belongs_to,
                expected,
            });
        }
        if bundle.name() == served.name() {
            return Ok(()); // what it was compacted into stands for it
        }
        self.take(bundle.clone(), Content::Other).await?;
        *served = bundle;
        Ok(())
    }

    /// Folds what came in into a base of its own, under the state's folder: one graph again. It is built beside the searches at the
    /// lowest priority, and holds all items in memory twice meanwhile; writes go on, and are laid over it.
    ///
    /// # Errors
    /// What [`build`](crate::build) says: then nothing has changed.
    pub async fn compact(
        &self,
        progress: impl Fn(Stage, u64, u64) + Send + Sync + 'static,
    ) -> Result<usize, CatalogueError> {
        let served = self.bundle.lock().await;
        let (state, bundle, view) = (self.state.clone(), served.clone(), self.view());
        let (tell, told) = oneshot::channel();
        let run = move || {
            lowest_priority();
            let _ = tell.send(compaction::compact(&state, &bundle, &view, &progress));
        };
        let thread = thread::Builder::new().name("compaction".into()).spawn(run);
        thread.map_err(CatalogueError::io("start a thread for", &self.state))?;
        let base = told.await.map_err(|_| CatalogueError::Stopped)??;
        let items = base.len();
        self.take(base, Content::Same).await?;
        Ok(items)
    }

    /// What the state holds; writes go on.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn records(&self) -> Result<Records, CatalogueError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Records(reply)).await.map_err(|_| CatalogueError::Stopped)?;
        answer.await.map_err(|_| CatalogueError::Stopped)?
    }

    /// Holds all writes, to hand the state over to another model.
    ///
    /// # Errors
    /// Where it cannot be read: then writes go on.
    pub async fn hold(&self) -> Result<HeldWrites, CatalogueError> {
        let (reply, answer) = oneshot::channel();
        let (decisions, decided) = std::sync::mpsc::channel();
        self.requests.send(Request::Hold(reply, decided)).await.map_err(|_| CatalogueError::Stopped)?;
        let records = answer.await.map_err(|_| CatalogueError::Stopped)??;
        Ok(HeldWrites { records, decisions })
    }

    async fn take(&self, base: LocalCatalogue, content: Content) -> Result<(), CatalogueError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Base(base, content, reply)).await.map_err(|_| CatalogueError::Stopped)?;
        answer.await.map_err(|_| CatalogueError::Stopped)?
    }

    /// Makes these changes, in their order, as one: on the disk and in every later [`view`](Self::view) when it returns.
    ///
    /// # Errors
    /// [`CatalogueError::Full`] and [`CatalogueError::State`] where the disk did not take them: then none was made. Vectors of another
    /// model's dimensions.
    pub async fn write(&self, writes: Vec<Write>) -> Result<Vec<Outcome>, CatalogueError> {
        for write in &writes {
            if let WriteKind::Put(_, vectors) = &write.kind
                && vectors.dims() != self.dims
            {
                return Err(CatalogueError::Dims { holds: self.dims, given: vectors.dims() });
            }
        }
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Write(writes, reply)).await.map_err(|_| CatalogueError::Stopped)?;
        answer.await.map_err(|_| CatalogueError::Stopped)?
    }
}
