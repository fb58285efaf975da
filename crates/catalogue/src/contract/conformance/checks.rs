//! One function for each promise of the contract.

use std::collections::{BTreeMap, HashSet};

use lookalike_items::{Filter, Item, ItemId, ItemPatch, Vectors};
use serde_json::{Value, json};

use crate::contract::{
    Catalogue, CatalogueError, Condition, Effort, Etag, LivingCatalogue, Outcome, TOP_VALUES, Write,
    WriteKind,
    conformance::{
        delete,
        plain::{Plain, far},
        put,
        shop::{DIMS, Shop, id},
    },
};

/// The least part of the nearest ten that a search of the usual effort may find, over many queries.
const RECALL: f64 = 0.95;

/// Distances are computed in f32, by engines in other orders.
const TOLERANCE: f32 = 1e-5;

/// Makes writes, and holds what became of them to what should.
pub async fn written(engine: &dyn LivingCatalogue, plain: &mut Plain, writes: Vec<Write>) {
    let expected: Vec<Outcome> = writes.iter().map(|write| plain.make(write)).collect();
    let ids: Vec<ItemId> = writes.iter().map(|write| write.id.clone()).collect();
    let made = engine.write(writes).await.expect("the engine takes writes");
    assert_eq!(made.len(), expected.len(), "an outcome for each write");
    for ((id, made), expected) in ids.iter().zip(made).zip(expected) {
        assert_eq!(made, expected, "{id}");
    }
}

/// A catalogue without items answers, with nothing.
pub async fn empty(catalogue: &dyn Catalogue) {
    let (mut shop, all) = (Shop::new(1), Filter::default());
    assert_eq!(catalogue.dims(), DIMS);
    assert_eq!(catalogue.count().await.expect("counts"), 0);
    assert!(catalogue.random().await.expect("draws").is_none());
    assert_eq!(catalogue.categories().await.expect("counts"), []);
    let found = catalogue.nearest(&shop.query(0.1), 5, &all, Effort::Usual).await.expect("searches");
    assert!(found.hits.is_empty() && found.exhausted, "{found:?}");
    let listed = catalogue.list(&all, None, 5).await.expect("lists");
    assert!(listed.items.is_empty() && listed.total == 0 && !listed.more, "{listed:?}");
    assert!(catalogue.get(&id("none")).await.expect("asks").is_none());
    catalogue.health().await.expect("it is well");
}

/// Everything that can be asked.
pub async fn all(catalogue: &dyn Catalogue, plain: &Plain, shop: &mut Shop) {
    assert_eq!(catalogue.dims(), DIMS);
    assert_eq!(catalogue.count().await.expect("counts"), plain.len());
    assert_eq!(catalogue.categories().await.expect("counts"), plain.categories());
    held(catalogue, plain).await;
    drawn(catalogue, plain).await;
    for filter in filters(plain) {
        lists(catalogue, plain, &filter).await;
        counts(catalogue, plain, &filter).await;
        nearest(catalogue, plain, shop, &filter).await;
    }
}

/// Filters of every kind, alone and together, that keep all, many, few and none.
fn filters(plain: &Plain) -> Vec<Filter> {
    let none = Filter::default;
    let attributes = |pairs: &[(&str, &[&str])]| -> BTreeMap<String, Vec<String>> {
        let owned = |values: &[&str]| values.iter().map(|v| (*v).to_owned()).collect();
        pairs.iter().map(|(key, values)| ((*key).to_owned(), owned(values))).collect()
    };
    let ranges = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(key, range)| ((*key).to_owned(), range.parse().expect("a range"))).collect()
    };
    let third: Vec<ItemId> = plain.ids().into_iter().step_by(3).collect();
    let mut filters = vec![
        none(),
        Filter { categories: vec!["Tee".into()], ..none() },
        Filter { categories: vec!["Tee".into(), "\"odd\\'".into(), "Nothing".into()], ..none() },
        Filter { categories: vec!["Nothing".into()], ..none() },
        Filter { attributes: attributes(&[("colour", &["red"])]), ..none() },
        Filter { attributes: attributes(&[("colour", &["red", "blue"]), ("stock", &["last"])]), ..none() },
        Filter { attributes: attributes(&[("none", &["red"])]), ..none() },
        Filter { not_attributes: attributes(&[("colour", &["red"])]), ..none() },
        Filter { not_categories: vec!["Tee".into(), "Coat".into()], ..none() },
        Filter { ranges: ranges(&[("price", "100..200")]), ..none() },
        Filter { ranges: ranges(&[("price", "37.5..37.5")]), ..none() },
        Filter { ranges: ranges(&[("price", "1000000000.."), ("stock", "..3")]), ..none() },
        Filter { ranges: ranges(&[("price", "..2e9"), ("stock", "3..3")]), ..none() },
        Filter { ranges: ranges(&[("none", "0..")]), ..none() },
        Filter { exclude: third.clone(), ..none() },
        Filter { exclude: third, categories: vec!["Tee".into()], ..none() },
        Filter {
            ranges: ranges(&[("price", "50..")]),
            not_categories: vec!["Coat".into()],
            attributes: attributes(&[("colour", &["blue"])]),
            not_attributes: attributes(&[("stock", &["last"]), ("colour", &["green"])]),
            ..none()
        },
    ];
    // Each odd key and value by itself.
    for (item, _) in plain.admitted(&none()) {
        if let Some((key, values)) = item.attributes.iter().find(|(key, _)| key.starts_with('k')) {
            filters.push(Filter { attributes: [(key.clone(), vec![values[0].clone()])].into(), ..none() });
        }
        if let Some(key) = item.numbers.keys().find(|key| key.starts_with('n')) {
            let range = "..0".parse().expect("a range");
            filters.push(Filter { ranges: [(key.clone(), range)].into(), ..none() });
        }
        if filters.len() > 40 {
            break;
        }
    }
    filters
}

