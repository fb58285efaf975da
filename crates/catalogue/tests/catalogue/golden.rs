//! Against `tests/golden/hnsw_reference.py`: the blend and its order as NumPy and hnswlib have them.

use lookalike_catalogue::{Effort, Query};
use lookalike_items::{ColourWeight, Filter, Item, Vectors};
use serde::Deserialize;

use crate::samples::{catalogue, item};

#[derive(Deserialize)]
struct Golden {
    items: Photos,
    queries: Photos,
    answers: Vec<Answer>,
}

#[derive(Deserialize)]
struct Photos {
    deep: Vec<Vec<f32>>,
    colour: Vec<Vec<f32>>,
}

#[derive(Deserialize)]
struct Answer {
    query: usize,
    w: f32,
    ids: Vec<usize>,
    distances: Vec<f32>,
}

impl Photos {
    fn vectors(&self) -> Vec<Vectors> {
        let pairs = self.deep.iter().zip(&self.colour);
        pairs.map(|(deep, colour)| Vectors::new(deep.clone(), colour.clone()).expect("vectors")).collect()
    }
}

#[test]
fn both_searches_agree_with_numpy_and_hnswlib() {
    let golden: Golden =
        serde_json::from_str(include_str!("../golden/hnsw_reference.json")).expect("the golden file");
    let items: Vec<(Item, Vectors)> =
        golden.items.vectors().into_iter().enumerate().map(|(n, vectors)| (item(n), vectors)).collect();
    let (_bundle, catalogue) = catalogue(items);
    let queries = golden.queries.vectors();
    assert_eq!(golden.answers.len(), 15);
    for answer in &golden.answers {
        let weight = ColourWeight::new(answer.w).expect("a weight");
        let query = Query { vectors: queries[answer.query].clone(), weight };
        for effort in [Effort::Exact, Effort::Ef(120)] {
            let hits = catalogue.search(&query, 10, &Filter::default(), effort).expect("answers").hits;
            let ids: Vec<_> = hits.iter().map(|hit| hit.item.id.clone()).collect();
            let expected: Vec<_> = answer.ids.iter().map(|&n| item(n).id).collect();
            assert_eq!(ids, expected, "query {}, w = {}, {effort:?}", answer.query, answer.w);
            for (hit, expected) in hits.iter().zip(&answer.distances) {
                assert!((hit.distance.blend - expected).abs() < 1e-5);
            }
        }
    }
}
