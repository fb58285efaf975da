//! A catalogue that changes while it is served: a base generation, and what came in online, laid over it.
//!
//! The truth of what came in is a file under the state's folder ([`store`]): the last record of each item, of one model. A base
//! never changes it: whatever base is opened, the records are laid over it again. Writes go through one thread, which
//! takes those that wait together into one transaction; an acknowledged write is on the disk, and in the next search. Searches
//! hold a [`View`], which never changes.

mod compaction;
mod handover;
mod memory;
mod pin;
mod record;
mod rows;
mod segment;
mod snapshot;
mod store;
mod view;
mod writer;

pub use handover::{HandedOver, HeldWrites, OtherState};
pub use record::{Record, Records, Row};
pub use snapshot::{PieceError, Snapshot, StateWriter};
pub use store::{RESTORING, STATE_FILE, StateAbout};
pub use view::{CameIn, View};

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Instant,
};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use lookalike_common::low_priority;
use lookalike_items::Dims;
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::{
    contract::{Catalogue, CatalogueError, LivingCatalogue, Outcome, Write, WriteKind},
    local::{
        BaseName, LocalCatalogue,
        bases::{Base, bundle_bases, compacted_bases},
        build::Stage,
        format::generation::named,
        live::{
            pin::Pin,
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
    /// Held while another base is made or taken: one at a time.
    changing: Mutex<()>,
}

impl fmt::Debug for LiveCatalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LiveCatalogue").field(&*self.view.load()).finish()
    }
}

impl LiveCatalogue {
    /// Opens the state in the folder, or begins one there, over this generation of the bundle, whose model gives vectors of `dims`; or over
    /// what it was compacted into; or over what was rolled back to, while the bundle is as it was then.
    ///
    /// # Errors
    /// Where another process has the state open, where it belongs to another model or has another format, where it is damaged.
    pub fn open(
        folder: &Path,
        bundle: LocalCatalogue,
        dims: Dims,
        options: LiveOptions,
    ) -> Result<Self, CatalogueError> {
        let started = Instant::now();
        let mut store = Store::open(folder, &bundle.manifest().model_id)?;
        compaction::take_over(folder)?;
        let base = match pin::served(folder, &bundle)? {
            Some(pinned) => pinned,
            None => compaction::opened(folder, &bundle).unwrap_or(bundle),
        };
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
        Ok(Self { view, requests, dims, state: folder.to_owned(), changing: Mutex::new(()) })
    }

    /// What it is now.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Lays what came in over another generation of the same model, if it is another, or over what that was compacted into: every write is
    /// kept, whatever it holds. The searches of one [`view`](Self::view) see nothing of it. A [rollback](Self::roll_back) ends with it.
    ///
    /// # Errors
    /// Where it belongs to another model; where the state cannot be read.
    pub async fn rebase(&self, bundle: LocalCatalogue) -> Result<(), CatalogueError> {
        let _alone = self.changing.lock().await;
        let served = self.view().base().clone();
        let (expected, given) = (served.manifest().model_id.clone(), &bundle.manifest().model_id);
        if *given != expected {
            let belongs_to = given.clone();
            return Err(CatalogueError::Model {
                path: PathBuf::from("the new bundle"),
                belongs_to,
                expected,
            });
        }
        let pin = Pin::read(&self.state)?;
        if pin.is_none() && bundle.name() == served.of() && self.view().check().is_ok() {
            return Ok(()); // what it was compacted into stands for it
        }
        let state = self.state.clone();
        let opening =
            tokio::task::spawn_blocking(move || compaction::opened(&state, &bundle).unwrap_or(bundle));
        let base = opening.await.map_err(|_| CatalogueError::Stopped)?;
        self.take_pinned(base, None).await
    }

    /// All that could be served: the generations of the bundle in this folder, then what was compacted under the state's.
    ///
    /// # Errors
    /// Where a folder cannot be listed.
    pub fn bases(&self, bundle: &Path) -> Result<Vec<Base>, CatalogueError> {
        let mut bases = bundle_bases(bundle)?;
        bases.extend(compacted_bases(&compaction::folder(&self.state))?);
        Ok(bases)
    }

    /// The base that a rollback holds, where one does.
    ///
    /// # Errors
    /// Where that cannot be read.
    pub fn pinned(&self) -> Result<Option<BaseName>, CatalogueError> {
        Ok(Pin::read(&self.state)?.map(|pin| pin.base))
    }

