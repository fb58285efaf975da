//! A bundle's manifest and its int7 file as somebody might make them, sealed again: an error, or a model that runs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

#[path = "../../common/tests/support/mutation.rs"]
mod mutation;

use std::{
    fs,
    path::{Path, PathBuf},
};

use lookalike_int7::{Block, Convolution, Form, Linear, Quantised, quantise};
use lookalike_items::Dims;
use lookalike_model::{Bundle, BundleError, FORMAT_VERSION, FileRecord, Precision, Shape, file_of};
use lookalike_photo::Preprocessing;
use mutation::{cases, each_case, in_a_process, mutated};
use rand::RngExt;
use serde_json::{Value, json};
use tch::Device;

/// What a process has that opens such bundles; libtorch itself takes a good part of it.
const MEMORY: u64 = 8 << 30;
const MANIFEST: &str = "manifest.json";

fn convolution(shape: [usize; 4], stride: usize) -> Convolution {
    let weights: Vec<f64> =
        (0..shape.iter().product()).map(|i: usize| (i * 7919 % 101) as f64 / 500.0 - 0.1).collect();
    let (weights, steps) = quantise(&weights, shape, 1).unwrap();
    let form = Form { stride, padding: shape[2] / 2, groups: 1, output: 0.02 };
    Convolution { shape, weights, steps, bias: vec![0.05; shape[0]], form }
}

fn linear(outputs: usize, inputs: usize) -> Linear {
    let weights = (0..outputs * inputs).map(|i| (i * 31 % 17) as f32 / 100.0 - 0.05).collect();
    Linear { weights, bias: vec![0.1; outputs] }
}

fn network() -> Quantised {
    let block = Block {
        down: convolution([4, 8, 1, 1], 1),
        across: convolution([4, 4, 3, 3], 2),
        up: convolution([16, 4, 1, 1], 1),
        past: Some(convolution([16, 8, 1, 1], 2)),
    };
    let (embedding, classifier) = (linear(12, 16), linear(5, 12));
    let stem = convolution([8, 3, 7, 7], 2);
    Quantised {
        size: 128,
        frame: [124, 116, 104],
        stem,
        blocks: vec![block],
        embedding,
        classifier,
        projection: None,
    }
}

/// A bundle whose model in int7 runs; of that in f32 there is a file that nobody loads.
fn bundle(folder: &Path) -> (PathBuf, Value) {
    network().write(&folder.join(file_of(Precision::Int7))).unwrap();
    fs::write(folder.join(file_of(Precision::F32)), "not loaded here").unwrap();
    let seal =
        |precision| serde_json::to_value(FileRecord::of(&folder.join(file_of(precision))).unwrap()).unwrap();
    let manifest = json!({
        "format_version": FORMAT_VERSION, "model_id": "the-model", "architecture": "of a test",
        "preprocessing": Preprocessing::imagenet(128).unwrap(), "dims": {"deep": 12, "colour": 30},
        "categories": ["a", "b", "c", "d", "e"], "color_weight": 0.1, "trained_on_boxes": false,
        "versions": {}, "files": {
            file_of(Precision::Int7): seal(Precision::Int7), file_of(Precision::F32): seal(Precision::F32),
        },
    });
    fs::write(folder.join(MANIFEST), manifest.to_string()).unwrap();
    (folder.join(MANIFEST), manifest)
}

#[test]
fn mutated_bundles_are_errors_or_run() {
    in_a_process("each_mutated_bundle", cases(200));
}

#[test]
#[ignore = "is run by the test above, in a process of its own"]
fn each_mutated_bundle() {
    let folder = tempfile::tempdir().unwrap();
    let (path, manifest) = bundle(folder.path());
    let int7 = folder.path().join(file_of(Precision::Int7));
    let network = fs::read(&int7).unwrap();
    let load =
        || Bundle::open(folder.path()).and_then(|bundle| bundle.load_model_in(Precision::Int7, Device::Cpu));
    assert_eq!(load().unwrap().shape().logits, 5);
    each_case(MEMORY, |rng| {
        let mut manifest = manifest.clone();
        if rng.random_bool(0.5) {
            fs::write(&int7, mutated(&network, rng)).unwrap();
            manifest["files"][file_of(Precision::Int7)] =
                serde_json::to_value(FileRecord::of(&int7).unwrap()).unwrap();
            fs::write(&path, manifest.to_string()).unwrap();
        } else {
            fs::write(&int7, &network).unwrap();
            fs::write(&path, mutated(manifest.to_string().as_bytes(), rng)).unwrap();
        }
        if let Ok(model) = load() {
            assert_eq!(model.shape(), Shape { dims: Dims { deep: 12, colour: 30 }, logits: 5 });
        }
    });
}

#[test]
fn a_manifest_names_files_of_its_bundle_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, manifest) = bundle(folder.path());
    Bundle::open(folder.path()).unwrap();
    for name in ["/dev/zero", "../outside", "a/b", "..", ""] {
        let mut manifest = manifest.clone();
        manifest["files"][name] = json!({"size": 1, "sha256": "00"});
        fs::write(&path, manifest.to_string()).unwrap();
        let refused = Bundle::open(folder.path()).unwrap_err();
        assert!(matches!(refused, BundleError::Manifest { .. }), "{name}: {refused}");
    }
}
