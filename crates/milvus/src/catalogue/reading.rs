//! Lists, items by name, counts, draws: everything that is asked but the nearest.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError},
    time::Duration,
};

use lookalike_catalogue::Listing;
use lookalike_items::{Filter, Item, ItemId, Vectors};
use rand::RngExt;
use tokio::time::Instant;

use super::Inner;
use crate::{
    client::{Ask, Level},
    expression,
    fault::Fault,
    rows::{self, Columns},
    schema::{self, DRAWS},
};

/// The most rows that Milvus gives at once.
pub(crate) const MOST_ROWS: usize = 16_384;

/// How long counted categories are told again.
const COUNTED: Duration = Duration::from_secs(60);

/// How many items a draw looks at, on average: so many that they are never far more.
const DRAWN: u64 = 256;

/// The most of them that are reckoned with: five times the usual spread above the average.
const DRAWN_AT_MOST: usize = 336;

/// Categories and their counts, and when they were counted.
pub(crate) type Categories = (Instant, Arc<Vec<(String, usize)>>);

impl Inner {
    /// Rows of these ids that are there, in no order. What is too large for one answer comes in parts.
    pub async fn by_ids(
        &self,
        collection: &str,
        ids: &[&ItemId],
        fields: &[&'static str],
        level: Level,
        until: Instant,
    ) -> Result<Columns, Fault> {
        let mut found = Columns::default();
        let mut parts = vec![ids];
        while let Some(part) = parts.pop() {
            if part.is_empty() {
                continue;
            }
            let expression = expression::ids(part.iter().copied());
            let ask = Ask { collection, expression: &expression, fields, first: None, level };
            match self.milvus.rows(&ask, until).await {
                Ok(rows) => found.join(rows),
                Err(Fault::TooLarge) if part.len() > 1 => {
                    let (one, other) = part.split_at(part.len() / 2);
                    parts.extend([one, other]);
                }
                Err(fault) => return Err(fault),
            }
        }
        Ok(found)
    }

    /// The first rows of an expression by rising id, after this one. Fewer than asked for only where there are no more.
    pub async fn first(
        &self,
        collection: &str,
        (expression, after): (&str, Option<&str>),
        fields: &[&'static str],
        first: usize,
        (level, until): (Level, Instant),
    ) -> Result<Columns, Fault> {
        let mut found = Columns::default();
        let mut page = first.min(MOST_ROWS);
        while found.ids.len() < first {
            let page_now = page.min(first - found.ids.len());
            let expression = expression::after(expression, found.ids.last().map(String::as_str).or(after));
            let ask = Ask { collection, expression: &expression, fields, first: Some(page_now), level };
            match self.milvus.rows(&ask, until).await {
                Ok(rows) => {
                    let got = rows.ids.len();
                    if got > page_now || !rows.ids.is_sorted() {
                        return Err(Fault::Wrong("Milvus gave rows in another order than by id".into()));
                    }
                    found.join(rows);
                    if got < page_now {
                        break;
                    }
                }
                Err(Fault::TooLarge) if page_now > 1 => page = page_now / 2,
                Err(fault) => return Err(fault),
            }
        }
        Ok(found)
    }

    pub async fn vectors(&self, ids: &[ItemId]) -> Result<Vec<Option<Vectors>>, Fault> {
        let (until, collection) = (self.milvus.read_by(), self.collection());
        let mut unique: Vec<&ItemId> = ids.iter().collect();
        unique.sort_unstable();
        unique.dedup();
        let mut held = HashMap::new();
        for part in unique.chunks(1_000) {
            let found =
                self.by_ids(&collection, part, &[schema::ID, schema::WALK], self.level(), until).await?;
            for (id, walk) in found.ids.iter().zip(&found.walks) {
                held.insert(rows::id(id)?, rows::vectors(walk, self.dims)?);
            }
        }
        Ok(ids.iter().map(|id| held.get(id).cloned()).collect())
    }

    pub async fn get(&self, id: &ItemId) -> Result<Option<(Arc<Item>, Vectors)>, Fault> {
        let (until, collection) = (self.milvus.read_by(), self.collection());
        let fields = [schema::ID, schema::WALK, schema::ITEM];
        let found = self.by_ids(&collection, &[id], &fields, self.level(), until).await?;
        let Some((json, walk)) = found.items.first().zip(found.walks.first()) else { return Ok(None) };
        Ok(Some((rows::item(json)?, rows::vectors(walk, self.dims)?)))
    }

    /// Two requests: how many there are, and the items.
    pub async fn list(
        &self,
        filter: &Filter,
        after: Option<&ItemId>,
        limit: usize,
    ) -> Result<Listing, Fault> {
        let (until, collection, level) = (self.milvus.read_by(), self.collection(), self.level());
        let expression = expression::of(filter);
        let fields = [schema::ID, schema::ITEM];
        let wanted = limit.saturating_add(1);
        let after = after.map(ItemId::as_str);
        let (total, found) = tokio::try_join!(
            self.milvus.count(&collection, &expression, level, until),
            self.first(&collection, (&expression, after), &fields, wanted, (level, until)),
        )?;
        let more = found.items.len() > limit;
        let items = found.items.iter().take(limit).map(|json| rows::item(json)).collect::<Result<_, _>>()?;
        Ok(Listing { items, total, more })
    }

    /// Milvus does not count values: every item's category is read, some 16,000 a request, once a minute at most and after each write.
    pub async fn categories(&self) -> Result<Vec<(String, usize)>, Fault> {
        let held = self.categories.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, counts)) = held
            && at.elapsed() < COUNTED
        {
            return Ok(counts.to_vec());
        }
        let wrote = *self.wrote.lock().unwrap_or_else(PoisonError::into_inner);
        let (collection, level) = (self.collection(), self.level());
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut after: Option<String> = None;
        loop {
            let fields = [schema::ID, schema::CATEGORY];
            // Of a large catalogue this is many requests: each has its own time.
            let asked = ("", after.as_deref());
            let read = (level, self.milvus.read_by());
            let found = self.first(&collection, asked, &fields, MOST_ROWS, read).await?;
            let got = found.ids.len();
            found.categories.into_iter().for_each(|category| *counts.entry(category).or_insert(0) += 1);
            after = found.ids.into_iter().next_back();
            if got < MOST_ROWS {
                break;
            }
        }
        let counts: Arc<Vec<_>> = Arc::new(counts.into_iter().collect());
        let same = wrote == *self.wrote.lock().unwrap_or_else(PoisonError::into_inner);
        if same && collection == self.collection() {
            let mut held = self.categories.lock().unwrap_or_else(PoisonError::into_inner);
            *held = Some((Instant::now(), counts.clone()));
        }
        Ok(counts.to_vec())
    }

