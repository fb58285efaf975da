//! Photos → run → bundle → catalogue → figures, and what is in each.

use std::{collections::HashSet, fs, path::Path};

use serde_json::Value;

use crate::{done, refused, trainer};

const TRAIN: &str = "train --data shop --layout deepfashion --width 8 --embedding 32 --size 128 --epochs 2 --batch 24 --out run";

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_whole_way() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, "sample-data --out shop --products 40 --views 3 --seed 5");
    done(dir, TRAIN);
    let config = json(&dir.join("run/config.json"));
    assert_eq!(config["categories"].as_array().unwrap().len(), 20);
    assert_eq!(config["preprocessing"]["colour"], "srgb");
    let metrics = fs::read_to_string(dir.join("run/metrics.jsonl")).unwrap();
    let epochs: Vec<Value> = metrics.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(epochs.len(), 2);
    for epoch in &epochs {
        // The ancestor logged a triplet loss of 0.0000: one anchor served all.
        assert!(epoch["triplet"].as_f64().unwrap() > 0.0 && epoch["triplet_active"].as_f64().unwrap() > 0.1);
        assert!(epoch["cross_entropy"].as_f64().unwrap() > 0.5);
        assert!((0.0..=1.0).contains(&epoch["val_top1"].as_f64().unwrap()));
    }
    let refusal = refused(dir, TRAIN);
    assert!(refusal.contains("something already") && !refusal.contains("checking photos"), "{refusal}");

    done(dir, "export --run run --out bundle");
    let manifest = json(&dir.join("bundle/manifest.json"));
    assert_eq!(manifest["dims"], serde_json::json!({ "deep": 32, "colour": 30 }));
    assert_eq!(manifest["model_id"].as_str().unwrap().len(), 64);
    assert_eq!(manifest["preprocessing"]["colour"], "srgb");
    let missing = refused(dir, "evaluate --bundle bundle --data shop --layout deepfashion");
    assert!(missing.contains("lookalike-trainer index"), "{missing}");

    done(dir, "index --bundle bundle --data shop --layout deepfashion");
    let current = fs::read_to_string(dir.join("bundle/catalogue/CURRENT")).unwrap();
    assert!(current.starts_with("gen-1"), "{current}");
    let figures = done(
        dir,
        "evaluate --bundle bundle --data shop --layout deepfashion --split test --json --montage montage.png",
    );
    let figures: Value = serde_json::from_str(&figures).unwrap();
    assert_eq!(figures["catalogue_items"], 120);
    assert_eq!(figures["photos"], figures["product_queries"]);
    for key in [
        "category_top1",
        "category_top3",
        "category_hit_at_1",
        "category_precision_at_10",
        "product_hit_at_1",
        "product_hit_at_10",
    ] {
        assert!((0.0..=1.0).contains(&figures[key].as_f64().unwrap()), "{key}: {figures}");
    }
    assert!(figures["ann_recall_at_10"].as_f64().unwrap() > 0.95);
    assert!(image::open(dir.join("montage.png")).unwrap().width() > 900);

    // A second index is the next generation; the first stays until it is in place.
    let audit = done(dir, "index --bundle bundle --data shop --layout deepfashion --exact-audit");
    for told in ["ann_recall@10", "w 0.5", "orphans: 0", "neighbours", "bytes a vector", "built in"] {
        assert!(audit.contains(told), "{told} is not in:\n{audit}");
    }
    assert!(fs::read_to_string(dir.join("bundle/catalogue/CURRENT")).unwrap().starts_with("gen-2"));

    let first = fs::read_to_string(dir.join("shop/items.jsonl")).unwrap();
    let item: Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    // What the shop says of a photo, titles and prices too, is what the catalogue holds.
    let held = fs::read_to_string(dir.join("bundle/catalogue/gen-2/items.jsonl")).unwrap();
    let held: Vec<Value> = held.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(item["numbers"]["price"].is_number() && held.contains(&item), "{item}");
    let photo = format!("shop/{}", item["image"].as_str().unwrap());
    let line: Value = serde_json::from_str(&done(dir, &format!("embed --bundle bundle {photo}"))).unwrap();
    let embedding: Vec<f64> = serde_json::from_value(line["embedding"].clone()).unwrap();
    assert_eq!((line["path"].as_str().unwrap(), embedding.len()), (photo.as_str(), 32));
    assert!((embedding.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-4);
    let output = trainer(dir, &format!("embed --bundle bundle nowhere.jpg {photo}"));
    assert!(!output.status.success() && !output.stdout.is_empty(), "the good photo is printed all the same");

    let model = dir.join("bundle/model.f32.ts");
    let mut bytes = fs::read(&model).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&model, bytes).unwrap();
    assert!(
        refused(dir, &format!("embed --bundle bundle {photo}")).contains("model.f32.ts: the file is damaged")
    );
}

#[test]
fn training_learns() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, "sample-data --out shop --products 60 --views 4 --seed 2");
    done(
        dir,
        "train --data shop --layout deepfashion --width 8 --embedding 32 --size 128 --epochs 8 --batch 24 --lr 0.03 --out run",
    );
    let metrics = fs::read_to_string(dir.join("run/metrics.jsonl")).unwrap();
    let loss = |line: &str| serde_json::from_str::<Value>(line).unwrap()["loss"].as_f64().unwrap();
    let losses: Vec<f64> = metrics.lines().map(loss).collect();
    assert!(losses[7] < 0.85 * losses[0], "{losses:?}");
}

#[test]
fn a_frozen_backbone_stays_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, "sample-data --out shop --products 20 --views 3 --seed 2");
    let common =
        "train --data shop --layout deepfashion --width 8 --embedding 16 --size 128 --epochs 1 --batch 12";
    done(dir, &format!("{common} --out first"));
    done(dir, &format!("{common} --weights first/best.safetensors --freeze-backbone --seed 9 --out second"));
    let read = |run: &str| {
        let tensors = tch::Tensor::read_safetensors(dir.join(run).join("best.safetensors")).unwrap();
        tensors.into_iter().collect::<std::collections::HashMap<_, _>>()
    };
    let (first, second) = (read("first"), read("second"));
    let changed: HashSet<&str> = (first.iter())
        .filter(|(name, tensor)| tensor != &&second[*name])
        .map(|(name, _)| name.as_str())
        .collect();
    let heads = ["embedding.weight", "embedding.bias", "classifier.weight", "classifier.bias"];
    assert_eq!(changed, HashSet::from(heads));
    let strange = refused(dir, &format!("{common} --weights first/config.json --out third"));
    assert!(strange.contains("config.json"), "{strange}");
}

#[test]
fn the_same_seed_gives_the_same_weights() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, "sample-data --out shop --products 20 --views 3 --seed 4");
    for run in ["a", "b"] {
        done(
            dir,
            &format!(
                "train --data shop --layout deepfashion --width 4 --embedding 16 --size 128 --epochs 1 --batch 12 --out {run}"
            ),
        );
    }
    let bytes = |run: &str| fs::read(dir.join(run).join("last.safetensors")).unwrap();
    assert!(bytes("a") == bytes("b"));
}
