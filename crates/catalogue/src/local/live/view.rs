//! One revision: a generation, and what had come in when it was made, laid over it. It never changes; the next one shares
//! what is the same.

use std::{collections::BTreeMap, fmt, ops::Bound, sync::Arc};

use async_trait::async_trait;
use imbl::OrdMap;
use lookalike_items::{Dims, Distance, Filter, Item, ItemId, Vectors};
use tokio::runtime::Handle;

use crate::{
    contract::{Catalogue, CatalogueError, Effort, Hit, Listing, Nearest, Query},
    local::{
        INLINE, LocalCatalogue,
        changes::Changes,
        live::{
            record::{Etag, Record, Row},
            rows::{ROW_COST, Rows},
        },
        search::Search,
    },
};

/// Where an item that came in online is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a slot of the rows.
    Row(u32),
    /// At a point of the base, whose item came in online.
    Base(u32),
    /// Nowhere: its point of the base answers no more.
    Nowhere,
}

/// Where any item is.
enum Found {
    Row(Row),
    Base(u32),
}

/// One state of a catalogue that changes online. Cloning it is cheap.
#[derive(Clone)]
pub struct View {
    revision: u64,
    dims: Dims,
    base: LocalCatalogue,
    changes: Changes,
    rows: Rows,
    places: OrdMap<ItemId, Place>,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, hidden) = (self.rows.len(), self.changes.hidden());
        f.debug_struct("View")
            .field("revision", &self.revision)
            .field("rows", &rows)
            .field("hidden", &hidden)
            .finish()
    }
}

/// A search of one revision, made ready.
struct Plan {
    search: Search,
    n: usize,
}

impl View {
    /// The base alone.
    pub(crate) fn new(base: LocalCatalogue, dims: Dims) -> Self {
        let (changes, rows, places) = Default::default();
        Self { revision: 0, dims, base, changes, rows, places }
    }

    pub(crate) fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    /// How many items came in online and are in no graph: each is compared in every search.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// How many items of the base answer no more.
    pub fn hidden(&self) -> usize {
        self.changes.hidden()
    }

    /// Lays a record over what there is: afterwards the item is what the record says, whatever it was.
    pub(crate) fn lay(&mut self, id: &ItemId, record: &Record) -> Result<(), CatalogueError> {
        // What can fail comes first: a view is changed wholly or not at all.
        let below = self.base.point(id)?;
        let same = match (below, record) {
            (Some(point), Record::Whole(row)) => self.base.at(point)?.1 == *row.vectors,
            _ => false,
        };
        let before = self.places.remove(id);
        if let Some(Place::Row(slot)) = before {
            if let Record::Whole(row) = record
                && !same
            {
                self.rows.replace(slot, row.clone());
                self.places.insert(id.clone(), Place::Row(slot));
                return Ok(());
            }
            self.rows.remove(slot);
        }
        let place = match (record, below) {
            (Record::Whole(row), Some(point)) if same => {
                self.changes.patch(point, Arc::clone(&row.item));
                Place::Base(point)
            }
            (Record::Whole(row), below) => {
                below.into_iter().for_each(|point| self.changes.hide(point));
                Place::Row(self.rows.insert(row.clone()))
            }
            (Record::Metadata(item), Some(point)) => {
                self.changes.patch(point, Arc::clone(item));
                Place::Base(point)
            }
            (Record::Deleted, Some(point)) => {
                self.changes.hide(point);
                Place::Nowhere
            }
            // Of an item that this base does not have.
            (Record::Metadata(_) | Record::Deleted, None) => return Ok(()),
        };
        self.places.insert(id.clone(), place);
        Ok(())
    }

    fn find(&self, id: &ItemId) -> Result<Option<Found>, CatalogueError> {
        Ok(match self.places.get(id) {
            Some(Place::Nowhere) => None,
            Some(Place::Base(point)) => Some(Found::Base(*point)),
            Some(Place::Row(slot)) => self.rows.get(*slot).cloned().map(Found::Row),
            None => self.base.point(id)?.map(Found::Base),
        })
    }

    /// The item of that name, and its vectors.
    pub(crate) fn item(&self, id: &ItemId) -> Result<Option<Row>, CatalogueError> {
        match self.find(id)? {
            None => Ok(None),
            Some(Found::Row(row)) => Ok(Some(row)),
            Some(Found::Base(point)) => {
                let (item, vectors) = self.base.at(point)?;
                let item = self.changes.item(point).cloned().unwrap_or_else(|| Arc::new(item));
                Ok(Some(Row { item, vectors: Arc::new(vectors) }))
            }
        }
    }

    /// An item that came in online with its vectors.
    pub fn came_in(&self, id: &ItemId) -> Option<(Arc<Item>, Arc<Vectors>)> {
        let Some(Place::Row(slot)) = self.places.get(id) else { return None };
        self.rows.get(*slot).map(|row| (Arc::clone(&row.item), Arc::clone(&row.vectors)))
    }

    /// Whether an item that came in online has its photo at this place.
    pub fn shows(&self, image: &str) -> bool {
        self.rows.iter().any(|row| row.item.image == image)
            || self.changes.items().any(|item| item.image == image)
    }

    /// How an item is known to HTTP.
    pub fn etag(&self, id: &ItemId) -> Result<Option<Etag>, CatalogueError> {
        let row = self.item(id)?;
        let etag = |row: Row| Etag::of(&row.item, &row.vectors).map_err(|_| CatalogueError::Stopped);
        row.map(etag).transpose()
    }

    fn item_at(&self, point: u32) -> Result<Arc<Item>, CatalogueError> {
        match self.changes.item(point) {
            Some(item) => Ok(Arc::clone(item)),
            None => Ok(Arc::new(self.base.at(point)?.0)),
        }
    }

