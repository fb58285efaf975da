//! The embedded engine: one generation, mapped, searched without locks, which changes only by being built again; and, laid over
//! it, what came in online ([`LiveCatalogue`]).

mod adjacency;
mod audit;
mod bases;
mod bits;
mod build;
mod changes;
mod codes;
mod counting;
mod distance;
mod format;
mod kernel;
mod live;
mod recall;
mod search;
mod tally;
#[cfg(test)]
mod tests;

pub use audit::Audit;
pub use bases::{Base, BaseKind, BaseName, bundle_bases, one_before};
pub use build::{BuildOptions, Progress, Stage, build};
pub use distance::distance;
pub use format::{footprint::Footprint, generation::GenerationManifest};
pub use live::{
    CameIn, HandedOver, HeldWrites, LiveCatalogue, LiveOptions, OtherState, PieceError, RESTORING, Record,
    Records, Row, STATE_FILE, Snapshot, StateAbout, StateWriter, View,
};

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use roaring::RoaringBitmap;
use tokio::runtime::Handle;

use crate::{
    contract::{
        About, CATEGORY, Catalogue, CatalogueError, Effort, Facet, Hit, Listing, Nearest, Query, Visibility,
    },
    local::{
        adjacency::Links,
        changes::Changes,
        codes::{Codebook, Coded},
        format::{
            admitted::{Admitted, everyone},
            facets::Facets,
            generation::{self, FACETS, GRAPH, ITEMS, Lying, MANIFEST, NUMBERS},
            graph_file::Frozen,
            items_file::Lines,
            labels::Labels,
            numbers::Numbers,
        },
        kernel::Rows,
        search::{Candidate, Found, Search},
        tally::Tally,
    },
    work::search_work,
};
use lookalike_items::{ColourWeight, Dims, Distance, Filter, Item, ItemId, Vectors};

/// Searches that compare more than this many photos leave the async threads to others.
const INLINE: usize = 20_000;

/// Codes of fewer items fit little but those: what comes in is not compared by them.
const CODES_FROM: usize = 4_096;

/// Of fewer than one item in so many, all are gathered and sorted; of more, the first ones soon come along.
const SPARSE: usize = 8;

/// What one item of a list costs to be read and parsed, in rows of codes compared.
const LISTED: usize = 200;

/// What a filter costs an item, in parts of a row: bitmaps are counted many items at a time.
const FILTERED: usize = 16;

/// What a list costs, in rows of codes compared, or so.
pub(crate) fn listing_cost(items: usize, filter: &Filter, limit: usize) -> usize {
    let filtered = if *filter == Filter::default() { 0 } else { items / FILTERED };
    limit.min(items).saturating_mul(LISTED).saturating_add(filtered)
}

/// What counting values costs, in rows of codes compared, or so. It is never dear: a page shows counts beside every search.
pub(crate) fn counting_cost(items: usize, keys: usize) -> usize {
    (items / FILTERED).saturating_mul(1 + keys).min(COUNTED)
}

/// The most that counting is said to cost.
const COUNTED: usize = 200_000;

/// Whether there is somebody to wait for other threads.
pub(crate) fn has_runtime() -> bool {
    Handle::try_current().is_ok()
}

/// What this engine is and can do, frozen and living.
const ABOUT: About = About {
    engine: "local",
    visibility: Visibility::Immediate,
    conditional_writes: true,
    facets: true,
    exact: true,
    most: usize::MAX,
};

/// A built catalogue, open for searching. Cloning it is cheap: all clones are one catalogue.
#[derive(Clone)]
pub struct LocalCatalogue(Arc<Opened>);

impl fmt::Debug for LocalCatalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalCatalogue").field(&self.0.manifest).finish()
    }
}

