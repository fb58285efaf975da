//! A TorchScript file from elsewhere, e.g. Python's `torch.jit.trace`, becomes a bundle, once it was tried on photos.

mod kind;
mod reason;
mod trial;

use std::{collections::BTreeMap, fs, path::Path};

use sha2::{Digest, Sha256};
use tch::Device;

use super::{Draft, ExportError, write};
use crate::dataset::Dataset;
use lookalike_model::{Bundle, EmbedderError, Model, Precision, file_of};
use lookalike_photo::Preprocessing;

/// Runs the file to learn what it gives, tries it on `photos` (drawn ones where there are none), and makes a bundle of it. It must return
/// `[N, D]` or the tuple `([N, D], [N, C], [N, K])`. Its logits get the names `0`, `1`, …
///
/// # Errors
/// In one line: that the file is no TorchScript, why it does not run here, or why what it gives cannot be right.
pub fn import(
    file: &Path,
    preprocessing: Preprocessing,
    photos: &[Dataset],
    out: &Path,
) -> Result<Bundle, ExportError> {
    let refused = |reason: String| ExportError::Brought { path: file.to_owned(), reason };
    let bytes = fs::read(file).map_err(ExportError::io(file))?;
    if let Some(kind) = kind::other_than_torchscript(&bytes) {
        return Err(refused(kind));
    }
    let loaded = Model::load(file, Precision::F32, Device::Cpu, preprocessing.clone());
    let model = loaded.map_err(|e| refused(explained(&e, preprocessing.size())))?;
    let as_it_stands = Model::load_as_it_stands(file, preprocessing.clone());
    let as_it_stands = as_it_stands.map_err(|e| refused(explained(&e, preprocessing.size())))?;
    let photos = trial::photos(photos, &preprocessing)?;
    trial::try_on(&as_it_stands, &model, &photos).map_err(refused)?;
    let shape = model.shape();
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

/// What went wrong in a person's words, and then in libtorch's.
fn explained(error: &EmbedderError, size: u32) -> String {
    let said = match error {
        EmbedderError::Load { reason, .. } | EmbedderError::OneAlone(reason) => reason.clone(),
        other => other.to_string(),
    };
    match (reason::of(&said, matches!(error, EmbedderError::OneAlone(_))), error) {
        (Some(reason), _) => format!("{} ({said})", reason.replace("SIZE", &size.to_string())),
        (None, EmbedderError::Load { .. }) => format!("not a TorchScript model that loads here ({said})"),
        (None, _) => said,
    }
}
