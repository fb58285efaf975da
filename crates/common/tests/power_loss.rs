//! A file that is written atomically is the one before or the one after, whenever the power goes; after it was acknowledged, the
//! one after.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

#[path = "support/power_loss.rs"]
mod power_loss;

use std::{fs, path::Path};

use lookalike_common::{create_folder, remove, sync, write_atomically};
use power_loss::Disk;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// So many losses of power: `POWER_LOSSES=100000` tries more.
fn losses() -> u64 {
    std::env::var("POWER_LOSSES").map_or(500, |n| n.parse().expect("a number"))
}

/// A file's content, write after write.
fn text(n: usize) -> Vec<u8> {
    vec![n as u8; 400 * n + 7]
}

/// A disk that a file was written to five times, and the steps behind which each was acknowledged.
fn written(root: &Path) -> (Disk, Vec<usize>) {
    let disk = Disk::of(root);
    let path = root.canonicalize().unwrap().join("a/b/state");
    create_folder(path.parent().unwrap()).unwrap();
    let mut acknowledged = Vec::new();
    for n in 1..6 {
        write_atomically(&path, &text(n)).unwrap();
        acknowledged.push(disk.steps());
    }
    disk.heard_everything(&[]);
    (disk, acknowledged)
}

/// How often each content was found, and what was found that may not be.
fn found(disk: &Disk, acknowledged: &[usize], rng: &mut ChaCha8Rng) -> Result<usize, String> {
    let (steps, found) = (rng.random_range(0..=acknowledged[4]), tempfile::tempdir().unwrap());
    disk.after(steps, rng, found.path());
    let last = acknowledged.iter().filter(|at| **at <= steps).count();
    let bytes = fs::read(found.path().join("a/b/state")).ok();
    let n = bytes.as_ref().map_or(0, |bytes| bytes.first().copied().unwrap_or(9).into());
    let possible = [last, last + 1].contains(&n) && bytes.as_ref().is_none_or(|bytes| *bytes == text(n));
    possible.then_some(n).ok_or_else(|| format!("after {steps} steps, {last} acknowledged, it is {n}"))
}

#[test]
fn a_file_is_whole_and_what_was_acknowledged_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, acknowledged) = written(folder.path());
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut seen = [0; 6];
    for _ in 0..losses() {
        seen[found(&disk, &acknowledged, &mut rng).unwrap()] += 1;
    }
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");

    let root = folder.path().canonicalize().unwrap();
    remove(&root.join("a")).unwrap();
    sync(&root).unwrap();
    disk.heard_everything(&[]);
    let empty = tempfile::tempdir().unwrap();
    disk.after(disk.steps(), &mut rng, empty.path());
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0);
}

/// The disk is a hard one: whichever sync is left out, something is lost.
#[test]
fn a_sync_left_out_is_noticed() {
    for forgotten in ["a/b/state.part", "a/b", "a", ""] {
        let folder = tempfile::tempdir().unwrap();
        let (disk, acknowledged) = written(folder.path());
        disk.forget_syncs_of(forgotten);
        let mut rng = ChaCha8Rng::seed_from_u64(6);
        assert!((0..400).any(|_| found(&disk, &acknowledged, &mut rng).is_err()), "'{forgotten}'");
    }
}