/// Items and vectors by their ids, and who shows a photo.
async fn held(catalogue: &dyn Catalogue, plain: &Plain) {
    let mut ids = plain.ids();
    for wanted in ids.iter().step_by(17).chain(ids.iter().filter(|id| !id.as_str().starts_with("item-"))) {
        let (item, vectors) = catalogue.get(wanted).await.expect("asks").expect("it is there");
        let (expected, numbers) = plain.get(wanted).expect("it is there");
        assert_eq!((&*item, &vectors), (expected, numbers), "{wanted}");
    }
    for missing in ["item-", "item-0000010", "ITEM-000001", "item-000001' or id != '"] {
        assert!(catalogue.get(&id(missing)).await.expect("asks").is_none(), "{missing}");
    }
    ids.truncate(40);
    ids.reverse();
    ids.insert(3, id("missing"));
    ids.push(ids[0].clone());
    let told = catalogue.vectors(&ids).await.expect("asks");
    assert_eq!(told.len(), ids.len());
    for (id, told) in ids.iter().zip(told) {
        assert_eq!(told.as_ref(), plain.get(id).map(|(_, vectors)| vectors), "{id}");
    }
    assert!(catalogue.vectors(&[]).await.expect("asks").is_empty());
}

/// Items drawn at random are items, and not always the same.
async fn drawn(catalogue: &dyn Catalogue, plain: &Plain) {
    let mut seen = HashSet::new();
    for _ in 0..20 {
        let item = catalogue.random().await.expect("draws").expect("there are items");
        assert_eq!(Some(&*item), plain.get(&item.id).map(|(item, _)| item));
        seen.insert(item.id.clone());
    }
    assert!(seen.len() >= 10, "twenty draws of {} items gave {} of them", plain.len(), seen.len());
}

/// The items of a filter, part by part, in the order of their ids' bytes.
async fn lists(catalogue: &dyn Catalogue, plain: &Plain, filter: &Filter) {
    let expected: Vec<&Item> = plain.admitted(filter).into_iter().map(|(item, _)| item).collect();
    let mut listed: Vec<std::sync::Arc<Item>> = Vec::new();
    loop {
        let after = listed.last().map(|item| item.id.clone());
        let part = catalogue.list(filter, after.as_ref(), 170).await.expect("lists");
        assert_eq!(part.total, expected.len(), "{filter:?}");
        assert!(part.items.len() <= 170);
        assert_eq!(part.more, listed.len() + part.items.len() < expected.len(), "{filter:?}");
        listed.extend(part.items);
        if !part.more {
            break;
        }
    }
    assert!(listed.iter().map(|item| &**item).eq(expected), "{filter:?}");
}

/// What is counted, where the engine counts.
async fn counts(catalogue: &dyn Catalogue, plain: &Plain, filter: &Filter) {
    let keys = ["colour", "category", "price", "stock", "none"].map(str::to_owned);
    let told = catalogue.facets(filter, &keys).await;
    if !catalogue.about().facets {
        return not_supported(told);
    }
    let told = told.expect("counts");
    assert_eq!(told.len(), keys.len());
    for (key, facet) in keys.iter().zip(told) {
        let (counts, items, missing) = plain.counts(filter, key);
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let other = counts.split_off(counts.len().min(TOP_VALUES)).into_iter().map(|(_, n)| n).sum::<usize>();
        assert_eq!((&facet.key, facet.items), (key, items), "{filter:?}");
        assert_eq!((facet.values.top, facet.values.other), (counts, other), "{key} of {filter:?}");
        assert_eq!(facet.values.missing, missing, "{key} of {filter:?}");
    }
}

