//! Searches against the naive truth.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use lookalike_catalogue::{Catalogue, CatalogueError, Effort, LocalCatalogue, Query, distance};
use lookalike_items::{ColourWeight, Filter, Item, ItemId, NumberRange, Vectors};
use proptest::{collection::vec, prelude::*, sample::select};
use tempfile::TempDir;

use crate::samples::{Source, catalogue, item};

/// 5,000 photos. So few a usual search would scan: where the walk is meant, `Ef` asks for it.
static LARGE: LazyLock<(TempDir, LocalCatalogue)> =
    LazyLock::new(|| catalogue(Source::new(1, 60, 64, 30).items(5_000)));

/// The answer by looking at every item.
fn naive<'a>(
    items: impl Iterator<Item = (&'a Item, (&'a [f32], &'a [f32]))>,
    query: &Query,
    n: usize,
    filter: &Filter,
) -> Vec<(f32, ItemId)> {
    let asked = (query.vectors.deep(), query.vectors.colour());
    let mut all: Vec<(f32, ItemId)> = items
        .filter(|(item, _)| filter.admits(item))
        .map(|(item, vectors)| (distance(asked, vectors, query.weight).blend, item.id.clone()))
        .collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
    all.truncate(n);
    all
}

fn ids(catalogue: &LocalCatalogue, query: &Query, n: usize, effort: Effort) -> Vec<(f32, ItemId)> {
    let found = catalogue.search(query, n, &Filter::default(), effort).expect("answers");
    found.hits.iter().map(|hit| (hit.distance.blend, hit.item.id.clone())).collect()
}

#[test]
fn the_walk_finds_what_the_scan_finds() {
    let mut source = Source::new(1, 60, 64, 30);
    source.items(5_000);
    for (w, effort, least) in [
        (0.1, Effort::Ef(96), 0.99),
        (0.0, Effort::Ef(200), 0.99),
        (0.5, Effort::Ef(400), 0.99),
        (1.0, Effort::Ef(800), 0.99),
    ] {
        let recall = LARGE.1.ann_recall(&source.queries(200, w), 10, effort).expect("answers");
        assert!(recall >= least, "ann_recall@10 at w = {w} is {recall}");
    }
}

/// A shop's items that have no photo of their own yet all show the same one.
#[test]
fn many_items_that_look_the_same_are_built_and_found() {
    let mut source = Source::new(3, 60, 64, 30);
    let looks: Vec<Vectors> = (0..40).map(|_| source.vectors()).collect();
    let same = (0..1_600).map(|n| (item(n), looks[n % 40].clone()));
    let others = (1_600..2_400).map(|n| (item(n), source.vectors())).collect::<Vec<_>>();
    let placeholder = (2_400..3_000).map(|n| (item(n), looks[0].clone()));
    let (_bundle, catalogue) = catalogue(same.chain(others).chain(placeholder).collect());
    for (n, look) in looks.iter().enumerate() {
        let query = Query { vectors: look.clone(), weight: ColourWeight::DEFAULT };
        let found = ids(&catalogue, &query, 10, Effort::Ef(96));
        assert!(found.len() == 10 && found.iter().all(|(blend, _)| *blend < 1e-3), "look {n}: {found:?}");
    }
}

#[test]
fn the_walk_finds_what_the_scan_finds_among_the_admitted() {
    let red =
        Filter { attributes: [("colour".to_owned(), vec!["red".to_owned()])].into(), ..Filter::default() };
    let tops = Filter { categories: vec!["Tee".to_owned()], exclude: vec![item(0).id], ..Filter::default() };
    for filter in [red, tops] {
        let mut found = 0;
        for query in Source::new(1, 60, 64, 30).queries(100, 0.1) {
            let exact = LARGE.1.search(&query, 10, &filter, Effort::Exact).expect("answers").hits;
            let walked = LARGE.1.search(&query, 10, &filter, Effort::Ef(96)).expect("answers").hits;
            let far = exact[9].distance.blend;
            found += walked.iter().filter(|hit| hit.distance.blend <= far).count();
        }
        assert!(found >= 990, "{found} of 1000 for {filter:?}");
    }
}

