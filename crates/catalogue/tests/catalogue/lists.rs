//! Long answers, lists of items and their categories.

use lookalike_catalogue::{Catalogue, Effort, LocalCatalogue};
use lookalike_items::{Filter, ItemId};
use proptest::prelude::*;
use std::sync::LazyLock;
use tempfile::TempDir;

use crate::samples::{Source, catalogue, item};

static ITEMS: usize = 3_000;
static SHOP: LazyLock<(TempDir, LocalCatalogue)> =
    LazyLock::new(|| catalogue(Source::new(7, 20, 16, 6).items(ITEMS)));

#[test]
fn long_answers_go_on_as_short_ones_begin() {
    let query = &Source::new(7, 20, 16, 6).queries(1, 0.1)[0];
    let places = |n, effort| SHOP.1.places(query, n, &Filter::default(), effort).expect("answers");
    let all = places(ITEMS, Effort::Exact);
    assert!(all.len() == ITEMS && all.is_sorted_by(|a, b| a.1.blend <= b.1.blend));
    for n in [10, 1_999, 2_001, 2_500] {
        assert_eq!(places(n, Effort::Exact), all[..n], "{n}");
    }
    assert_eq!(places(2_001, Effort::Usual), all[..2_001]);
}

#[tokio::test]
async fn the_few_that_a_filter_leaves_are_found_in_any_catalogue() {
    let rare = Filter {
        categories: vec!["Dress".into()],
        attributes: [("stock".into(), vec!["last".into()])].into(),
        ..Filter::default()
    };
    let three = Filter {
        exclude: (3..ITEMS).filter(|n| n % 100 == 7 && *n > 300).map(|n| item(n).id).collect(),
        ..rare
    };
    let query = &Source::new(8, 20, 16, 6).queries(1, 0.1)[0];
    let found = SHOP.1.nearest(query, 10, &three, Effort::Usual).await.expect("answers");
    assert_eq!((found.hits.len(), found.exhausted), (3, true));
    let listed = SHOP.1.list(&three, None, 10).await.expect("lists");
    let ids: Vec<&str> = listed.items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(
        (ids, listed.total, listed.more),
        (vec!["item-000007", "item-000107", "item-000207"], 3, false)
    );
}

#[tokio::test]
async fn categories_are_counted_and_vectors_fetched() {
    let names = ["Coat", "Dress", "Hoodie", "Tee"].map(|name| (name.to_owned(), ITEMS / 4));
    assert_eq!(SHOP.1.categories().await.expect("counts"), names);
    let none = ItemId::parse("nobody").expect("an id");
    let fetched = SHOP.1.vectors(&[item(5).id, none, item(2).id]).await.expect("fetches");
    let held =
        |n: usize| async move { SHOP.1.get(&item(n).id).await.expect("gets").map(|(_, vectors)| vectors) };
    assert_eq!(fetched, [held(5).await, None, held(2).await]);
    assert!(fetched[0].is_some());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn pages_of_a_list_are_all_that_the_filter_admits(limit in 1usize..900, which in 0usize..8) {
        let filter = [
            Filter::default(),
            Filter { categories: vec!["Tee".into(), "Coat".into()], ..Filter::default() },
            Filter { attributes: [("stock".into(), vec!["last".into()])].into(), ..Filter::default() },
            Filter { exclude: vec![item(0).id, item(17).id], ..Filter::default() },
            Filter { categories: vec!["Cape".into()], ..Filter::default() },
            Filter { ranges: [("price".into(), "100..399".parse().unwrap())].into(), ..Filter::default() },
            Filter { ranges: [("stock".into(), "6..".parse().unwrap())].into(), ..Filter::default() },
            Filter {
                not_categories: vec!["Tee".into()],
                not_attributes: [("stock".into(), vec!["last".into()])].into(),
                ..Filter::default()
            },
        ][which].clone();
        let expected: Vec<ItemId> = (0..ITEMS).map(item).filter(|item| filter.admits(item)).map(|item| item.id).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = runtime.block_on(SHOP.1.list(&filter, after.as_ref(), limit)).expect("lists");
            prop_assert_eq!(page.total, expected.len());
            prop_assert!(page.items.len() <= limit && (!page.more || page.items.len() == limit));
            found.extend(page.items.iter().map(|item| item.id.clone()));
            if !page.more {
                break;
            }
            after = found.last().cloned();
        }
        prop_assert_eq!(found, expected);
    }
}
