//! A bundle in four precisions: how far each strays, what is refused, what the server would take.

use std::{fs, path::Path};

use lookalike_model::Precision;
use serde_json::Value;

use crate::{done, refused, repository, trainer};

fn manifest(bundle: &Path) -> Value {
    serde_json::from_slice(&fs::read(bundle.join("manifest.json")).unwrap()).unwrap()
}

/// int8 needs VNNI: elsewhere it is neither written nor judged.
fn right_here(precision: &str) -> bool {
    Precision::right_here().iter().any(|p| p.name() == precision)
}

/// The embedding of a photo, by `embed`.
fn embedding(dir: &Path, precision: &str, photo: &str) -> Vec<f64> {
    let output = trainer(dir, &format!("embed --bundle bundle --device cpu --precision {precision} {photo}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    serde_json::from_value(json["embedding"].clone()).unwrap()
}

#[test]
fn the_shipped_weights_hold_their_bounds_in_every_precision() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let weights = repository().join("weights/demo");
    done(dir, "sample-data --out shop --products 100 --views 4 --seed 21");
    done(dir, &format!("export --run {} --out bundle --data shop --layout deepfashion", weights.display()));
    let manifest = manifest(&dir.join("bundle"));
    let bounds = [("bf16", 0.999, 0.97), ("f16", 0.999, 0.97), ("int7", 0.985, 0.92), ("int8", 0.985, 0.92)];
    for (precision, cosine, overlap) in bounds.into_iter().filter(|b| right_here(b.0)) {
        let drift = &manifest["drift"][precision];
        let figure = |name: &str| drift[name].as_f64().unwrap();
        assert!(figure("centred_cosine_mean") >= cosine, "{precision}: {drift}");
        assert!(figure("top10_overlap") >= overlap, "{precision}: {drift}");
        assert!(figure("photos") >= 100.0);
        let ending = if precision == "int7" { "safetensors" } else { "ts" };
        assert!(manifest["files"][format!("model.{precision}.{ending}")]["size"].is_u64());
    }
    let size = |name: &str| manifest["files"][name]["size"].as_f64().unwrap();
    assert!(!right_here("int8") || size("model.int8.ts") < 0.5 * size("model.f32.ts"));
    assert!(size("model.int7.safetensors") < 0.5 * size("model.f32.ts"));
    assert!(size("model.bf16.ts") < 0.7 * size("model.f32.ts"));

    // By another program and another road than the figures above.
    let photo = fs::read_dir(dir.join("shop/img")).unwrap().next().unwrap().unwrap().path();
    let photo = fs::read_dir(photo).unwrap().next().unwrap().unwrap().path();
    let exact = embedding(dir, "f32", photo.to_str().unwrap());
    let furthest = [("bf16", 0.05), ("f16", 0.01), ("int7", 0.1), ("int8", 0.1)];
    for (precision, most) in furthest.into_iter().filter(|f| right_here(f.0)) {
        let other = embedding(dir, precision, photo.to_str().unwrap());
        let apart = exact.iter().zip(&other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
        assert!(apart < most && apart > 0.0, "{precision}: {apart} from f32");
    }
    // Without photos there is f32 alone, and the others are refused by name.
    done(dir, &format!("export --run {} --out plain", weights.display()));
    let photo = photo.display();
    let missing = refused(dir, &format!("embed --bundle plain --device cpu --precision int7 {photo}"));
    assert!(missing.contains("int7") && missing.contains("--data"), "{missing}");
}

#[test]
fn a_precision_that_strays_is_refused_unless_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let weights = repository().join("weights/demo");
    done(dir, "sample-data --out shop --products 40 --views 3 --seed 22");
    // Photos to calibrate with that show nothing: what is seen later goes far past their range.
    let lists = fs::read_to_string(dir.join("shop/Eval/list_eval_partition.txt")).unwrap();
    let black = image::RgbImage::new(64, 64);
    for line in lists.lines().filter(|line| line.trim_end().ends_with("train")) {
        let path = dir.join("shop").join(line.split_whitespace().next().unwrap());
        black.save(path).unwrap();
    }
    let export =
        format!("export --run {} --data shop --layout deepfashion --precision int7", weights.display());
    let strayed = refused(dir, &format!("{export} --out bundle"));
    assert!(strayed.contains("int7 strays") && strayed.contains("--allow-drift"), "{strayed}");
    assert!(!dir.join("bundle").exists(), "nothing is left of a refused export");
    done(dir, &format!("{export} --out bundle --allow-drift"));
    let drift = &manifest(&dir.join("bundle"))["drift"]["int7"];
    assert!(drift["top10_overlap"].as_f64().unwrap() < 0.92, "{drift}");
}

#[test]
fn a_precision_that_this_machine_computes_wrong_is_refused_when_asked_for() {
    if right_here("int8") {
        return; // the other tests write and judge it
    }
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let weights = repository().join("weights/demo");
    done(dir, "sample-data --out shop --products 40 --views 3 --seed 23");
    let export = format!("export --run {} --data shop --layout deepfashion --out bundle", weights.display());
    let wrong = refused(dir, &format!("{export} --precision int8"));
    assert!(wrong.contains("VNNI") && wrong.contains("int7"), "{wrong}");
    // All that can be had, where nothing is asked for.
    done(dir, &export);
    let files = &manifest(&dir.join("bundle"))["files"];
    assert!(files["model.int7.safetensors"].is_object() && files["model.int8.ts"].is_null(), "{files}");
}

#[test]
fn int8_pools_by_gem_where_the_network_does_and_int7_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let weights = repository().join("weights/demo/best.safetensors");
    done(dir, "sample-data --out shop --products 60 --views 4 --seed 22");
    let train = format!(
        "train --data shop --layout deepfashion --width 24 --size 128 --pooling gem --freeze-backbone --views 1 --lr 0 \
         --epochs 1 --weights {} --out run",
        weights.display()
    );
    done(dir, &train);
    let refusal =
        refused(dir, "export --run run --out none --data shop --layout deepfashion --precision int7");
    assert!(refusal.contains("GeM") && !dir.join("none").exists(), "{refusal}");
    let output = trainer(dir, "export --run run --out bundle --data shop --layout deepfashion");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("int7 is left out"), "{told}");
    let manifest = manifest(&dir.join("bundle"));
    assert_eq!(manifest["architecture"], "resnet50 (width 24, GeM)");
    assert!(manifest["drift"]["int7"].is_null());
    // Pooled by the mean, int8 would be far from f32.
    let cosine = |precision: &str| manifest["drift"][precision]["centred_cosine_mean"].as_f64().unwrap();
    assert!(cosine("f16") > 0.999);
    assert!(!right_here("int8") || cosine("int8") > 0.985, "{manifest}");
}
