//! What a generation answers, where the answer is asked for or, if it costs more, on a thread for that.

use std::sync::Arc;

use async_trait::async_trait;
use lookalike_items::{Dims, Filter, Item, ItemId, Vectors};

use crate::{
    contract::{About, Catalogue, CatalogueError, Effort, Facet, Listing, Nearest, Query},
    local::{
        ABOUT, LocalCatalogue,
        costs::{INLINE, counting_cost, listing_cost},
        counting, has_runtime,
    },
    work::search_work,
};

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
