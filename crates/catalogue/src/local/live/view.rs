//! One revision: a generation, and what had come in when it was made, laid over it. It never changes; the next one shares
//! what is the same.

mod nearest;

use std::{collections::BTreeMap, fmt, ops::Bound, sync::Arc};

use async_trait::async_trait;
use imbl::OrdMap;
use lookalike_items::{Dims, Filter, Item, ItemId, Vectors};

use crate::{
    contract::{About, Catalogue, CatalogueError, Effort, Etag, Facet, Listing, Nearest, Query},
    local::{
        ABOUT, LocalCatalogue,
        changes::Changes,
        costs::{INLINE, counting_cost, listing_cost},
        counting,
        format::generation::number_in,
        has_runtime,
        live::{
            record::{Record, Row},
            rows::Rows,
        },
    },
    work::search_work,
};

/// An item that came in online, and its vectors.
pub type CameIn = (Arc<Item>, Arc<Vectors>);

/// Where an item that came in online is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// In a slot of the rows.
    Row(u32),
    /// At a point of the segment.
    Segment(u32),
    /// At a point of the base, whose item came in online.
    Base(u32),
    /// Nowhere: its point of the base answers no more.
    Nowhere,
}

/// Where any item is.
enum Found {
    Row(Row),
    Segment(u32),
    Base(u32),
}

/// How much shorter than the base's the segment's list of candidates is: of the nearest, few are among what came in lately.
const SEGMENT_PART: f32 = 0.3;

/// A generation, and what has changed of it since.
#[derive(Clone)]
struct Layer {
    catalogue: LocalCatalogue,
    changes: Changes,
}

impl Layer {
    fn new(catalogue: LocalCatalogue) -> Self {
        Self { changes: catalogue.untouched().clone(), catalogue }
    }

    /// A point's item as it is now, and its vectors.
    fn row(&self, point: u32) -> Result<Row, CatalogueError> {
        let (item, vectors) = self.catalogue.at(point)?;
        let item = self.changes.item(point).cloned().unwrap_or_else(|| Arc::new(item));
        Ok(Row { item, vectors: Arc::new(vectors) })
    }

    fn item(&self, point: u32) -> Result<Arc<Item>, CatalogueError> {
        match self.changes.item(point) {
            Some(item) => Ok(Arc::clone(item)),
            None => Ok(Arc::new(self.catalogue.item_at(point)?)),
        }
    }

    /// The point answers, and this is its item.
    fn set(&mut self, point: u32, item: &Arc<Item>) -> Result<(), CatalogueError> {
        if self.catalogue.item_at(point)? == **item {
            self.changes.restore(point);
        } else {
            self.changes.patch(point, Arc::clone(item));
        }
        Ok(())
    }

    /// How many answer.
    fn len(&self) -> usize {
        self.catalogue.len() - self.changes.hidden()
    }
}

/// One state of a catalogue that changes online. Cloning it is cheap.
#[derive(Clone)]
pub struct View {
    revision: u64,
    dims: Dims,
    base: Layer,
    /// Most of what came in, with a graph of its own.
    segment: Option<Layer>,
    /// Whether the segment has the codes of the base.
    coded_alike: bool,
    /// The rest.
    rows: Rows,
    places: OrdMap<ItemId, Place>,
    /// How many of the items that came in show each kept photo.
    shown: OrdMap<String, u32>,
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, hidden) = (self.rows.len(), self.hidden());
        f.debug_struct("View")
            .field("revision", &self.revision)
            .field("rows", &rows)
            .field("hidden", &hidden)
            .finish()
    }
}

impl View {
    /// The base alone.
    pub(crate) fn new(base: LocalCatalogue, dims: Dims) -> Self {
        let (rows, places, shown) = (Rows::over(&base), OrdMap::new(), OrdMap::new());
        let (revision, segment, coded_alike) = (0, None, false);
        Self { revision, dims, base: Layer::new(base), segment, coded_alike, rows, places, shown }
    }

