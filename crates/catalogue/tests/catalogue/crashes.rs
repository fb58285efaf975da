//! Killed at a random moment, whoever publishes generations leaves one that opens, whole: the last that it said was published, or the next.
//!
//! `KILLS=1000 cargo test --release --workspace --test catalogue crashes` kills it as often as that; forty times are usual.

use std::{
    collections::BTreeMap,
    env, fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    time::Instant,
};

use lookalike_catalogue::{BuildOptions, CatalogueError, Effort, LocalCatalogue, build};
use lookalike_items::Filter;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{
    live::source,
    samples::{MODEL, item},
};

/// The numbers of the generations that lie there.
fn numbers(bundle: &Path) -> Vec<u64> {
    let Ok(folder) = fs::read_dir(bundle.join("catalogue")) else { return Vec::new() };
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_prefix("gen-")?.parse().ok()).collect()
}

/// So many items a generation has.
fn items(generation: u64) -> usize {
    30 + generation as usize % 10
}

fn publish(bundle: &Path) -> u64 {
    let next = numbers(bundle).into_iter().max().unwrap_or(0) + 1;
    let manifest =
        build(bundle, MODEL, source().items(items(next)), &BuildOptions::default(), &|_, _, _| ()).unwrap();
    assert_eq!(manifest.generation, next);
    next
}

/// Not a test of its own: a process that publishes for ever, and says each time that it has.
#[test]
#[ignore = "is run by the test below, in a process of its own"]
fn publishes_until_it_is_killed() {
    let (bundle, told) = (env::var("BUNDLE").unwrap(), env::var("TOLD").unwrap());
    let mut told = fs::OpenOptions::new().append(true).create(true).open(told).unwrap();
    loop {
        let published = publish(Path::new(&bundle));
        // In one piece: half a line would run into the next one's.
        told.write_all(format!("{published}\n").as_bytes()).unwrap();
    }
}

#[test]
fn what_is_published_is_whole_whenever_its_writer_is_killed() {
    let kills: usize = env::var("KILLS").map_or(40, |n| n.parse().expect("a number"));
    let folder = tempfile::tempdir().unwrap();
    let (bundle, told) = (folder.path().join("bundle"), folder.path().join("told"));
    fs::create_dir(&bundle).unwrap();
    fs::create_dir(folder.path().join("first")).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(6);
    // As long as this machine takes for two.
    let begun = Instant::now();
    publish(&folder.path().join("first"));
    publish(&folder.path().join("first"));
    let (two, mut seen, mut before) = (begun.elapsed(), BTreeMap::new(), 0);
    for kill in 0..kills {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["--ignored", "--exact", "crashes::publishes_until_it_is_killed"]);
        command.env("BUNDLE", &bundle).env("TOLD", &told).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(two.mul_f64(rng.random_range(0.0..1.0)));
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(status.code().is_none(), "it ended by itself: {status}");

        let last = fs::read_to_string(&told).unwrap_or_default();
        let last: u64 = last.lines().last().map_or(0, |line| line.parse().unwrap());
        let catalogue = match LocalCatalogue::open(&bundle, MODEL) {
            Ok(catalogue) => catalogue,
            Err(e) => {
                assert!(
                    last == 0 && matches!(e, CatalogueError::Missing(_)),
                    "kill {kill}, after {last}: {e}"
                );
                continue;
            }
        };
        let generation = catalogue.manifest().generation;
        assert!(generation >= last.max(before), "kill {kill}: {generation} after {last}, {before} before");
        *seen.entry((generation - before, generation - last)).or_insert(0) += 1;
        before = generation;
        assert_eq!(catalogue.len(), items(generation), "kill {kill}");
        let found: Vec<_> = catalogue.items().map(|entry| entry.unwrap().0).collect();
        assert_eq!(found, (0..items(generation)).map(item).collect::<Vec<_>>());
        let query = source().queries(1, 0.1).remove(0);
        assert_eq!(catalogue.search(&query, 10, &Filter::default(), Effort::Usual).unwrap().hits.len(), 10);
    }
    eprintln!(
        "{kills} kills; how many generations on, how many after the last that was told, how often: {seen:?}"
    );
    let next = publish(&bundle);
    assert_eq!(LocalCatalogue::open(&bundle, MODEL).unwrap().manifest().generation, next);
    let mut left: Vec<_> =
        fs::read_dir(bundle.join("catalogue")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert!(
        left.len() <= 4 && left.contains(&format!("gen-{next}").into()),
        "no more than two are kept: {left:?}"
    );
}