struct Opened {
    /// As `CURRENT` names it: its number and its manifest's digest.
    name: String,
    /// The bundle it lies in, or what is laid out as one.
    dir: PathBuf,
    /// The bundle's generation that it was compacted of, as `CURRENT` names it there; none of the bundle's own.
    stands_for: Option<String>,
    manifest: GenerationManifest,
    frozen: Frozen,
    /// The items by rising id.
    lines: Lines,
    /// The point of each item.
    points: Vec<u32>,
    facets: Facets,
    /// The points that have a value, by attribute, and all of them under [`CATEGORY`].
    having: HashMap<String, RoaringBitmap>,
    /// No changes: its numbers are those of the file.
    untouched: Changes,
    timing: OpenTiming,
}

/// An item with its deep and colour vectors.
pub type Entry<'a> = (Item, (&'a [f32], &'a [f32]));

/// How long opening took.
#[derive(Clone, Copy, Debug, Default)]
pub struct OpenTiming {
    /// Reading all files once, to compare digests.
    pub hashing: Duration,
    /// Mapping, checking and reading what was hashed.
    pub opening: Duration,
}

impl LocalCatalogue {
    /// Opens the bundle's current generation: its files as they were written, and of the model expected.
    pub fn open(bundle_dir: &Path, expected_model_id: &str) -> Result<Self, CatalogueError> {
        Self::verified(generation::current(bundle_dir)?, None, expected_model_id)
    }

    /// Opens the bundle's generation of this number, whatever `CURRENT` names.
    pub fn open_generation(
        bundle_dir: &Path,
        generation: u64,
        expected_model_id: &str,
    ) -> Result<Self, CatalogueError> {
        Self::verified(generation::numbered(bundle_dir, generation)?, None, expected_model_id)
    }

    /// Holds every file against the manifest, then opens them. `stands_for` is the bundle's generation that it was compacted of.
    pub(crate) fn verified(
        lying: Lying,
        stands_for: Option<String>,
        expected_model_id: &str,
    ) -> Result<Self, CatalogueError> {
        let Lying { line: name, folder, manifest } = lying;
        if manifest.model_id != expected_model_id {
            let (belongs_to, expected) = (manifest.model_id, expected_model_id.to_owned());
            return Err(CatalogueError::Model { path: folder, belongs_to, expected });
        }
        let started = Instant::now();
        generation::verify(&folder, &manifest)?;
        let hashing = started.elapsed();
        let mut opened = Opened::unverified(&folder, manifest)?;
        (opened.name, opened.stands_for) = (name, stands_for);
        opened.dir = folder.ancestors().nth(2).unwrap_or(&folder).to_owned();
        opened.timing = OpenTiming { hashing, opening: started.elapsed() - hashing };
        let OpenTiming { hashing, opening } = opened.timing;
        let (items, kernel) = (opened.lines.len(), opened.frozen.view().kernel.name());
        tracing::info!(catalogue = %folder.display(), items, kernel, ?hashing, ?opening, "catalogue open");
        Ok(Self(Arc::new(opened)))
    }

    /// What the generation is and how it was built.
    pub fn manifest(&self) -> &GenerationManifest {
        &self.0.manifest
    }

    /// Which generation it is: its number and its digest.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// The bundle's generation that it is, or that it was compacted of: its number and its digest.
    pub(crate) fn of(&self) -> &str {
        self.0.stands_for.as_deref().unwrap_or(&self.0.name)
    }

    /// The bundle that it lies in, or what is laid out as one.
    pub(crate) fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// What it is called among all that could be served.
    pub fn base_name(&self) -> BaseName {
        let kind = if self.0.stands_for.is_some() { BaseKind::Compacted } else { BaseKind::Bundle };
        BaseName { kind, generation: self.manifest().generation }
    }

    /// Touches what a search touches, so that the first shopper does not wait for the disk.
    ///
    /// # Errors
    /// Where it cannot be searched.
    pub fn warm_up(&self) -> Result<(), CatalogueError> {
        if let Some(entry) = self.items().next() {
            let query = Query { vectors: Vectors::stored(entry?.1), weight: ColourWeight::DEFAULT };
            self.search(&query, 10, &Filter::default(), Effort::Usual)?;
        }
        Ok(())
    }

