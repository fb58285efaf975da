//! A generation's file is cut short while it is open: what needs it is an error from then on, nothing is answered wrongly, and the process
//! lives.

use std::{
    fmt::Debug,
    fs::{self, File},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use lookalike_catalogue::{
    Catalogue, CatalogueError, Effort, LiveCatalogue, LiveOptions, LocalCatalogue, Query,
};
use lookalike_items::{Dims, Filter, ItemId};
use tokio::runtime::Runtime;

use crate::{
    live::{patch, put},
    samples::{MODEL, Source, catalogue, item},
};

const DIMS: Dims = Dims { deep: 60, colour: 4 };
const ITEMS: usize = 1_500;
const GRAPH: &str = "graph.bin";
const LINES: &str = "items.jsonl";

fn file(bundle: &Path, name: &str) -> PathBuf {
    bundle.join("catalogue/gen-1").join(name)
}

fn cut(path: &Path, to: u64) {
    File::options().write(true).open(path).unwrap().set_len(to).unwrap();
}

fn lost<T: Debug>(answer: Result<T, CatalogueError>) {
    let told = answer.unwrap_err().to_string();
    assert!(told.contains("cut short while it was served"), "{told}");
}

fn tees() -> Filter {
    Filter { categories: vec!["Tee".into()], ..Filter::default() }
}

/// How a few questions are answered.
fn answers(catalogue: &LocalCatalogue, queries: &[Query]) -> Vec<Vec<(ItemId, u32)>> {
    let found = |query| catalogue.search(query, 10, &Filter::default(), Effort::Usual).unwrap().hits;
    let told =
        |query| found(query).iter().map(|hit| (hit.item.id.clone(), hit.distance.blend.to_bits())).collect();
    queries.iter().map(told).collect()
}

#[test]
fn a_graph_that_is_cut_short_answers_no_search_any_more() {
    let (runtime, mut source) = (Runtime::new().unwrap(), Source::new(2, 20, DIMS.deep, DIMS.colour));
    let (bundle, opened) = catalogue(source.items(ITEMS));
    let (path, queries) = (file(bundle.path(), GRAPH), source.queries(5, 0.1));
    let whole = fs::read(&path).unwrap();
    let before = answers(&opened, &queries);
    drop(opened);
    let length = whole.len() as u64;
    for to in [0, 100, 4_096, 70_000, length / 2, length - 1] {
        let catalogue = LocalCatalogue::open(bundle.path(), MODEL).unwrap();
        assert_eq!(answers(&catalogue, &queries), before);
        runtime.block_on(catalogue.health()).unwrap();
        cut(&path, to);
        if to == length - 1 {
            // No search needs what is gone; whoever looks finds out all the same.
            assert_eq!(answers(&catalogue, &queries), before);
            lost(runtime.block_on(catalogue.health()));
        }
        for query in &queries {
            for effort in [Effort::Usual, Effort::Ef(20), Effort::Exact] {
                lost(catalogue.search(query, 10, &Filter::default(), effort));
                lost(catalogue.places(query, 10, &tees(), effort));
                lost(runtime.block_on(catalogue.nearest(query, 10, &tees(), effort)));
            }
        }
        let ids = [item(0).id, item(ITEMS - 1).id];
        lost(runtime.block_on(catalogue.vectors(&ids)));
        lost(runtime.block_on(catalogue.get(&ids[1])));
        lost(runtime.block_on(catalogue.health()));
        // What does not need it is answered.
        assert_eq!(runtime.block_on(catalogue.list(&tees(), None, 5)).unwrap().items.len(), 5);
        assert_eq!(runtime.block_on(catalogue.categories()).unwrap().len(), 4);
        // Nobody believes a file that comes back; one that is opened again is whole.
        fs::write(&path, &whole).unwrap();
        lost(catalogue.search(&queries[0], 10, &Filter::default(), Effort::Usual));
        assert_eq!(answers(&LocalCatalogue::open(bundle.path(), MODEL).unwrap(), &queries), before);
    }
}

#[test]
fn items_that_are_cut_short_are_listed_no_more() {
    let (runtime, mut source) = (Runtime::new().unwrap(), Source::new(2, 20, DIMS.deep, DIMS.colour));
    let (bundle, opened) = catalogue(source.items(ITEMS));
    let (path, query) = (file(bundle.path(), LINES), source.queries(1, 0.1).remove(0));
    let whole = fs::read(&path).unwrap();
    drop(opened);
    for to in [0, 10, 5_000] {
        let catalogue = LocalCatalogue::open(bundle.path(), MODEL).unwrap();
        cut(&path, to);
        lost(catalogue.search(&query, 200, &Filter::default(), Effort::Usual));
        lost(runtime.block_on(catalogue.list(&Filter::default(), Some(&item(900).id), 5)));
        lost(runtime.block_on(catalogue.get(&item(1_400).id)));
        let without = Filter { exclude: vec![item(1_400).id], ..Filter::default() };
        lost(catalogue.search(&query, 5, &without, Effort::Usual));
        lost(runtime.block_on(catalogue.health()));
        assert_eq!(runtime.block_on(catalogue.categories()).unwrap().len(), 4);
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn whoever_searches_meanwhile_hears_what_is_true_or_that_it_is_lost() {
    let mut source = Source::new(2, 20, DIMS.deep, DIMS.colour);
    let (bundle, opened) = catalogue(source.items(ITEMS));
    let (path, queries) = (file(bundle.path(), GRAPH), source.queries(20, 0.1));
    let (whole, before) = (fs::read(&path).unwrap(), answers(&opened, &queries));
    drop(opened);
    let is_lost = AtomicBool::new(false);
    for _ in 0..10 {
        let catalogue = LocalCatalogue::open(bundle.path(), MODEL).unwrap();
        is_lost.store(false, Ordering::SeqCst);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for (query, before) in queries.iter().zip(&before).cycle() {
                        let must_be = is_lost.load(Ordering::SeqCst);
                        match catalogue.search(query, 10, &Filter::default(), Effort::Usual) {
                            Ok(_) if must_be => panic!("an answer of a file that is gone"),
                            Ok(found) => {
                                let told = found.hits.iter().map(|hit| hit.distance.blend.to_bits());
                                assert!(told.eq(before.iter().map(|(_, blend)| *blend)));
                            }
                            Err(e) => return lost(Err::<(), _>(e)),
                        }
                    }
                });
            }
            std::thread::sleep(Duration::from_millis(5));
            cut(&path, 4_096);
            is_lost.store(true, Ordering::SeqCst);
        });
        fs::write(&path, &whole).unwrap();
    }
}

