//! The bugs of the study that this descends from, absent. Its triplet loss of 0.0000 is looked for in `whole_way.rs` and
//! `dataset/triplets.rs`, its PCA that was never saved in `pca.rs`, its server that crashed at an unknown path in `tests/http`.

use std::{collections::HashMap, fs, path::Path};

use lookalike_trainer::dataset::{Categories, Dataset, Layout, Split};
use serde_json::Value;
use tch::Tensor;

use crate::done;

const TRAIN: &str = "train --data shop --layout deepfashion --width 4 --embedding 16 --size 128 --batch 12";

fn shop(dir: &Path) -> Dataset {
    done(dir, "sample-data --out shop --products 24 --views 4 --seed 8");
    Dataset::open(&dir.join("shop"), Some(Layout::Deepfashion), Categories::UpperBody, 0).unwrap()
}

fn weights(dir: &Path, run: &str) -> HashMap<String, Tensor> {
    Tensor::read_safetensors(dir.join(run).join("last.safetensors")).unwrap().into_iter().collect()
}

fn lines(dir: &Path, run: &str) -> Vec<Value> {
    let text = fs::read_to_string(dir.join(run).join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn training_goes_on_in_training_mode_after_an_evaluation() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    shop(dir);
    // At a learning rate of 0 the first epoch is the same for both, and only statistics of batch-norms move.
    done(dir, &format!("{TRAIN} --lr 0 --epochs 1 --out one"));
    done(dir, &format!("{TRAIN} --lr 0 --epochs 2 --out two"));
    let (one, two) = (weights(dir, "one"), weights(dir, "two"));
    for (name, tensor) in &one {
        let statistic = name.ends_with("running_mean") || name.ends_with("running_var");
        assert_eq!(tensor != &two[name], statistic, "{name}");
    }
}

#[test]
fn accuracy_is_a_share_of_all_validation_photos_and_of_no_others() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let set = shop(dir);
    let of = |split| set.records().iter().filter(|r| r.split == split).collect::<Vec<_>>();
    let (val, test) = (of(Split::Val).len() as f64, of(Split::Test));
    done(dir, &format!("{TRAIN} --epochs 1 --out seen"));
    let top1 = lines(dir, "seen")[0]["val_top1"].as_f64().unwrap();
    let right = top1 * val;
    assert!((right - right.round()).abs() < 1e-4 && (0.0..=1.0).contains(&top1), "{top1} of {val}");
    // Counted once more, through the bundle.
    done(dir, "export --run seen --out bundle");
    done(dir, "index --bundle bundle --data shop --layout deepfashion");
    let told = done(dir, "evaluate --bundle bundle --data shop --layout deepfashion --split val --json");
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["photos"].as_f64().unwrap(), val);
    assert!((told["category_top1"].as_f64().unwrap() - top1).abs() <= 1.0 / val + 1e-9, "{told} {top1}");

    // Test photos are not looked at: spoilt ones change nothing.
    assert!(!test.is_empty());
    for record in &test {
        fs::write(dir.join("shop").join(&record.item.image), "spoilt").unwrap();
    }
    done(dir, &format!("{TRAIN} --epochs 1 --out unseen"));
    assert!(weights(dir, "seen") == weights(dir, "unseen"));
    assert_eq!(lines(dir, "unseen")[0]["val_top1"].as_f64(), Some(top1));
}

#[test]
fn shuffles_are_seeded() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    shop(dir);
    for sampling in ["triplets", "pk", "shuffled"] {
        let run = |seed: u64, out: &str| {
            let out = format!("{sampling}-{out}");
            done(
                dir,
                &format!(
                    "{TRAIN} --epochs 1 --sampling {sampling} --metric-loss triplet --mining batch-hard --seed {seed} --out {out}"
                ),
            );
            fs::read(dir.join(out).join("last.safetensors")).unwrap()
        };
        let (a, b, c) = (run(1, "a"), run(1, "b"), run(2, "c"));
        assert!(a == b, "{sampling}: the same seed gives the same weights, bit for bit");
        assert!(a != c, "{sampling}: another seed, other weights");
    }
}