    /// How long opening took.
    pub fn timing(&self) -> OpenTiming {
        self.0.timing
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.0.lines.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How much memory it takes.
    pub fn footprint(&self) -> Footprint {
        self.0.frozen.footprint()
    }

    /// The neighbours on level 0.
    pub(crate) fn links(&self) -> Links<'_> {
        self.0.frozen.view().links
    }

    /// Whether its files are still what they were: they were cut short, or cannot be read any more, where not. Nothing that needs them is
    /// answered then, until it is opened again.
    ///
    /// # Errors
    /// [`CatalogueError::Lost`] where they are not.
    pub fn check(&self) -> Result<(), CatalogueError> {
        self.0.frozen.check_length()?;
        self.0.lines.check()
    }

    /// What is found must be at a distance, and read of files that are whole.
    pub(crate) fn sound(&self, found: impl IntoIterator<Item = Distance>) -> Result<(), CatalogueError> {
        self.0.sound(found)
    }

    /// All items with their deep and colour vectors, by rising id. The vectors lie in the file: whoever keeps them [asks](Self::check)
    /// afterwards whether that was whole.
    pub fn items(&self) -> impl ExactSizeIterator<Item = Result<Entry<'_>, CatalogueError>> {
        let view = self.0.frozen.view();
        let item = move |place| Ok((self.0.lines.item(place)?, view.vectors(self.0.points[place])));
        (0..self.len()).map(item)
    }

    /// The places, among all items by rising id, of the `n` nearest, and how far each is: what [`Self::search`] answers,
    /// without the items.
    pub fn places(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
    ) -> Result<Vec<(usize, Distance)>, CatalogueError> {
        let search = self.0.plan(query, n, filter, effort, (&self.0.untouched, 1.0))?;
        let found = search.run(&self.0.frozen, query);
        self.0.sound(found.iter().map(|found| found.distance))?;
        Ok(found.into_iter().map(|found| (found.item as usize, found.distance)).collect())
    }

    /// [`Catalogue::nearest`] on this thread.
    pub fn search(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
    ) -> Result<Nearest, CatalogueError> {
        let search = self.0.plan(query, n, filter, effort, (&self.0.untouched, 1.0))?;
        self.0.answer(query, &search)
    }

    /// The point of the item of that name.
    pub(crate) fn point(&self, id: &ItemId) -> Result<Option<u32>, CatalogueError> {
        Ok(self.0.lines.find(id.as_str())?.map(|place| self.0.points[place]))
    }

    /// No changes of it.
    pub(crate) fn untouched(&self) -> &Changes {
        &self.0.untouched
    }

    /// The points of all items, by rising id.
    pub(crate) fn points_by_id(&self) -> Vec<u32> {
        self.0.points.clone()
    }

    /// A point's item as its generation has it, and its vectors.
    pub(crate) fn at(&self, point: u32) -> Result<(Item, Vectors), CatalogueError> {
        Ok((self.item_at(point)?, self.0.vectors_at(point)?))
    }

    /// A point's item as its generation has it.
    pub(crate) fn item_at(&self, point: u32) -> Result<Item, CatalogueError> {
        self.0.lines.item(self.0.frozen.view().items[point as usize] as usize)
    }

    /// How a search of what is left of it after these changes is to be done; `part` as [`Search::plan`] takes it.
    pub(crate) fn plan(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
        of: (&Changes, f32),
    ) -> Result<Search, CatalogueError> {
        self.0.plan(query, n, filter, effort, of)
    }

    /// The points that a search finds, nearest first.
    pub(crate) fn run(&self, search: &Search, query: &Query) -> Vec<(u32, Distance)> {
        self.points_of(search.run(&self.0.frozen, query))
    }

    /// The points that a search may find, by codes; what is farther than `bound` may be left out.
    pub(crate) fn candidates(&self, search: &Search, query: &Coded<'_>, bound: f32) -> Vec<Candidate> {
        search.candidates(&self.0.frozen, query, bound)
    }

    /// Those of these points that a search answers, nearest first.
    pub(crate) fn nearest_of(
        &self,
        search: &Search,
        query: &Query,
        points: impl Iterator<Item = u32>,
    ) -> Vec<(u32, Distance)> {
        self.points_of(search.compare(self.0.frozen.view(), query, points))
    }

    fn points_of(&self, found: Vec<Found>) -> Vec<(u32, Distance)> {
        found.into_iter().map(|found| (self.0.points[found.item as usize], found.distance)).collect()
    }

    /// Whether its codes tell others apart too: `count` items that are like its own.
    pub(crate) fn codes_fit_others(&self, count: usize) -> bool {
        self.len() >= CODES_FROM.max(count)
    }

    /// How its vectors became codes.
    pub(crate) fn codebook(&self) -> &Codebook {
        self.0.frozen.book()
    }

    /// A query in its codes.
    pub(crate) fn encode(&self, query: &Query) -> Coded<'static> {
        self.0.frozen.encode(query)
    }

    /// Vectors of its dimensions as a row of codes.
    pub(crate) fn codes_of(&self, vectors: &Vectors) -> Vec<u8> {
        let (book, kernel) = (self.codebook(), self.0.frozen.view().kernel);
        let mut codes = vec![0; book.shape().stride()];
        if vectors.dims() == book.shape().dims {
            book.encode(kernel, vectors.deep(), vectors.colour(), &mut codes);
        }
        codes
    }

    /// Rows of its codes.
    pub(crate) fn code_rows<'a>(&self, codes: &'a [u8]) -> Rows<'a> {
        self.codebook().shape().rows(codes)
    }

    /// The places and points, by rising id from `start` on, that the filter admits after these changes: at most `limit`; and how
    /// many it admits in all.
    pub(crate) fn listed(
        &self,
        filter: &Filter,
        start: usize,
        limit: usize,
        changes: &Changes,
    ) -> Result<(Vec<(usize, u32)>, usize), CatalogueError> {
        let (places, total) = self.0.listed(filter, start, limit, changes)?;
        Ok((places.into_iter().map(|place| (place, self.0.points[place])).collect(), total))
    }

    /// The first place of an id above this one.
    pub(crate) fn after(&self, id: &ItemId) -> Result<usize, CatalogueError> {
        self.0.lines.after(id.as_str())
    }

    /// How many points of each category answer after these changes.
    pub(crate) fn category_counts(&self, changes: &Changes) -> Vec<(String, usize)> {
        changes.categories(&self.0.facets)
    }

    /// The points that the filter admits after these changes.
    pub(crate) fn points_admitted(
        &self,
        filter: &Filter,
        changes: &Changes,
    ) -> Result<RoaringBitmap, CatalogueError> {
        let admitted = self.0.admitted(filter, changes)?;
        Ok(admitted.map_or_else(|| everyone(self.len()), |admitted| admitted.into_bitmap(self.len())))
    }

    /// Counts what these points have under a key.
    pub(crate) fn tally<'a>(
        &'a self,
        key: &str,
        points: &RoaringBitmap,
        changes: &'a Changes,
        tally: &mut Tally<'a>,
    ) {
        changes.tally(key, (&self.0.facets, self.0.having.get(key)), points, tally);
    }

    #[cfg(test)]
    pub(crate) fn open_unverified(
        folder: &Path,
        manifest: GenerationManifest,
    ) -> Result<Self, CatalogueError> {
        Opened::unverified(folder, manifest).map(|opened| Self(Arc::new(opened)))
    }
}