    /// One of the items whose draws are in a part of the circle, which begins anywhere and is so wide that some hundreds are in it. A part
    /// with few is taken more rarely than one with many, as often as makes all items alike.
    pub async fn random(&self) -> Result<Option<Arc<Item>>, Fault> {
        let (until, collection, level) = (self.milvus.read_by(), self.collection(), self.level());
        let count = self.milvus.count(&collection, "", level, until).await? as u64;
        if count == 0 {
            return Ok(None);
        }
        let all = count <= DRAWN;
        let width = if all { DRAWS } else { DRAWS * DRAWN / count };
        loop {
            let from = rand::rng().random_range(0..DRAWS);
            let expression = expression::drawn(from, width);
            let fields = [schema::ID];
            let asked = (expression.as_str(), None);
            let found = self.first(&collection, asked, &fields, MOST_ROWS, (level, until)).await?.ids;
            if found.is_empty() && all {
                return Ok(None);
            }
            let of = if all { found.len() } else { found.len().max(DRAWN_AT_MOST) };
            let drawn = rand::rng().random_range(0..of.max(1));
            let Some(id) = found.get(drawn) else { continue };
            let id = rows::id(id)?;
            let held = self.by_ids(&collection, &[&id], &[schema::ID, schema::ITEM], level, until).await?;
            // One that went meanwhile is not drawn.
            if let Some(json) = held.items.first() {
                return rows::item(json).map(Some);
            }
        }
    }

    /// The freshest read there is: some tenths of a second.
    pub async fn shows(&self, image: &str) -> Result<bool, Fault> {
        let expression = expression::image(image);
        let until = self.milvus.read_by();
        let shown = self.milvus.count(&self.collection(), &expression, Level::Strong, until).await?;
        Ok(shown > 0)
    }
}
