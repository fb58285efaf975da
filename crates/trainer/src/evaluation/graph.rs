//! The same questions, answered by the graph: what a shopper gets.

use std::path::Path;

use rayon::prelude::*;

use crate::TrainingError;
use crate::evaluation::{Examination, figures::Answers, question::Question};
use lookalike_catalogue as catalogue;
use lookalike_catalogue::{BuildOptions, Effort, LocalCatalogue, Query};
use lookalike_items::Filter;

/// Products are asked of the catalogue as it stands. Categories are asked within the split, so it gets a graph of its own, in
/// a folder that is gone afterwards.
pub(crate) fn answers(
    asked: &Examination<'_>,
    (category, product): (&Question<'_>, &Question<'_>),
    graph: &LocalCatalogue,
) -> Result<Vec<Answers>, TrainingError> {
    let folder = tempfile::tempdir()
        .map_err(|e| TrainingError::Run { path: "a temporary folder".into(), reason: e.to_string() })?;
    let split = build(folder.path(), asked)?;
    // The catalogue numbers items by rising id.
    let mut by_id: Vec<usize> = (0..asked.photos.len()).collect();
    by_id.sort_by(|a, b| asked.photos[*a].item.id.cmp(&asked.photos[*b].item.id));
    let one = |query: usize| -> Result<Answers, TrainingError> {
        let photo = &asked.photos[query];
        let ask = Query { vectors: photo.vectors.clone(), weight: asked.weight };
        let filter = Filter { exclude: vec![photo.item.id.clone()], ..Filter::default() };
        let mut answers = Answers::default();
        if category.asks(query) {
            let found = split.places(&ask, category.depth(query), &filter, Effort::Usual)?;
            let found = found.iter().map(|(place, distance)| (distance.blend, by_id[*place]));
            answers.category = Some(category.rank(query, found));
        }
        if product.asks(query) {
            let found = graph.places(&ask, product.depth(query), &filter, Effort::Usual)?;
            let found = found.iter().map(|(place, distance)| (distance.blend, *place));
            answers.product = Some(product.rank(query, found));
        }
        Ok(answers)
    };
    (0..category.len()).into_par_iter().map(one).collect()
}

fn build(folder: &Path, asked: &Examination<'_>) -> Result<LocalCatalogue, TrainingError> {
    let items = asked.photos.iter().map(|p| ((*p.item).clone(), p.vectors.clone())).collect();
    catalogue::build(folder, "split", items, &BuildOptions::default(), &|_, _, _| ())?;
    Ok(LocalCatalogue::open(folder, "split")?)
}