#[test]
fn an_audit_finds_no_orphans_and_next_to_all_of_the_truth() {
    let audit = LARGE.1.audit(100).expect("audits");
    assert_eq!((audit.queries, audit.orphans, audit.degrees.iter().sum::<usize>()), (100, 0, 5_000));
    assert_eq!(audit.degrees[0], 0, "a point without neighbours");
    assert_eq!(audit.recalls.len(), 4);
    for (weight, recall) in &audit.recalls {
        assert!(*recall >= 0.99, "{recall} at w = {}", weight.get());
    }
    assert!(audit.resident_bytes < audit.mapped_bytes * 2.0);
    let (_bundle, empty) = catalogue(Vec::new());
    assert_eq!(empty.audit(10).expect("audits").orphans, 0);
}

#[test]
fn the_smallest_catalogues_answer_too() {
    for count in [0, 1, 2, 3] {
        let mut source = Source::new(2, 3, 8, 2);
        let (_bundle, catalogue) = catalogue(source.items(count));
        assert_eq!(catalogue.len(), count);
        for (n, effort) in [(0, Effort::Usual), (1, Effort::Usual), (10, Effort::Ef(4)), (10, Effort::Exact)]
        {
            let found =
                catalogue.search(&source.queries(1, 0.1)[0], n, &Filter::default(), effort).expect("answers");
            assert_eq!((found.hits.len(), found.exhausted), (n.min(count), n >= count));
        }
    }
}

#[test]
fn more_than_all_is_all() {
    let query = &Source::new(3, 60, 64, 30).queries(1, 0.1)[0];
    for effort in [Effort::Usual, Effort::Ef(10), Effort::Exact] {
        let found = LARGE.1.search(query, usize::MAX, &Filter::default(), effort).expect("answers");
        assert_eq!((found.hits.len(), found.exhausted), (5_000, true));
    }
}

#[test]
fn equal_distances_are_ordered_by_id_and_pages_fit_together() {
    let one = Source::new(4, 1, 8, 3).vectors();
    let (_bundle, catalogue) = catalogue((0..50).rev().map(|n| (item(n), one.clone())).collect());
    let query = Query { vectors: one, weight: ColourWeight::DEFAULT };
    for effort in [Effort::Usual, Effort::Exact] {
        let all = ids(&catalogue, &query, 50, effort);
        assert!(all.is_sorted_by(|a, b| a.1 < b.1));
        assert_eq!(ids(&catalogue, &query, 7, effort), all[..7]);
    }
}

#[tokio::test]
async fn the_trait_answers() {
    let (_bundle, catalogue) = catalogue(Source::new(5, 3, 8, 2).items(20));
    let catalogue: &dyn Catalogue = &catalogue;
    let id = item(3).id;
    let (found, vectors) = catalogue.get(&id).await.expect("answers").expect("is there");
    assert_eq!(*found, item(3));
    let query = Query { vectors: vectors.clone(), weight: ColourWeight::DEFAULT };
    let nearest = catalogue.nearest(&query, 1, &Filter::default(), Effort::Usual).await.expect("answers");
    assert_eq!((nearest.hits[0].item.id.clone(), nearest.hits[0].distance.blend), (id.clone(), 0.0));
    assert!(catalogue.random().await.expect("answers").is_some());
    assert!(catalogue.get(&ItemId::parse("none").expect("an id")).await.expect("answers").is_none());
    let other = Query { vectors: Vectors::new(vec![1.0; 9], vec![]).expect("vectors"), ..query };
    let refused = catalogue.nearest(&other, 1, &Filter::default(), Effort::Usual).await;
    assert!(matches!(refused, Err(CatalogueError::Dims { .. })));
    assert_eq!((catalogue.count().await.expect("answers"), catalogue.dims().deep), (20, 8));
}

#[tokio::test]
async fn a_long_scan_leaves_the_async_thread() {
    let (_bundle, catalogue) = catalogue(Source::new(6, 30, 4, 0).items(20_500));
    let query = &Source::new(6, 30, 4, 0).queries(1, 0.0)[0];
    // The test's only async thread: another task gets its turns while the search runs, or not at all.
    let turns = std::rc::Rc::new(std::cell::Cell::new(0));
    let local = tokio::task::LocalSet::new();
    let counted = std::rc::Rc::clone(&turns);
    local.spawn_local(async move {
        loop {
            counted.set(counted.get() + 1);
            tokio::task::yield_now().await;
        }
    });
    let everything = Filter::default();
    // On a busy machine one search may be over before this thread looks for its answer; not all of a hundred.
    let mut found = None;
    for _ in 0..100 {
        let search = catalogue.nearest(query, 5, &everything, Effort::Exact);
        found = Some(local.run_until(search).await.expect("answers"));
        if turns.get() > 0 {
            break;
        }
    }
    assert!(turns.get() > 0, "the searches kept the async thread");
    let there = found.expect("one search at least");
    let here = catalogue.search(query, 5, &Filter::default(), Effort::Exact).expect("answers");
    let blends = |found: lookalike_catalogue::Nearest| -> Vec<f32> {
        found.hits.iter().map(|hit| hit.distance.blend).collect()
    };
    assert_eq!(blends(there), blends(here));
}

