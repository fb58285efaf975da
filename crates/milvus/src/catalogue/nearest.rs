//! A walk of Milvus' graph, and what it found compared exactly.
//!
//! Milvus walks by one distance alone, `‖deep‖² + ‖colour‖²/64`, and a query asks by `‖deep‖ + w·‖colour‖`. As the deep vectors are of norm
//! 1, a query whose deep part is multiplied by `a` makes Milvus walk by `a·‖deep‖² + ‖colour‖²/64`, and a constant. So the order of a walk
//! can be brought close to the order that is asked for, whatever `w` is: where a step in either part moves both distances alike among
//! the nearest, `a` is `r/(64·w)`, with `r` how much farther those are in colour than in shape ([`deep_factor`]). Alike photos have an `r`
//! of about 2. Where those that a walk found have quite another, as of a photo unlike all items, a second walk takes that.
//!
//! The orders are close and not the same: four times as many are fetched as are asked for, 150 more at least ([`fetched`]), with their
//! vectors, and those are put in order by the exact distance.

use std::{cmp::Ordering, collections::HashSet, sync::Arc};

use lookalike_catalogue::{CatalogueError, Effort, Hit, Nearest, Query, distance};
use lookalike_items::{Distance, Filter, Item, ItemId};
use tokio::time::Instant;

use super::Inner;
use crate::{
    client::{Level, Look},
    expression,
    fault::Fault,
    rows::{self, Columns},
    schema,
};

/// The most hits of one search: four times as many are fetched at least, whose ids must be in one answer.
pub(crate) const MOST: usize = 1_536;

/// The most that one walk fetches.
pub(super) const MOST_FETCHED: usize = 4 * MOST;

/// The largest `ef` that Milvus takes.
const MOST_EF: usize = 32_768;

/// About how many bytes of vectors may come with the ids of a walk: an answer has 4 MB at most.
const BYTES: usize = 3 << 20;

/// How much farther alike photos are in colour than in shape, about.
const RATIO: f32 = 2.0;

/// A walk whose ratio was so many times too large or too small is made again.
const FAR_OFF: f32 = 2.5;

/// The items of a filter that are compared one by one where Milvus finds fewer than asked for, though it has them.
pub(super) const SCANNED: usize = 20_000;

/// How the walk is to weigh the deep part, for a query's `w` and a ratio of the distances.
fn deep_factor(weight: f32, ratio: f32) -> f32 {
    (ratio / (64.0 * weight.max(1e-6))).clamp(1.0 / 256.0, 16.0)
}

/// How much farther the nearest of these are in colour than in shape.
fn ratio(nearest: &[Found]) -> f32 {
    let of = |part: fn(&Distance) -> f32| nearest.iter().take(10).map(|one| part(&one.distance)).sum::<f32>();
    of(|distance| distance.colour) / of(|distance| distance.deep).max(1e-3)
}

/// By exact distance, then by id.
fn nearer(a: &Found, b: &Found) -> Ordering {
    a.distance.blend.total_cmp(&b.distance.blend).then_with(|| a.id.cmp(&b.id))
}

/// How many a walk fetches for `n` hits.
fn fetched(n: usize) -> usize {
    (4 * n).max(n + 150).min(MOST_FETCHED)
}

/// One that was found, with its exact distance.
struct Found {
    id: ItemId,
    distance: Distance,
}

impl Inner {
    /// The nearest, and whether there are no more. `n` above [`MOST`] is answered as [`MOST`].
    pub async fn nearest(
        &self,
        query: &Query,
        n: usize,
        filter: &Filter,
        effort: Effort,
    ) -> Result<Nearest, CatalogueError> {
        let given = query.vectors.dims();
        if given != self.dims {
            return Err(CatalogueError::Dims { holds: self.dims, given });
        }
        let ef = match effort {
            Effort::Usual => self.milvus.options.ef,
            Effort::Ef(ef) => ef,
            Effort::Exact => {
                let why = "Milvus walks its graph: it does not compare every item";
                return Err(CatalogueError::NotSupported(why.into()));
            }
        };
        let _turn = self.admission.walk(fetched(n.min(MOST))).await?;
        let (nearest, short) = self.walked(query, n, filter, ef).await?;
        // What was found has gone or changed since: what there is now is found again.
        if short { Ok(self.walked(query, n, filter, ef).await?.0) } else { Ok(nearest) }
    }

