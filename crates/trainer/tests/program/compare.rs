//! `compare`: a row a network, a row a way to search.

use std::{fs, path::Path};

use serde_json::Value;

use crate::{done, refused, trainer};

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn networks_and_strategies_stand_side_by_side() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    done(dir, "sample-data --out shop --products 60 --views 4 --seed 61");
    let data = "--data shop --layout deepfashion";
    let common = format!("compare {data} --out compared --pca 8 --probes 3");
    let train = "-- --epochs 1 --size 128 --batch 24 --embedding 16";
    let table = done(dir, &format!("{common} --networks simple:8,resnet50:4 {train}"));
    for told in
        ["simple CNN (width 8)", "resnet50 (width 4)", "random", "PCA 8, exact", "k-means cells", "HNSW"]
    {
        assert!(table.contains(told), "{told} is not in:\n{table}");
    }
    let compared = json(&dir.join("compared/compare.json"));
    let networks = compared["networks"].as_array().unwrap();
    assert_eq!(networks.len(), 2);
    for row in networks {
        assert!(row["training_seconds"].as_f64().unwrap() > 0.0, "{row}");
        assert!((0.0..=1.0).contains(&row["category_top1"].as_f64().unwrap()), "{row}");
        assert!((0.0..=1.0).contains(&row["product_hit_at_10"].as_f64().unwrap()), "{row}");
        assert_eq!(row["initialisation"], "random");
    }
    let strategies = compared["strategies"].as_array().unwrap();
    let row =
        |name: &str| strategies.iter().find(|s| s["strategy"].as_str().unwrap().starts_with(name)).unwrap();
    let recall = |name: &str| row(name)["recall_at_10"].as_f64().unwrap();
    assert_eq!(recall("exact"), 1.0);
    assert!(recall("PCA") > 0.3 && recall("k-means") > 0.3 && recall("HNSW") > 0.95, "{strategies:?}");
    assert!(recall("k-means") < 1.0, "a few cells are not all of them: {strategies:?}");
    let bytes = |name: &str| row(name)["bytes_per_item"].as_f64().unwrap();
    assert!(bytes("PCA") < bytes("exact") && bytes("exact") < bytes("k-means"));
    assert!(strategies.iter().all(|s| s["microseconds"].as_f64().unwrap() > 0.0));
    let picture = image::open(dir.join("compared/compare.png")).unwrap().into_rgb8();
    let inked = picture.pixels().filter(|p| p.0.iter().all(|c| *c < 100)).count();
    assert!(picture.width() > 800 && inked > 2000, "letters are drawn: {inked}");

    // A row that was stopped before its end goes on.
    let metrics = dir.join("compared/resnet50-4/metrics.jsonl");
    let whole = fs::read_to_string(&metrics).unwrap();
    fs::remove_file(dir.join("compared/resnet50-4/state.safetensors")).unwrap();
    fs::write(&metrics, "").unwrap();
    done(dir, &format!("{common} --networks simple:8,resnet50:4 {train}"));
    let losses = |lines: &str| -> Vec<Value> {
        let of = |line: &str| serde_json::from_str::<Value>(line).unwrap()["loss"].clone();
        lines.lines().map(of).collect()
    };
    assert_eq!(losses(&fs::read_to_string(&metrics).unwrap()), losses(&whole));

    // What was trained is taken as it is; a run made elsewhere stands beside it, and says what it began with.
    let trained = fs::read(dir.join("compared/simple-8/best.safetensors")).unwrap();
    done(
        dir,
        &format!(
            "train {data} --width 4 --embedding 16 --size 128 --epochs 1 --batch 24 --weights compared/resnet50-4/best.safetensors --out other"
        ),
    );
    let again = done(dir, &format!("{common} --networks simple:8 --run other --json"));
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["networks"][1]["initialisation"], "resnet50-4/best.safetensors");
    assert!(fs::read(dir.join("compared/simple-8/best.safetensors")).unwrap() == trained);

    for (wrong, why) in [
        ("--networks simple:8,simple:8", "twice"),
        ("--networks simple:6 -- --backbone resnet50", "--backbone after --"),
        ("--networks simple:6 -- --recipe nowhere.toml", "nowhere.toml"),
        ("--networks simple:8 --probes 0", "--probes"),
    ] {
        let told = refused(dir, &format!("{common} {wrong}"));
        assert!(told.contains(why), "{told}");
    }

    // The simple network is a bundle like the others, but for 8 bits.
    let export = format!("export --run compared/simple-8 {data}");
    let int7 = refused(dir, &format!("{export} --out bundle --precision int7"));
    assert!(int7.contains("simple network") && int7.contains("--precision bf16,f16"), "{int7}");
    assert!(!dir.join("bundle").exists());
    let output = trainer(dir, &format!("{export} --out bundle --allow-drift"));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("int7 and int8 are left out"), "{told}");
    let manifest = json(&dir.join("bundle/manifest.json"));
    assert_eq!(manifest["architecture"], "simple CNN (width 8)");
    assert!(manifest["files"]["model.bf16.ts"].is_object() && manifest["files"]["model.f16.ts"].is_object());
}
