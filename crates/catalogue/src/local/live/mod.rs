//! A catalogue that changes while it is served: a base generation, and what came in online, laid over it.
//!
//! The truth of what came in is a file under the state's folder ([`store`]): the last record of each item, of one model. A base
//! never changes it: whatever base is opened, the records are laid over it again. Writes go through one thread, which
//! takes those that wait together into one transaction; an acknowledged write is on the disk, and in the next search. Searches
//! hold a [`View`], which never changes.

mod compaction;
mod record;
mod rows;
mod segment;
mod store;
mod view;

pub use record::Etag;
pub use view::{CameIn, View};

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Instant,
};

use arc_swap::ArcSwap;
use lookalike_items::{BadItem, Dims, Item, ItemId, ItemPatch, Vectors};
use tokio::sync::{Mutex, mpsc, oneshot};

use crate::{
    contract::{Catalogue, CatalogueError},
    local::{
        LocalCatalogue,
        build::Stage,
        live::{
            record::{Record, Row},
            segment::Builder,
            store::Store,
        },
    },
};

/// Writes that go into one transaction at most, unless one request alone has more.
const GROUP: usize = 1_000;
/// Requests that may wait for the thread that writes; more wait where they are.
const WAITING: usize = 256;

/// What is to become of an item.
#[derive(Clone, Debug)]
pub enum WriteKind {
    /// It is this, whatever it was.
    Put(Item, Vectors),
    /// Its metadata changes.
    Patch(ItemPatch),
    /// It goes.
    Delete,
}

/// Under what condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// None.
    #[default]
    Always,
    /// It is there.
    Exists,
    /// It is there, and known by one of these.
    Is(Vec<Etag>),
    /// It is not there.
    IsNew,
}

/// A change of one item.
#[derive(Clone, Debug)]
pub struct Write {
    /// Of which.
    pub id: ItemId,
    /// To what.
    pub kind: WriteKind,
    /// Where this holds.
    pub condition: Condition,
}

/// What became of a [`Write`].
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The item is new.
    Created(Arc<Item>, Etag),
    /// The item was there, and is this now.
    Changed(Arc<Item>, Etag),
    /// The item is gone.
    Deleted,
    /// There is no such item: nothing was done.
    Missing,
    /// The condition does not hold: nothing was done.
    ConditionFailed,
    /// What would come of it is no item: nothing was done.
    Refused(BadItem),
}

enum Request {
    Write(Vec<Write>, oneshot::Sender<Result<Vec<Outcome>, CatalogueError>>),
    /// A segment built of these rows.
    Segment(LocalCatalogue, Vec<Row>),
    /// Another base; whether it holds other items than the one before with what came in.
    Base(LocalCatalogue, Content, oneshot::Sender<Result<(), CatalogueError>>),
}

/// What another base holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    /// What there was, folded into one graph.
    Same,
    /// Something else: a revision of its own.
    Other,
}

impl Request {
    fn len(&self) -> usize {
        match self {
            Self::Write(writes, _) => writes.len(),
            Self::Segment(..) | Self::Base(..) => 0,
        }
    }
}

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
            segment::lowest_priority();
            let _ = tell.send(compaction::compact(&state, &bundle, &view, &progress));
        };
        let thread = thread::Builder::new().name("compaction".into()).spawn(run);
        thread.map_err(CatalogueError::io("start a thread for", &self.state))?;
        let base = told.await.map_err(|_| CatalogueError::Stopped)??;
        let items = base.len();
        self.take(base, Content::Same).await?;
        Ok(items)
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

/// The records over the base.
fn laid(store: &mut Store, base: LocalCatalogue, dims: Dims) -> Result<View, CatalogueError> {
    let held = store.read()?;
    let mut view = View::new(base, dims);
    for (id, record) in &held.records {
        view.lay(id, record)?;
    }
    view.set_revision(held.revision);
    Ok(view)
}

/// The one thread that writes.
struct Writer {
    store: Store,
    base: LocalCatalogue,
    dims: Dims,
    builder: Builder,
    view: Arc<ArcSwap<View>>,
}

impl Writer {
    fn run(mut self, mut waiting: mpsc::Receiver<Request>) {
        while let Some(first) = waiting.blocking_recv() {
            let (mut count, mut group) = (first.len(), vec![first]);
            while count < GROUP
                && !matches!(group.last(), Some(Request::Base(..)))
                && let Ok(next) = waiting.try_recv()
            {
                count += next.len();
                group.push(next);
            }
            let base = group.pop_if(|last| matches!(last, Request::Base(..)));
            self.commit(group);
            if let Some(Request::Base(base, content, reply)) = base {
                let _ = reply.send(self.rebase(base, content));
            }
            self.builder.look(&self.view.load_full());
        }
    }

