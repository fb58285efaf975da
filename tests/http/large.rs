//! A shop large enough that its graph is walked (one item in 30 costs what a place in a walk's list of 96 does: from 2,880
//! items on), held to a plain search: every distance computed, sorted, cut.

use std::collections::BTreeSet;

use lookalike_catalogue::{self as catalogue, BuildOptions};
use lookalike_items::{Item, Vectors};
use lookalike_model::Bundle;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use serde_json::{Value, json};

use crate::support::{Shop, item, pictures, running::Running, tiny_bundle};

const PRODUCTS: usize = 450;
const VIEWS: usize = 8;
/// What the tiny model gives.
const NUMBERS: usize = 193;

struct Large {
    _folder: tempfile::TempDir,
    shop: Shop,
    items: Vec<(Item, Vec<f32>)>,
}

/// Products at random places, their views close by; three items of a category of their own, far apart.
fn large() -> Large {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    tiny_bundle(&bundle, vec![(item("only", None, "none", "none.png", "red"), one_photo())]);
    let opened = Bundle::open(&bundle).unwrap();

    let mut rng = ChaCha8Rng::seed_from_u64(16);
    let mut draw = |spread: f32| -> Vec<f32> {
        (0..NUMBERS).map(|_| (rng.next_u32() as f32 / u32::MAX as f32 - 0.5) * spread).collect()
    };
    let mut items = Vec::new();
    for product in 0..PRODUCTS {
        let centre = draw(1.0);
        for view in 0..VIEWS {
            let i = items.len();
            let around: Vec<f32> = centre.iter().zip(draw(0.6)).map(|(c, a)| c + a).collect();
            let category = if i % 1_500 == 77 { "rare" } else { pictures::SHAPES[product % 4] };
            let item = item(
                &format!("{product:03}~{view}"),
                Some(&format!("product-{product}")),
                category,
                "none.png",
                pictures::COLOURS[i % 5].0,
            );
            items.push((item, unit(around)));
        }
    }
    let rows = items.iter().map(|(item, deep)| (item.clone(), Vectors::new(deep.clone(), vec![]).unwrap()));
    let (model_id, rows) = (&opened.manifest().model_id, rows.collect());
    catalogue::build(&bundle, model_id, rows, &BuildOptions::default(), &|_, _, _| ()).unwrap();
    Large { _folder: folder, shop: Shop { bundle, images, photos: Vec::new() }, items }
}

/// As long as an embedding.
fn unit(mut numbers: Vec<f32>) -> Vec<f32> {
    let norm = numbers.iter().map(|x| x * x).sum::<f32>().sqrt();
    numbers.iter_mut().for_each(|x| *x /= norm);
    numbers
}

fn one_photo() -> Vec<u8> {
    pictures::png(&pictures::shape("circle", [200, 40, 40], 0))
}

