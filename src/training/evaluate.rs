//! How good a model is: label metrics over exact neighbours.

use std::{collections::HashMap, sync::Arc};

use rayon::prelude::*;
use serde::Serialize;

use crate::catalogue::{ColourWeight, Distance, Item, Vectors};

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

/// The figures, flat, as `evaluate --json` prints them. A figure is `null` where nothing could be counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Evaluation {
    /// Photos asked with.
    pub photos: usize,
    /// Items in the catalogue that product metrics search.
    pub catalogue_items: usize,
    /// Photos whose product has another photo in the catalogue: what product metrics are over.
    pub product_queries: usize,
    /// Share of photos whose category comes first among the logits.
    pub category_top1: Option<f64>,
    /// … among the first three.
    pub category_top3: Option<f64>,
    /// Share with one of the same category among the nearest 1, within the split, less the photo itself.
    pub category_hit_at_1: Option<f64>,
    /// … among the nearest 5.
    pub category_hit_at_5: Option<f64>,
    /// … among the nearest 10.
    pub category_hit_at_10: Option<f64>,
    /// Mean share of the nearest 10 that are of the same category, within the split.
    pub category_precision_at_10: Option<f64>,
    /// Share with another photo of the same product as the nearest, in the whole catalogue less the photo itself.
    pub product_hit_at_1: Option<f64>,
    /// … among the nearest 5.
    pub product_hit_at_5: Option<f64>,
    /// … among the nearest 10.
    pub product_hit_at_10: Option<f64>,
    /// Overlap of the graph's nearest 10 with an exact scan's; filled in by who holds the graph.
    pub ann_recall_at_10: Option<f64>,
}

/// How many neighbours the metrics look at.
const NEAREST: usize = 10;

/// Label metrics of `photos` (one split), against each other by category and against `catalogue` by product. A photo's
/// own entry is told by its id. `categories` names the logits; `bump` is called after each photo, from any thread.
pub fn evaluate(
    photos: &[Scored],
    catalogue: &[(Arc<Item>, Vectors)],
    categories: &[String],
    weight: ColourWeight,
    bump: impl Fn() + Sync,
) -> Evaluation {
    let split: Vec<(Arc<Item>, Vectors)> =
        photos.iter().map(|p| (p.item.clone(), p.vectors.clone())).collect();
    let mut views: HashMap<&str, usize> = HashMap::new();
    for product in catalogue.iter().filter_map(|(item, _)| item.product.as_deref()) {
        *views.entry(product).or_default() += 1;
    }
    let each: Vec<Answers> = (photos.par_iter())
        .map(|photo| {
            let answers = Answers::of(photo, &split, catalogue, (categories, weight), &views);
            bump();
            answers
        })
        .collect();
    let mean = |figure: &dyn Fn(&Answers) -> Option<f64>| {
        let counted: Vec<f64> = each.iter().filter_map(figure).collect();
        (!counted.is_empty()).then(|| counted.iter().sum::<f64>() / counted.len() as f64)
    };
    let within = |rank: Option<usize>, k: usize| Some(f64::from(u8::from(rank? < k)));
    Evaluation {
        photos: photos.len(),
        catalogue_items: catalogue.len(),
        product_queries: each.iter().filter(|a| a.product.is_some()).count(),
        category_top1: mean(&|a| within(a.predicted, 1)),
        category_top3: mean(&|a| within(a.predicted, 3)),
        category_hit_at_1: mean(&|a| within(a.category, 1)),
        category_hit_at_5: mean(&|a| within(a.category, 5)),
        category_hit_at_10: mean(&|a| within(a.category, 10)),
        category_precision_at_10: mean(&|a| a.precision),
        product_hit_at_1: mean(&|a| within(a.product, 1)),
        product_hit_at_5: mean(&|a| within(a.product, 5)),
        product_hit_at_10: mean(&|a| within(a.product, 10)),
        ann_recall_at_10: None,
    }
}

/// Where the first right answer stands, from 0 (`usize::MAX`: nowhere); `None` where the question has no sense.
struct Answers {
    predicted: Option<usize>,
    category: Option<usize>,
    precision: Option<f64>,
    product: Option<usize>,
}

