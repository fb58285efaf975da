//! The category of every point, as a number: what many categories at once are tested on, where a bitmap of all their points would have
//! to be made for each query.

use std::{collections::HashMap, sync::Arc};

use lookalike_items::Filter;

use crate::local::format::{
    column::{CHUNK, Mask, ones},
    facets::Facets,
};

/// The label of a point without a category.
const NOTHING: u32 = u32::MAX;

/// A label a point. Cloning it is cheap: clones share what neither changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labels {
    names: Arc<HashMap<String, u32>>,
    chunks: Arc<Vec<Arc<[u32; CHUNK]>>>,
}

impl Labels {
    /// The categories of these facets' `count` points.
    pub fn of(facets: &Facets, count: usize) -> Self {
        let mut chunks = vec![[NOTHING; CHUNK]; count.div_ceil(CHUNK)];
        let mut names = HashMap::new();
        for (label, (name, points)) in (0..).zip(facets.by_category()) {
            names.insert(name.to_owned(), label);
            for place in points.iter().map(|point| point as usize) {
                chunks[place / CHUNK][place % CHUNK] = label;
            }
        }
        let chunks = chunks.into_iter().map(Arc::new).collect();
        Self { names: Arc::new(names), chunks: Arc::new(chunks) }
    }

    /// The point has this category.
    pub fn set(&mut self, point: u32, category: &str) {
        let label = match self.names.get(category) {
            Some(label) => *label,
            None => {
                let label = self.names.len() as u32;
                Arc::make_mut(&mut self.names).insert(category.to_owned(), label);
                label
            }
        };
        self.put(point, label);
    }

    /// The point has the category that it has there, of which these are a copy with changes.
    pub fn restore(&mut self, point: u32, written: &Self) {
        self.put(point, written.get(point));
    }

    fn put(&mut self, point: u32, label: u32) {
        if self.get(point) != label
            && let Some(chunk) = Arc::make_mut(&mut self.chunks).get_mut(point as usize / CHUNK)
        {
            Arc::make_mut(chunk)[point as usize % CHUNK] = label;
        }
    }

    #[inline]
    fn get(&self, point: u32) -> u32 {
        let place = point as usize;
        self.chunks.get(place / CHUNK).map_or(NOTHING, |chunk| chunk[place % CHUNK])
    }

    /// What the filter's conditions on categories are tested on.
    pub fn wanted(&self, filter: &Filter) -> Wanted {
        let mut wanted = vec![filter.categories.is_empty(); self.names.len()];
        let labels = |names: &[String]| {
            names
                .iter()
                .filter_map(|name| self.names.get(name))
                .map(|label| *label as usize)
                .collect::<Vec<_>>()
        };
        labels(&filter.categories).into_iter().for_each(|label| wanted[label] = true);
        labels(&filter.not_categories).into_iter().for_each(|label| wanted[label] = false);
        Wanted { labels: self.clone(), wanted }
    }
}

/// Which categories may answer.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    labels: Labels,
    /// By label.
    wanted: Vec<bool>,
}

impl Wanted {
    /// Whether a point's category may answer.
    #[inline]
    pub fn holds(&self, point: u32) -> bool {
        self.has(self.labels.get(point))
    }

    #[inline]
    fn has(&self, label: u32) -> bool {
        self.wanted.get(label as usize).copied().unwrap_or(false)
    }

    /// Leaves in the mask the bits of a chunk's points whose category may answer.
    pub fn sieve(&self, chunk: usize, mask: &mut Mask) {
        let Some(chunk) = self.labels.chunks.get(chunk) else { return mask.fill(0) };
        for (word, labels) in mask.iter_mut().zip(chunk.as_chunks::<64>().0) {
            for bit in ones(*word) {
                *word &= !(u64::from(!self.has(labels[bit as usize])) << bit);
            }
        }
    }
}