    /// Lays what came in over this base, one of those on the disk, and holds on to it: through restarts, until the bundle's `CURRENT` is
    /// another than now, or until the next [`rebase`](Self::rebase). It is opened, verified and searched once before it answers.
    ///
    /// # Errors
    /// Where it is not there, cannot be opened or belongs to another model: then nothing has changed.
    pub async fn roll_back(&self, bundle: &Path, to: BaseName) -> Result<(), CatalogueError> {
        let _alone = self.changing.lock().await;
        let served = self.view().base().clone();
        let (state, bundle) = (self.state.clone(), bundle.to_owned());
        let opening = tokio::task::spawn_blocking(move || {
            let base = match served.base_name() == to && served.check().is_ok() {
                true => served,
                false => pin::opened(&state, &bundle, to, &served.manifest().model_id)?,
            };
            base.warm_up()?;
            let pin = Pin { base: to, line: base.name().to_owned(), overrides: named(&bundle)? };
            Ok::<_, CatalogueError>((base, pin))
        });
        let (base, pin) = opening.await.map_err(|_| CatalogueError::Stopped)??;
        self.take_pinned(base, Some(pin)).await
    }

    /// Folds what came in into a base of its own, under the state's folder: one graph again. It is built beside the searches at a
    /// low priority, and holds all items in memory twice meanwhile; writes go on, and are laid over it. After a rollback it is built
    /// upon what that went back to, and held in its place.
    ///
    /// # Errors
    /// What [`build`](crate::build) says: then nothing has changed.
    pub async fn compact(
        &self,
        progress: impl Fn(Stage, u64, u64) + Send + Sync + 'static,
    ) -> Result<usize, CatalogueError> {
        let _alone = self.changing.lock().await;
        let (state, view) = (self.state.clone(), self.view());
        let (tell, told) = oneshot::channel();
        let run = move || {
            low_priority();
            let begun = compaction::begun(&state).map_err(CatalogueError::io("write in", &state));
            let compacted = begun.and_then(|()| compaction::compact(&state, &view, &progress));
            if let Err(e) = compaction::ended(&state) {
                tracing::warn!(error = %e, "that a compaction has ended could not be noted");
            }
            drop(view);
            memory::give_back();
            let _ = tell.send(compacted);
        };
        let thread = thread::Builder::new().name("compaction".into()).spawn(run);
        thread.map_err(CatalogueError::io("start a thread for", &self.state))?;
        let base = told.await.map_err(|_| CatalogueError::Stopped)??;
        let items = base.len();
        let pin = Pin::read(&self.state)?;
        let pin = pin.map(|pin| Pin { base: base.base_name(), line: base.name().to_owned(), ..pin });
        self.take_pinned(base, pin).await?;
        Ok(items)
    }

    /// How many compactions were begun and did not end, because the program was gone before: killed for its memory, perhaps. One that
    /// ends sets it back to 0.
    pub fn unfinished_compactions(&self) -> u32 {
        compaction::unfinished(&self.state)
    }

    /// The program stops because it was asked to: a compaction that is cut off by that says nothing of the memory there is.
    ///
    /// # Errors
    /// Where that cannot be noted.
    pub fn stopping(&self) -> std::io::Result<()> {
        compaction::ended(&self.state)
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

    /// Takes a base, which is held by this pin or by none: what a restart would serve changes first, and back where it is not taken.
    async fn take_pinned(&self, base: LocalCatalogue, pin: Option<Pin>) -> Result<(), CatalogueError> {
        let before = Pin::read(&self.state)?;
        Pin::replace(&self.state, pin.as_ref())?;
        let view = self.view();
        let (now, then) = (view.base(), &base);
        if (now.base_name(), now.name()) == (then.base_name(), then.name()) && view.check().is_ok() {
            return Ok(());
        }
        // What was compacted of one generation is, with what came in, the same as that generation with what came in.
        let content = if now.of() == then.of() { Content::Same } else { Content::Other };
        let taken = self.take(base, content).await;
        if taken.is_err() {
            Pin::replace(&self.state, before.as_ref())?;
        }
        taken
    }

    /// What came in as of now, to be read beside the writes to come.
    ///
    /// # Errors
    /// Where the state cannot be read.
    pub async fn snapshot(&self) -> Result<Snapshot, CatalogueError> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request::Snapshot(reply)).await.map_err(|_| CatalogueError::Stopped)?;
        let (reader, view) = answer.await.map_err(|_| CatalogueError::Stopped)??;
        Snapshot::new(reader, view)
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

#[async_trait]
impl LivingCatalogue for LiveCatalogue {
    fn now(&self) -> Arc<dyn Catalogue> {
        self.view()
    }

    async fn write(&self, writes: Vec<Write>) -> Result<Vec<Outcome>, CatalogueError> {
        Self::write(self, writes).await
    }

    async fn shows(&self, image: &str) -> Result<bool, CatalogueError> {
        Ok(self.view().shows(image))
    }
}