/// The nearest: as many as are asked for, each admitted, each at its distance, in order, and those that are nearest.
async fn nearest(catalogue: &dyn Catalogue, plain: &Plain, shop: &mut Shop, filter: &Filter) {
    let about = catalogue.about();
    for weight in [0.0, 0.1, 0.5, 1.0] {
        let (mut found_of_ten, mut of) = (0, 0);
        for _ in 0..4 {
            let query = shop.query(weight);
            let right = plain.nearest(&query, filter);
            for n in [1, 10, 300] {
                let found = catalogue.nearest(&query, n, filter, Effort::Usual).await.expect("searches");
                let expected = n.min(right.len()).min(about.most);
                assert_eq!(found.hits.len(), expected, "k means k: {n} of {} with {filter:?}", right.len());
                assert_eq!(found.exhausted, n >= right.len(), "{n} of {} with {filter:?}", right.len());
                assert!(found.hits.is_sorted_by(|a, b| a.distance.blend <= b.distance.blend), "{filter:?}");
                let mut once = HashSet::new();
                for hit in &found.hits {
                    let (item, vectors) = plain.get(&hit.item.id).expect("an item of the catalogue");
                    assert!(once.insert(hit.item.id.clone()) && filter.admits(item), "{filter:?}");
                    assert_eq!(&*hit.item, item);
                    let right = far(&query, vectors);
                    assert!(
                        (hit.distance.blend - right.blend).abs() <= TOLERANCE,
                        "{:?} {right:?}",
                        hit.distance
                    );
                }
                if n == 10 && !right.is_empty() {
                    let last = right[n.min(right.len()) - 1].1.blend + TOLERANCE;
                    found_of_ten += found.hits.iter().filter(|hit| hit.distance.blend <= last).count();
                    of += n.min(right.len());
                }
            }
            let exact = catalogue.nearest(&query, 10, filter, Effort::Exact).await;
            if !about.exact {
                not_supported(exact);
                continue;
            }
            let exact: Vec<_> = exact.expect("searches").hits.iter().map(|hit| hit.distance.blend).collect();
            assert_eq!(exact.len(), right.len().min(10));
            for (told, (_, right)) in exact.iter().zip(&right) {
                assert!((told - right.blend).abs() <= TOLERANCE, "{filter:?}");
            }
        }
        let recall = if of == 0 { 1.0 } else { f64::from(found_of_ten as u32) / of as f64 };
        assert!(recall >= RECALL, "recall@10 {recall} at weight {weight} with {filter:?}");
    }
}

/// Puts over what is there, patches, deletes; several writes of one item in one batch.
pub async fn changes(engine: &dyn LivingCatalogue, plain: &mut Plain, shop: &mut Shop) {
    let (mut renewed, vectors) = shop.item(1);
    renewed.category = "Cape".into();
    let sale = |value: Value| WriteKind::Patch(ItemPatch::parse(value).expect("a patch"));
    let patch =
        |name: &str, value: Value| Write { id: id(name), kind: sale(value), condition: Condition::Always };
    let new = |shop: &mut Shop, n: usize| {
        let (item, vectors) = shop.item(n);
        put(item, vectors)
    };
    let writes = vec![
        put(renewed, vectors),
        patch("item-000002", json!({"numbers": {"price": 12.25}, "title": "on sale"})),
        patch("item-000003", json!({"attributes": {"colour": null, "season": ["summer"]}})),
        patch("item-000003", json!({"payload": {"a": {"b": 1}}, "numbers": null})),
        patch("q\"uote", json!({"category": "Coat"})),
        patch("no-such-item", json!({"title": "none"})),
        patch("item-000004", json!({"category": "x".repeat(200)})),
        delete(id("item-000005")),
        delete(id("item-000005")),
        delete(id("back\\slash")),
        delete(id("no-such-item")),
        new(shop, 9_001),
        delete(id("item-009001")),
        new(shop, 9_002),
        patch("item-009002", json!({"title": "patched at once"})),
        delete(id("item-000006")),
        new(shop, 6),
    ];
    written(engine, plain, writes).await;
    // What the engine tells of itself at once: the next write of an item finds the one before.
    for n in 0..3 {
        written(
            engine,
            plain,
            vec![patch("item-000002", json!({"numbers": {"price": 10.0 + f64::from(n)}}))],
        )
        .await;
    }
    let many: Vec<Write> = plain.ids().into_iter().step_by(5).map(delete).collect();
    written(engine, plain, many).await;
    let many: Vec<Write> =
        (200..320).map(|n| patch(&format!("item-{n:06}"), json!({"numbers": {"price": n}}))).collect();
    written(engine, plain, many).await;
    let shown = |n: u32| format!("photo:{n:064x}");
    let there = |image: &str, plain: &Plain| {
        plain.admitted(&Filter::default()).iter().any(|(item, _)| item.image == image)
    };
    for image in (0..20).map(shown).chain(["img/000009.jpg".into(), "img/000005.jpg".into(), "'".into()]) {
        assert_eq!(engine.shows(&image).await.expect("asks"), there(&image, plain), "{image}");
    }
}

