//! How much of the truth a search finds: overlap with the exact scan.

use crate::{
    contract::{CatalogueError, Effort, Query},
    local::LocalCatalogue,
};
use lookalike_items::Filter;

/// A hit this close to the k-th exact one, relative, is as good.
const TIE: f32 = 1e-6;

impl LocalCatalogue {
    /// ann_recall@k: the share of the `k` exact nearest that a search of this effort finds, over all queries. 1 where
    /// nothing is asked, or nothing is there.
    pub fn ann_recall(&self, queries: &[Query], k: usize, effort: Effort) -> Result<f64, CatalogueError> {
        let unfiltered: Vec<_> = queries.iter().map(|query| (query.clone(), Filter::default())).collect();
        self.recall_among(&unfiltered, k, effort)
    }

    /// The same among what each query's own filter admits.
    pub fn recall_among(
        &self,
        queries: &[(Query, Filter)],
        k: usize,
        effort: Effort,
    ) -> Result<f64, CatalogueError> {
        let (mut found, mut wanted) = (0, 0);
        for (query, filter) in queries {
            let exact = self.places(query, k, filter, Effort::Exact)?;
            let Some((_, last)) = exact.last() else { continue };
            let near = last.blend * (1.0 + TIE);
            let places = self.places(query, k, filter, effort)?;
            found += places.iter().filter(|(_, distance)| distance.blend <= near).count();
            wanted += exact.len();
        }
        Ok(if wanted == 0 { 1.0 } else { found as f64 / wanted as f64 })
    }
}
