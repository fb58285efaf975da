//! The embedded engine: one generation, mapped, searched without locks, which changes only by being built again; and, laid over
//! it, what came in online ([`LiveCatalogue`]).

mod adjacency;
mod answers;
mod audit;
mod bases;
mod bits;
mod build;
mod changes;
mod codes;
mod costs;
mod counting;
mod distance;
mod format;
mod kernel;
mod live;
mod opened;
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
    fmt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use roaring::RoaringBitmap;
use tokio::runtime::Handle;

use crate::{
    contract::{About, CatalogueError, Effort, Nearest, Query, Visibility},
    local::{
        adjacency::Links,
        changes::Changes,
        codes::{Codebook, Coded},
        format::{
            admitted::everyone,
            generation::{self, Lying},
        },
        kernel::Rows,
        opened::Opened,
        search::{Candidate, Found, Search},
        tally::Tally,
    },
};
use lookalike_items::{ColourWeight, Distance, Filter, Item, ItemId, Vectors};

/// Codes of fewer items fit little but those: what comes in is not compared by them.
const CODES_FROM: usize = 4_096;

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

    /// [`Catalogue::nearest`](crate::Catalogue::nearest) on this thread.
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