fn filters() -> impl Strategy<Value = Filter> {
    let categories = vec(select(&["Tee", "Hoodie", "Coat", "Cape"]).prop_map(String::from), 0..3);
    let colours = vec(select(&["red", "blue", "green"]).prop_map(String::from), 1..3);
    let attributes = prop_oneof![
        3 => Just(vec![]),
        2 => colours.prop_map(|colours| vec![("colour".to_owned(), colours)]),
        1 => Just(vec![("stock".to_owned(), vec!["last".to_owned()])]),
    ];
    let exclude = vec((0usize..5_100).prop_map(|n| item(n).id), 0..5);
    let not_categories = vec(select(&["Tee", "Coat", "Cape"]).prop_map(String::from), 0..2);
    let not_blue = any::<bool>().prop_map(|not| not.then(|| ("colour".to_owned(), vec!["blue".to_owned()])));
    (categories, attributes, ranges(), not_categories, not_blue, exclude).prop_map(
        |(categories, attributes, ranges, not_categories, not_blue, exclude)| Filter {
            categories,
            attributes: attributes.into_iter().collect(),
            ranges,
            not_categories,
            not_attributes: not_blue.into_iter().collect(),
            exclude,
        },
    )
}

/// Of none, one or two keys; some keep nothing.
fn ranges() -> impl Strategy<Value = BTreeMap<String, NumberRange>> {
    let range = |most: u32| {
        let end = move || prop::option::of((0..most).prop_map(f64::from));
        (end(), end()).prop_filter_map("no range", |(a, b)| NumberRange::new(a, b).ok())
    };
    let one = |key: &'static str, most| {
        prop::option::weighted(0.3, range(most)).prop_map(move |range| Some((key.to_owned(), range?)))
    };
    (one("price", 520), one("stock", 8), one("weight", 3))
        .prop_map(|(a, b, c)| [a, b, c].into_iter().flatten().collect())
}

fn efforts() -> impl Strategy<Value = Effort> {
    prop_oneof![Just(Effort::Usual), (1usize..300).prop_map(Effort::Ef), Just(Effort::Exact)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn k_is_k_whatever_the_filter(
        seed in 0u64..10_000,
        w in prop_oneof![Just(0.0f32), Just(0.1), 0.0f32..2.0],
        n in prop_oneof![Just(10usize), 0usize..200],
        filter in filters(),
        effort in efforts(),
    ) {
        let catalogue = &LARGE.1;
        let query = &Source::new(seed, 60, 64, 30).queries(1, w)[0];
        let found = catalogue.search(query, n, &filter, effort).expect("answers");
        let items: Vec<_> = catalogue.items().map(|row| row.expect("an item")).collect();
        let admitted = items.iter().filter(|(item, _)| filter.admits(item)).count();
        prop_assert_eq!(found.hits.len(), n.min(admitted));
        prop_assert_eq!(found.exhausted, n >= admitted);
        prop_assert!(found.hits.iter().all(|hit| filter.admits(&hit.item)));
        let order: Vec<_> = found.hits.iter().map(|hit| (hit.distance.blend, &hit.item.id)).collect();
        prop_assert!(order.is_sorted_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(b.1)).is_lt()));
        prop_assert_eq!(order.iter().map(|(_, id)| id).collect::<BTreeSet<_>>().len(), order.len());
        if effort == Effort::Exact {
            let truth = naive(items.iter().map(|(i, v)| (i, *v)), query, n, &filter);
            let found: Vec<_> = order.into_iter().map(|(blend, id)| (blend, id.clone())).collect();
            prop_assert_eq!(found, truth);
        }
    }
}