impl Large {
    /// All that are admitted with their distances, nearest first.
    fn plain(&self, query: &[f32], admits: impl Fn(&Item) -> bool) -> Vec<(f64, &Item)> {
        let distance = |deep: &[f32]| -> f64 {
            query.iter().zip(deep).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum::<f64>().sqrt()
        };
        let admitted = self.items.iter().filter(|(item, _)| admits(item));
        let mut all: Vec<_> = admitted.map(|(item, deep)| (distance(deep), item)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    }

    /// Between two items, of norm 1, so that none is the answer by itself.
    fn query(&self, i: usize) -> Vec<f32> {
        let (one, other) =
            (&self.items[i * 97 % self.items.len()].1, &self.items[i * 31 % self.items.len()].1);
        unit(one.iter().zip(other).map(|(a, b)| 0.7 * a + 0.3 * b).collect())
    }
}

/// How many of the results are among the expected; each result's distance must be its item's own, in rising order.
fn found(answer: &Value, expected: &[(f64, &Item)], all: &[(f64, &Item)]) -> usize {
    let results = answer["results"].as_array().unwrap();
    assert_eq!(results.len(), expected.len(), "{answer}");
    let distances: Vec<f64> = results.iter().map(|r| r["distance"]["deep"].as_f64().unwrap()).collect();
    assert!(distances.is_sorted());
    for (result, distance) in results.iter().zip(&distances) {
        let (true_distance, _) = all.iter().find(|(_, item)| result["id"] == item.id.as_str()).unwrap();
        assert!((distance - true_distance).abs() < 1e-4, "{result}: {true_distance}");
    }
    let wanted: BTreeSet<&str> = expected.iter().map(|(_, item)| item.id.as_str()).collect();
    results.iter().filter(|r| wanted.contains(r["id"].as_str().unwrap())).count()
}

#[tokio::test]
async fn a_walk_finds_what_a_comparison_of_all_finds() {
    let large = large();
    assert!(large.items.len() >= 3_000);
    let server = Running::start(&large.shop, &[]).await;
    let (mut hits, mut wanted) = (0, 0);
    for i in 0..100 {
        let query = large.query(i);
        let all = large.plain(&query, |_| true);
        let (k, offset) = [(10, 0), (1, 0), (25, 5), (100, 0)][i % 4];
        let answer =
            server.json(&format!("/search?k={k}&offset={offset}"), &json!({"vector": query})).await.json();
        assert_eq!(answer["exhausted"], false);
        hits += found(&answer, &all[offset..offset + k], &all);
        wanted += k;
        let exact = server.json(&format!("/search?k={k}&exact=true"), &json!({"vector": query})).await.json();
        assert_eq!(found(&exact, &all[..k], &all), k);
    }
    // Random places are hard to find one's way among; real photos are not so even.
    assert!(hits * 100 >= wanted * 95, "{hits} of {wanted}");
    server.stop().await;
}

#[tokio::test]
async fn what_is_asked_for_beside_holds_in_a_large_shop_too() {
    let large = large();
    let server = Running::start(&large.shop, &[]).await;
    for i in 0..20 {
        let query = large.query(i);
        let body = json!({"vector": query});
        let all = large.plain(&query, |_| true);
        let ask = async |parameters: &str| server.json(&format!("/search?{parameters}"), &body).await.json();

        // Three in the whole shop, wherever they lie; half of the shop; two conditions.
        let rare = large.plain(&query, |item| item.category == "rare");
        let answer = ask("k=10&category=rare").await;
        assert_eq!((found(&answer, &rare, &all), rare.len()), (3, 3));
        assert_eq!(answer["exhausted"], true);
        let half = large.plain(&query, |item| ["circle", "square"].contains(&item.category.as_str()));
        let answer = ask("k=10&category=circle&category=square").await;
        assert!(found(&answer, &half[..10], &all) >= 9);
        let both =
            large.plain(&query, |item| item.category == "stripes" && item.attributes["colour"] == ["blue"]);
        let answer = ask("k=10&category=stripes&attribute=colour:blue").await;
        assert!(found(&answer, &both[..10], &all) >= 9);

        // Without the nearest; above a score; each product once.
        let nearest = all[0].1.id.as_str();
        let answer = ask(&format!("k=10&exact=true&exclude={nearest}")).await;
        assert_eq!(found(&answer, &all[1..11], &all), 10);
        let min_score = 1.0 / (1.0 + (all[6].0 + all[7].0) / 2.0);
        let answer = ask(&format!("k=20&min_score={min_score}")).await;
        assert!(found(&answer, &all[..7], &all) >= 6);
        let mut seen = BTreeSet::new();
        let once: Vec<_> = all.iter().filter(|(_, item)| seen.insert(&item.product)).copied().collect();
        let answer = ask("k=40&collapse=product").await;
        assert!(found(&answer, &once[..40], &all) >= 38);
    }
    server.stop().await;
}

/// The ids of one page.
async fn page(server: &Running, body: &Value, parameters: &str) -> Vec<String> {
    let answer = server.json(&format!("/search?{parameters}"), body).await;
    let distances: Vec<f64> = answer.json()["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| result["distance"]["blend"].as_f64().unwrap())
        .collect();
    assert!(distances.is_sorted(), "{parameters}: {distances:?}");
    answer.ids()
}

#[tokio::test]
async fn pages_of_a_walked_index_neither_repeat_nor_skip() {
    let large = large();
    let server = Running::start(&large.shop, &[]).await;
    for i in 0..60 {
        let body = json!({"vector": large.query(i)});
        for hides in ["", "&collapse=product", "&dedup=true", "&category=circle"] {
            let whole = page(&server, &body, &format!("k=100{hides}")).await;
            let mut turned = Vec::new();
            let k = [10, 24, 7, 50][i % 4];
            while turned.len() < 100 {
                let (offset, k) = (turned.len(), k.min(100 - turned.len()));
                turned.extend(page(&server, &body, &format!("k={k}&offset={offset}{hides}")).await);
            }
            let once: BTreeSet<&String> = turned.iter().collect();
            assert_eq!(once.len(), 100, "a page repeats of another: {hides} {turned:?}");
            assert_eq!(once, whole.iter().collect(), "pages are not one long page: {hides}");
        }
    }
    let body = json!({"vector": large.query(3)});
    let mut all = Vec::new();
    for offset in [0, 100, 200, 300, 400] {
        all.extend(page(&server, &body, &format!("k=100&offset={offset}")).await);
    }
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), 500);
    server.stop().await;
}

