//! Models as people bring them (`tests/golden/brought_models.py`): what is right is imported; what is not is refused in one line that
//! says why.

use std::path::{Path, PathBuf};

use crate::{done, trainer};

fn model(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/brought/{name}.pt"))
}

/// The exit status and what was said, of an import with these arguments.
fn import(dir: &Path, name: &str, arguments: &str) -> (Option<i32>, String) {
    let arguments = format!("import --torchscript {} --out bundle {arguments}", model(name).display());
    let output = trainer(dir, &arguments);
    let _ = std::fs::remove_dir_all(dir.join("bundle"));
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Refused in one line with these words.
fn refused(dir: &Path, name: &str, arguments: &str, words: &[&str]) {
    let (status, said) = import(dir, name, arguments);
    assert!(status == Some(1) && said.starts_with("error: "), "{name}: {said}");
    assert_eq!(said.lines().count(), 1, "{name}: {said}");
    assert!(said.len() < 900 && said.contains(&format!("{name}.pt: ")), "{name}: {said}");
    for word in words.iter().filter(|word| !word.is_empty()) {
        assert_eq!(said.matches(word).count(), 1, "{name}: '{word}' is not once in\n{said}");
    }
}

#[test]
fn what_is_right_is_imported() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["right", "script-left-in-train", "norm-then-tuple", "side-128"] {
        let (status, said) = import(dir.path(), name, "--size 128");
        assert_eq!(status, Some(0), "{name}: {said}");
    }
}

#[test]
fn what_does_not_run_is_refused_in_one_line_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let (alone, form) = ("of one photo alone", "must give [N, D]");
    let (weights, eval) = ("weights or a pickled module", "torch.jit.trace(model.eval(), photos)");
    for (name, words) in [
        ("one-photo-view", [alone, "shape '[1, 8]' is invalid for input of size 16"]),
        ("one-photo-flat", [alone, "[1, 6]"]),
        ("one-photo-squeezed", [form, "[8]"]),
        ("half", ["it takes f16", "model.float()"]),
        ("bf16", ["it takes bf16", "model.float()"]),
        ("double", ["it takes f64", "model.float()"]),
        ("device", ["a device stands in the trace", "'CUDA' backend"]),
        ("nms", ["operator that libtorch does not have", "torchvision::nms"]),
        ("operator", ["operator that libtorch does not have", "shop::sharpen"]),
        ("operator-of-tomorrow", ["newer PyTorch", "aten::softplus_of_tomorrow"]),
        ("argument-of-tomorrow", ["another version of PyTorch", "torch.relu("]),
        ("state-dict", [weights, eval]),
        ("checkpoint", [weights, eval]),
        ("state-dict-old", [weights, eval]),
        ("safetensors", ["weights in safetensors", eval]),
        ("onnx", ["this is ONNX", eval]),
        ("export", ["torch.export", eval]),
        ("lfs", ["Git LFS", "git lfs pull"]),
        ("page", ["a web page", "download"]),
        ("empty", ["the file is empty", ""]),
        ("cut", ["cut off", ""]),
        ("map", [form, "[1, 3, 4, 4]"]),
        ("five", [form, ""]),
        ("dict", [form, "neither a tensor nor a tuple"]),
        ("nested", [form, "Expected Tensor but got Tuple"]),
        ("numbers-of-a-class", [form, "[1]"]),
        ("two-inputs", ["the photos alone", "'box'"]),
        ("list-of-photos", ["the photos alone", "List[Tensor]"]),
        ("no-forward", ["the photos alone", "'forward' is not defined"]),
        ("grey-photos", ["photos are RGB", "to have 1 channels"]),
        ("channels-last", ["channels before the rows", "128 channels"]),
    ] {
        refused(dir.path(), name, "--size 128", &words);
    }
    refused(dir.path(), "side-128", "--size 160", &["160 × 160 pixels: say --size", "mat1 and mat2"]);
}

#[test]
fn what_cannot_be_right_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    done(dir.path(), "sample-data --out shop --products 20 --views 2 --seed 3");
    let (nothing, chance, mixes) =
        ("nothing to search with", "other numbers each time", "alone than among other photos");
    let same = "the same embedding for every photo";
    for (name, words) in [
        ("nan", nothing),
        ("nan-for-photos", nothing),
        ("zeros-for-photos", nothing),
        ("nan-logits", "logits that are not finite"),
        ("same-for-all", same),
        ("train-mode", mixes),
        ("train-mode-last", "before the trace"),
        ("softmax-over-photos", same),
        ("dropout", chance),
        ("noise", chance),
    ] {
        refused(dir.path(), name, "--size 128", &[words]);
        refused(dir.path(), name, "--size 128 --data shop --layout deepfashion", &[words]);
    }
    // The photo that it goes wrong with is named; a model that is right is right with real photos too.
    refused(dir.path(), "nan-for-photos", "--size 128 --data shop --layout deepfashion", &["of img/"]);
    refused(dir.path(), "nan-for-photos", "--size 128", &["of drawn photo 1"]);
    for name in ["right", "script-left-in-train"] {
        let (status, said) = import(dir.path(), name, "--size 128 --data shop --layout deepfashion");
        assert_eq!(status, Some(0), "{name}: {said}");
    }
    let broken = dir.path().join("broken/coat");
    std::fs::create_dir_all(&broken).unwrap();
    std::fs::write(broken.join("1.jpg"), b"no photo").unwrap();
    let (status, said) = import(dir.path(), "right", "--size 128 --data broken");
    assert!(status == Some(1) && said.contains("none of them can be decoded"), "{said}");
}