/// Conditions, where the engine holds to them; else they are refused, and nothing is written.
pub async fn conditions(engine: &dyn LivingCatalogue, plain: &mut Plain, shop: &mut Shop) {
    let (item, vectors) = shop.item(9_100);
    let one = |condition: Condition, item: &Item, vectors: &Vectors| {
        vec![Write { id: item.id.clone(), kind: WriteKind::Put(item.clone(), vectors.clone()), condition }]
    };
    let etag = Etag::of(&item, &vectors).expect("JSON");
    let conditions = [
        (Condition::Exists, false),
        (Condition::Is(vec![etag.clone()]), false),
        (Condition::IsNew, true),
        (Condition::IsNew, false),
        (Condition::Is(vec![Etag::told("other")]), false),
        (Condition::Is(vec![Etag::told("other"), etag]), true),
        (Condition::Exists, true),
    ];
    for (condition, holds) in conditions {
        let made = engine.write(one(condition.clone(), &item, &vectors)).await;
        if !engine.now().about().conditional_writes {
            not_supported(made);
            continue;
        }
        let made = made.expect("the engine takes writes").pop().expect("an outcome");
        match holds {
            true => assert_eq!(made, plain.make(&put(item.clone(), vectors.clone())), "{condition:?}"),
            false => assert_eq!(made, Outcome::ConditionFailed, "{condition:?}"),
        }
    }
}

/// Vectors of another model write nothing.
pub async fn refusals(engine: &dyn LivingCatalogue, plain: &Plain, shop: &mut Shop) {
    let (item, vectors) = shop.item(9_200);
    let (other, _) = shop.item(9_201);
    let wrong = Vectors::new(vec![1.0; DIMS.deep + 1], vec![0.5; DIMS.colour]).expect("vectors");
    let made = engine.write(vec![put(item.clone(), vectors), put(other, wrong)]).await;
    assert!(matches!(made, Err(CatalogueError::Dims { .. })), "{made:?}");
    assert_eq!(super::settled(engine, plain).await.count().await.expect("counts"), plain.len());
    assert!(engine.now().get(&item.id).await.expect("asks").is_none());
}

/// Every question and every write of an engine that cannot be asked.
pub async fn fails(engine: &dyn LivingCatalogue, shop: &mut Shop) {
    let (catalogue, all) = (engine.now(), Filter::default());
    let (item, vectors) = shop.item(1);
    let ids = [item.id.clone()];
    unavailable(catalogue.nearest(&shop.query(0.1), 5, &all, Effort::Usual).await);
    unavailable(catalogue.vectors(&ids).await);
    unavailable(catalogue.list(&all, None, 5).await);
    unavailable(catalogue.categories().await);
    unavailable(catalogue.get(&item.id).await);
    unavailable(catalogue.random().await);
    unavailable(catalogue.count().await);
    unavailable(catalogue.health().await);
    if catalogue.about().facets {
        unavailable(catalogue.facets(&all, &["colour".to_owned()]).await);
    }
    unavailable(engine.shows(&item.image).await);
    unavailable(engine.write(vec![put(item, vectors)]).await);
}

fn unavailable<T: std::fmt::Debug>(told: Result<T, CatalogueError>) {
    let right = matches!(told, Err(CatalogueError::Unavailable { .. } | CatalogueError::Timeout(_)));
    assert!(right, "an engine that cannot be asked says so: {told:?}");
}

fn not_supported<T: std::fmt::Debug>(told: Result<T, CatalogueError>) {
    assert!(
        matches!(told, Err(CatalogueError::NotSupported(_))),
        "what an engine cannot do it refuses: {told:?}"
    );
}
