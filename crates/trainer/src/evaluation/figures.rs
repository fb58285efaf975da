//! Answers → figures with names.

use serde::{Serialize, Serializer, ser::SerializeMap};

use crate::evaluation::{Scored, question::Ranking};

/// At which ranks hits are counted.
const HITS: [usize; 5] = [1, 5, 10, 20, 30];
/// At which ranks the classifier is.
const TOP: [usize; 3] = [1, 3, 5];

/// A figure, and where it would lie in 95 of 100 drawings of such photos.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// E.g. `category_hit_at_1`; those of the graph's answers begin with `ann_`.
    pub name: String,
    /// A share from 0 to 1; `None` where nothing could be counted.
    pub value: Option<f64>,
    /// Its lower and upper end, where it was asked for.
    pub interval: Option<[f64; 2]>,
}

/// The figures, as `evaluate --json` prints them: flat, `NAME`, `NAME_low`, `NAME_high`. One is `null` where nothing could
/// be counted.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// Photos asked with.
    pub photos: usize,
    /// Items in the catalogue that product metrics search.
    pub catalogue_items: usize,
    /// Photos whose product has another photo in the catalogue: what product metrics are over.
    pub product_queries: usize,
    /// By name: `category_top1`, `…_top3`, `…_top5`; then for `category` and `product` each, `…_hit_at_1`, `…_5`, `…_10`, `…_20`,
    /// `…_30`, `…_precision_at_10`, `…_map_at_r`; the last seven of each again with `ann_` before them where a graph was asked.
    pub figures: Vec<Figure>,
    /// Overlap of the graph's nearest 10 with an exact scan's, where a graph was asked.
    pub ann_recall_at_10: Option<f64>,
}

impl Evaluation {
    /// A figure's value by name.
    pub fn value(&self, name: &str) -> Option<f64> {
        self.figures.iter().find(|figure| figure.name == name)?.value
    }
}

impl Serialize for Evaluation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("photos", &self.photos)?;
        map.serialize_entry("catalogue_items", &self.catalogue_items)?;
        map.serialize_entry("product_queries", &self.product_queries)?;
        for Figure { name, value, interval } in &self.figures {
            map.serialize_entry(name, value)?;
            if let Some([low, high]) = interval {
                map.serialize_entry(&format!("{name}_low"), low)?;
                map.serialize_entry(&format!("{name}_high"), high)?;
            }
        }
        map.serialize_entry("ann_recall_at_10", &self.ann_recall_at_10)?;
        map.end()
    }
}

/// What came of one photo; `None` where a question has no sense.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Answers {
    /// Where its category stands among the logits, from 0.
    pub predicted: Option<usize>,
    pub category: Option<Ranking>,
    pub product: Option<Ranking>,
}

impl Answers {
    /// What the classifier says, alone.
    pub fn of_logits(photo: &Scored, categories: &[String]) -> Self {
        let label = categories.iter().position(|c| *c == photo.item.category);
        let place = |k: usize| {
            let own = photo.logits.get(k)?;
            // What is not below it, a NaN too, stands before it.
            let before = |(i, other): (usize, &f32)| {
                i != k && !matches!(other.partial_cmp(own), Some(std::cmp::Ordering::Less))
            };
            Some(photo.logits.iter().enumerate().filter(|at| before(*at)).count())
        };
        Self { predicted: label.and_then(place), category: None, product: None }
    }
}

/// A figure's name, and what each photo adds to it.
pub(crate) type Column = (String, Vec<Option<f64>>);

/// The classifier's figures, then those of neighbours.
pub(crate) fn exact(answers: &[Answers]) -> Vec<Column> {
    let mut columns: Vec<Column> = TOP
        .iter()
        .map(|&k| (format!("category_top{k}"), answers.iter().map(|a| within(a.predicted, k)).collect()))
        .collect();
    columns.extend(neighbours(answers, ""));
    columns
}

/// The figures of neighbours that the graph found.
pub(crate) fn approximate(answers: &[Answers]) -> Vec<Column> {
    neighbours(answers, "ann_")
}

fn neighbours(answers: &[Answers], prefix: &str) -> Vec<Column> {
    let mut columns = Vec::new();
    for kind in ["category", "product"] {
        let of = |a: &Answers| if kind == "category" { a.category } else { a.product };
        let mut add = |name: String, figure: &dyn Fn(Ranking) -> Option<f64>| {
            let each = answers.iter().map(|a| of(a).and_then(figure)).collect();
            columns.push((format!("{prefix}{kind}_{name}"), each));
        };
        for k in HITS {
            add(format!("hit_at_{k}"), &|r| within(Some(r.first), k));
        }
        add("precision_at_10".into(), &|r| Some(r.precision));
        add("map_at_r".into(), &|r| r.average);
    }
    columns
}

fn within(rank: Option<usize>, k: usize) -> Option<f64> {
    Some(f64::from(u8::from(rank? < k)))
}
