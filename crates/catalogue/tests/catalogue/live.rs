//! A catalogue that changes: held to a plain model in memory, through restarts and other bases.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use lookalike_catalogue::{
    BuildOptions, Catalogue, CatalogueError, Condition, Effort, LiveCatalogue, LiveOptions, LocalCatalogue,
    Outcome, Query, View, Write, WriteKind, build, distance, one_before,
};
use lookalike_items::{ColourWeight, Filter, Item, ItemId, ItemPatch, Vectors};
use proptest::{collection::vec, prelude::*, sample::select};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::samples::{MODEL, Source, catalogue, item};

/// What there should be.
pub type Plain = BTreeMap<ItemId, (Item, Vectors)>;

/// Items that a base may hold or not, so that records meet bases with and without them.
pub const NAMES: usize = 40;

/// So few that graphs of what came in are built and taken while everything else happens.
const FEW: LiveOptions = LiveOptions { few: 4 };

pub fn source() -> Source {
    Source::new(17, 6, 12, 4)
}

pub fn base_of(numbers: impl Iterator<Item = usize>, all: &[Vectors]) -> (TempDir, LocalCatalogue) {
    catalogue(numbers.map(|n| (item(n), all[n].clone())).collect())
}

fn open(state: &Path, base: &LocalCatalogue) -> LiveCatalogue {
    LiveCatalogue::open(state, base.clone(), source().vectors().dims(), FEW).unwrap()
}

pub fn put(item: Item, vectors: Vectors) -> Write {
    Write { id: item.id.clone(), kind: WriteKind::Put(item, vectors), condition: Condition::Always }
}

pub fn delete(id: ItemId) -> Write {
    Write { id, kind: WriteKind::Delete, condition: Condition::Always }
}

pub fn patch(id: ItemId, patch: serde_json::Value) -> Write {
    Write { id, kind: WriteKind::Patch(ItemPatch::parse(patch).unwrap()), condition: Condition::Always }
}

/// Holds a view to the model: every item, the lists, the counts, every search by comparing all.
pub fn agrees(view: &View, plain: &Plain, runtime: &Runtime) {
    let weight = ColourWeight::new(0.3).unwrap();
    let red =
        Filter { attributes: [("colour".to_owned(), vec!["red".to_owned()])].into(), ..Filter::default() };
    let tees = Filter { categories: vec!["Tee".into(), "Cape".into()], ..Filter::default() };
    let dear = Filter {
        ranges: [("price".to_owned(), "200..".parse().unwrap())].into(),
        not_categories: vec!["Coat".into()],
        ..Filter::default()
    };
    let not_red = Filter { not_attributes: red.attributes.clone(), ..Filter::default() };
    let some = plain.keys().step_by(3).cloned().collect();
    let without = Filter { exclude: some, ..tees.clone() };
    runtime.block_on(async {
        assert_eq!(view.count().await.unwrap(), plain.len());
        for n in 0..NAMES {
            let id = item(n).id;
            let held = view.get(&id).await.unwrap().map(|(item, vectors)| ((*item).clone(), vectors));
            assert_eq!(held.as_ref(), plain.get(&id), "{id}");
        }
        let mut counts = BTreeMap::new();
        plain.values().for_each(|(item, _)| *counts.entry(item.category.clone()).or_insert(0) += 1);
        assert_eq!(view.categories().await.unwrap(), counts.into_iter().collect::<Vec<_>>());
        for filter in [Filter::default(), red, tees, dear, not_red, without] {
            counts_agree(view, plain, &filter).await;
            let admitted: Vec<&(Item, Vectors)> =
                plain.values().filter(|(item, _)| filter.admits(item)).collect();
            let mut listed = Vec::new();
            loop {
                let after = listed.last().map(|item: &Arc<Item>| item.id.clone());
                let part = view.list(&filter, after.as_ref(), 7).await.unwrap();
                assert_eq!(part.total, admitted.len());
                listed.extend(part.items);
                if !part.more {
                    break;
                }
            }
            assert!(listed.iter().map(|item| &**item).eq(admitted.iter().map(|(item, _)| item)));
            for query in source().queries(3, weight.get()) {
                let far = |(_, held): &(Item, Vectors)| {
                    let (asked, held) =
                        ((query.vectors.deep(), query.vectors.colour()), (held.deep(), held.colour()));
                    distance(asked, held, query.weight).blend
                };
                let mut expected: Vec<f32> = admitted.iter().map(|held| far(held)).collect();
                expected.sort_by(f32::total_cmp);
                for n in [1, 5, 100] {
                    let found = view.nearest(&query, n, &filter, Effort::Exact).await.unwrap();
                    assert_eq!(found.exhausted, n >= admitted.len());
                    let blends: Vec<f32> = found.hits.iter().map(|hit| hit.distance.blend).collect();
                    assert_eq!(blends, expected[..n.min(expected.len())]);
                    for hit in &found.hits {
                        let held = &plain[&hit.item.id];
                        assert_eq!((&*hit.item, hit.distance.blend), (&held.0, far(held)));
                    }
                }
            }
        }
    });
}

