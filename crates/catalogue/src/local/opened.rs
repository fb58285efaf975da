//! One generation's files, open: what every answer is read from.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use lookalike_items::{Distance, Filter, ItemId, Vectors};
use roaring::RoaringBitmap;

use crate::{
    contract::{CATEGORY, CatalogueError, Effort, Hit, Listing, Nearest, Query},
    local::{
        OpenTiming,
        changes::Changes,
        format::{
            admitted::Admitted,
            facets::Facets,
            generation::{FACETS, GRAPH, GenerationManifest, ITEMS, MANIFEST, NUMBERS},
            graph_file::Frozen,
            items_file::Lines,
            labels::Labels,
            numbers::Numbers,
        },
        search::{Found, Search},
    },
};

/// Of fewer than one item in so many, all are gathered and sorted; of more, the first ones soon come along.
const SPARSE: usize = 8;

/// A generation whose files are mapped and checked.
pub(super) struct Opened {
    /// As `CURRENT` names it: its number and its manifest's digest.
    pub(super) name: String,
    /// The bundle it lies in, or what is laid out as one.
    pub(super) dir: PathBuf,
    /// The bundle's generation that it was compacted of, as `CURRENT` names it there; none of the bundle's own.
    pub(super) stands_for: Option<String>,
    pub(super) manifest: GenerationManifest,
    pub(super) frozen: Frozen,
    /// The items by rising id.
    pub(super) lines: Lines,
    /// The point of each item.
    pub(super) points: Vec<u32>,
    pub(super) facets: Facets,
    /// The points that have a value, by attribute, and all of them under [`CATEGORY`].
    pub(super) having: HashMap<String, RoaringBitmap>,
    /// No changes: its numbers are those of the file.
    pub(super) untouched: Changes,
    pub(super) timing: OpenTiming,
}

impl Opened {
    /// Opens without comparing digests: whatever the files hold, this and every search after it must not panic.
    pub(super) fn unverified(folder: &Path, manifest: GenerationManifest) -> Result<Self, CatalogueError> {
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

    pub(super) fn plan(
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
    pub(super) fn admitted(
        &self,
        filter: &Filter,
        changes: &Changes,
    ) -> Result<Option<Admitted>, CatalogueError> {
        let mut excluded = Vec::new();
        for id in &filter.exclude {
            excluded.extend(self.lines.find(id.as_str())?.map(|place| self.points[place]));
        }
        Ok(changes.admitted(&self.facets, filter, &excluded, self.lines.len()))
    }

    /// The places of what is admitted from `start` on, rising: at most `limit`.
    pub(super) fn places(&self, admitted: &Admitted, start: usize, limit: usize) -> Vec<usize> {
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
    pub(super) fn listed(
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

    pub(super) fn list(
        &self,
        filter: &Filter,
        after: Option<&ItemId>,
        limit: usize,
    ) -> Result<Listing, CatalogueError> {
        let start = after.map_or(Ok(0), |id| self.lines.after(id.as_str()))?;
        let (mut places, total) = self.listed(filter, start, limit + 1, &self.untouched)?;
        let more = places.len() > limit;
        places.truncate(limit);
        let items = places.into_iter().map(|place| self.lines.item(place).map(Arc::new));
        Ok(Listing { items: items.collect::<Result<_, _>>()?, total, more })
    }

    pub(super) fn vectors(&self, id: &ItemId) -> Result<Option<Vectors>, CatalogueError> {
        self.lines.find(id.as_str())?.map(|place| self.vectors_at(self.points[place])).transpose()
    }

    /// A copy of a point's vectors, of a file that was whole when they had been read.
    pub(super) fn vectors_at(&self, point: u32) -> Result<Vectors, CatalogueError> {
        let vectors = Vectors::stored(self.frozen.view().vectors(point));
        self.frozen.check()?;
        let finite = vectors.deep().iter().chain(vectors.colour()).all(|x| x.is_finite());
        if finite { Ok(vectors) } else { Err(self.frozen.not_vectors()) }
    }

    pub(super) fn sound(&self, found: impl IntoIterator<Item = Distance>) -> Result<(), CatalogueError> {
        self.frozen.check()?;
        let finite = found.into_iter().all(|distance| distance.blend.is_finite());
        if finite { Ok(()) } else { Err(self.frozen.not_vectors()) }
    }

    pub(super) fn answer(&self, query: &Query, search: &Search) -> Result<Nearest, CatalogueError> {
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
