//! A photo that was kept is on the disk, whenever the power goes; one that is being kept is there wholly or not at all.

#[path = "../../crates/common/tests/support/power_loss.rs"]
mod disk;

use std::{fs, path::Path, sync::Barrier};

use disk::Disk;
use lookalike::ingest::{HeldPhoto, PhotoName, PhotoStore};
use lookalike_photo::Photo;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::runtime::Runtime;

use crate::support::pictures;

/// So many losses of power: `POWER_LOSSES=10000` tries more.
fn losses() -> usize {
    std::env::var("POWER_LOSSES").map_or(400, |n| n.parse().unwrap())
}

fn photo(n: usize) -> Photo {
    let (_, colour) = pictures::COLOURS[n % 5];
    Photo::from_rgb(pictures::shape(pictures::SHAPES[n % 4], colour, n as u32 % 3)).unwrap()
}

/// Keeps a photo as a write does.
fn keep(runtime: &Runtime, store: &PhotoStore, held: &HeldPhoto, photo: &Photo) {
    let jpeg = store.jpeg(held, photo).unwrap();
    runtime.block_on(store.keep(held, jpeg)).unwrap();
}

/// Names of two folders.
fn name(n: usize) -> PhotoName {
    PhotoName::from_image(&format!("photo:{}{:0>62}", ["ab", "cd"][n % 2], n)).unwrap()
}

#[test]
fn a_kept_photo_survives_a_loss_of_power() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::of(folder.path());
    let state = folder.path().canonicalize().unwrap().join("shop/state");
    let store = PhotoStore::open(&state).unwrap();
    let runtime = Runtime::new().unwrap();
    let mut kept = Vec::new();
    for n in 0..8 {
        keep(&runtime, &store, &store.hold(name(n)), &photo(n));
        kept.push((n, disk.steps()));
    }
    let bytes = |root: &Path, n| fs::read(root.join("photos").join(name(n).relative()));
    let whole: Vec<Vec<u8>> = (0..8).map(|n| bytes(&state, n).unwrap()).collect();
    let before_erasing = disk.steps();
    store.erase_unless(&name(3), || false);
    disk.heard_everything(&[]);

    let mut rng = ChaCha8Rng::seed_from_u64(8);
    let (mut there, mut missing) = (0, 0);
    for _ in 0..losses() {
        let (steps, found) = (rng.random_range(0..=disk.steps()), tempfile::tempdir().unwrap());
        disk.after(steps, &mut rng, found.path());
        let state = found.path().join("shop/state");
        for (n, at) in &kept {
            match bytes(&state, *n) {
                Ok(bytes) => assert!(bytes == whole[*n], "photo {n} is damaged after {steps} steps"),
                Err(_) if *n == 3 && steps > before_erasing => {}
                Err(e) => {
                    assert!(*at > steps, "photo {n}, kept after {at} steps, is gone after {steps}: {e}")
                }
            }
            if bytes(&state, *n).is_ok() { there += 1 } else { missing += 1 }
        }
        let store = PhotoStore::open(&state).unwrap();
        let names = runtime.block_on(store.names()).unwrap();
        assert!(names.iter().all(|found| (0..8).any(|n| name(n) == *found)));
        let files = walk(&state.join("photos"));
        assert_eq!(files, names.len(), "what was cut off is taken away");
    }
    assert!(there > losses() && missing > losses(), "{there} and {missing}");
}

/// How many files lie below a folder.
fn walk(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}

#[test]
fn who_keeps_a_photo_that_another_is_keeping_does_not_say_so_too_early() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::of(folder.path());
    let store = PhotoStore::open(&folder.path().canonicalize().unwrap()).unwrap();
    let runtime = Runtime::new().unwrap();
    let mut kept = Vec::new();
    for n in 0..25 {
        let start = Barrier::new(4);
        let first = std::thread::scope(|scope| {
            let keep_it = || {
                let held = store.hold(name(n));
                start.wait();
                keep(&runtime, &store, &held, &photo(n));
                disk.steps()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(keep_it)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).min().unwrap()
        });
        kept.push((n, first));
    }
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    for (n, steps) in kept {
        for _ in 0..4 {
            let found = tempfile::tempdir().unwrap();
            disk.after(steps, &mut rng, found.path());
            let path = found.path().join("photos").join(name(n).relative());
            let bytes =
                fs::read(path).unwrap_or_else(|e| panic!("photo {n} was acknowledged and is gone: {e}"));
            assert!(image::load_from_memory(&bytes).is_ok(), "photo {n} was acknowledged and is damaged");
        }
    }
}
