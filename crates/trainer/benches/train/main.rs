//! Training beside PyTorch, torchvision and a DataLoader with workers: `make bench-train`. The same photos, split, network, batch,
//! precision, memory format and recipe, both decoding JPEGs; one after the other, seed by seed. Prints a table, writes
//! `target/bench/train.json`.
//!
//! `PHOTOS=DIR` names the photos, `EPOCHS=10`, `SEEDS=1`, `WIDTH=24`, `SIZE=128`, `BATCH=48` shape the run; `PEERS=none` leaves
//! the peer out.
#![allow(missing_docs, clippy::print_stdout)]

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use lookalike_libtorch as libtorch;
use lookalike_trainer::dataset::{Categories, Dataset, Layout, Split};
use serde_json::{Value, json};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// One training, measured.
#[derive(Clone, Copy, Debug)]
struct Measured {
    /// Training photos a second, validation left out; ours with the decoding before the first epoch.
    images_per_second: f64,
    /// The whole process, start and validation included.
    seconds: f64,
    top1: f64,
    hit1: f64,
}

fn main() {
    // Cargo runs a benchmark in its package's folder; paths here are from the repository's root, or from where it was carried.
    let _ = std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    if let Err(e) = run() {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}

fn setting(name: &str, usual: &str) -> String {
    env::var(name).unwrap_or_else(|_| usual.into())
}

fn number(name: &str, usual: u64) -> Result<u64, Failed> {
    setting(name, &usual.to_string()).parse().map_err(|e| format!("{name}: {e}").into())
}

fn run() -> Result<(), Failed> {
    let photos = PathBuf::from(setting("PHOTOS", "../shared/clothing"));
    let folder = Path::new("target/bench/train");
    fs::create_dir_all(folder)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for seed in 0..number("SEEDS", 1)? {
        let task = task(&photos, seed)?;
        ours.push(train_ours(&task, &photos, folder)?);
        println!("ours, seed {seed}: {:?}", ours[ours.len() - 1]);
        if setting("PEERS", "all") != "none" {
            theirs.push(train_theirs(&task, folder)?);
            println!("PyTorch, seed {seed}: {:?}", theirs[theirs.len() - 1]);
        }
    }
    report(&ours, &theirs, &task(&photos, 0)?)
}

/// What both are to do; the photos by path and label, as the project splits them: 80 % train, the rest to test with.
fn task(photos: &Path, seed: u64) -> Result<Value, Failed> {
    let set = Dataset::open(photos, Some(Layout::Folders), Categories::All, 0)?;
    let listed = |train: bool| -> Vec<(String, usize)> {
        let of = set.records().iter().filter(|r| (r.split == Split::Train) == train);
        of.map(|r| (r.item.image.clone(), r.category)).collect()
    };
    let size = number("SIZE", 128)?;
    Ok(json!({
        "root": photos, "train": listed(true), "test": listed(false), "classes": set.categories().len(),
        "seed": seed, "epochs": number("EPOCHS", 10)?, "width": number("WIDTH", 24)?, "size": size,
        "batch": number("BATCH", 48)?, "resize": (size * 256 + 112) / 224, "embedding": 512, "lr": 0.05,
        "weight_decay": 5e-4, "warmup": 0.05, "label_smoothing": 0.1, "crop": 0.4, "jitter": 0.1,
        "bf16": libtorch::has_bf16(tch::Device::Cpu),
        "workers": std::thread::available_parallelism()?.get(),
    }))
}

fn train_ours(task: &Value, photos: &Path, folder: &Path) -> Result<Measured, Failed> {
    let out = folder.join("run");
    let _ = fs::remove_dir_all(&out);
    let mut command = Command::new(env!("CARGO_BIN_EXE_lookalike-trainer"));
    command.arg("train").arg("--data").arg(photos).arg("--out").arg(&out);
    command.args(["--layout", "folders", "--sampling", "shuffled", "--metric-loss", "none"]);
    command.args(["--validate-on", "rest", "--best-by", "last", "--device", "cpu"]);
    for key in [
        "seed",
        "epochs",
        "width",
        "size",
        "batch",
        "resize",
        "embedding",
        "lr",
        "weight_decay",
        "warmup",
        "label_smoothing",
        "crop",
        "jitter",
        "workers",
    ] {
        command.arg(format!("--{}={}", key.replace('_', "-"), task[key]));
    }
    command.arg(format!("--bf16={}", task["bf16"]));
    let started = Instant::now();
    let output = command.output()?;
    let seconds = started.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let text = fs::read_to_string(out.join("metrics.jsonl"))?;
    let epochs: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let figure = |epoch: &Value, key: &str| epoch[key].as_f64().unwrap_or(f64::NAN);
    let last = epochs.last().ok_or("no epoch was trained")?;
    let whole: f64 = epochs.iter().map(|e| figure(e, "seconds")).sum();
    let batch = task["batch"].as_u64().unwrap_or(1) as usize;
    let shown = task["train"].as_array().map_or(0, Vec::len) / batch * batch;
    let training: f64 = epochs.iter().map(|e| shown as f64 / figure(e, "images_per_second")).sum();
    // All that is not an epoch is counted as training: start, and the first decoding of every photo.
    let before = seconds - whole;
    Ok(Measured {
        images_per_second: (shown * epochs.len()) as f64 / (training + before),
        seconds,
        top1: figure(last, "val_top1"),
        hit1: figure(last, "val_hit_at_1"),
    })
}

fn train_theirs(task: &Value, folder: &Path) -> Result<Measured, Failed> {
    let file = folder.join("task.json");
    fs::write(&file, task.to_string())?;
    let python = setting("PEER_PYTHON", "target/bench/peers/bin/python");
    let started = Instant::now();
    let mut command = Command::new(&python);
    let output =
        command.arg("benches/peers/train.py").arg(&file).output().map_err(|e| format!("{python}: {e}"))?;
    let seconds = started.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let last: Value = serde_json::from_str(text.lines().last().unwrap_or_default())
        .map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?;
    let figure = |key: &str| last[key].as_f64().unwrap_or(f64::NAN);
    Ok(Measured {
        images_per_second: figure("images_per_second"),
        seconds,
        top1: figure("top1"),
        hit1: figure("hit1"),
    })
}

/// A row of the table: its name, and its figure.
type Column = (&'static str, fn(&Measured) -> f64);

/// Means over the seeds, side by side.
fn report(ours: &[Measured], theirs: &[Measured], task: &Value) -> Result<(), Failed> {
    let mean =
        |all: &[Measured], of: fn(&Measured) -> f64| all.iter().map(of).sum::<f64>() / all.len() as f64;
    let columns: [Column; 4] = [
        ("images a second", |m| m.images_per_second),
        ("seconds, all in all", |m| m.seconds),
        ("top-1 on the rest", |m| m.top1),
        ("hit@1 on the rest", |m| m.hit1),
    ];
    println!("\n{:<22} {:>10} {:>10} {:>8}", "", "ours", "PyTorch", "ratio");
    let mut figures = serde_json::Map::new();
    for (name, of) in columns {
        let (a, b) = (mean(ours, of), mean(theirs, of));
        let each = |all: &[Measured]| all.iter().map(of).collect::<Vec<f64>>();
        println!("{name:<22} {a:>10.3} {b:>10.3} {:>8.3}", a / b);
        figures.insert(name.into(), json!({ "ours": each(ours), "pytorch": each(theirs) }));
    }
    let mut shape = task.clone();
    for list in ["train", "test"] {
        shape[list] = json!(task[list].as_array().map_or(0, Vec::len));
    }
    let ratios = if theirs.is_empty() {
        json!({})
    } else {
        json!({
            "pytorch-dataloader@images-per-second": mean(ours, columns[0].1) / mean(theirs, columns[0].1),
            "pytorch-dataloader@top1": mean(ours, columns[2].1) / mean(theirs, columns[2].1),
        })
    };
    let written = json!({ "task": shape, "figures": figures, "ratios": ratios });
    fs::write("target/bench/train.json", serde_json::to_string_pretty(&written)? + "\n")?;
    println!("written to target/bench/train.json");
    Ok(())
}
