//! `--minutes`: the run's length by the clock.

use std::{fs, path::Path, time::Instant};

use lookalike_trainer::training::RunFolder;

use crate::{done, refused};

const TRAIN: &str = "train --data shop --layout deepfashion --width 4 --embedding 16 --size 128 --train-size 96 --start-size 64 \
    --batch 12";

/// How many epochs a run was to have, and how many it had.
fn length(dir: &Path, run: &str) -> (u64, usize) {
    let (folder, config) = RunFolder::open(&dir.join(run)).unwrap();
    (config.options.epochs, folder.metrics().unwrap().len())
}

#[test]
fn a_run_is_as_long_as_the_minutes_say_and_can_be_had_again() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, "sample-data --out shop --products 12 --views 4 --seed 3");
    let started = Instant::now();
    done(dir, &format!("{TRAIN} --minutes 0.1 --out run"));
    let seconds = started.elapsed().as_secs_f64();
    let (epochs, had) = length(dir, "run");
    assert_eq!(epochs as usize, had);
    // Six seconds, and what a busy machine adds to them; the report comes after.
    assert!(epochs > 1 && seconds < 60.0, "{epochs} epochs in {seconds:.0} s");

    // The trial leaves no trace: as many epochs, asked for by their number, end with the same weights.
    done(dir, &format!("{TRAIN} --minutes 9 --epochs {epochs} --out again"));
    let weights = |run: &str| fs::read(dir.join(run).join("last.safetensors")).unwrap();
    assert_eq!(length(dir, "again"), (epochs, had));
    assert!(weights("run") == weights("again"));

    // It is not tried again when it goes on, however fast the machine is by then.
    done(dir, &format!("{TRAIN} --minutes 0.1 --resume --out run"));
    assert_eq!(length(dir, "run"), (epochs, had));
    let refusal = refused(dir, &format!("{TRAIN} --minutes 0.2 --resume --out run"));
    assert!(refusal.contains("--minutes was 0.1"), "{refusal}");

    for minutes in ["0", "-1", "NaN"] {
        let refusal = refused(dir, &format!("{TRAIN} --minutes={minutes} --out none"));
        assert!(refusal.contains("more than 0"), "{refusal}");
    }
    let frozen = "--freeze-backbone --weights run/best.safetensors";
    let refusal = refused(dir, &format!("{TRAIN} --minutes 1 {frozen} --out none"));
    assert!(refusal.contains("say --epochs"), "{refusal}");
}
