//! From a build to the disk and back, and whatever can happen to the files in between.

use std::{fs, path::Path, sync::Mutex};

use lookalike_catalogue::{BuildOptions, CatalogueError, Effort, LocalCatalogue, Stage, build};
use lookalike_items::{Filter, Item, Vectors};
use tempfile::TempDir;

use crate::samples::{MODEL, Source, catalogue, item};

fn again(bundle: &Path, items: Vec<(Item, Vectors)>) -> Result<(), CatalogueError> {
    build(bundle, MODEL, items, &BuildOptions::default(), &|_, _, _| ()).map(drop)
}

fn folders(bundle: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(bundle.path().join("catalogue")).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_was_built_is_what_opens() {
    let given = Source::new(10, 5, 16, 6).items(300);
    let (_bundle, opened) = catalogue(given.clone());
    assert_eq!(opened.len(), given.len());
    for ((item, vectors), row) in given.iter().zip(opened.items()) {
        let (found, (deep, colour)) = row.expect("an item");
        assert_eq!((item, vectors.deep(), vectors.colour()), (&found, deep, colour));
    }
    let manifest = opened.manifest();
    assert_eq!((manifest.count, manifest.generation, manifest.m), (300, 1, 16));
    assert!(manifest.deterministic);
}

#[test]
fn one_seed_gives_one_file_and_another_seed_another() {
    let built = |seed, threads| {
        let bundle = tempfile::tempdir().expect("a folder");
        let options = BuildOptions { seed, threads, ef_construction: 40, ..BuildOptions::default() };
        let items = Source::new(11, 20, 16, 6).items(2_500);
        let manifest = build(bundle.path(), MODEL, items, &options, &|_, _, _| ()).expect("builds");
        manifest.files["graph.bin"].sha256.clone()
    };
    assert_eq!(built(1, 1), built(1, 1));
    assert_ne!(built(1, 1), built(2, 1));
}

#[test]
fn the_last_two_generations_are_kept_and_the_newest_is_open() {
    let bundle = tempfile::tempdir().expect("a folder");
    for count in [5, 6, 7] {
        again(bundle.path(), Source::new(12, 2, 8, 0).items(count)).expect("builds");
        assert_eq!(LocalCatalogue::open(bundle.path(), MODEL).expect("opens").len(), count);
    }
    assert_eq!(folders(&bundle), [".lock", "CURRENT", "gen-2", "gen-3"]);
}

#[test]
fn an_open_catalogue_outlives_its_generation() {
    let bundle = tempfile::tempdir().expect("a folder");
    let mut source = Source::new(13, 2, 8, 0);
    again(bundle.path(), source.items(40)).expect("builds");
    let old = LocalCatalogue::open(bundle.path(), MODEL).expect("opens");
    for _ in 0..2 {
        again(bundle.path(), source.items(3)).expect("builds");
    }
    assert_eq!(folders(&bundle), [".lock", "CURRENT", "gen-2", "gen-3"]);
    let found = old.search(&source.queries(1, 0.1)[0], 40, &Filter::default(), Effort::Exact);
    assert_eq!(found.expect("answers").hits.len(), 40);
}

#[test]
fn a_refused_build_leaves_the_catalogue_as_it_was() {
    let mut source = Source::new(14, 2, 8, 2);
    let (bundle, _) = catalogue(source.items(5));
    let mut twice = source.items(4);
    twice[3].0.id = item(1).id;
    let refused = again(bundle.path(), twice).expect_err("one id twice").to_string();
    assert!(refused.contains("img/000001.jpg") && refused.contains("img/000003.jpg"), "{refused}");
    let mut mixed = source.items(3);
    mixed[2].1 = Vectors::new(vec![1.0; 8], vec![]).expect("vectors");
    assert!(matches!(again(bundle.path(), mixed), Err(CatalogueError::Dims { .. })));
    let options = BuildOptions { m: 1000, ..BuildOptions::default() };
    let refused = build(bundle.path(), MODEL, source.items(3), &options, &|_, _, _| ());
    assert!(matches!(refused, Err(CatalogueError::Options(_))));
    assert_eq!(folders(&bundle), [".lock", "CURRENT", "gen-1"]);
    assert_eq!(LocalCatalogue::open(bundle.path(), MODEL).expect("opens").len(), 5);
}

#[test]
fn what_a_killed_build_left_is_cleared_away() {
    let bundle = tempfile::tempdir().expect("a folder");
    let partial = bundle.path().join("catalogue/.partial");
    fs::create_dir_all(&partial).expect("a folder");
    fs::write(partial.join("graph.bin"), b"half").expect("writable");
    again(bundle.path(), Source::new(15, 2, 8, 2).items(5)).expect("builds");
    assert_eq!(folders(&bundle), [".lock", "CURRENT", "gen-1"]);
}

#[test]
fn progress_is_told_stage_by_stage() {
    let bundle = tempfile::tempdir().expect("a folder");
    let told = Mutex::new(Vec::new());
    let items = Source::new(16, 2, 8, 2).items(1_000);
    build(bundle.path(), MODEL, items, &BuildOptions::default(), &|stage, done, all| {
        told.lock().expect("unpoisoned").push((stage, done, all));
    })
    .expect("builds");
    let told = told.into_inner().expect("unpoisoned");
    assert!(told.contains(&(Stage::Graph, 1_000, 1_000)));
    assert!(told.is_sorted_by_key(|(stage, done, _)| (*stage as u8, *done)));
    assert_eq!(told.last(), Some(&(Stage::Write, 1, 1)));
}

#[test]
fn another_model_is_refused_in_one_sentence() {
    let (bundle, _) = catalogue(Source::new(17, 2, 8, 2).items(5));
    let refused = LocalCatalogue::open(bundle.path(), "another").expect_err("another model");
    assert!(matches!(refused, CatalogueError::Model { .. }));
    assert!(refused.to_string().contains("belongs to model the-model, but the model here is another"));
}

#[test]
fn no_catalogue_is_refused_in_one_sentence() {
    let bundle = tempfile::tempdir().expect("a folder");
    let refused = LocalCatalogue::open(bundle.path(), MODEL).expect_err("nothing there");
    assert!(matches!(refused, CatalogueError::Missing(_)));
    assert!(refused.to_string().contains("lookalike-trainer index"));
}

/// Runs `damage` on each file of a small catalogue, one file at a time; all must be refused.
fn every_file(damage: impl Fn(&[u8], usize) -> Option<Vec<u8>>) {
    let (bundle, _) = catalogue(Source::new(18, 2, 8, 2).items(12));
    let folder = bundle.path().join("catalogue");
    for name in ["CURRENT", "gen-1/manifest.json", "gen-1/items.jsonl", "gen-1/graph.bin"] {
        let path = folder.join(name);
        let whole = fs::read(&path).expect("readable");
        for at in 0..whole.len() {
            let Some(damaged) = damage(&whole, at) else { continue };
            fs::write(&path, damaged).expect("writable");
            let refused = LocalCatalogue::open(bundle.path(), MODEL);
            let refused = refused.map(|_| ()).expect_err("damaged").to_string();
            assert!(refused.contains("lookalike-trainer index"), "{name}, byte {at}: {refused}");
        }
        fs::write(&path, &whole).expect("writable");
    }
    LocalCatalogue::open(bundle.path(), MODEL).expect("whole again");
}

#[test]
fn a_file_cut_short_is_refused() {
    every_file(|whole, at| Some(whole[..at].to_vec()));
}

#[test]
fn a_changed_byte_is_refused() {
    every_file(|whole, at| {
        let mut bytes = whole.to_vec();
        bytes[at] ^= 1 << (at % 8);
        Some(bytes)
    });
}

#[test]
fn a_missing_file_is_refused() {
    for name in ["manifest.json", "items.jsonl", "graph.bin"] {
        let (bundle, _) = catalogue(Source::new(19, 2, 8, 2).items(5));
        fs::remove_file(bundle.path().join("catalogue/gen-1").join(name)).expect("removable");
        let refused = LocalCatalogue::open(bundle.path(), MODEL).expect_err("incomplete");
        assert!(matches!(refused, CatalogueError::Missing(_)));
    }
}