impl Opened {
    /// Opens without comparing digests: whatever the files hold, this and every search after it must not panic.
    fn unverified(folder: &Path, manifest: GenerationManifest) -> Result<Self, CatalogueError> {
        let (frozen, starts) = Frozen::open(&folder.join(GRAPH))?;
        let lines = Lines::open(&folder.join(ITEMS), starts)?;
        let facets = Facets::read(&folder.join(FACETS), lines.len())?;
        let numbers = match manifest.files.contains_key(NUMBERS) {
            true => Numbers::read(&folder.join(NUMBERS), lines.len())?,
            false => Numbers::none(lines.len()),
        };
        let found = (frozen.dims(), frozen.m(), frozen.book().shape().head);
        if lines.len() != manifest.count || found != (manifest.dims, manifest.m, manifest.code_head) {
            let why = format!(
                "it speaks of {} items, its files of {}, or of other vectors",
                manifest.count,
                lines.len()
            );
            return Err(CatalogueError::damaged(&folder.join(MANIFEST), why));
        }
        let keys = facets.keys().chain([CATEGORY]);
        let having = keys.map(|key| (key.to_owned(), facets.having(key))).collect();
        let mut points = vec![0; lines.len()];
        for (point, &item) in (0..).zip(frozen.view().items) {
            points[item as usize] = point;
        }
        Ok(Self {
            name: String::new(),
            dir: PathBuf::new(),
            stands_for: None,
            manifest,
            untouched: Changes::of(numbers, Labels::of(&facets, lines.len())),
            lines,
            points,
            having,
            facets,
            timing: OpenTiming::default(),
            frozen,
        })
    }

