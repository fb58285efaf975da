//! What only the room itself can test: the checks behind the digests, and every point within reach.

use std::{fs, path::PathBuf};

use proptest::prelude::*;
use tempfile::TempDir;

use crate::{
    contract::{CatalogueError, Effort, Query},
    local::{
        LocalCatalogue,
        bits::Bits,
        build::{BuildOptions, build},
        format::{
            generation::{self, FILES, GRAPH, GenerationManifest},
            graph_file::Frozen,
        },
    },
};
use lookalike_items::{ColourWeight, Filter, Item, ItemId, Vectors};

const MODEL: &str = "the-model";

/// Numbers from −1 to 1, the same for the same seed.
fn numbers(seed: usize, len: usize) -> Vec<f32> {
    let mut state = seed as u64 * 2 + 1;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..len + 8).map(|_| next()).skip(8).collect()
}

fn vectors(seed: usize) -> Vectors {
    Vectors::new(numbers(seed, 7), numbers(seed + 1_000_000, 3)).expect("no zero vector")
}

fn items(count: usize) -> Vec<(Item, Vectors)> {
    let item = |n: usize| Item {
        image: format!("img/{n}.jpg"),
        attributes: [("colour".to_owned(), vec!["red".to_owned()])].into(),
        ..Item::new(ItemId::parse(&format!("item{n:05}")).expect("an id"), ["Tee", "Coat", "Dress"][n % 3])
    };
    (0..count).map(|n| (item(n), vectors(n))).collect()
}

/// A built generation: its bundle, its folder and its manifest.
fn built(count: usize) -> (TempDir, PathBuf, GenerationManifest) {
    let bundle = tempfile::tempdir().expect("a folder");
    let options = BuildOptions { m: 4, ef_construction: 40, ..BuildOptions::default() };
    let manifest = build(bundle.path(), MODEL, items(count), &options, &|_, _, _| ()).expect("builds");
    let folder = generation::current(bundle.path()).expect("a generation").folder;
    (bundle, folder, manifest)
}

/// Asks a catalogue all that could lead a search astray.
fn exercise(catalogue: &LocalCatalogue) {
    let filter = Filter { categories: vec!["Tee".to_owned()], ..Filter::default() };
    for (seed, effort) in [(1, Effort::Usual), (2, Effort::Ef(8)), (3, Effort::Exact), (4, Effort::Ef(500))] {
        let query = Query { vectors: vectors(seed), weight: ColourWeight::DEFAULT };
        let _ = catalogue.search(&query, 5, &Filter::default(), effort);
        let _ = catalogue.search(&query, 5, &filter, effort);
    }
    let _ = catalogue.audit(3);
    assert_eq!(catalogue.items().count(), catalogue.len());
}

#[test]
fn every_point_is_reachable_from_the_entry_point() {
    for count in [1, 2, 3, 100, 3_000] {
        let (_bundle, folder, _) = built(count);
        let (frozen, _) = Frozen::open(&folder.join(GRAPH)).expect("opens");
        let links = frozen.view().links;
        let (mut seen, mut open) = (Bits::empty(count), vec![0]);
        seen.insert(0);
        while let Some(point) = open.pop() {
            open.extend(links.of(point).filter(|&neighbour| seen.insert(neighbour)));
        }
        assert!((0..count as u32).all(|point| !seen.insert(point)));
    }
}

#[test]
fn a_file_cut_anywhere_is_refused_without_its_digest() {
    let (_bundle, folder, manifest) = built(60);
    for name in FILES {
        let whole = fs::read(folder.join(name)).expect("readable");
        let step = (whole.len() / 300).max(1);
        for len in (0..whole.len()).step_by(step).chain(whole.len() - 130..whole.len()) {
            fs::write(folder.join(name), &whole[..len]).expect("writable");
            let refused = LocalCatalogue::open_unverified(&folder, manifest.clone()).expect_err("cut");
            assert!(matches!(refused, CatalogueError::Damaged { .. }), "{name} cut at {len}: {refused}");
            assert!(refused.to_string().contains("lookalike-trainer index"));
        }
        fs::write(folder.join(name), &whole).expect("writable");
    }
    exercise(&LocalCatalogue::open_unverified(&folder, manifest).expect("whole again"));
}

#[test]
fn a_changed_byte_never_makes_a_search_panic() {
    let (_bundle, folder, manifest) = built(60);
    for name in FILES {
        let whole = fs::read(folder.join(name)).expect("readable");
        let header = if name == GRAPH { 128 } else { 0 };
        for at in (0..header).chain((header..whole.len()).step_by(7)) {
            for change in [0x01, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= change;
                fs::write(folder.join(name), &bytes).expect("writable");
                if let Ok(catalogue) = LocalCatalogue::open_unverified(&folder, manifest.clone()) {
                    exercise(&catalogue);
                }
            }
        }
        fs::write(folder.join(name), &whole).expect("writable");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn noise_over_the_graph_never_makes_a_search_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop_oneof![Just(0u32), Just(u32::MAX), 0u32..70, any::<u32>()]), 1..12),
        header_too in any::<bool>(),
    ) {
        thread_local! {
            static BUILT: (TempDir, PathBuf, GenerationManifest) = built(60);
        }
        BUILT.with(|(_, folder, manifest)| {
            let path = folder.join(GRAPH);
            let whole = fs::read(&path).expect("readable");
            let mut bytes = whole.clone();
            let start = if header_too { 0 } else { 128 };
            for (index, value) in changes {
                let at = start + 4 * index.index((bytes.len() - start) / 4);
                bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
            }
            fs::write(&path, &bytes).expect("writable");
            if let Ok(catalogue) = LocalCatalogue::open_unverified(folder, manifest.clone()) {
                exercise(&catalogue);
            }
            fs::write(&path, &whole).expect("writable");
        });
    }
}
