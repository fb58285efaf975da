use serde::Deserialize;

use super::*;
use lookalike_catalogue::{BuildOptions, build};
use lookalike_items::ItemId;

fn scored(id: &str, product: Option<&str>, category: &str, deep: [f32; 2], logits: [f32; 2]) -> Scored {
    let item = Item { product: product.map(Into::into), ..Item::new(ItemId::parse(id).unwrap(), category) };
    let vectors = Vectors::new(deep.to_vec(), vec![]).unwrap();
    Scored { item: Arc::new(item), vectors, logits: logits.to_vec() }
}

fn entries(photos: &[Scored]) -> Vec<Entry> {
    let mut entries: Vec<Entry> = photos.iter().map(|p| (p.item.clone(), p.vectors.clone())).collect();
    entries.sort_by(|a, b| a.0.id.cmp(&b.0.id));
    entries
}

/// Of photos in two categories, each asked of all the others, without intervals.
fn judged(photos: &[Scored]) -> Evaluation {
    let (catalogue, categories) = (entries(photos), ["one".to_owned(), "two".to_owned()]);
    let weight = ColourWeight::DEFAULT;
    let asked = Examination { photos, catalogue: &catalogue, categories: &categories, weight };
    evaluate(&asked, None, Bootstrap { resamples: 0, seed: 0 }, &|| ()).unwrap()
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
    let e = judged(&photos);
    assert_eq!(e.value("category_top1"), Some(0.75));
    assert_eq!(e.value("category_top3"), Some(1.0));
    // a → b right, b → a right, c → b wrong, d → c wrong
    assert_eq!(e.value("category_hit_at_1"), Some(0.5));
    assert_eq!(e.value("category_hit_at_5"), Some(0.75));
    // of three neighbours: a 2/3, b 2/3, c 0, d 2/3
    assert!((e.value("category_precision_at_10").unwrap() - 0.5).abs() < 1e-9);
    // R is 2 for a, b and d: a finds b, then c: (1/1)/2; b a, then c: 1/2; d c, then b: (1/2)/2. c has no other of its kind.
    assert!((e.value("category_map_at_r").unwrap() - (0.5 + 0.5 + 0.25) / 3.0).abs() < 1e-9);
    // q has no other photo, d no product: a and b are asked
    assert_eq!((e.product_queries, e.value("product_hit_at_1")), (2, Some(1.0)));
    assert_eq!(e.figures[0].interval, None);
}

#[test]
fn a_model_that_tells_nothing_apart_earns_nothing() {
    let photos: Vec<Scored> = (0..24)
        .map(|i| {
            let product = format!("p{}", i / 2);
            let category = if i < 12 { "one" } else { "two" };
            scored(&format!("i{i:02}"), Some(&product), category, [1.0, 0.0], [0.0, 0.0])
        })
        .collect();
    let e = judged(&photos);
    for name in ["category_top1", "category_hit_at_10", "category_map_at_r", "product_hit_at_10"] {
        assert_eq!(e.value(name), Some(0.0), "{name}");
    }
}

#[derive(Deserialize)]
struct Golden {
    categories: Vec<String>,
    asked: usize,
    photos: Vec<GoldenPhoto>,
    figures: std::collections::BTreeMap<String, GoldenFigure>,
}

#[derive(Deserialize)]
struct GoldenPhoto {
    id: String,
    category: String,
    product: Option<String>,
    deep: Vec<f32>,
    colour: Vec<f32>,
    logits: Vec<f32>,
}

#[derive(Deserialize)]
struct GoldenFigure {
    value: f64,
    low: f64,
    high: f64,
}

/// Against `tests/golden/metrics_reference.py`: NumPy has the same figures and, by other draws, the same intervals; and a
/// graph over so few photos finds what there is.
#[test]
fn figures_agree_with_numpy() {
    let golden: Golden = serde_json::from_str(include_str!("../../tests/golden/metrics.json")).unwrap();
    let one = |p: &GoldenPhoto| {
        let item =
            Item { product: p.product.clone(), ..Item::new(ItemId::parse(&p.id).unwrap(), &p.category) };
        let vectors = Vectors::new(p.deep.clone(), p.colour.clone()).unwrap();
        Scored { item: Arc::new(item), vectors, logits: p.logits.clone() }
    };
    let all: Vec<Scored> = golden.photos.iter().map(one).collect();
    let catalogue = entries(&all);
    let asked = Examination {
        photos: &all[..golden.asked],
        catalogue: &catalogue,
        categories: &golden.categories,
        weight: ColourWeight::DEFAULT,
    };
    let folder = tempfile::tempdir().unwrap();
    let items = catalogue.iter().map(|(item, vectors)| ((**item).clone(), vectors.clone())).collect();
    build(folder.path(), "m", items, &BuildOptions::default(), &|_, _, _| ()).unwrap();
    let graph = LocalCatalogue::open(folder.path(), "m").unwrap();
    let bootstrap = Bootstrap { resamples: 20_000, seed: 3 };
    let e = evaluate(&asked, Some(&graph), bootstrap, &|| ()).unwrap();
    for (name, wanted) in &golden.figures {
        let figure = e.figures.iter().find(|f| f.name == *name).unwrap();
        assert!((figure.value.unwrap() - wanted.value).abs() < 1e-9, "{name}: {figure:?}");
        let [low, high] = figure.interval.unwrap();
        assert!((low - wanted.low).abs() < 0.012 && (high - wanted.high).abs() < 0.012, "{name}: {figure:?}");
        if !name.contains("top") {
            assert_eq!(e.value(&format!("ann_{name}")), figure.value, "{name} of the graph");
        }
    }
    assert_eq!(golden.figures.len(), 17);
    assert_eq!(e.ann_recall_at_10, Some(1.0));
    let again = evaluate(&asked, None, bootstrap, &|| ()).unwrap();
    assert_eq!(again.figures[..], e.figures[..17], "the same seed, the same intervals");
}