    fn plan(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
        (changes, part): (&Changes, f32),
    ) -> Result<Search, CatalogueError> {
        let (holds, given) = (self.frozen.dims(), query.vectors.dims());
        if holds != given && self.lines.len() > 0 {
            return Err(CatalogueError::Dims { holds, given });
        }
        Ok(Search::plan(self.lines.len(), n, self.admitted(filter, changes)?, effort, (query.weight, part)))
    }

    /// Whom the filter admits; `None` where that is everyone.
    fn admitted(&self, filter: &Filter, changes: &Changes) -> Result<Option<Admitted>, CatalogueError> {
        let mut excluded = Vec::new();
        for id in &filter.exclude {
            excluded.extend(self.lines.find(id.as_str())?.map(|place| self.points[place]));
        }
        Ok(changes.admitted(&self.facets, filter, &excluded, self.lines.len()))
    }

    /// The places of what is admitted from `start` on, rising: at most `limit`.
    fn places(&self, admitted: &Admitted, start: usize, limit: usize) -> Vec<usize> {
        let all = self.lines.len();
        if admitted.count().number() < all / SPARSE {
            let items = self.frozen.view().items;
            let places = admitted.iter(all).map(|point| items[point as usize] as usize);
            let mut places: Vec<usize> = places.filter(|&place| place >= start).collect();
            places.sort_unstable();
            places.truncate(limit);
            return places;
        }
        (start..all).filter(|&place| admitted.contains(self.points[place])).take(limit).collect()
    }

    /// The places of what the filter admits from `start` on, rising, at most `limit`; and how many it admits in all.
    fn listed(
        &self,
        filter: &Filter,
        start: usize,
        limit: usize,
        changes: &Changes,
    ) -> Result<(Vec<usize>, usize), CatalogueError> {
        let all = self.lines.len();
        Ok(match self.admitted(filter, changes)?.map(|admitted| admitted.counted(all)) {
            None => ((start..all).take(limit).collect(), all),
            Some(admitted) => (self.places(&admitted, start, limit), admitted.count().number()),
        })
    }

    fn list(&self, filter: &Filter, after: Option<&ItemId>, limit: usize) -> Result<Listing, CatalogueError> {
        let start = after.map_or(Ok(0), |id| self.lines.after(id.as_str()))?;
        let (mut places, total) = self.listed(filter, start, limit + 1, &self.untouched)?;
        let more = places.len() > limit;
        places.truncate(limit);
        let items = places.into_iter().map(|place| self.lines.item(place).map(Arc::new));
        Ok(Listing { items: items.collect::<Result<_, _>>()?, total, more })
    }

    fn vectors(&self, id: &ItemId) -> Result<Option<Vectors>, CatalogueError> {
        self.lines.find(id.as_str())?.map(|place| self.vectors_at(self.points[place])).transpose()
    }

    /// A copy of a point's vectors, of a file that was whole when they had been read.
    fn vectors_at(&self, point: u32) -> Result<Vectors, CatalogueError> {
        let vectors = Vectors::stored(self.frozen.view().vectors(point));
        self.frozen.check()?;
        let finite = vectors.deep().iter().chain(vectors.colour()).all(|x| x.is_finite());
        if finite { Ok(vectors) } else { Err(self.frozen.not_vectors()) }
    }