/// Holds what is counted to the model.
async fn counts_agree(view: &View, plain: &Plain, filter: &Filter) {
    let keys = ["colour", "category", "price", "stock", "weight"].map(str::to_owned);
    let facets = view.facets(filter, &keys).await.unwrap();
    assert_eq!(facets.len(), keys.len());
    for (key, facet) in keys.iter().zip(facets) {
        let less = filter.without(key).unwrap_or_else(|| filter.clone());
        let admitted: Vec<&Item> =
            plain.values().map(|(item, _)| item).filter(|item| less.admits(item)).collect();
        let values = |item: &&Item| -> std::collections::BTreeSet<String> {
            match key.as_str() {
                "category" => [item.category.clone()].into(),
                key => item.attributes.get(key).into_iter().flatten().cloned().collect(),
            }
        };
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        admitted.iter().flat_map(values).for_each(|value| *counts.entry(value).or_insert(0) += 1);
        let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        assert_eq!((&facet.key, facet.items), (key, admitted.len()));
        assert_eq!((facet.values.top, facet.values.other), (counts, 0), "{key}");
        assert_eq!(facet.values.missing, admitted.iter().filter(|item| values(item).is_empty()).count());
        let numbers: Vec<f64> = admitted.iter().filter_map(|item| item.numbers.get(key).copied()).collect();
        assert_eq!(facet.numbers.is_some(), !numbers.is_empty());
        if let Some(told) = facet.numbers {
            assert_eq!(told.missing, admitted.len() - numbers.len());
            assert_eq!(told.min, numbers.iter().copied().fold(f64::INFINITY, f64::min));
            assert_eq!(told.max, numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            for bin in &told.bins {
                let within = numbers.iter().filter(|n| bin.from <= **n && **n <= bin.to);
                assert_eq!(within.count(), bin.items);
            }
            assert_eq!(told.bins.iter().map(|bin| bin.items).sum::<usize>(), numbers.len());
        }
    }
}

/// What happens to a catalogue.
#[derive(Clone, Debug)]
enum Event {
    Put(usize, usize),
    /// With the vectors that it has in the bases.
    PutAsIs(usize, &'static str),
    Patch(usize, &'static str),
    Delete(usize),
    Restart,
    /// The same state over a base of other items, after a restart, …
    OtherBase(usize),
    /// … and while it is open.
    Rebase(usize),
    Compact,
    /// To the base before, if there is one.
    RollBack,
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let (name, category) = (0..NAMES, select(&["Tee", "Cape", "Coat"]));
    let event = prop_oneof![
        4 => (name.clone(), 0usize..60).prop_map(|(n, seed)| Event::Put(n, seed)),
        1 => (name.clone(), category.clone()).prop_map(|(n, category)| Event::PutAsIs(n, category)),
        3 => (name.clone(), category).prop_map(|(n, category)| Event::Patch(n, category)),
        3 => name.prop_map(Event::Delete),
        1 => Just(Event::Restart),
        1 => (0usize..3).prop_map(Event::OtherBase),
        1 => (0usize..3).prop_map(Event::Rebase),
        1 => Just(Event::Compact),
        1 => Just(Event::RollBack),
    ];
    vec(event, 1..40)
}

/// What a base and the last that came in of each item come to: the definition.
pub fn expected(base: &Plain, came_in: &BTreeMap<ItemId, CameIn>) -> Plain {
    let mut all = base.clone();
    for (id, last) in came_in {
        match last {
            CameIn::Whole(item, vectors) => drop(all.insert(id.clone(), (item.clone(), vectors.clone()))),
            CameIn::Metadata(item) => all.get_mut(id).into_iter().for_each(|held| held.0 = item.clone()),
            CameIn::Deleted => drop(all.remove(id)),
        }
    }
    all
}

#[derive(Clone)]
pub enum CameIn {
    Whole(Item, Vectors),
    Metadata(Item),
    Deleted,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn whatever_happens_it_is_what_a_plain_model_is(events in events()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let mut source = source();
        let vectors: Vec<Vectors> = (0..60).map(|_| source.vectors()).collect();
        let holds = |which: usize, n: usize| n % 3 != which;
        let bases: Vec<(TempDir, LocalCatalogue)> =
            (0..3).map(|which| base_of((0..NAMES).filter(|&n| holds(which, n)), &vectors)).collect();
        let plain_base = |which: usize| -> Plain {
            (0..NAMES).filter(|&n| holds(which, n)).map(|n| (item(n).id, (item(n), vectors[n].clone()))).collect()
        };
        let state = tempfile::tempdir().unwrap();
        let (mut which, mut came_in) = (0, BTreeMap::new());
        let mut live = open(state.path(), &bases[0].1);
        for event in events {
            let plain = expected(&plain_base(which), &came_in);
            let revision = live.view().revision();
            let (write, last) = match event {
                Event::Rebase(other) => {
                    let same = which == other;
                    which = other;
                    let before = live.view();
                    runtime.block_on(live.rebase(bases[which].1.clone())).unwrap();
                    prop_assert_eq!(live.view().revision(), revision + u64::from(!same));
                    agrees(&before, &plain, &runtime);
                    agrees(&live.view(), &expected(&plain_base(which), &came_in), &runtime);
                    continue;
                }
                Event::Compact => {
                    prop_assert_eq!(runtime.block_on(live.compact(|_, _, _| ())).unwrap(), plain.len());
                    prop_assert_eq!(live.view().revision(), revision);
                    prop_assert_eq!((live.view().rows(), live.view().hidden()), (0, 0));
                    agrees(&live.view(), &plain, &runtime);
                    continue;
                }
                Event::RollBack => {
                    let bundle = bases[which].0.path();
                    let served = live.view().base().base_name();
                    let all = live.bases(bundle).unwrap();
                    let before = one_before(&all, served, MODEL).map(|base| base.name);
                    prop_assert!(before.is_some() || !served.to_string().starts_with("compacted"));
                    if let Some(before) = before {
                        runtime.block_on(live.roll_back(bundle, before)).unwrap();
                        prop_assert_eq!(live.view().base().base_name(), before);
                        prop_assert_eq!(live.view().revision(), revision);
                        agrees(&live.view(), &plain, &runtime);
                    }
                    continue;
                }
                Event::Restart | Event::OtherBase(_) => {
                    let served = live.view().base().base_name();
                    let same_base = matches!(event, Event::Restart);
                    if let Event::OtherBase(other) = event {
                        which = other;
                    }
                    drop(live);
                    live = reopened(state.path(), &bases[which].1);
                    prop_assert!(!same_base || live.view().base().base_name() == served);
                    prop_assert_eq!(live.view().revision(), revision);
                    agrees(&live.view(), &expected(&plain_base(which), &came_in), &runtime);
                    continue;
                }
                Event::Put(n, seed) => {
                    let item = Item { product: None, ..item(n) };
                    (put(item.clone(), vectors[seed].clone()), CameIn::Whole(item, vectors[seed].clone()))
                }
                Event::PutAsIs(n, category) => {
                    let item = Item { category: category.into(), ..item(n) };
                    (put(item.clone(), vectors[n].clone()), CameIn::Whole(item, vectors[n].clone()))
                }
                Event::Patch(n, category) => {
                    let id = item(n).id;
                    let price = (category.len() * 90) as f64;
                    let numbers = serde_json::json!({"price": price, "stock": null, "weight": 1});
                    let write = patch(id.clone(), serde_json::json!({"category": category, "numbers": numbers}));
                    let Some((now, held)) = plain.get(&id) else {
                        prop_assert_eq!(runtime.block_on(live.write(vec![write])).unwrap(), [Outcome::Missing]);
                        continue;
                    };
                    let numbers = [("price".to_owned(), price), ("weight".to_owned(), 1.0)].into();
                    let now = Item { category: category.into(), numbers, ..now.clone() };
                    let last = match came_in.get(&id) {
                        Some(CameIn::Whole(..)) => CameIn::Whole(now, held.clone()),
                        _ => CameIn::Metadata(now),
                    };
                    (write, last)
                }
                Event::Delete(n) => {
                    let id = item(n).id;
                    if !plain.contains_key(&id) {
                        prop_assert_eq!(runtime.block_on(live.write(vec![delete(id)])).unwrap(), [Outcome::Missing]);
                        continue;
                    }
                    (delete(id), CameIn::Deleted)
                }
            };
            let id = write.id.clone();
            let before = live.view();
            let outcome = runtime.block_on(live.write(vec![write])).unwrap().remove(0);
            let is_new = !plain.contains_key(&id);
            let fits = match outcome {
                Outcome::Created(..) => is_new,
                Outcome::Changed(..) | Outcome::Deleted => !is_new,
                _ => false,
            };
            prop_assert!(fits);
            came_in.insert(id, last);
            prop_assert_eq!(live.view().revision(), revision + 1);
            // Who holds the revision before sees nothing of the write.
            agrees(&before, &plain, &runtime);
            agrees(&live.view(), &expected(&plain_base(which), &came_in), &runtime);
        }
    }
}

/// The thread of the one before frees the file a moment after its catalogue is dropped.
fn reopened(state: &Path, base: &LocalCatalogue) -> LiveCatalogue {
    let dims = source().vectors().dims();
    loop {
        match LiveCatalogue::open(state, base.clone(), dims, FEW) {
            Err(CatalogueError::State { why, .. }) if why.contains("another process") => {
                std::thread::sleep(std::time::Duration::from_millis(1));
            }
            opened => return opened.unwrap(),
        }
    }
}

#[tokio::test]
async fn a_rollback_keeps_every_write_and_holds_until_the_bundle_is_another() {
    let mut source = source();
    let items = source.items(40);
    let bundle = tempfile::tempdir().unwrap();
    let publish = |items: &[(Item, Vectors)]| {
        build(bundle.path(), MODEL, items.to_vec(), &BuildOptions::default(), &|_, _, _| ()).unwrap();
        LocalCatalogue::open(bundle.path(), MODEL).unwrap()
    };
    let (_, second) = (publish(&items), publish(&items[..30]));
    let state = tempfile::tempdir().unwrap();
    let live = open(state.path(), &second);
    live.write(vec![put(item(100), source.vectors()), delete(item(2).id)]).await.unwrap();
    let told = async |live: &LiveCatalogue| {
        let view = live.view();
        (view.base().base_name().to_string(), view.count().await.unwrap(), view.revision())
    };
    let roll_back =
        async |live: &LiveCatalogue, to: &str| live.roll_back(bundle.path(), to.parse().unwrap()).await;
    assert_eq!(told(&live).await, ("bundle-2".into(), 30, 1));
    roll_back(&live, "bundle-1").await.unwrap();
    assert_eq!(told(&live).await, ("bundle-1".into(), 40, 2), "other items are another revision");
    assert_eq!(live.view().generation(), 1);
    drop(live);

    let live = reopened(state.path(), &second);
    assert_eq!(told(&live).await, ("bundle-1".into(), 40, 2), "it outlives a restart");
    assert_eq!(live.pinned().unwrap().unwrap().to_string(), "bundle-1");
    assert_eq!(live.compact(|_, _, _| ()).await.unwrap(), 40);
    live.write(vec![delete(item(3).id)]).await.unwrap();
    drop(live);
    let live = reopened(state.path(), &second);
    assert_eq!(told(&live).await, ("compacted-1".into(), 39, 3), "compacted upon what was served");
    let all = live.bases(bundle.path()).unwrap();
    let names: Vec<String> =
        all.iter().map(|base| format!("{} of {}", base.name, base.stands_for())).collect();
    assert_eq!(names, ["bundle-1 of 1", "bundle-2 of 2", "compacted-1 of 1"]);
    for missing in ["bundle-9", "compacted-9"] {
        assert!(roll_back(&live, missing).await.is_err());
        assert_eq!(told(&live).await, ("compacted-1".into(), 39, 3));
    }

    live.rebase(second.clone()).await.unwrap();
    assert_eq!(told(&live).await, ("bundle-2".into(), 29, 4), "a reload ends it");
    assert_eq!(live.pinned().unwrap(), None);
    roll_back(&live, "compacted-1").await.unwrap();
    assert_eq!(told(&live).await, ("compacted-1".into(), 39, 5));
    drop(live);
    let third = publish(&items[..20]);
    let live = reopened(state.path(), &third);
    assert_eq!(told(&live).await.0, "bundle-3", "another CURRENT ends it");
    assert_eq!(live.pinned().unwrap(), None);
}

#[tokio::test]
async fn what_an_older_program_compacted_is_served_as_before() {
    let (_bundle, base) = catalogue(source().items(20));
    let state = tempfile::tempdir().unwrap();
    let live = open(state.path(), &base);
    live.write(vec![delete(item(1).id)]).await.unwrap();
    live.compact(|_, _, _| ()).await.unwrap();
    drop(live);
    // One file for the folder, as it was.
    let folder = state.path().join("base");
    std::fs::rename(folder.join("catalogue/gen-1/STANDS-FOR"), folder.join("STANDS-FOR")).unwrap();
    let live = reopened(state.path(), &base);
    assert_eq!(live.view().base().base_name().to_string(), "compacted-1");
    assert!(!folder.join("STANDS-FOR").exists());
}

#[tokio::test]
async fn a_request_is_made_as_one_and_conditions_hold() {
    let mut source = source();
    let (_bundle, base) = catalogue(source.items(20));
    let state = tempfile::tempdir().unwrap();
    let live = open(state.path(), &base);
    let (new, old) = (item(30), item(3));
    let outcomes = live
        .write(vec![
            put(new.clone(), source.vectors()),
            patch(new.id.clone(), serde_json::json!({"category": "Cape"})),
            Write { condition: Condition::IsNew, ..put(new.clone(), source.vectors()) },
            Write { condition: Condition::Exists, ..delete(item(31).id) },
            Write { condition: Condition::IsNew, ..put(item(32), source.vectors()) },
            put(Item { category: String::new(), ..item(33) }, source.vectors()),
            delete(old.id.clone()),
            delete(old.id.clone()),
        ])
        .await
        .unwrap();
    let Outcome::Changed(patched, etag) = &outcomes[1] else { panic!("{outcomes:?}") };
    assert_eq!(**patched, Item { category: "Cape".into(), ..new.clone() });
    assert!(matches!(outcomes[0], Outcome::Created(..)) && matches!(outcomes[4], Outcome::Created(..)));
    assert_eq!(outcomes[2..4], [Outcome::ConditionFailed, Outcome::ConditionFailed]);
    assert!(matches!(&outcomes[5], Outcome::Refused(bad) if bad.to_string().contains("'category'")));
    assert_eq!(outcomes[6..], [Outcome::Deleted, Outcome::Missing]);
    assert_eq!((live.view().revision(), live.view().count().await.unwrap()), (1, 21));

    let is = |etag| Condition::Is(vec![etag]);
    let change = patch(new.id.clone(), serde_json::json!({"product": null}));
    let first = Write { condition: is(etag.clone()), ..change.clone() };
    let again = live.write(vec![first.clone(), first]).await.unwrap();
    assert!(matches!(again[0], Outcome::Changed(..)));
    assert_eq!(again[1], Outcome::ConditionFailed);
    let none = live.write(vec![Write { condition: Condition::IsNew, ..change }]).await.unwrap();
    assert_eq!(
        (none, live.view().revision()),
        (vec![Outcome::ConditionFailed], 2),
        "nothing done is no revision"
    );
    let other = Vectors::new(vec![1.0; 5], vec![]).unwrap();
    assert!(matches!(live.write(vec![put(item(34), other)]).await, Err(CatalogueError::Dims { .. })));
}

#[tokio::test]
async fn a_state_is_one_servers_and_one_models() {
    let (_bundle, base) = catalogue(source().items(5));
    let state = tempfile::tempdir().unwrap();
    let live = open(state.path(), &base);
    let second = LiveCatalogue::open(state.path(), base.clone(), base.dims(), FEW).unwrap_err().to_string();
    assert!(second.contains("another process"), "{second}");
    live.write(vec![delete(item(1).id)]).await.unwrap();
    drop(live);
    let live = reopened(state.path(), &base);
    assert_eq!((live.view().revision(), live.view().count().await.unwrap()), (1, 4));
    drop(live);

    let bundle = tempfile::tempdir().unwrap();
    let options = lookalike_catalogue::BuildOptions::default();
    lookalike_catalogue::build(bundle.path(), "another", source().items(5), &options, &|_, _, _| ()).unwrap();
    let other = LocalCatalogue::open(bundle.path(), "another").unwrap();
    let why = loop {
        let why = LiveCatalogue::open(state.path(), other.clone(), base.dims(), FEW).unwrap_err().to_string();
        if !why.contains("another process") {
            break why;
        }
    };
    assert!(why.contains(MODEL) && why.contains("another"), "{why}");
}

#[tokio::test]
async fn what_came_in_gets_a_graph_and_nothing_that_answers_is_different() {
    let mut source = source();
    let (_bundle, base) = catalogue(source.items(30));
    let state = tempfile::tempdir().unwrap();
    let live = open(state.path(), &base);
    let came_in: Vec<(Item, Vectors)> = (100..3_200).map(|n| (item(n), source.vectors())).collect();
    for some in came_in.chunks(500) {
        live.write(some.iter().map(|(item, vectors)| put(item.clone(), vectors.clone())).collect())
            .await
            .unwrap();
    }
    while live.view().rows() > 700 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let view = live.view();
    assert_eq!((view.rows() + view.in_segment(), view.count().await.unwrap()), (3_100, 3_130));
    // Of the segment: patched, replaced, deleted; and found as they are.
    let of_segment = |n: usize| item(100 + n).id;
    live.write(vec![
        patch(of_segment(0), serde_json::json!({"category": "Cape"})),
        put(item(101), came_in[2_000].1.clone()),
        delete(of_segment(2)),
    ])
    .await
    .unwrap();
    let view = live.view();
    let capes = Filter { categories: vec!["Cape".into()], ..Filter::default() };
    let list = view.list(&capes, None, 10).await.unwrap();
    assert_eq!((list.total, &list.items[0].id), (1, &of_segment(0)));
    assert_eq!(view.get(&of_segment(1)).await.unwrap().unwrap().1, came_in[2_000].1);
    assert!(view.get(&of_segment(2)).await.unwrap().is_none());
    assert_eq!(view.count().await.unwrap(), 3_129);
    let (mut hits, mut wanted) = (0, 0);
    for query in source.queries(50, 0.1) {
        let ids = |effort| -> Vec<ItemId> {
            let found = view.search(&query, 10, &Filter::default(), effort).unwrap();
            found.hits.iter().map(|hit| hit.item.id.clone()).collect()
        };
        let exact = ids(Effort::Exact);
        hits += ids(Effort::Usual).iter().filter(|id| exact.contains(id)).count();
        wanted += 10;
    }
    assert!(hits * 100 >= wanted * 97, "{hits} of {wanted}");
}

#[test]
fn a_compaction_does_not_bring_back_a_bundle_that_was_replaced_meanwhile() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut source = source();
    let vectors: Vec<Vectors> = (0..NAMES).map(|_| source.vectors()).collect();
    let (_one, first) = base_of(0..30, &vectors);
    let (_other, second) = base_of(10..NAMES, &vectors);
    let state = tempfile::tempdir().unwrap();
    let live = open(state.path(), &first);
    let plain: Plain = (10..NAMES).map(|n| (item(n).id, (item(n), vectors[n].clone()))).collect();
    let (compacted, taken) =
        runtime.block_on(async { tokio::join!(live.compact(|_, _, _| ()), live.rebase(second.clone())) });
    assert_eq!(compacted.unwrap(), 30);
    taken.unwrap();
    agrees(&live.view(), &plain, &runtime);
    drop(live);
    agrees(&reopened(state.path(), &second).view(), &plain, &runtime);
}

#[tokio::test]
async fn many_at_once_are_all_there() {
    let mut source = source();
    let (_bundle, base) = catalogue(source.items(10));
    let state = tempfile::tempdir().unwrap();
    let live = Arc::new(open(state.path(), &base));
    let mut writing = tokio::task::JoinSet::new();
    for n in 0..300 {
        let (live, write) = (Arc::clone(&live), put(item(100 + n), source.vectors()));
        let query = match &write.kind {
            WriteKind::Put(_, vectors) => Query { vectors: vectors.clone(), weight: ColourWeight::DEFAULT },
            _ => unreachable!(),
        };
        writing.spawn(async move {
            let id = write.id.clone();
            live.write(vec![write]).await.unwrap();
            let found = live.view().search(&query, 1, &Filter::default(), Effort::Usual).unwrap();
            assert_eq!(found.hits[0].item.id, id, "in the very next search");
        });
    }
    writing.join_all().await;
    let revision = live.view().revision();
    assert!(revision <= 300);
    assert_eq!(live.view().count().await.unwrap(), 310);
}
