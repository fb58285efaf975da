//! The embedded engine: one generation, mapped, searched without locks. It changes only by being built again.

use std::{
    fmt,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use async_trait::async_trait;
use tokio::runtime::Handle;

use super::{
    Catalogue, CatalogueError, Dims, Distance, Effort, Filter, GenerationManifest, Hit, Item, ItemId,
    Nearest, Query, Vectors,
    facets::Facets,
    frozen::Frozen,
    generation::{self, GRAPH, ITEMS, MANIFEST},
    search::Search,
};

/// Searches that compare more than this many photos leave the async threads to others.
const INLINE: usize = 20_000;

/// A built catalogue, open for searching. Cloning it is cheap: all clones are one catalogue.
#[derive(Clone)]
pub struct LocalCatalogue(Arc<Opened>);

impl fmt::Debug for LocalCatalogue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LocalCatalogue").field(&self.0.manifest).finish()
    }
}

struct Opened {
    manifest: GenerationManifest,
    frozen: Frozen,
    /// By rising id.
    items: Vec<Arc<Item>>,
    /// The point of each of `items`.
    points: Vec<u32>,
    facets: Facets,
    timing: OpenTiming,
}

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
        let (folder, manifest) = generation::current(bundle_dir)?;
        if manifest.model_id != expected_model_id {
            let (belongs_to, expected) = (manifest.model_id, expected_model_id.to_owned());
            return Err(CatalogueError::Model { path: folder, belongs_to, expected });
        }
        let started = Instant::now();
        generation::verify(&folder, &manifest)?;
        let hashing = started.elapsed();
        let mut opened = Opened::unverified(&folder, manifest)?;
        opened.timing = OpenTiming { hashing, opening: started.elapsed() - hashing };
        let OpenTiming { hashing, opening } = opened.timing;
        tracing::info!(catalogue = %folder.display(), items = opened.items.len(), ?hashing, ?opening, "catalogue open");
        Ok(Self(Arc::new(opened)))
    }

    /// What the generation is and how it was built.
    pub fn manifest(&self) -> &GenerationManifest {
        &self.0.manifest
    }

    /// How long opening took.
    pub fn timing(&self) -> OpenTiming {
        self.0.timing
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.0.items.len()
    }

    /// Whether there are no items.
    pub fn is_empty(&self) -> bool {
        self.0.items.is_empty()
    }

    /// All items with their deep and colour vectors, by rising id.
    pub fn items(&self) -> impl ExactSizeIterator<Item = (&Arc<Item>, (&[f32], &[f32]))> {
        let view = self.0.frozen.view();
        self.0.items.iter().zip(&self.0.points).map(move |(item, &point)| (item, view.vectors(point)))
    }

    /// [`Catalogue::nearest`] on this thread.
    pub fn search(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
    ) -> Result<Nearest, CatalogueError> {
        let search = self.0.plan(query, n, filter, effort)?;
        Ok(self.0.answer(query, &search))
    }

    #[cfg(test)]
    pub(super) fn open_unverified(
        folder: &Path,
        manifest: GenerationManifest,
    ) -> Result<Self, CatalogueError> {
        Opened::unverified(folder, manifest).map(|opened| Self(Arc::new(opened)))
    }
}

impl Opened {
    /// Opens without comparing digests: whatever the files hold, this and every search after it must not panic.
    fn unverified(folder: &Path, manifest: GenerationManifest) -> Result<Self, CatalogueError> {
        let frozen = Frozen::open(&folder.join(GRAPH))?;
        let items = read_items(&folder.join(ITEMS))?;
        let view = frozen.view();
        let counts = [items.len(), view.count()];
        if counts != [manifest.count; 2] || (frozen.dims(), frozen.m()) != (manifest.dims, manifest.m) {
            let why = format!(
                "it speaks of {} items, its files of {counts:?}, or of other vectors",
                manifest.count
            );
            return Err(CatalogueError::damaged(&folder.join(MANIFEST), why));
        }
        let mut points = vec![0; items.len()];
        for (point, &item) in (0..).zip(view.items) {
            points[item as usize] = point;
        }
        let facets = Facets::gather(view.items.iter().map(|&item| items[item as usize].as_ref()));
        Ok(Self { manifest, items, points, facets, timing: OpenTiming::default(), frozen })
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.items.binary_search_by(|item| item.id.as_str().cmp(id)).ok()
    }

