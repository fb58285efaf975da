//! A frozen backbone: its features are computed once and kept; stages of it may train at their own rates.

use std::{collections::HashMap, fs, path::Path};

use serde_json::Value;
use tch::Tensor;

use crate::{done, refused};

const TRAIN: &str = "train --data shop --layout deepfashion --width 4 --embedding 16 --size 128 --batch 12";

fn begin(dir: &Path) {
    done(dir, "sample-data --out shop --products 20 --views 4 --seed 2");
    done(dir, &format!("{TRAIN} --epochs 1 --out first"));
}

fn last(dir: &Path, run: &str) -> Value {
    let text = fs::read_to_string(dir.join(run).join("metrics.jsonl")).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

fn weights(dir: &Path, run: &str) -> HashMap<String, Tensor> {
    Tensor::read_safetensors(dir.join(run).join("last.safetensors")).unwrap().into_iter().collect()
}

#[test]
fn kept_features_are_those_of_the_photos() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    begin(dir);
    for pooling in ["average", "gem"] {
        let frozen = format!(
            "{TRAIN} --epochs 1 --lr 0 --pooling {pooling} --weights first/best.safetensors --freeze-backbone"
        );
        done(dir, &format!("{frozen} --views 3 --out kept-{pooling}"));
        done(dir, &format!("{frozen} --views 0 --out anew-{pooling}"));
        let (kept, anew) = (last(dir, &format!("kept-{pooling}")), last(dir, &format!("anew-{pooling}")));
        for figure in ["val_top1", "val_top3", "val_hit_at_1", "val_precision_at_10"] {
            assert_eq!(kept[figure], anew[figure], "{pooling} {figure}");
        }
        // The same photos in other views: near, not equal.
        let loss = |line: &Value| line["cross_entropy"].as_f64().unwrap();
        assert!((loss(&kept) - loss(&anew)).abs() < 0.2 * loss(&anew), "{kept} {anew}");
    }
}

#[test]
fn the_head_learns_from_features_in_memory_and_on_disk_alike() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    begin(dir);
    let frozen = format!(
        "{TRAIN} --epochs 20 --lr 0.1 --weights first/best.safetensors --freeze-backbone --pooling gem"
    );
    done(dir, &format!("{frozen} --out memory"));
    done(dir, &format!("{frozen} --cache-mb 0 --out disk"));
    let files = |run: &str| fs::read(dir.join(run).join("last.safetensors")).unwrap();
    assert!(files("memory") == files("disk"));
    let left = fs::read_dir(dir.join("disk")).unwrap().map(|e| e.unwrap().file_name());
    assert!(
        !left.into_iter().any(|name| name.to_string_lossy().contains("features")),
        "the file of features is gone"
    );
    let text = fs::read_to_string(dir.join("memory/metrics.jsonl")).unwrap();
    let losses: Vec<f64> =
        text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["loss"].as_f64().unwrap()).collect();
    assert!(losses[19] < 0.9 * losses[0], "{losses:?}");
    let (first, then) = (weights(dir, "first"), weights(dir, "memory"));
    for (name, tensor) in &then {
        let head = ["pool.", "embedding.", "classifier."].iter().any(|part| name.starts_with(part));
        assert_eq!(first.get(name) != Some(tensor), head, "{name}");
    }
}

#[test]
fn stages_train_at_rates_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    begin(dir);
    done(
        dir,
        &format!(
            "{TRAIN} --epochs 1 --lr 0.05 --weights first/best.safetensors --stage-lr 0,0,0,0.1,1 --out staged"
        ),
    );
    let (first, then) = (weights(dir, "first"), weights(dir, "staged"));
    let moved = |part: &str| {
        let of = first.iter().filter(|(name, _)| name.starts_with(part));
        of.map(|(name, t)| f64::try_from((t - &then[name]).abs().max()).unwrap()).fold(0.0, f64::max)
    };
    for frozen in ["conv1.", "bn1.", "layer1.", "layer2."] {
        assert_eq!(moved(frozen), 0.0, "{frozen}: statistics of batch-norms stay too");
    }
    let weight = |layer: &str| moved(&format!("{layer}.1.conv1.weight"));
    assert!(
        weight("layer3") > 0.0 && weight("layer3") < weight("layer4"),
        "{} {}",
        weight("layer3"),
        weight("layer4")
    );
}

#[test]
fn what_a_frozen_backbone_cannot_do_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    begin(dir);
    for (flags, part) in [
        ("--freeze-backbone", "--weights"),
        ("--freeze-backbone --weights first/best.safetensors --mixup 0.2", "--views 0"),
        ("--freeze-backbone --weights first/best.safetensors --stage-lr 0,0,0,0,1", "--stage-lr"),
        ("--freeze-backbone --weights first/best.safetensors --train-size 64", "--views 0"),
        ("--stage-lr 1,2", "five numbers"),
        ("--train-size 4000", "--train-size"),
    ] {
        let refusal = refused(dir, &format!("{TRAIN} {flags} --out run"));
        assert!(refusal.contains(part), "{flags}: {refusal}");
    }
}
