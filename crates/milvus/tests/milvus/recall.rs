//! How near the nearest are, and how long it takes.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use lookalike_catalogue::{
    Catalogue, Effort, LivingCatalogue,
    contract::conformance::{Plain, Shop, put},
};
use lookalike_items::Filter;

use super::{MODEL, load, open, server};

const ITEMS: usize = 5_000;

/// Of ten, over forty queries.
async fn recall(
    catalogue: &dyn Catalogue,
    plain: &Plain,
    shop: &mut Shop,
    weight: f32,
    filter: &Filter,
) -> (f64, Duration) {
    let (mut right, mut of, mut took) = (0, 0, Vec::new());
    for _ in 0..40 {
        let query = shop.query(weight);
        let nearest = plain.nearest(&query, filter);
        let begun = Instant::now();
        let found = catalogue.nearest(&query, 10, filter, Effort::Usual).await.unwrap();
        took.push(begun.elapsed());
        assert_eq!(found.hits.len(), nearest.len().min(10), "{filter:?}");
        assert_eq!(found.exhausted, nearest.len() <= 10);
        if let Some((_, last)) = nearest.get(9).or(nearest.last()) {
            right += found.hits.iter().filter(|hit| hit.distance.blend <= last.blend + 1e-5).count();
            of += nearest.len().min(10);
        }
    }
    took.sort_unstable();
    (right as f64 / of as f64, took[took.len() / 2])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_nearest_are_found_under_every_filter() {
    let server = server::shared();
    let address = server.address("recall");
    let mut shop = Shop::new(5);
    let mut plain = Plain::default();
    let mut items = Vec::new();
    for n in 0..ITEMS {
        let (mut item, vectors) = shop.item(n);
        let shares =
            [("half", n % 2 == 0), ("twentieth", n % 20 == 3), ("rare", n % 200 == 7), ("three", n < 3)];
        let shares = shares.iter().filter(|(_, is)| *is).map(|(name, _)| (*name).to_owned()).collect();
        item.attributes.insert("share".into(), shares);
        plain.make(&put(item.clone(), vectors.clone()));
        items.push((item, vectors));
    }
    let begun = Instant::now();
    load(&address, MODEL, items).await;
    println!("{ITEMS} items loaded, indexed and served in {:?}", begun.elapsed());
    let catalogue = open(&address).await;
    let mut failed = Vec::new();
    let mut strange = Shop::new(77);
    for share in ["", "half", "twentieth", "rare", "three"] {
        let attributes: BTreeMap<_, _> = [("share".to_owned(), vec![share.to_owned()])].into();
        let filter =
            if share.is_empty() { Filter::default() } else { Filter { attributes, ..Filter::default() } };
        for (weight, least) in [(0.0, 0.99), (0.1, 0.99), (0.5, 0.95), (1.0, 0.95)] {
            // Photos like the shop's, and photos like none of them.
            for (kind, asking) in [("alike", &mut shop), ("strange", &mut strange)] {
                let (recall, took) = recall(&catalogue, &plain, asking, weight, &filter).await;
                println!(
                    "recall@10 {recall:.4} in {took:?} (median) at w {weight} of '{share}', {kind} photos"
                );
                if recall < least {
                    failed.push((share, weight, kind, recall));
                }
            }
        }
    }
    ten_are_ten(&catalogue).await;
    assert!(failed.is_empty(), "{failed:?}");
    seen_soon(&catalogue, &mut shop).await;
}

/// However hard it looks, and whatever is asked with, as many are found as are asked for.
async fn ten_are_ten(catalogue: &dyn Catalogue) {
    let mut shop = Shop::new(78);
    let attributes: BTreeMap<_, _> = [("share".to_owned(), vec!["half".to_owned()])].into();
    let filter = Filter { attributes, ..Filter::default() };
    for n in 0..400 {
        let query = shop.query([0.0, 0.1, 0.5, 1.0][n % 4]);
        let ef = [1, 64, 256, 1_024, 4_096][n % 5];
        let found = catalogue.nearest(&query, 10, &filter, Effort::Ef(ef)).await.unwrap();
        assert_eq!(found.hits.len(), 10, "query {n} with ef {ef}");
    }
}

/// How long a write is not in searches.
async fn seen_soon(catalogue: &(impl LivingCatalogue + Catalogue), shop: &mut Shop) {
    let (mut slowest, mut writing) = (Duration::ZERO, Duration::ZERO);
    for n in 0..10 {
        let (item, vectors) = shop.item(9_000 + n);
        let mut query = shop.query(0.1);
        query.vectors = vectors.clone();
        let begun = Instant::now();
        catalogue.write(vec![put(item.clone(), vectors)]).await.unwrap();
        writing += begun.elapsed();
        let begun = Instant::now();
        assert!(catalogue.get(&item.id).await.unwrap().is_some(), "one's own write is read at once");
        loop {
            let found = catalogue.nearest(&query, 1, &Filter::default(), Effort::Usual).await.unwrap();
            if found.hits[0].item.id == item.id {
                break;
            }
        }
        slowest = slowest.max(begun.elapsed());
    }
    println!("a write takes {:?}, and is read by its name and found {slowest:?} later at most", writing / 10);
    assert!(slowest < Duration::from_secs(5));
}
