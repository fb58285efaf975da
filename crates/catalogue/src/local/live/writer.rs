//! The one thread that writes: what waits together becomes one transaction, then one view.

use std::{collections::BTreeMap, sync::Arc};

use arc_swap::ArcSwap;
use lookalike_items::{Dims, ItemId};
use tokio::sync::{mpsc, oneshot};

use crate::{
    contract::{CatalogueError, Condition, Etag, Outcome, Write, WriteKind},
    local::{
        LocalCatalogue,
        live::{
            handover::{Decision, held},
            record::{Record, Records, Row},
            segment::Builder,
            store::{Reader, Store},
            view::View,
        },
    },
};

/// Writes that go into one transaction at most, unless one request alone has more.
const GROUP: usize = 1_000;

/// What the thread that writes is asked for.
pub(crate) enum Request {
    Write(Vec<Write>, oneshot::Sender<Result<Vec<Outcome>, CatalogueError>>),
    /// A segment built of these rows.
    Segment(LocalCatalogue, Vec<Row>),
    /// Another base; whether it holds other items than the one before with what came in.
    Base(LocalCatalogue, Content, oneshot::Sender<Result<(), CatalogueError>>),
    /// What the state holds.
    Records(oneshot::Sender<Result<Records, CatalogueError>>),
    /// The same, and no write until it is decided what becomes of the state.
    Hold(oneshot::Sender<Result<Records, CatalogueError>>, std::sync::mpsc::Receiver<Decision>),
    /// The state's file as it is now, and the view of it.
    Snapshot(oneshot::Sender<Result<(Reader, Arc<View>), CatalogueError>>),
}

/// What another base holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// What there was, folded into one graph.
    Same,
    /// Something else: a revision of its own.
    Other,
}

impl Request {
    fn len(&self) -> usize {
        match self {
            Self::Write(writes, _) => writes.len(),
            Self::Segment(..) | Self::Base(..) | Self::Records(..) | Self::Hold(..) | Self::Snapshot(_) => 0,
        }
    }

    /// Whether it comes after the transaction of its group.
    fn is_last(&self) -> bool {
        matches!(self, Self::Base(..) | Self::Records(..) | Self::Hold(..) | Self::Snapshot(_))
    }
}

/// The records over the base.
pub(crate) fn laid(store: &mut Store, base: LocalCatalogue, dims: Dims) -> Result<View, CatalogueError> {
    let held = store.read()?;
    let mut view = View::new(base, dims);
    for (id, record) in &held.records {
        view.lay(id, record)?;
    }
    view.set_revision(held.revision);
    Ok(view)
}

/// The one thread that writes.
pub(crate) struct Writer {
    pub store: Store,
    pub base: LocalCatalogue,
    pub dims: Dims,
    pub builder: Builder,
    pub view: Arc<ArcSwap<View>>,
}

impl Writer {
    /// Its life, until nobody can ask any more.
    pub fn run(mut self, mut waiting: mpsc::Receiver<Request>) {
        while let Some(first) = waiting.blocking_recv() {
            let (mut count, mut group) = (first.len(), vec![first]);
            while count < GROUP
                && !group.last().is_some_and(Request::is_last)
                && let Ok(next) = waiting.try_recv()
            {
                count += next.len();
                group.push(next);
            }
            let last = group.pop_if(|last| last.is_last());
            self.commit(group);
            match last {
                Some(Request::Base(base, content, reply)) => drop(reply.send(self.rebase(base, content))),
                Some(Request::Records(reply)) => drop(reply.send(self.store.read())),
                Some(Request::Hold(reply, decisions)) => {
                    let _ = reply.send(self.store.read());
                    if held(&self.store, &decisions) {
                        // Whoever waits hears that this catalogue has stopped.
                        return;
                    }
                }
                Some(Request::Snapshot(reply)) => {
                    let reader = self.store.reader();
                    let _ = reply.send(reader.map(|reader| (reader, self.view.load_full())));
                }
                Some(Request::Write(..) | Request::Segment(..)) | None => {}
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
                Request::Base(..) | Request::Records(..) | Request::Hold(..) | Request::Snapshot(_) => {
                    continue;
                }
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
