//! Which photos are right answers to which, and where they stand among the nearest.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::evaluation::Examination;
use lookalike_catalogue::distance;
use lookalike_items::{ColourWeight, Vectors};

/// So many neighbours are looked at, at the least; as many as there are right ones where those are more.
pub(crate) const NEAREST: usize = 30;
/// Over how many neighbours precision is taken.
const PRECISION: usize = 10;
/// Photos that are asked with together, so that a vector fetched from memory is compared with all of them.
const BLOCK: usize = 16;

/// Queries and what they are held against, with labels as numbers.
pub(crate) struct Question<'a> {
    queries: Vec<&'a Vectors>,
    gallery: Vec<&'a Vectors>,
    labels: Vec<Option<u32>>,
    gallery_labels: Vec<Option<u32>>,
    /// The query's own entry.
    own: Vec<Option<usize>>,
    /// How many right answers there are, the own entry left out.
    relevant: Vec<usize>,
    /// Whether a query without any right answer is asked all the same, and wrong.
    asks_in_vain: bool,
}

/// Where right answers stand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Ranking {
    /// The first, from 0; `usize::MAX` where none is near.
    pub first: usize,
    /// Share of right ones among the nearest ten, or fewer where there are fewer.
    pub precision: f64,
    /// mAP@R's summand: over the first R, R being the number of right ones; `None` where there are none.
    pub average: Option<f64>,
}

impl Ranking {
    /// Of neighbours, nearest first, and how many right ones there are in all.
    pub fn of(right: &[bool], relevant: usize) -> Self {
        let ten = &right[..right.len().min(PRECISION)];
        let (mut found, mut sum) = (0.0, 0.0);
        for (i, _) in right.iter().take(relevant).enumerate().filter(|(_, right)| **right) {
            found += 1.0;
            sum += found / (i + 1) as f64;
        }
        Self {
            first: right.iter().take(NEAREST).position(|right| *right).unwrap_or(usize::MAX),
            precision: ten.iter().filter(|right| **right).count() as f64 / ten.len().max(1) as f64,
            average: (relevant > 0).then(|| sum / relevant as f64),
        }
    }
}

impl<'a> Question<'a> {
    /// Photos of one split against each other.
    pub fn of_categories(asked: &Examination<'a>) -> Self {
        let mut names = Names::default();
        let labels: Vec<_> = asked.photos.iter().map(|p| Some(names.number(&p.item.category))).collect();
        let queries: Vec<&Vectors> = asked.photos.iter().map(|p| &p.vectors).collect();
        let own = (0..queries.len()).map(Some).collect();
        Self::new((queries.clone(), labels.clone()), (queries, labels), own, true)
    }

    /// Photos of known products against the catalogue.
    pub fn of_products(asked: &Examination<'a>) -> Self {
        let mut names = Names::default();
        let mut number = |product: &'a Option<String>| product.as_ref().map(|p| names.number(p));
        let entries = asked.catalogue;
        let gallery_labels: Vec<_> = entries.iter().map(|(item, _)| number(&item.product)).collect();
        let labels = asked.photos.iter().map(|p| number(&p.item.product)).collect();
        let places: HashMap<&str, usize> =
            entries.iter().enumerate().map(|(i, (item, _))| (item.id.as_str(), i)).collect();
        let own = asked.photos.iter().map(|p| places.get(p.item.id.as_str()).copied()).collect();
        let queries = asked.photos.iter().map(|p| &p.vectors).collect();
        let gallery = entries.iter().map(|(_, vectors)| vectors).collect();
        Self::new((queries, labels), (gallery, gallery_labels), own, false)
    }

    fn new(
        (queries, labels): (Vec<&'a Vectors>, Vec<Option<u32>>),
        (gallery, gallery_labels): (Vec<&'a Vectors>, Vec<Option<u32>>),
        own: Vec<Option<usize>>,
        asks_in_vain: bool,
    ) -> Self {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for label in gallery_labels.iter().flatten() {
            *counts.entry(*label).or_default() += 1;
        }
        let relevant = (labels.iter().zip(&own))
            .map(|(label, own)| {
                let all = label.and_then(|l| counts.get(&l)).copied().unwrap_or(0);
                let itself = own.is_some_and(|own| label.is_some() && gallery_labels[own] == *label);
                all - usize::from(itself)
            })
            .collect();
        Self { queries, gallery, labels, gallery_labels, own, relevant, asks_in_vain }
    }

    /// Whether a query can be answered at all.
    pub fn asks(&self, query: usize) -> bool {
        let others = self.gallery.len() - usize::from(self.own[query].is_some());
        others > 0 && (self.relevant[query] > 0 || self.asks_in_vain)
    }

    /// How many neighbours are to be found for a query.
    pub fn depth(&self, query: usize) -> usize {
        self.relevant[query].max(NEAREST)
    }

    /// Where right answers stand among neighbours that someone found: distance and place in the gallery.
    pub fn rank(&self, query: usize, near: impl Iterator<Item = (f32, usize)>) -> Ranking {
        let mut near: Vec<(f32, bool)> = near
            .filter(|(_, at)| Some(*at) != self.own[query])
            .map(|(distance, at)| (distance, self.gallery_labels[at] == self.labels[query]))
            .collect();
        let order = |a: &(f32, bool), b: &(f32, bool)| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1));
        let depth = self.depth(query);
        if near.len() > depth {
            near.select_nth_unstable_by(depth, order);
            near.truncate(depth);
        }
        near.sort_unstable_by(order);
        let right: Vec<bool> = near.into_iter().map(|(_, right)| right).collect();
        Ranking::of(&right, self.relevant[query])
    }

    /// Compares every query with the whole gallery.
    pub fn exact(&self, weight: ColourWeight, bump: &(dyn Fn() + Sync)) -> Vec<Option<Ranking>> {
        let asked: Vec<usize> = (0..self.queries.len()).filter(|&q| self.asks(q)).collect();
        let block = |queries: &[usize]| -> Vec<(usize, Ranking)> {
            let mut distances = vec![Vec::with_capacity(self.gallery.len()); queries.len()];
            for other in &self.gallery {
                for (&query, distances) in queries.iter().zip(&mut distances) {
                    distances.push(blend(self.queries[query], other, weight));
                }
            }
            let ranked = queries.iter().zip(distances).map(|(&query, distances)| {
                bump();
                (query, self.rank(query, distances.into_iter().zip(0..)))
            });
            ranked.collect()
        };
        let mut rankings = vec![None; self.queries.len()];
        for (query, ranking) in asked.par_chunks(BLOCK).flat_map_iter(block).collect::<Vec<_>>() {
            rankings[query] = Some(ranking);
        }
        rankings
    }

    /// How many queries there are.
    pub fn len(&self) -> usize {
        self.queries.len()
    }
}

fn blend(a: &Vectors, b: &Vectors, weight: ColourWeight) -> f32 {
    distance((a.deep(), a.colour()), (b.deep(), b.colour()), weight).blend
}

/// Numbers instead of names.
#[derive(Default)]
struct Names<'a>(HashMap<&'a str, u32>);

impl<'a> Names<'a> {
    fn number(&mut self, name: &'a str) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(name).or_insert(next)
    }
}
