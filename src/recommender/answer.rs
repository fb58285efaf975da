//! What comes back from a question.

use std::{sync::Arc, time::Duration};

use crate::recommender::{AskError, Examples, Order, Page, Pair, Region};
use lookalike_catalogue::{Facet, Hit};
use lookalike_items::{Item, Vectors};
use lookalike_photo::PhotoFormat;
use lookalike_telemetry::Stage;

/// Similar items, and how they were found.
#[derive(Clone)]
pub struct Answer {
    /// The model and the catalogue that answered.
    pub pair: Arc<Pair>,
    /// What was asked about.
    pub asked: Asked,
    /// The part of the photo that was asked with, if not all of it.
    pub region: Option<Region>,
    /// Which of the results were wanted.
    pub page: Page,
    /// The results of that page, in the order asked for: nearest first, unless they were to differ.
    pub hits: Vec<Hit>,
    /// The catalogue has no more to offer after these.
    pub exhausted: bool,
    /// The order asked for, which may say by which score they are ranked.
    pub order: Order,
    /// What was to be counted, one a key.
    pub facets: Vec<Facet>,
    /// Where the time went.
    pub timings: Timings,
}

impl Answer {
    /// How many items the catalogue that answered holds.
    pub async fn count(&self) -> Result<usize, AskError> {
        Ok(self.pair.catalogue.count().await?)
    }
}

/// What a question was about.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A photo that was sent.
    Photo(PhotoFacts),
    /// An item of the catalogue.
    Item(Arc<Item>),
    /// Items to be like and unlike.
    Examples(Examples),
    /// A vector.
    Vector,
}

/// A photo as the model sees it.
#[derive(Clone)]
pub struct Embedding {
    /// The model, and the catalogue it belongs to.
    pub pair: Arc<Pair>,
    /// What is known of the photo.
    pub facts: PhotoFacts,
    /// The part of it that was embedded, if not all of it.
    pub region: Option<Region>,
    /// What it came to.
    pub vectors: Vectors,
    /// Where the time went; there was no search.
    pub timings: Timings,
}

/// What is known of a photo that was sent.
#[derive(Clone, Debug)]
pub struct PhotoFacts {
    /// Upright width in pixels.
    pub width: u32,
    /// Upright height in pixels.
    pub height: u32,
    /// The format it came in.
    pub format: PhotoFormat,
    /// Whether its EXIF orientation was applied.
    pub turned: bool,
    /// The likeliest categories, likeliest first; empty where the model has no classifier.
    pub categories: Vec<Prediction>,
}

/// A category the model sees in a photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Its name.
    pub name: String,
    /// Its probability, by softmax over all categories.
    pub score: f32,
}

/// Where a question's time went. `None` where the step was not taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timings {
    /// Decoding and preprocessing, with the wait for a free core.
    pub decode: Option<Duration>,
    /// Waiting for the model.
    pub queue: Option<Duration>,
    /// The forward pass of the batch it was in.
    pub model: Option<Duration>,
    /// The search in the catalogue.
    pub search: Option<Duration>,
    /// All of it.
    pub total: Duration,
}

impl Timings {
    /// The steps that were taken, in their order, all of it last.
    pub fn stages(&self) -> impl Iterator<Item = (Stage, Duration)> + use<> {
        let times = [self.decode, self.queue, self.model, self.search, Some(self.total)];
        Stage::ALL.into_iter().zip(times).filter_map(|(stage, time)| Some((stage, time?)))
    }
}

/// The `top` likeliest of the named categories. Empty unless there is one logit a name.
pub(crate) fn predict(logits: &[f32], names: &[String], top: usize) -> Vec<Prediction> {
    if logits.len() != names.len() || !logits.iter().all(|x| x.is_finite()) {
        return Vec::new();
    }
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = logits.iter().map(|x| (x - largest).exp()).sum();
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    let prediction =
        |i: usize| Prediction { name: names[i].clone(), score: (logits[i] - largest).exp() / sum };
    order.into_iter().take(top).map(prediction).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_ordered_and_their_scores_sum_to_one() {
        let names: Vec<String> = ["Tee", "Hoodie", "Blazer"].map(String::from).into();
        let all = predict(&[1.0, 1000.0, 999.0], &names, 3);
        assert_eq!(all.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(), ["Hoodie", "Blazer", "Tee"]);
        assert!((all.iter().map(|p| p.score).sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(predict(&[1.0, 2.0, 3.0], &names, 1).len(), 1);
    }

    #[test]
    fn no_category_is_made_up() {
        assert_eq!(predict(&[], &[], 3), []);
        assert_eq!(predict(&[1.0], &[], 3), []);
        assert_eq!(predict(&[f32::NAN], &["Tee".into()], 3), []);
    }
}
