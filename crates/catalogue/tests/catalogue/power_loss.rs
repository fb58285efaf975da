//! The power goes while a generation is published or a state is compacted: what is opened afterwards is one of the generations,
//! whole, and every write is there.

#[path = "../../../common/tests/support/power_loss.rs"]
mod disk;

use std::{collections::BTreeMap, fs, path::Path};

use disk::Disk;
use lookalike_catalogue::{BuildOptions, LiveCatalogue, LiveOptions, LocalCatalogue, Write, build};
use lookalike_items::Vectors;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    live::{CameIn, NAMES, Plain, agrees, base_of, delete, expected, patch, put, source},
    samples::{MODEL, item},
};

/// So many losses of power: `POWER_LOSSES=10000` tries more.
fn losses() -> usize {
    std::env::var("POWER_LOSSES").map_or(150, |n| n.parse().expect("a number"))
}

#[test]
fn a_generation_is_published_or_it_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::of(folder.path());
    let bundle = folder.path().canonicalize().unwrap().join("bundle");
    let sizes = [30, 31, 32, 33, 34];
    let mut published = Vec::new();
    for items in sizes {
        build(&bundle, MODEL, source().items(items), &BuildOptions::default(), &|_, _, _| ()).unwrap();
        published.push(disk.steps());
    }
    disk.heard_everything(&[".lock"]);
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let mut seen = BTreeMap::new();
    for _ in 0..losses() {
        let (steps, found) = (rng.random_range(0..=published[4]), tempfile::tempdir().unwrap());
        disk.after(steps, &mut rng, found.path());
        let done = published.iter().filter(|at| **at <= steps).count();
        let possible = &sizes[done.saturating_sub(1)..sizes.len().min(done + 1)];
        let there = match LocalCatalogue::open(&found.path().join("bundle"), MODEL) {
            Ok(catalogue) => {
                assert!(possible.contains(&catalogue.len()), "{} after {steps} steps", catalogue.len());
                catalogue.len()
            }
            Err(e) => {
                assert_eq!(done, 0, "after {steps} steps: {e}");
                0
            }
        };
        *seen.entry(there).or_insert(0) += 1;
        // Whatever lies there, the next one is built.
        if rng.random_bool(0.1) {
            fs::create_dir_all(found.path().join("bundle")).unwrap();
            let bundle = found.path().join("bundle");
            build(&bundle, MODEL, source().items(40), &BuildOptions::default(), &|_, _, _| ()).unwrap();
            assert_eq!(LocalCatalogue::open(&bundle, MODEL).unwrap().len(), 40);
        }
    }
    assert!(seen.len() > sizes.len(), "{seen:?}");
}

/// What came in until some moment: the file of the state and what it means.
struct Until {
    steps: usize,
    file: Vec<u8>,
    came_in: BTreeMap<lookalike_items::ItemId, CameIn>,
}

#[test]
fn a_compaction_loses_no_write_and_stands_for_one_generation() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let mut source = source();
    let vectors: Vec<Vectors> = (0..60).map(|_| source.vectors()).collect();
    let held = [0..30, 10..NAMES];
    let bundles = held.clone().map(|numbers| base_of(numbers, &vectors));
    let plain = held
        .map(|numbers| -> Plain { numbers.map(|n| (item(n).id, (item(n), vectors[n].clone()))).collect() });
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::of(folder.path());
    let state = folder.path().canonicalize().unwrap().join("state");
    let open = |state: &Path, bundle: &LocalCatalogue| {
        LiveCatalogue::open(state, bundle.clone(), vectors[0].dims(), LiveOptions::default()).unwrap()
    };

    let live = open(&state, &bundles[0].1);
    let (mut came_in, mut until) = (BTreeMap::new(), Vec::new());
    let mut write = |writes: Vec<(Write, CameIn)>| {
        for (write, last) in writes {
            came_in.insert(write.id.clone(), last);
            runtime.block_on(live.write(vec![write])).unwrap();
        }
        let file = fs::read(state.join("items.redb")).unwrap();
        until.push(Until { steps: disk.steps(), file, came_in: came_in.clone() });
    };
    let new = |n: usize, seed: usize| {
        (put(item(n), vectors[seed].clone()), CameIn::Whole(item(n), vectors[seed].clone()))
    };
    let gone = |n: usize| (delete(item(n).id), CameIn::Deleted);
    let coat = |n: usize| {
        let patched = lookalike_items::Item { category: "Coat".into(), ..item(n) };
        (patch(item(n).id, serde_json::json!({"category": "Coat"})), CameIn::Metadata(patched))
    };
    let compact = || assert!(runtime.block_on(live.compact(|_, _, _| ())).is_ok());
    write(vec![new(35, 50), new(5, 51), gone(3), gone(12), coat(20)]);
    compact();
    write(vec![new(3, 52), gone(35), gone(6), coat(21)]);
    compact();
    runtime.block_on(live.rebase(bundles[1].1.clone())).unwrap();
    write(vec![new(36, 53), gone(36), new(2, 54), coat(22)]);
    compact();
    write(vec![gone(38), coat(23)]);
    compact();
    let all = disk.steps();
    disk.heard_everything(&[".lock", "items.redb"]);

    let mut rng = ChaCha8Rng::seed_from_u64(4);
    let mut compacted = 0;
    for _ in 0..losses() {
        let (steps, found) = (rng.random_range(until[0].steps..=all), tempfile::tempdir().unwrap());
        disk.after(steps, &mut rng, found.path());
        let last = until.iter().rev().find(|until| until.steps <= steps).unwrap();
        let state = found.path().join("state");
        // The file of the state has a disk of its own in these tests: here it is on the disk.
        fs::write(state.join("items.redb"), &last.file).unwrap();
        let which = rng.random_range(0..2);
        let live = open(&state, &bundles[which].1);
        let came_whole = last.came_in.values().filter(|last| matches!(last, CameIn::Whole(..))).count();
        compacted += usize::from(live.view().rows() < came_whole);
        agrees(&live.view(), &expected(&plain[which], &last.came_in), &runtime);
    }
    assert!(compacted > losses() / 10, "{compacted} times a compacted base was there");
}
