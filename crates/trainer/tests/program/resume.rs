//! A run that is killed, at any moment, and goes on ends as one that was not.

use std::{
    fs,
    path::Path,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use lookalike_trainer::training::{EpochMetrics, EventFile, RunFolder};

use crate::{command, done, refused};

/// All that has a state: momenta, an average, proxies, several groups of rates, mixed batches, squares that grow
/// and stay smaller than those of validation.
const TRAIN: &str = "train --data shop --layout deepfashion --width 4 --embedding 16 --size 128 --train-size 96 --start-size 64 --epochs 4 \
    --batch 12 --optimizer adamw --lr 0.003 --ema 0.9 --metric-loss proxy-anchor --sampling pk --per-group 3 --mixup 0.2 \
    --erase 0.3 --stage-lr 0.1,0.5,1,1,1 --pooling gem --checkpoint-minutes 0";

/// Starts the run, or goes on with it, and kills it when `enough` says so; false where it ended before.
fn killed(dir: &Path, out: &str, enough: impl Fn() -> bool) -> bool {
    let mut child = command(dir, &format!("{TRAIN} --resume --out {out}"))
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while !enough() {
        assert!(started.elapsed() < Duration::from_secs(300), "the run does not get on");
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    true
}

/// The lines of a run, less what tells the time.
fn epochs(dir: &Path, run: &str) -> Vec<EpochMetrics> {
    let timeless = |m: EpochMetrics| EpochMetrics {
        images_per_second: 0.0,
        wait_share: 0.0,
        seconds: 0.0,
        finished: 0.0,
        ..m
    };
    let (folder, _) = RunFolder::open(&dir.join(run)).unwrap();
    folder.metrics().unwrap().into_iter().map(timeless).collect()
}

#[test]
fn a_run_killed_at_any_moment_ends_as_one_that_was_not() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, "sample-data --out shop --products 20 --views 4 --seed 6");
    done(dir, &format!("{TRAIN} --out whole"));
    let sides: Vec<u32> = epochs(dir, "whole").iter().map(|m| m.size).collect();
    assert_eq!(sides, [64, 80, 96, 96]);

    // Before anything is saved, within an epoch, after one, and wherever half a second takes it.
    let out = dir.join("killed");
    let saved = |name: &str| fs::metadata(out.join(name)).and_then(|m| m.modified()).ok();
    assert!(killed(dir, "killed", || out.join("config.json").exists()));
    let state = "state.safetensors";
    for _ in 0..3 {
        let before = saved(state);
        assert!(killed(dir, "killed", || saved(state) != before));
    }
    let lines = || fs::read_to_string(out.join("metrics.jsonl")).unwrap_or_default().lines().count();
    assert!(killed(dir, "killed", || lines() >= 1));
    let begun = Instant::now();
    killed(dir, "killed", || begun.elapsed() > Duration::from_millis(500));
    // What a kill in the middle of writing leaves behind does not matter.
    fs::write(out.join("state.part"), "half").unwrap();
    fs::write(
        out.join("metrics.jsonl"),
        fs::read_to_string(out.join("metrics.jsonl")).unwrap() + "{\"epoch\":",
    )
    .unwrap();
    done(dir, &format!("{TRAIN} --resume --out killed"));

    assert_eq!(epochs(dir, "killed"), epochs(dir, "whole"));
    for name in ["last.safetensors", "best.safetensors"] {
        let bytes = |run: &str| fs::read(dir.join(run).join(name)).unwrap();
        assert!(bytes("killed") == bytes("whole"), "{name} differs");
    }
    // The events are those of the lines, none twice.
    let again = tempfile::tempdir().unwrap();
    let (folder, _) = RunFolder::open(&out).unwrap();
    EventFile::of(again.path()).rewrite(&folder.metrics().unwrap()).unwrap();
    let events = |dir: &Path| fs::read(EventFile::of(dir).path()).unwrap();
    assert!(events(again.path()) == events(&out));

    // A run that is done is not done again; one that was begun otherwise is not gone on with.
    let before = saved("last.safetensors");
    done(dir, &format!("{TRAIN} --resume --out killed"));
    assert_eq!(saved("last.safetensors"), before);
    // One that was begun before colours were brought to sRGB goes on without it.
    let config = fs::read_to_string(out.join("config.json")).unwrap();
    let without: Vec<&str> = config.lines().filter(|line| !line.contains("\"colour\"")).collect();
    assert!(without.len() + 1 == config.lines().count());
    fs::write(out.join("config.json"), without.join("\n").replace("],\n  },", "]\n  },")).unwrap();
    let refusal = refused(dir, &format!("{TRAIN} --resume --out killed --lr 0.1"));
    assert!(!refusal.contains("preprocessing"), "{refusal}");
    fs::write(out.join("config.json"), config).unwrap();
    let refusal = refused(dir, &format!("{TRAIN} --resume --out killed --lr 0.1"));
    assert!(refusal.contains("begun otherwise") && refusal.contains("--lr was 0.003"), "{refusal}");
    let held = fs::File::open(out.join("config.json")).unwrap();
    held.lock().unwrap();
    let refusal = refused(dir, &format!("{TRAIN} --resume --out killed"));
    assert!(refusal.contains("another training"), "{refusal}");
    drop(held);
    fs::remove_file(dir.join("shop").join(some_photo(dir))).unwrap();
    let refusal = refused(dir, &format!("{TRAIN} --resume --out killed"));
    assert!(refusal.contains("photos are not the same") || refusal.contains("skipped"), "{refusal}");
}

/// A photo that was trained on.
fn some_photo(dir: &Path) -> String {
    let list = fs::read_to_string(dir.join("shop/Eval/list_eval_partition.txt")).unwrap();
    let line = list.lines().find(|line| line.ends_with("train")).unwrap();
    line.split_whitespace().next().unwrap().to_owned()
}