    fn plan(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
    ) -> Result<Search, CatalogueError> {
        let (holds, given) = (self.frozen.dims(), query.vectors.dims());
        if holds != given && !self.items.is_empty() {
            return Err(CatalogueError::Dims { holds, given });
        }
        let admitted = self.facets.compile(filter, |id| self.place(id).map(|place| self.points[place]));
        Ok(Search::plan(self.items.len(), n, admitted, effort, query.weight))
    }

    fn answer(&self, query: &Query, search: &Search) -> Nearest {
        let view = self.frozen.view();
        let asked = (query.vectors.deep(), query.vectors.colour());
        let hit = |point: u32| Hit {
            item: Arc::clone(&self.items[view.items[point as usize] as usize]),
            distance: Distance::between(asked, view.vectors(point), query.weight),
        };
        let hits: Vec<Hit> = search.run(&self.frozen, query).into_iter().map(hit).collect();
        Nearest { exhausted: hits.len() == search.available, hits }
    }
}

fn read_items(path: &Path) -> Result<Vec<Arc<Item>>, CatalogueError> {
    let bytes = generation::read(path)?;
    if bytes.last().is_some_and(|&last| last != b'\n') {
        return Err(CatalogueError::damaged(path, "its last line has no end"));
    }
    let mut items: Vec<Arc<Item>> = Vec::new();
    for (number, line) in (1..).zip(bytes.split_inclusive(|&byte| byte == b'\n')) {
        let item: Item = serde_json::from_slice(line)
            .map_err(|e| CatalogueError::damaged(path, format!("line {number} is not an item: {e}")))?;
        if items.last().is_some_and(|last| last.id >= item.id) {
            let why = format!("line {number} is not after the id before it: ids rise and are unique");
            return Err(CatalogueError::damaged(path, why));
        }
        items.push(Arc::new(item));
    }
    Ok(items)
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
        let search = self.0.plan(query, n, filter, effort)?;
        match Handle::try_current() {
            Ok(runtime) if search.cost() > INLINE => {
                let (opened, query) = (Arc::clone(&self.0), query.clone());
                let answer = runtime.spawn_blocking(move || opened.answer(&query, &search)).await;
                answer.map_err(|_| CatalogueError::Stopped)
            }
            _ => Ok(self.0.answer(query, &search)),
        }
    }

    async fn get(&self, id: &ItemId) -> Result<Option<(Arc<Item>, Vectors)>, CatalogueError> {
        let Some(place) = self.0.place(id.as_str()) else { return Ok(None) };
        let vectors = Vectors::stored(self.0.frozen.view().vectors(self.0.points[place]));
        Ok(Some((Arc::clone(&self.0.items[place]), vectors)))
    }

    async fn random(&self) -> Result<Option<Arc<Item>>, CatalogueError> {
        let drawn = (!self.is_empty()).then(|| rand::random_range(0..self.len()));
        Ok(drawn.map(|place| Arc::clone(&self.0.items[place])))
    }

    async fn upsert(&self, _: Item, _: Vectors) -> Result<(), CatalogueError> {
        Err(CatalogueError::ReadOnly)
    }

    async fn delete(&self, _: &ItemId) -> Result<bool, CatalogueError> {
        Err(CatalogueError::ReadOnly)
    }

    async fn count(&self) -> Result<usize, CatalogueError> {
        Ok(self.len())
    }

    fn dims(&self) -> Dims {
        self.0.frozen.dims()
    }
}