impl Answers {
    fn of(
        photo: &Scored,
        split: &[(Arc<Item>, Vectors)],
        catalogue: &[(Arc<Item>, Vectors)],
        (categories, weight): (&[String], ColourWeight),
        views: &HashMap<&str, usize>,
    ) -> Self {
        let label = categories.iter().position(|c| *c == photo.item.category);
        let above = |k: usize| photo.logits.iter().filter(|l| **l > photo.logits[k]).count();
        let predicted = label.filter(|k| *k < photo.logits.len()).map(above);
        let near = nearest(photo, split, weight);
        let right = |item: &Arc<Item>| item.category == photo.item.category;
        let precision = near.iter().filter(|i| right(i)).count() as f64 / near.len().max(1) as f64;
        let asks = !near.is_empty();
        let first = |at: Option<usize>| at.unwrap_or(usize::MAX);
        let own = catalogue.iter().any(|(item, _)| item.id == photo.item.id);
        let product = photo.item.product.as_deref();
        let known = product.filter(|p| views.get(p).copied().unwrap_or(0) > usize::from(own));
        Self {
            predicted,
            category: asks.then(|| first(near.iter().position(right))),
            precision: asks.then_some(precision),
            product: known.map(|product| {
                let near = nearest(photo, catalogue, weight);
                first(near.iter().position(|i| i.product.as_deref() == Some(product)))
            }),
        }
    }
}

/// The exact nearest ten less the photo itself.
fn nearest(photo: &Scored, among: &[(Arc<Item>, Vectors)], weight: ColourWeight) -> Vec<Arc<Item>> {
    let query = (photo.vectors.deep(), photo.vectors.colour());
    let mut all: Vec<(f32, &Arc<Item>)> = (among.iter())
        .filter(|(item, _)| item.id != photo.item.id)
        .map(|(item, v)| (Distance::between(query, (v.deep(), v.colour()), weight).blend, item))
        .collect();
    let order = |a: &(f32, &Arc<Item>), b: &(f32, &Arc<Item>)| a.0.total_cmp(&b.0);
    if all.len() > NEAREST {
        all.select_nth_unstable_by(NEAREST, order);
        all.truncate(NEAREST);
    }
    all.sort_by(order);
    all.into_iter().map(|(_, item)| item.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::ItemId;

    fn scored(id: &str, product: Option<&str>, category: &str, deep: [f32; 2], logits: [f32; 2]) -> Scored {
        let item = Item {
            id: ItemId::parse(id).unwrap(),
            product: product.map(Into::into),
            category: category.into(),
            image: String::new(),
            attributes: Default::default(),
        };
        let vectors = Vectors::new(deep.to_vec(), vec![]).unwrap();
        Scored { item: Arc::new(item), vectors, logits: logits.to_vec() }
    }

    #[test]
    fn figures_by_hand() {
        // On a circle, in this order: a (1 p), b (1 p), c (2 q), d (1, unknown product).
        let photos = [
            scored("a", Some("p"), "one", [1.0, 0.0], [3.0, 1.0]),
            scored("b", Some("p"), "one", [1.0, 0.1], [1.0, 3.0]),
            scored("c", Some("q"), "two", [1.0, 0.3], [0.0, 1.0]),
            scored("d", None, "one", [1.0, 2.0], [2.0, 1.0]),
        ];
        let catalogue: Vec<_> = photos.iter().map(|p| (p.item.clone(), p.vectors.clone())).collect();
        let names = ["one".to_owned(), "two".to_owned()];
        let e = evaluate(&photos, &catalogue, &names, ColourWeight::DEFAULT, || ());
        assert_eq!(e.category_top1, Some(0.75));
        assert_eq!(e.category_top3, Some(1.0));
        // a → b right, b → a right, c → b wrong, d → c wrong
        assert_eq!(e.category_hit_at_1, Some(0.5));
        assert_eq!(e.category_hit_at_5, Some(0.75));
        // of three neighbours: a 2/3, b 2/3, c 0, d 2/3
        assert!((e.category_precision_at_10.unwrap() - 0.5).abs() < 1e-9);
        // q has no other photo, d no product: a and b are asked
        assert_eq!((e.product_queries, e.product_hit_at_1), (2, Some(1.0)));
    }
}
