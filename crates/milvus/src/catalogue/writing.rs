//! Batches of writes: what is there is read once, all writes of an item are folded into one, and those go to Milvus in a few requests.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use lookalike_catalogue::{CatalogueError, Condition, Etag, Outcome, Write, WriteKind};
use lookalike_items::{BadItem, Item, ItemId, Vectors};
use tokio::time::Instant;

use super::Inner;
use crate::{
    client::Level,
    expression,
    fault::Fault,
    rows::{self, Row},
    schema,
};

/// How many ids are asked about, or taken away, at once.
const IDS: usize = 400;

/// About the most bytes of a request: well under the 64 MB that Milvus takes.
const BYTES: usize = 8 << 20;

/// What an item is in the course of a batch.
enum State {
    /// Not there.
    Gone,
    /// There; what it is need not be known.
    There,
    /// There, and this.
    Is(Arc<Item>, Vectors),
}

impl Inner {
    pub async fn write(&self, writes: Vec<Write>) -> Result<Vec<Outcome>, CatalogueError> {
        if writes.iter().any(|write| write.condition != Condition::Always) {
            let why = "Milvus does not make writes under a condition: leave it out";
            return Err(CatalogueError::NotSupported(why.into()));
        }
        for write in &writes {
            if let WriteKind::Put(_, vectors) = &write.kind {
                let given = vectors.dims();
                if given != self.dims {
                    return Err(CatalogueError::Dims { holds: self.dims, given });
                }
            }
        }
        if writes.is_empty() {
            return Ok(Vec::new());
        }
        let until = self.milvus.write_by();
        let _held = self.busy.hold(writes.iter().map(|write| write.id.clone()).collect()).await;
        let collection = self.collection();
        let mut states = self.states(&collection, &writes, until).await?;
        let mut changed: BTreeMap<ItemId, Option<Row>> = BTreeMap::new();
        let mut outcomes = Vec::with_capacity(writes.len());
        for write in writes {
            let id = write.id.clone();
            let state = states.remove(&id).unwrap_or(State::Gone);
            let (state, outcome, row) = fold(write, state)?;
            states.insert(id.clone(), state);
            outcomes.push(outcome);
            if let Some(row) = row {
                changed.insert(id, row);
            }
        }
        // Whatever becomes of it: what was sent may be there.
        self.has_written();
        let made = self.send(&collection, changed, until).await;
        self.has_written();
        made?;
        Ok(outcomes)
    }

    /// What the items of a batch are before it.
    async fn states(
        &self,
        collection: &str,
        writes: &[Write],
        until: Instant,
    ) -> Result<HashMap<ItemId, State>, Fault> {
        // What an item is must be known where a patch is the first of its writes, or follows one that may have been refused.
        let patched: HashSet<&ItemId> = writes
            .iter()
            .filter(|write| matches!(write.kind, WriteKind::Patch(_)))
            .map(|write| &write.id)
            .collect();
        let others: HashSet<&ItemId> =
            writes.iter().map(|write| &write.id).filter(|id| !patched.contains(id)).collect();
        let mut states = HashMap::new();
        let others: Vec<&ItemId> = others.into_iter().collect();
        for part in others.chunks(IDS) {
            let found = self.by_ids(collection, part, &[schema::ID], Level::Strong, until).await?;
            for id in &found.ids {
                states.insert(rows::id(id)?, State::There);
            }
        }
        let patched: Vec<&ItemId> = patched.into_iter().collect();
        for part in patched.chunks(IDS) {
            let fields = [schema::ID, schema::WALK, schema::ITEM];
            let found = self.by_ids(collection, part, &fields, Level::Strong, until).await?;
            for (json, walk) in found.items.iter().zip(&found.walks) {
                let item = rows::item(json)?;
                states.insert(item.id.clone(), State::Is(item, rows::vectors(walk, self.dims)?));
            }
        }
        Ok(states)
    }

    /// Has Milvus make these changes: of each item what it is now, or none where it goes.
    async fn send(
        &self,
        collection: &str,
        changed: BTreeMap<ItemId, Option<Row>>,
        until: Instant,
    ) -> Result<(), Fault> {
        let (mut put, mut gone) = (Vec::new(), Vec::new());
        for (id, row) in changed {
            match row {
                Some(row) => put.push(row),
                None => gone.push(id),
            }
        }
        for part in parts(put) {
            self.milvus.upsert(collection, &rows::columns(&part), until).await?;
        }
        for part in gone.chunks(IDS) {
            self.milvus.delete(collection, &expression::ids(part), until).await?;
        }
        Ok(())
    }
}

/// One write of an item that is so: what it is then, what became of the write, and what Milvus is to hold, where that is another.
fn fold(write: Write, before: State) -> Result<(State, Outcome, Option<Option<Row>>), CatalogueError> {
    let was_there = !matches!(before, State::Gone);
    let (item, vectors, before) = match (write.kind, before) {
        (WriteKind::Put(item, vectors), before) => (item, vectors, before),
        (WriteKind::Patch(_) | WriteKind::Delete, State::Gone) => {
            return Ok((State::Gone, Outcome::Missing, None));
        }
        (WriteKind::Delete, _) => return Ok((State::Gone, Outcome::Deleted, Some(None))),
        (WriteKind::Patch(patch), State::Is(item, vectors)) => match patch.applied(&item) {
            Ok(patched) => (patched, vectors.clone(), State::Is(item, vectors)),
            Err(bad) => return Ok((State::Is(item, vectors), Outcome::Refused(bad), None)),
        },
        (WriteKind::Patch(_), State::There) => {
            return Err(CatalogueError::Engine("an item was patched that was not read".into()));
        }
    };
    let checked = if item.id == write.id {
        item.check()
    } else {
        Err(BadItem(format!("the item calls itself '{}', not '{}'", item.id, write.id)))
    };
    let item = Arc::new(item);
    let row = match checked.and_then(|()| Row::new(item.clone(), vectors.clone())) {
        Ok(row) => row,
        Err(bad) => return Ok((before, Outcome::Refused(bad), None)),
    };
    let etag = Etag::of(&item, &vectors).map_err(|e| CatalogueError::Engine(e.to_string()))?;
    let outcome = if was_there { Outcome::Changed } else { Outcome::Created };
    Ok((State::Is(item.clone(), vectors), outcome(item, etag), Some(Some(row))))
}

/// Rows in parts that are not too large for one request.
pub(crate) fn parts(rows: Vec<Row>) -> Vec<Vec<Row>> {
    let mut parts: Vec<Vec<Row>> = Vec::new();
    let mut bytes = 0;
    for row in rows {
        match parts.last_mut() {
            Some(part) if bytes + row.bytes() <= BYTES && part.len() < 2_000 => {
                bytes += row.bytes();
                part.push(row);
            }
            _ => {
                bytes = row.bytes();
                parts.push(vec![row]);
            }
        }
    }
    parts
}