    fn plan(&self, query: &Query, n: usize, filter: &Filter, effort: Effort) -> Result<Plan, CatalogueError> {
        let (holds, given) = (self.dims, query.vectors.dims());
        if holds != given {
            return Err(CatalogueError::Dims { holds, given });
        }
        Ok(Plan { search: self.base.plan(query, n, filter, effort, &self.changes)?, n })
    }

    fn answer(&self, query: &Query, plan: &Plan, filter: &Filter) -> Result<Nearest, CatalogueError> {
        let (rows, admitted) = self.rows.nearest(query, plan.n, filter);
        let mut rows = rows.into_iter().peekable();
        let mut points = self.base.run(&plan.search, query).into_iter().peekable();
        let mut hits = Vec::new();
        while hits.len() < plan.n {
            let row_first = match (rows.peek(), points.peek()) {
                (Some((_, row)), Some((_, point))) => row.blend < point.blend,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (None, None) => break,
            };
            let hit: Option<(Arc<Item>, Distance)> = if row_first {
                rows.next().map(|(row, distance)| (row.item, distance))
            } else {
                points
                    .next()
                    .map(|(point, distance)| Ok::<_, CatalogueError>((self.item_at(point)?, distance)))
                    .transpose()?
            };
            hits.extend(hit.map(|(item, distance)| Hit { item, distance }));
        }
        Ok(Nearest { exhausted: hits.len() == plan.search.available + admitted, hits })
    }

    /// [`Catalogue::nearest`] on this thread.
    pub fn search(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
    ) -> Result<Nearest, CatalogueError> {
        let plan = self.plan(query, n, filter, effort)?;
        self.answer(query, &plan, filter)
    }

    fn listing(
        &self,
        filter: &Filter,
        after: Option<&ItemId>,
        limit: usize,
    ) -> Result<Listing, CatalogueError> {
        let start = after.map_or(Ok(0), |id| self.base.after(id))?;
        let (places, in_base) = self.base.listed(filter, start, limit + 1, &self.changes)?;
        let mut items: Vec<Arc<Item>> =
            places.into_iter().map(|(_, point)| self.item_at(point)).collect::<Result<_, _>>()?;
        let from: Bound<&ItemId> = after.map_or(Bound::Unbounded, Bound::Excluded);
        let rows =
            self.places.range::<_, ItemId>((from, Bound::Unbounded)).filter_map(|(_, place)| match place {
                Place::Row(slot) => self.rows.get(*slot),
                _ => None,
            });
        items.extend(
            rows.filter(|row| filter.admits(&row.item)).take(limit + 1).map(|row| Arc::clone(&row.item)),
        );
        items.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let more = items.len() > limit;
        items.truncate(limit);
        let total = in_base + self.rows.iter().filter(|row| filter.admits(&row.item)).count();
        Ok(Listing { items, total, more })
    }

    fn len(&self) -> usize {
        self.base.len() - self.changes.hidden() + self.rows.len()
    }

    fn drawn(&self) -> Result<Option<Arc<Item>>, CatalogueError> {
        let (of_base, all) = (self.base.len() - self.changes.hidden(), self.len());
        if all == 0 {
            return Ok(None);
        }
        let drawn = rand::random_range(0..all);
        if drawn >= of_base {
            return Ok(self.rows.iter().nth(drawn - of_base).map(|row| Arc::clone(&row.item)));
        }
        // The drawn one of those that answer: every point is as likely as every other.
        let nth = (0..self.base.len() as u32).filter(|&point| !self.changes.hides(point)).nth(drawn);
        nth.map(|point| self.item_at(point)).transpose()
    }
}

#[async_trait]
impl Catalogue for View {
    async fn nearest(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
    ) -> Result<Nearest, CatalogueError> {
        let plan = self.plan(query, n, filter, effort)?;
        let cost = plan.search.cost() + self.rows.len() * ROW_COST;
        match Handle::try_current() {
            Ok(runtime) if cost > INLINE => {
                let (view, query, filter) = (self.clone(), query.clone(), filter.clone());
                let answer = runtime.spawn_blocking(move || view.answer(&query, &plan, &filter)).await;
                answer.map_err(|_| CatalogueError::Stopped)?
            }
            _ => self.answer(query, &plan, filter),
        }
    }

    async fn vectors(&self, ids: &[ItemId]) -> Result<Vec<Option<Vectors>>, CatalogueError> {
        ids.iter().map(|id| Ok(self.item(id)?.map(|row| (*row.vectors).clone()))).collect()
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<&ItemId>,
        limit: usize,
    ) -> Result<Listing, CatalogueError> {
        self.listing(filter, after, limit)
    }

    async fn categories(&self) -> Result<Vec<(String, usize)>, CatalogueError> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let of_rows = self.rows.iter().map(|row| (row.item.category.clone(), 1));
        for (name, n) in self.base.category_counts(&self.changes).into_iter().chain(of_rows) {
            *counts.entry(name).or_insert(0) += n;
        }
        Ok(counts.into_iter().collect())
    }

    async fn get(&self, id: &ItemId) -> Result<Option<(Arc<Item>, Vectors)>, CatalogueError> {
        Ok(self.item(id)?.map(|row| (row.item, Arc::unwrap_or_clone(row.vectors))))
    }

    async fn random(&self) -> Result<Option<Arc<Item>>, CatalogueError> {
        self.drawn()
    }

    async fn count(&self) -> Result<usize, CatalogueError> {
        Ok(self.len())
    }

    fn revision(&self) -> u64 {
        self.revision
    }

    fn dims(&self) -> Dims {
        self.dims
    }
}