#[test]
fn what_came_in_is_laid_over_the_generation_that_is_put_back() {
    let (runtime, mut source) = (Runtime::new().unwrap(), Source::new(2, 20, DIMS.deep, DIMS.colour));
    let (bundle, opened) = catalogue(source.items(ITEMS));
    let (state, query) = (tempfile::tempdir().unwrap(), source.queries(1, 0.1).remove(0));
    let live = LiveCatalogue::open(state.path(), opened, DIMS, LiveOptions { few: 10 }).unwrap();
    let write = |writes| runtime.block_on(live.write(writes));
    write((2_000..2_600).map(|n| put(item(n), source.vectors())).collect()).unwrap();
    write(vec![patch(item(2_005).id, serde_json::json!({"category": "Cape"}))]).unwrap();
    while live.view().in_segment() == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let ask = || live.view().search(&query, 10, &Filter::default(), Effort::Exact);
    let told = || ask().unwrap().hits.iter().map(|hit| hit.item.clone()).collect::<Vec<_>>();
    let (before, count) = (told(), runtime.block_on(live.view().count()).unwrap());
    let segment = || {
        let folders = fs::read_dir(state.path().join("segment/catalogue")).unwrap();
        folders.map(|entry| entry.unwrap().path().join(GRAPH)).filter(|path| path.exists()).max().unwrap()
    };
    let of_base = [GRAPH, LINES].map(|name| file(bundle.path(), name));
    for turn in 0..3 {
        let path = of_base.get(turn).cloned().unwrap_or_else(segment);
        let whole = fs::read(&path).unwrap();
        cut(&path, 0);
        lost(ask());
        lost(runtime.block_on(live.view().health()));
        if path.starts_with(bundle.path()) {
            // Nothing is made of what is not there.
            lost(write(vec![patch(item(3).id, serde_json::json!({"category": "Cape"}))]));
            lost(runtime.block_on(live.compact(|_, _, _| ())));
        }
        let beside = path.with_extension("new");
        fs::write(&beside, &whole).unwrap();
        fs::rename(&beside, &path).unwrap();
        lost(ask());
        let again = LocalCatalogue::open(bundle.path(), MODEL).unwrap();
        runtime.block_on(live.rebase(again)).unwrap();
        assert_eq!(told(), before, "{}", path.display());
        assert_eq!(runtime.block_on(live.view().count()).unwrap(), count);
        runtime.block_on(live.view().health()).unwrap();
        write(vec![patch(item(3).id, serde_json::json!({"category": "Tee"}))]).unwrap();
        // The one that came in has a graph again: the next turn cuts that short.
        while live.view().in_segment() == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