    fn sound(&self, found: impl IntoIterator<Item = Distance>) -> Result<(), CatalogueError> {
        self.frozen.check()?;
        let finite = found.into_iter().all(|distance| distance.blend.is_finite());
        if finite { Ok(()) } else { Err(self.frozen.not_vectors()) }
    }

    fn answer(&self, query: &Query, search: &Search) -> Result<Nearest, CatalogueError> {
        let hit = |found: Found| -> Result<Hit, CatalogueError> {
            let item = Arc::new(self.lines.item(found.item as usize)?);
            Ok(Hit { item, distance: found.distance })
        };
        let found = search.run(&self.frozen, query);
        self.sound(found.iter().map(|found| found.distance))?;
        let hits = found.into_iter().map(hit).collect::<Result<Vec<_>, _>>()?;
        Ok(Nearest { exhausted: search.is_all(hits.len()), hits })
    }
}

#[async_trait]
impl Catalogue for LocalCatalogue {
    async fn nearest(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
    ) -> Result<Nearest, CatalogueError> {
        let mut search = self.0.plan(query, n, filter, effort, (&self.0.untouched, 1.0))?;
        if search.cost() <= INLINE || !has_runtime() {
            return self.0.answer(query, &search);
        }
        let (opened, query) = (Arc::clone(&self.0), query.clone());
        search_work(search.cost(), move |wanted| {
            search.for_whom(wanted);
            opened.answer(&query, &search)
        })
        .await?
    }

    async fn vectors(&self, ids: &[ItemId]) -> Result<Vec<Option<Vectors>>, CatalogueError> {
        ids.iter().map(|id| self.0.vectors(id)).collect()
    }

    async fn list(
        &self,
        filter: &Filter,
        after: Option<&ItemId>,
        limit: usize,
    ) -> Result<Listing, CatalogueError> {
        let cost = listing_cost(self.len(), filter, limit);
        if cost <= INLINE || !has_runtime() {
            return self.0.list(filter, after, limit);
        }
        let (opened, filter, after) = (Arc::clone(&self.0), filter.clone(), after.cloned());
        search_work(cost, move |_| opened.list(&filter, after.as_ref(), limit)).await?
    }

    async fn facets(&self, filter: &Filter, keys: &[String]) -> Result<Vec<Facet>, CatalogueError> {
        let (catalogue, filter, keys) = (self.clone(), filter.clone(), keys.to_vec());
        let keys_of = keys.len();
        let count = move || counting::facets(&[(&catalogue, catalogue.untouched())], &[], &filter, &keys);
        if !has_runtime() {
            return count();
        }
        search_work(counting_cost(self.len(), keys_of), move |_| count()).await?
    }

    async fn categories(&self) -> Result<Vec<(String, usize)>, CatalogueError> {
        let mut all = self.category_counts(&self.0.untouched);
        all.sort_unstable();
        Ok(all)
    }

    async fn get(&self, id: &ItemId) -> Result<Option<(Arc<Item>, Vectors)>, CatalogueError> {
        let Some(place) = self.0.lines.find(id.as_str())? else { return Ok(None) };
        Ok(Some((Arc::new(self.0.lines.item(place)?), self.0.vectors_at(self.0.points[place])?)))
    }

    async fn random(&self) -> Result<Option<Arc<Item>>, CatalogueError> {
        if self.is_empty() {
            return Ok(None);
        }
        self.0.lines.item(rand::random_range(0..self.len())).map(|item| Some(Arc::new(item)))
    }

    async fn count(&self) -> Result<usize, CatalogueError> {
        Ok(self.len())
    }

    fn revision(&self) -> Option<u64> {
        Some(0)
    }

    fn about(&self) -> About {
        ABOUT
    }

    async fn health(&self) -> Result<(), CatalogueError> {
        self.check()
    }

    fn dims(&self) -> Dims {
        self.0.frozen.dims()
    }
}