    pub(crate) fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }

    /// Whether all files that it is made of are still what they were, as [`LocalCatalogue::check`] says.
    ///
    /// # Errors
    /// [`CatalogueError::Lost`] where one is not.
    pub fn check(&self) -> Result<(), CatalogueError> {
        self.layers().try_for_each(|layer| layer.catalogue.check())
    }

    /// What it is laid over.
    pub fn base(&self) -> &LocalCatalogue {
        &self.base.catalogue
    }

    /// The bundle's generation that it is laid over, or that its base was compacted of.
    pub fn generation(&self) -> u64 {
        number_in(self.base.catalogue.of()).unwrap_or_default()
    }

    /// The kept photos that items which came in online show: `photo:` and the name of each.
    pub fn photos(&self) -> impl Iterator<Item = &str> {
        self.shown.keys().map(String::as_str)
    }

    /// How many items came in online and are in no graph: each is compared in every search.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// How many items of the base answer no more.
    pub fn hidden(&self) -> usize {
        self.base.changes.hidden()
    }

    /// How many items are where: in the base, in the segment, in rows; and how many of the base are hidden.
    pub fn places(&self) -> Vec<(&'static str, usize)> {
        let base = self.base.len();
        [("base", base), ("segment", self.in_segment()), ("rows", self.rows()), ("hidden", self.hidden())]
            .into()
    }

    /// How much of it is not in the base's graph, beside what is: items that came in, or those of the base that are hidden, if they are
    /// more; and the base's.
    pub fn changed(&self) -> (usize, usize) {
        (self.hidden().max(self.in_segment() + self.rows()), self.base.len())
    }

    /// How many items that came in online are in a graph of their own.
    pub fn in_segment(&self) -> usize {
        self.segment.as_ref().map_or(0, Layer::len)
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        [Some(&self.base), self.segment.as_ref()].into_iter().flatten()
    }

    /// Lays a record over what there is: afterwards the item is what the record says, whatever it was.
    pub(crate) fn lay(&mut self, id: &ItemId, record: &Record) -> Result<(), CatalogueError> {
        // What can fail comes first: a view is changed wholly or not at all.
        let below = self.base.catalogue.point(id)?;
        let vectors_of_base = match (below, record) {
            (Some(point), Record::Whole(row)) => self.base.catalogue.at(point)?.1 == *row.vectors,
            _ => false,
        };
        let before = self.places.get(id).copied();
        let old_photo = self.came_in_at(before)?.and_then(|row| kept_photo(&row.item));
        let new_photo = match record {
            Record::Whole(row) => kept_photo(&row.item),
            Record::Metadata(item) => kept_photo(item),
            Record::Deleted => None,
        };
        let place = match (record, below, before) {
            (Record::Whole(row), Some(point), _) if vectors_of_base => {
                self.base.set(point, &row.item)?;
                Some(Place::Base(point))
            }
            (Record::Whole(row), below, before) => {
                below.into_iter().for_each(|point| self.base.changes.hide(point));
                Some(self.keep(row, before)?)
            }
            (Record::Metadata(item), Some(point), _) => {
                self.base.set(point, item)?;
                Some(Place::Base(point))
            }
            (Record::Deleted, Some(point), _) => {
                self.base.changes.hide(point);
                Some(Place::Nowhere)
            }
            // Of an item that this base does not have.
            (Record::Metadata(_) | Record::Deleted, None, _) => None,
        };
        match before {
            Some(Place::Row(slot)) if place != before => self.rows.remove(slot),
            Some(Place::Segment(point)) if place != before => {
                self.segment.iter_mut().for_each(|segment| segment.changes.hide(point));
            }
            _ => {}
        }
        match place {
            Some(place) => drop(self.places.insert(id.clone(), place)),
            None => drop(self.places.remove(id)),
        }
        self.show(old_photo, new_photo);
        Ok(())
    }

    /// Where an item goes whose vectors are not the base's: where it is, if it can stay there.
    fn keep(&mut self, row: &Row, before: Option<Place>) -> Result<Place, CatalogueError> {
        if let (Some(Place::Segment(point)), Some(segment)) = (before, &mut self.segment)
            && segment.catalogue.at(point)?.1 == *row.vectors
        {
            segment.set(point, &row.item)?;
            return Ok(Place::Segment(point));
        }
        Ok(match before {
            Some(Place::Row(slot)) => {
                self.rows.replace(slot, row.clone());
                Place::Row(slot)
            }
            _ => Place::Row(self.rows.insert(row.clone())),
        })
    }

    fn show(&mut self, old: Option<String>, new: Option<String>) {
        if let Some(new) = new {
            *self.shown.entry(new).or_insert(0) += 1;
        }
        if let Some(old) = old {
            match self.shown.get(&old) {
                Some(1) | None => drop(self.shown.remove(&old)),
                Some(count) => drop(self.shown.insert(old, count - 1)),
            }
        }
    }

    /// Everything that came in and has vectors of its own, by id: what the next segment is built of.
    pub(crate) fn whole(&self) -> Result<Vec<Row>, CatalogueError> {
        let mut rows: Vec<Row> = self.rows.iter().cloned().collect();
        if let Some(segment) = &self.segment {
            for (_, place) in &self.places {
                if let Place::Segment(point) = place {
                    rows.push(segment.row(*point)?);
                }
            }
        }
        rows.sort_unstable_by(|a, b| a.item.id.cmp(&b.item.id));
        Ok(rows)
    }

    /// Every item with its vectors: what the next base is built of.
    pub(crate) fn all(&self) -> Result<Vec<(Item, Vectors)>, CatalogueError> {
        let mut all = Vec::with_capacity(self.len());
        for point in (0..self.base.catalogue.len() as u32).filter(|&point| !self.base.changes.hides(point)) {
            let row = self.base.row(point)?;
            all.push((Arc::unwrap_or_clone(row.item), Arc::unwrap_or_clone(row.vectors)));
        }
        all.extend(self.whole()?.into_iter().map(|row| ((*row.item).clone(), (*row.vectors).clone())));
        Ok(all)
    }

    /// Takes a segment built of these rows (by id) in place of what they are in now. What has changed since they were taken stays
    /// changed: nothing that answers is different after it.
    pub(crate) fn take_segment(
        &mut self,
        catalogue: LocalCatalogue,
        built: &[Row],
    ) -> Result<(), CatalogueError> {
        let mut segment = Layer::new(catalogue);
        let mut places = self.places.clone();
        for (point, row) in segment.catalogue.points_by_id().into_iter().zip(built) {
            let id = &row.item.id;
            let now = match places.get(id) {
                Some(place @ (Place::Row(_) | Place::Segment(_))) => self.came_in_at(Some(*place))?,
                _ => None,
            };
            match now.filter(|now| now.vectors == row.vectors) {
                Some(now) => {
                    places.insert(id.clone(), Place::Segment(point));
                    segment.set(point, &now.item)?;
                }
                None => segment.changes.hide(point),
            }
        }
        // The rows that are left move together: a search looks at every slot.
        let mut rows = Rows::over(&self.base.catalogue);
        let left = places.iter().filter_map(|(id, place)| match place {
            Place::Row(slot) => Some((id.clone(), self.rows.get(*slot)?.clone())),
            _ => None,
        });
        for (id, row) in left.collect::<Vec<_>>() {
            places.insert(id, Place::Row(rows.insert(row)));
        }
        self.coded_alike = segment.catalogue.codebook() == self.base.catalogue.codebook();
        (self.places, self.rows, self.segment) = (places, rows, Some(segment));
        Ok(())
    }

    /// The item at the place of one that came in; none where that is nowhere.
    fn came_in_at(&self, place: Option<Place>) -> Result<Option<Row>, CatalogueError> {
        match (place, &self.segment) {
            (None | Some(Place::Nowhere), _) | (Some(Place::Segment(_)), None) => Ok(None),
            (Some(Place::Row(slot)), _) => Ok(self.rows.get(slot).cloned()),
            (Some(Place::Segment(point)), Some(segment)) => segment.row(point).map(Some),
            (Some(Place::Base(point)), _) => self.base.row(point).map(Some),
        }
    }

    fn find(&self, id: &ItemId) -> Result<Option<Found>, CatalogueError> {
        Ok(match self.places.get(id) {
            Some(Place::Nowhere) => None,
            Some(Place::Base(point)) => Some(Found::Base(*point)),
            Some(Place::Segment(point)) => Some(Found::Segment(*point)),
            Some(Place::Row(slot)) => self.rows.get(*slot).cloned().map(Found::Row),
            None => self.base.catalogue.point(id)?.map(Found::Base),
        })
    }

    /// The item of that name, and its vectors.
    pub(crate) fn item(&self, id: &ItemId) -> Result<Option<Row>, CatalogueError> {
        match (self.find(id)?, &self.segment) {
            (None, _) | (Some(Found::Segment(_)), None) => Ok(None),
            (Some(Found::Row(row)), _) => Ok(Some(row)),
            (Some(Found::Segment(point)), Some(segment)) => segment.row(point).map(Some),
            (Some(Found::Base(point)), _) => self.base.row(point).map(Some),
        }
    }

    /// An item that came in online with its vectors.
    pub fn came_in(&self, id: &ItemId) -> Result<Option<CameIn>, CatalogueError> {
        let row = self.came_in_at(self.places.get(id).copied())?;
        Ok(row.map(|row| (row.item, row.vectors)))
    }

    /// Whether an item that came in online shows this kept photo: `photo:` and its name.
    pub fn shows(&self, image: &str) -> bool {
        self.shown.contains_key(image)
    }

    /// How many times the catalogue had changed online when it was this.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// How an item is known to HTTP.
    pub fn etag(&self, id: &ItemId) -> Result<Option<Etag>, CatalogueError> {
        let row = self.item(id)?;
        let etag = |row: Row| Etag::of(&row.item, &row.vectors).map_err(|_| CatalogueError::Stopped);
        row.map(etag).transpose()
    }

    fn listing(
        &self,
        filter: &Filter,
        after: Option<&ItemId>,
        limit: usize,
    ) -> Result<Listing, CatalogueError> {
        let (mut items, mut total) = (Vec::new(), 0);
        for layer in self.layers() {
            let start = after.map_or(Ok(0), |id| layer.catalogue.after(id))?;
            let (places, admitted) = layer.catalogue.listed(filter, start, limit + 1, &layer.changes)?;
            total += admitted;
            for (_, point) in places {
                items.push(layer.item(point)?);
            }
        }
        let from: Bound<&ItemId> = after.map_or(Bound::Unbounded, Bound::Excluded);
        let places = self.places.range::<_, ItemId>((from, Bound::Unbounded));
        let rows = places.filter_map(|(_, place)| match place {
            Place::Row(slot) => self.rows.get(*slot),
            _ => None,
        });
        let admitted = rows.filter(|row| filter.admits(&row.item)).take(limit + 1);
        items.extend(admitted.map(|row| Arc::clone(&row.item)));
        items.sort_unstable_by(|a, b| a.id.cmp(&b.id));
        let more = items.len() > limit;
        items.truncate(limit);
        total += self.rows.iter().filter(|row| filter.admits(&row.item)).count();
        Ok(Listing { items, total, more })
    }

    fn len(&self) -> usize {
        self.layers().map(Layer::len).sum::<usize>() + self.rows.len()
    }

    fn drawn(&self) -> Result<Option<Arc<Item>>, CatalogueError> {
        let all = self.len();
        if all == 0 {
            return Ok(None);
        }
        let mut drawn = rand::random_range(0..all);
        for layer in self.layers() {
            if drawn < layer.len() {
                // The drawn one of those that answer: every point is as likely as every other.
                let points = 0..layer.catalogue.len() as u32;
                let nth = points.filter(|&point| !layer.changes.hides(point)).nth(drawn);
                return nth.map(|point| layer.item(point)).transpose();
            }
            drawn -= layer.len();
        }
        Ok(self.rows.iter().nth(drawn).map(|row| Arc::clone(&row.item)))
    }
}

