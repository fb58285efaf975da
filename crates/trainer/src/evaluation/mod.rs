//! How good a model is: label metrics over exact neighbours and over those that the graph finds, each with its interval.
//!
//! Of equal distances the wrong answer comes first, and of equal logits the wrong category: a model that tells nothing
//! apart earns nothing.

mod bootstrap;
mod figures;
mod graph;
mod question;
mod run_photos;

pub use bootstrap::Bootstrap;
pub use figures::{Evaluation, Figure};
pub use run_photos::{Inspected, Inspection, inspect};

use std::sync::Arc;

use crate::TrainingError;
use figures::Answers;
use lookalike_catalogue::{Effort, LocalCatalogue, Query};
use lookalike_items::{ColourWeight, Item, Vectors};
use question::Question;

/// A photo with its label and what the model says of it.
#[derive(Clone, Debug)]
pub struct Scored {
    /// The photo's item.
    pub item: Arc<Item>,
    /// Its embedding.
    pub vectors: Vectors,
    /// Before softmax; empty where the model has no classifier.
    pub logits: Vec<f32>,
}

/// An item with its vectors.
pub type Entry = (Arc<Item>, Vectors);

/// What is asked, and of whom.
#[derive(Clone, Copy, Debug)]
pub struct Examination<'a> {
    /// The photos of one split: category metrics are among them.
    pub photos: &'a [Scored],
    /// What product metrics search, by rising id. A photo's own entry is told by its id.
    pub catalogue: &'a [Entry],
    /// The name behind each logit.
    pub categories: &'a [String],
    /// How much colour counts.
    pub weight: ColourWeight,
}

/// With how many photos the graph's recall is measured.
const RECALLED_WITH: usize = 1000;

/// All label metrics, by exact search; and by the graph too where one over the catalogue is given (the split then gets one
/// of its own for the time being). `bump` is called after each photo, from any thread.
pub fn evaluate(
    asked: &Examination<'_>,
    graph: Option<&LocalCatalogue>,
    bootstrap: Bootstrap,
    bump: &(dyn Fn() + Sync),
) -> Result<Evaluation, TrainingError> {
    let category = Question::of_categories(asked);
    let product = Question::of_products(asked);
    let mut exact: Vec<Answers> =
        asked.photos.iter().map(|p| Answers::of_logits(p, asked.categories)).collect();
    let nothing = || ();
    for (answers, ranking) in exact.iter_mut().zip(category.exact(asked.weight, bump)) {
        answers.category = ranking;
    }
    for (answers, ranking) in exact.iter_mut().zip(product.exact(asked.weight, &nothing)) {
        answers.product = ranking;
    }
    let mut figures = figures::exact(&exact);
    let mut recall = None;
    if let Some(graph) = graph {
        let approximate = graph::answers(asked, (&category, &product), graph)?;
        figures.extend(figures::approximate(&approximate));
        let queries = asked.photos.iter().take(RECALLED_WITH);
        let queries: Vec<Query> =
            queries.map(|s| Query { vectors: s.vectors.clone(), weight: asked.weight }).collect();
        recall = Some(graph.ann_recall(&queries, 10, Effort::Usual)?);
    }
    let clusters = bootstrap::clusters(asked.photos);
    Ok(Evaluation {
        photos: asked.photos.len(),
        catalogue_items: asked.catalogue.len(),
        product_queries: exact.iter().filter(|a| a.product.is_some()).count(),
        figures: bootstrap.intervals(figures, &clusters),
        ann_recall_at_10: recall,
    })
}

#[cfg(test)]
mod tests;
