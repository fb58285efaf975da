//! A TorchScript file of Python's `torch.jit.trace` becomes a bundle and gives Python's embeddings
//! (`tests/golden/import_reference.py`).

use std::{collections::BTreeMap, path::Path, process::Command};

use crate::repository;

fn golden() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

fn trainer() -> Command {
    Command::new(env!("CARGO_BIN_EXE_lookalike-trainer"))
}

/// Cosine after the mean of the set is taken off both: plain cosine says nothing here.
fn centred_cosines(ours: &[Vec<f64>], theirs: &[Vec<f64>]) -> Vec<f64> {
    let centre = |set: &[Vec<f64>]| -> Vec<Vec<f64>> {
        let mean: Vec<f64> =
            (0..set[0].len()).map(|i| set.iter().map(|v| v[i]).sum::<f64>() / set.len() as f64).collect();
        set.iter().map(|v| v.iter().zip(&mean).map(|(x, m)| x - m).collect()).collect()
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    centre(ours)
        .iter()
        .zip(centre(theirs))
        .map(|(a, b)| dot(a, &b) / (dot(a, a) * dot(&b, &b)).sqrt())
        .collect()
}

#[test]
fn python_s_model_gives_python_s_embeddings() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("bundle");
    let imported = trainer()
        .args([
            "import",
            "--size",
            "128",
            "--resize",
            "144",
            "--mean",
            "0.5,0.4,0.3",
            "--std",
            "0.25",
            "0.3",
            "0.35",
        ])
        .arg("--torchscript")
        .arg(golden().join("import.ts"))
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));

    let expected: BTreeMap<String, Vec<f64>> =
        serde_json::from_slice(&std::fs::read(golden().join("import.json")).unwrap()).unwrap();
    let photos = expected.keys().map(|name| repository().join("crates/photo/tests/golden/photos").join(name));
    let embedded = trainer().args(["embed", "--bundle"]).arg(&out).args(photos).output().unwrap();
    assert!(embedded.status.success(), "{}", String::from_utf8_lossy(&embedded.stderr));
    let ours: Vec<Vec<f64>> = (String::from_utf8(embedded.stdout).unwrap().lines())
        .map(|line| {
            serde_json::from_value(
                serde_json::from_str::<serde_json::Value>(line).unwrap()["embedding"].clone(),
            )
            .unwrap()
        })
        .collect();
    let theirs: Vec<Vec<f64>> = expected.values().cloned().collect();
    for (name, cosine) in expected.keys().zip(centred_cosines(&ours, &theirs)) {
        let bound = if name.ends_with(".png") { 0.9999 } else { 0.999 };
        assert!(cosine >= bound, "{name}: centred cosine {cosine:.6}");
    }
}

#[test]
fn what_is_no_model_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("model.ts");
    std::fs::write(&file, b"PK not really").unwrap();
    for (size, word) in [("128", "not a TorchScript model"), ("17", "128 to 1024")] {
        let out = dir.path().join("bundle");
        let output = trainer()
            .args(["import", "--size", size, "--torchscript"])
            .arg(&file)
            .arg("--out")
            .arg(&out)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && errors.contains(word), "{errors}");
        assert!(!out.exists());
    }
}
