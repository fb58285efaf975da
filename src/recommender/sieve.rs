//! Which hits are shown: none below the score asked for, a product once, looks once.

use std::collections::HashSet;

use crate::recommender::{Ask, Collapse};
use lookalike_catalogue::Hit;
use lookalike_catalogue::distance;
use lookalike_items::{ColourWeight, Vectors};

/// Items whose deep embeddings are nearer than this look the same.
const SAME_LOOKS: f32 = 0.05;

/// A hit that is shown; with its vectors where they were asked for.
pub(crate) struct Shown {
    pub hit: Hit,
    pub vectors: Option<Vectors>,
}

/// Takes hits nearest first, and keeps what is shown of them.
pub(crate) struct Sieve {
    min_score: f32,
    dedup: bool,
    diverse: bool,
    /// Those that came already, where each counts once.
    products: Option<HashSet<String>>,
    shown: Vec<Shown>,
    wanted: usize,
    /// A hit had too low a score: so has every one after it.
    below: bool,
}

impl Sieve {
    /// For at most `wanted` of what `ask` shows; `products` count as shown before.
    pub fn new(ask: &Ask, products: &[String], wanted: usize) -> Self {
        let once = ask.collapse == Collapse::Product;
        Self {
            min_score: ask.min_score.get(),
            dedup: ask.dedup,
            diverse: ask.diversity.get() > 0.0,
            products: once.then(|| products.iter().cloned().collect()),
            shown: Vec::new(),
            wanted,
            below: false,
        }
    }

    /// Whether a hit is near enough and of a product that did not come yet. An item of no known product stands for itself.
    pub fn admits(&mut self, hit: &Hit) -> bool {
        self.below = self.below || hit.distance.score() < self.min_score;
        let product = hit.item.product.as_ref();
        let new = |seen: &mut HashSet<String>| product.is_none_or(|product| seen.insert(product.clone()));
        !self.below && (self.dedup || self.products.as_mut().is_none_or(new))
    }

    /// Whether what is shown depends on more than distances to the query.
    pub fn wants_vectors(&self) -> bool {
        self.dedup || self.diverse
    }

    /// Shows these hits, up to those wanted.
    pub fn all(mut self, hits: Vec<Hit>) -> Self {
        let room = self.wanted.saturating_sub(self.shown.len());
        self.shown.extend(hits.into_iter().take(room).map(|hit| Shown { hit, vectors: None }));
        self
    }

    /// Shows those of these hits that look like none before, where that is asked for.
    pub fn compared(mut self, hits: Vec<(Hit, Vectors)>) -> Self {
        for (hit, vectors) in hits {
            if self.is_full() {
                break;
            }
            if !self.dedup || self.is_new(&hit, &vectors) {
                self.shown.push(Shown { hit, vectors: Some(vectors) });
            }
        }
        self
    }

    /// Of another product and other looks than everything shown. A product whose nearest photo is hidden for its looks may
    /// come with another one.
    fn is_new(&mut self, hit: &Hit, vectors: &Vectors) -> bool {
        let product = hit.item.product.as_ref();
        if let (Some(seen), Some(product)) = (&self.products, product)
            && seen.contains(product)
        {
            return false;
        }
        let shown = self.shown.iter().filter_map(|shown| shown.vectors.as_ref());
        if shown.into_iter().any(|other| looks_alike(other, vectors)) {
            return false;
        }
        if let (Some(seen), Some(product)) = (&mut self.products, product) {
            seen.insert(product.clone());
        }
        true
    }

    /// As many are shown as are wanted.
    pub fn is_full(&self) -> bool {
        self.shown.len() >= self.wanted
    }

    /// More hits would change nothing.
    pub fn is_done(&self) -> bool {
        self.below || self.is_full()
    }

    /// What is shown, nearest first.
    pub fn shown(self) -> Vec<Shown> {
        self.shown
    }
}

fn looks_alike(a: &Vectors, b: &Vectors) -> bool {
    let weight = ColourWeight::DEFAULT; // of no account: there are no colours here
    distance((a.deep(), &[]), (b.deep(), &[]), weight).deep < SAME_LOOKS
}
