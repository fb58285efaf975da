//! A TorchScript file from elsewhere, e.g. Python's `torch.jit.trace`, becomes a bundle.

use std::{collections::BTreeMap, fs, path::Path};

use sha2::{Digest, Sha256};
use tch::Device;

use super::{Draft, ExportError, write};
use lookalike_model::{Bundle, Model, Precision, file_of};
use lookalike_photo::Preprocessing;

/// Runs the file once to learn what it gives, and makes a bundle of it. It must return `[N, D]` or the tuple
/// `([N, D], [N, C], [N, K])`. Its logits get the names `0`, `1`, …
pub fn import(file: &Path, preprocessing: Preprocessing, out: &Path) -> Result<Bundle, ExportError> {
    let bytes = fs::read(file).map_err(ExportError::io(file))?;
    let shape = Model::load(file, Precision::F32, Device::Cpu, preprocessing.clone())?.shape();
    let draft = Draft {
        architecture: "imported TorchScript".into(),
        preprocessing,
        dims: shape.dims,
        categories: (0..shape.logits).map(|k| k.to_string()).collect(),
        trained_on_boxes: false,
        training: serde_json::Value::Null,
        weights: Sha256::digest(&bytes).into(),
        pca: None,
    };
    write(out, draft, |dir| {
        let path = dir.join(file_of(Precision::F32));
        fs::write(&path, &bytes).map_err(ExportError::io(&path))?;
        Ok(BTreeMap::from([(Precision::F32, None)]))
    })
}