    /// All requests of a group in one transaction. A request whose reading failed is told, and the others go on.
    fn commit(&mut self, group: Vec<Request>) {
        let mut draft = Draft { view: (**self.view.load()).clone(), records: BTreeMap::new() };
        let mut answers = Vec::new();
        for request in group {
            let (writes, reply) = match request {
                Request::Write(writes, reply) => (writes, reply),
                Request::Segment(catalogue, built) => {
                    self.take_segment(&mut draft, catalogue, &built);
                    continue;
                }
                // The last of a group, and taken out of it.
                Request::Base(..) => continue,
            };
            let before = (draft.view.clone(), draft.records.clone());
            let made: Result<Vec<Outcome>, _> =
                writes.into_iter().map(|write| draft.make(write, &mut self.store)).collect();
            match made {
                Ok(outcomes) => answers.push((reply, outcomes)),
                Err(e) => {
                    (draft.view, draft.records) = before;
                    let _ = reply.send(Err(e));
                }
            }
        }
        if !draft.records.is_empty() {
            let revision = draft.view.revision() + 1;
            draft.view.set_revision(revision);
            if let Err(e) = self.store.write(draft.records.iter(), revision) {
                tracing::error!(error = %e, "writes were not kept");
                answers.into_iter().for_each(|(reply, _)| drop(reply.send(Err(e.told_again()))));
                self.recover(revision);
                return;
            }
            self.view.store(Arc::new(draft.view));
        }
        answers.into_iter().for_each(|(reply, outcomes)| drop(reply.send(Ok(outcomes))));
    }

    /// Lays the records over another base. A segment that is being built meanwhile is taken as ever: what it holds came in, whatever
    /// lies below.
    fn rebase(&mut self, base: LocalCatalogue, content: Content) -> Result<(), CatalogueError> {
        let mut view = laid(&mut self.store, base.clone(), self.dims)?;
        if content == Content::Other {
            view.set_revision(view.revision() + 1);
            self.store.write(std::iter::empty(), view.revision())?;
        }
        tracing::info!(
            generation = base.manifest().generation,
            rows = view.rows(),
            hidden = view.hidden(),
            "another base"
        );
        self.base = base;
        self.view.store(Arc::new(view));
        Ok(())
    }

    /// Puts a segment in place at once: nothing that answers is different, so it is no revision, and what is still to be written is
    /// laid over it.
    fn take_segment(&mut self, draft: &mut Draft, catalogue: LocalCatalogue, built: &[Row]) {
        self.builder.is_idle();
        let mut view = (**self.view.load()).clone();
        let taken = view
            .take_segment(catalogue.clone(), built)
            .and_then(|()| draft.view.take_segment(catalogue, built));
        match taken {
            Ok(()) => {
                tracing::info!(
                    items = view.in_segment(),
                    rows = view.rows(),
                    "what came in has a graph of its own"
                );
                self.view.store(Arc::new(view));
            }
            Err(e) => {
                tracing::error!(error = %e, "a graph of what came in cannot be taken: it is compared row by row")
            }
        }
    }

    /// After a write that failed the file may hold it or not; if it does, so must the view.
    fn recover(&mut self, revision: u64) {
        match laid(&mut self.store, self.base.clone(), self.dims) {
            Ok(view) if view.revision() == revision => self.view.store(Arc::new(view)),
            Ok(_) => {}
            Err(e) => tracing::error!(error = %e, "the state cannot be read after a write that failed"),
        }
    }
}

/// The next revision while it is made, and the records that make it.
struct Draft {
    view: View,
    records: BTreeMap<ItemId, Record>,
}

impl Draft {
    fn make(&mut self, write: Write, store: &mut Store) -> Result<Outcome, CatalogueError> {
        let Write { id, kind, condition } = write;
        let now = self.view.item(&id)?;
        let etag = |row: &Row| {
            let path = std::path::PathBuf::new;
            Etag::of(&row.item, &row.vectors)
                .map_err(|e| CatalogueError::State { path: path(), why: e.to_string() })
        };
        let holds = match (&condition, &now) {
            (Condition::Always, _) | (Condition::Exists, Some(_)) | (Condition::IsNew, None) => true,
            (Condition::Exists | Condition::Is(_), None) | (Condition::IsNew, Some(_)) => false,
            (Condition::Is(etags), Some(row)) => etags.contains(&etag(row)?),
        };
        if !holds {
            return Ok(Outcome::ConditionFailed);
        }
        let (record, outcome) = match (kind, now) {
            (WriteKind::Put(item, vectors), now) => {
                if let Err(bad) = item.check() {
                    return Ok(Outcome::Refused(bad));
                }
                let row = Row { item: Arc::new(item), vectors: Arc::new(vectors) };
                let (told, etag) = (Arc::clone(&row.item), etag(&row)?);
                let outcome =
                    if now.is_some() { Outcome::Changed(told, etag) } else { Outcome::Created(told, etag) };
                (Record::Whole(row), outcome)
            }
            (_, None) => return Ok(Outcome::Missing),
            (WriteKind::Patch(patch), Some(row)) => {
                let item = match patch.applied(&row.item) {
                    Ok(item) => Arc::new(item),
                    Err(bad) => return Ok(Outcome::Refused(bad)),
                };
                let row = Row { item, ..row };
                let outcome = Outcome::Changed(Arc::clone(&row.item), etag(&row)?);
                let record = if self.came_whole(&id, store)? {
                    Record::Whole(row)
                } else {
                    Record::Metadata(row.item)
                };
                (record, outcome)
            }
            (WriteKind::Delete, Some(_)) => (Record::Deleted, Outcome::Deleted),
        };
        self.view.lay(&id, &record)?;
        self.records.insert(id, record);
        Ok(outcome)
    }

    /// Whether the item's vectors came in online: they are kept then, whatever a later base holds.
    fn came_whole(&self, id: &ItemId, store: &mut Store) -> Result<bool, CatalogueError> {
        let whole = |record: &Record| matches!(record, Record::Whole(_));
        match self.records.get(id) {
            Some(record) => Ok(whole(record)),
            None => Ok(store.record(id)?.as_ref().is_some_and(whole)),
        }
    }
}