/// What an item says of its photo, where that is one that came in and is kept.
fn kept_photo(item: &Item) -> Option<String> {
    item.image.starts_with("photo:").then(|| item.image.clone())
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
        let mut plan = self.plan(query, n, filter, effort)?;
        let cost = plan.cost() + self.rows.cost();
        if cost <= INLINE || !has_runtime() {
            return self.answer(query, &plan, filter);
        }
        let (view, query, filter) = (self.clone(), query.clone(), filter.clone());
        search_work(cost, move |wanted| {
            plan.for_whom(wanted);
            view.answer(&query, &plan, &filter)
        })
        .await?
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
        let cost = listing_cost(self.len(), filter, limit) + self.rows.cost();
        if cost <= INLINE || !has_runtime() {
            return self.listing(filter, after, limit);
        }
        let (view, filter, after) = (self.clone(), filter.clone(), after.cloned());
        search_work(cost, move |_| view.listing(&filter, after.as_ref(), limit)).await?
    }

    async fn facets(&self, filter: &Filter, keys: &[String]) -> Result<Vec<Facet>, CatalogueError> {
        let (view, filter, keys) = (self.clone(), filter.clone(), keys.to_vec());
        let cost = counting_cost(self.len(), keys.len());
        let count = move || {
            let layers: Vec<_> = view.layers().map(|layer| (&layer.catalogue, &layer.changes)).collect();
            let rows: Vec<_> = view.rows.iter().map(|row| &row.item).collect();
            counting::facets(&layers, &rows, &filter, &keys)
        };
        if !has_runtime() {
            return count();
        }
        search_work(cost, move |_| count()).await?
    }

    async fn categories(&self) -> Result<Vec<(String, usize)>, CatalogueError> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let of_rows = self.rows.iter().map(|row| (row.item.category.clone(), 1));
        let of_layers = self.layers().flat_map(|layer| layer.catalogue.category_counts(&layer.changes));
        for (name, n) in of_layers.chain(of_rows) {
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

    fn revision(&self) -> Option<u64> {
        Some(self.revision)
    }

    fn about(&self) -> About {
        ABOUT
    }

    async fn health(&self) -> Result<(), CatalogueError> {
        self.check()
    }

    fn dims(&self) -> Dims {
        self.dims
    }
}