#[tokio::test]
async fn what_collapse_looks_at_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    tiny_bundle(&bundle, vec![(item("only", None, "none", "none.png", "red"), one_photo())]);
    let opened = Bundle::open(&bundle).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(20);
    let mut draw = |spread: f32| (rng.next_u32() as f32 / u32::MAX as f32 - 0.5) * spread;
    let rows = (0..2_300).map(|n| {
        let (product, spread) = if n < 2_200 { ("one", 0.01) } else { ("other", 4.0) };
        let deep: Vec<f32> = (0..NUMBERS).map(|_| 1.0 + draw(spread)).collect();
        let item = item(&format!("i{n}"), Some(product), "any", "none.png", "red");
        (item, Vectors::new(unit(deep), vec![]).unwrap())
    });
    let (model_id, rows) = (&opened.manifest().model_id, rows.collect());
    catalogue::build(&bundle, model_id, rows, &BuildOptions::default(), &|_, _, _| ()).unwrap();
    let shop = Shop { bundle, images: folder.path().to_owned(), photos: Vec::new() };
    let server = Running::start(&shop, &[]).await;
    let body = json!({"vector": unit(vec![1.0; NUMBERS])});
    for effort in ["", "&exact=true"] {
        let answer = server.json(&format!("/search?k=10&collapse=product{effort}"), &body).await.json();
        // The other product is behind more than 2,000 photos of the first.
        assert_eq!((&answer["returned"], &answer["exhausted"]), (&1.into(), &true.into()), "{answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn photos_and_items_search_a_large_shop() {
    let large = large();
    let server = Running::start(&large.shop, &[]).await;
    let photo = one_photo();
    let embedded = server.post("/embed", "image/png", photo.clone()).await.json();
    let query: Vec<f32> =
        embedded["embedding"].as_array().unwrap().iter().map(|n| n.as_f64().unwrap() as f32).collect();
    let all = large.plain(&query, |_| true);
    let raw = server.post("/similar?k=20", "image/png", photo.clone()).await;
    assert!(found(&raw.json(), &all[..20], &all) >= 18);
    let form = server.form("/similar?k=20", &[("image", &photo)]).await;
    assert_eq!(form.ids(), raw.ids());

    let (mut hits, asked) = (0, 40);
    for i in 0..asked {
        let (item, deep) = &large.items[i * 89 % large.items.len()];
        let all = large.plain(deep, |other| other.id != item.id);
        let answer = server.get(&format!("/items/{}/similar?k=10", item.id)).await.json();
        hits += found(&answer, &all[..10], &all);
    }
    assert!(hits * 100 >= asked * 10 * 98, "{hits} of {}", asked * 10);
    server.stop().await;
}