    /// The nearest, and whether some of what was found was no longer there when it was read.
    async fn walked(
        &self,
        query: &Query,
        asked: usize,
        filter: &Filter,
        ef: usize,
    ) -> Result<(Nearest, bool), CatalogueError> {
        let (until, collection) = (self.milvus.read_by(), self.collection());
        let expression = expression::of(filter);
        let n = asked.min(MOST);
        let weight = query.weight.get();
        let factor = if self.dims.colour == 0 { 1.0 } else { deep_factor(weight, RATIO) };
        let mut found = self.walk(&collection, query, &expression, (factor, fetched(n), ef), until).await?;
        found.sort_unstable_by(nearer);
        let better = if self.dims.colour == 0 { factor } else { deep_factor(weight, ratio(&found)) };
        // Where far fewer were found than fetched, those are all there are. (A walk under a filter may be one or two short.)
        if found.len() * 10 >= fetched(n) * 9 && !(factor / FAR_OFF..=factor * FAR_OFF).contains(&better) {
            let more = self.walk(&collection, query, &expression, (better, fetched(n), ef), until).await?;
            found.extend(more);
            found.sort_unstable_by(nearer);
            found.dedup_by(|a, b| a.id == b.id);
        }
        // More than asked for were found: there are more. Else it must be known how many there are.
        let mut admitted = None;
        if found.len() <= n {
            let count = self.milvus.count(&collection, &expression, Level::Bounded, until).await?;
            admitted = Some(count);
            if count > found.len() && count <= SCANNED {
                let found_only = found.len();
                tracing::warn!(
                    found_only,
                    count,
                    "Milvus found too few: all that the filter admits are compared"
                );
                let _turn = self.admission.scan(count).await?;
                found = self.all_of(&collection, query, &expression, count, until).await?;
            } else if count > found.len() {
                let wider = (1.0, fetched(n), MOST_EF);
                found = self.walk(&collection, query, &expression, wider, until).await?;
            }
            found.sort_unstable_by(nearer);
        }
        let hits = self.items(&collection, &found, n, filter, until).await?;
        let short = hits.len() < n.min(found.len());
        Ok((Nearest { hits, exhausted: admitted.is_some_and(|count| n >= count) }, short))
    }

    /// What one walk finds, with exact distances.
    async fn walk(
        &self,
        collection: &str,
        query: &Query,
        expression: &str,
        (factor, k, ef): (f32, usize, usize),
        until: Instant,
    ) -> Result<Vec<Found>, Fault> {
        let walk = rows::walk(&query.vectors, factor);
        let row = 4 * (self.dims.deep + self.dims.colour) + 80;
        let vectors = k * row <= BYTES;
        let look = Look { collection, expression, walk: &walk, k, ef: ef.max(k).min(MOST_EF), vectors };
        let found = self.milvus.search(&look, until).await?;
        if vectors {
            return self.measured(query, &found);
        }
        let ids = found.ids.iter().map(|id| rows::id(id)).collect::<Result<Vec<_>, _>>()?;
        self.of_ids(collection, query, &ids, until).await
    }

    /// Every item of an expression that keeps few, with exact distances.
    async fn all_of(
        &self,
        collection: &str,
        query: &Query,
        expression: &str,
        count: usize,
        until: Instant,
    ) -> Result<Vec<Found>, Fault> {
        let fields = [schema::ID, schema::WALK];
        // Some may have come since they were counted.
        let read = (Level::Bounded, until);
        let all = self.first(collection, (expression, None), &fields, 2 * count + 100, read).await?;
        self.measured(query, &all)
    }

    async fn of_ids(
        &self,
        collection: &str,
        query: &Query,
        ids: &[ItemId],
        until: Instant,
    ) -> Result<Vec<Found>, Fault> {
        let mut found = Vec::with_capacity(ids.len());
        for part in ids.iter().collect::<Vec<_>>().chunks(1_000) {
            let fields = [schema::ID, schema::WALK];
            let rows = self.by_ids(collection, part, &fields, Level::Bounded, until).await?;
            found.extend(self.measured(query, &rows)?);
        }
        Ok(found)
    }

    fn measured(&self, query: &Query, rows: &Columns) -> Result<Vec<Found>, Fault> {
        let asked = (query.vectors.deep(), query.vectors.colour());
        let mut once = HashSet::new();
        let mut found = Vec::with_capacity(rows.ids.len());
        for (id, walk) in rows.ids.iter().zip(&rows.walks) {
            if !once.insert(id) {
                continue;
            }
            let held = rows::vectors(walk, self.dims)?;
            let distance = distance(asked, (held.deep(), held.colour()), query.weight);
            found.push(Found { id: rows::id(id)?, distance });
        }
        Ok(found)
    }

    /// The items of the first `n` of these that are there and that the filter admits: the filter's own word is the last.
    async fn items(
        &self,
        collection: &str,
        found: &[Found],
        n: usize,
        filter: &Filter,
        until: Instant,
    ) -> Result<Vec<Hit>, Fault> {
        let mut hits: Vec<Hit> = Vec::with_capacity(n);
        let mut rest = found;
        while hits.len() < n && !rest.is_empty() {
            let (part, after) = rest.split_at((n - hits.len()).min(500).min(rest.len()));
            rest = after;
            let ids: Vec<&ItemId> = part.iter().map(|one| &one.id).collect();
            let fields = [schema::ID, schema::ITEM];
            let rows = self.by_ids(collection, &ids, &fields, Level::Bounded, until).await?;
            let mut items: Vec<Arc<Item>> =
                rows.items.iter().map(|json| rows::item(json)).collect::<Result<_, _>>()?;
            items.sort_unstable_by(|a, b| a.id.cmp(&b.id));
            for one in part {
                if let Ok(at) = items.binary_search_by(|item| item.id.cmp(&one.id))
                    && filter.admits(&items[at])
                {
                    hits.push(Hit { item: items[at].clone(), distance: one.distance });
                }
            }
        }
        Ok(hits)
    }
}
