//! A walk of Milvus' graph, and what it found compared exactly.
//!
//! Milvus walks by one distance alone, `‖deep‖² + ‖colour‖²/64`, and a query asks by `‖deep‖ + w·‖colour‖`. As the deep vectors are of norm
//! 1, a query whose deep part is multiplied by `a` makes Milvus walk by `a·‖deep‖² + ‖colour‖²/64`, and a constant: so each `w` has
//! its own `a`, and the order of a walk is close to the order that is asked for. It is not the same: more are fetched than are asked for
//! ([`fetched`]), with their vectors, and those are put in order by the exact distance.

use std::{collections::HashSet, sync::Arc};

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
const MOST_FETCHED: usize = 4 * MOST;

/// So few items that a filter admits are all fetched where the walk did not find them, and compared.
const FEW: usize = 2_000;

/// The largest `ef` that Milvus takes.
const MOST_EF: usize = 32_768;

/// About how many bytes of vectors may come with the ids of a walk: an answer has 4 MB at most.
const BYTES: usize = 3 << 20;

/// How much farther two alike photos are in colour than in shape, about: where a walk's order should be as the query's.
const COLOUR_TO_DEEP: f32 = 2.0;

/// How the walk is to weigh the deep part, for a query's `w`: where both distances are as far as those of alike photos are, a step in
/// either moves the walk's distance as it moves the query's.
fn deep_factor(weight: f32, colour: usize) -> f32 {
    if colour == 0 {
        return 1.0;
    }
    (COLOUR_TO_DEEP / (64.0 * weight.max(1e-6))).clamp(1.0 / 64.0, 16.0)
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
        Ok(self.walked(query, n, filter, ef).await?)
    }

    async fn walked(
        &self,
        query: &Query,
        asked: usize,
        filter: &Filter,
        ef: usize,
    ) -> Result<Nearest, Fault> {
        let (until, collection) = (self.milvus.read_by(), self.collection());
        let expression = expression::of(filter);
        let n = asked.min(MOST);
        let mut found = self.walk(&collection, query, &expression, (fetched(n), ef), until).await?;
        // More than asked for were found: there are more. Else it must be known how many there are.
        let mut admitted = None;
        if found.len() <= n {
            let count = self.milvus.count(&collection, &expression, Level::Bounded, until).await?;
            admitted = Some(count);
            if count > found.len() {
                found = if count <= FEW {
                    self.all_of(&collection, query, &expression, count, until).await?
                } else {
                    let wider = (fetched(n), (8 * ef).max(4_096));
                    self.walk(&collection, query, &expression, wider, until).await?
                };
            }
        }
        found.sort_by(|a, b| a.distance.blend.total_cmp(&b.distance.blend).then_with(|| a.id.cmp(&b.id)));
        let hits = self.items(&collection, &found, n, filter, until).await?;
        Ok(Nearest { hits, exhausted: admitted.is_some_and(|count| n >= count) })
    }

    /// What one walk finds, with exact distances.
    async fn walk(
        &self,
        collection: &str,
        query: &Query,
        expression: &str,
        (k, ef): (usize, usize),
        until: Instant,
    ) -> Result<Vec<Found>, Fault> {
        let factor = deep_factor(query.weight.get(), self.dims.colour);
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
