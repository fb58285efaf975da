//! Writes a bundle's model part: under a temporary name, synced, then renamed, so that a bundle is whole or not there.

use std::{collections::BTreeMap, fs, path::Path};

use sha2::{Digest, Sha256};

use super::ExportError;
use lookalike_common::{hex, rename_durably, sync};
use lookalike_items::{ColourWeight, Dims};
use lookalike_model::Precision;
use lookalike_model::{Bundle, BundleError, Drift, FORMAT_VERSION, FileRecord, Manifest, PcaRecord, file_of};
use lookalike_photo::Preprocessing;

/// The precisions that were saved, and how far they stray where that was measured.
pub type Saved = BTreeMap<Precision, Option<Drift>>;

/// What is known of a model before its files are hashed.
#[derive(Clone, Debug)]
pub struct Draft {
    /// E.g. `resnet50 (width 24)`.
    pub architecture: String,
    /// How a photo becomes its input.
    pub preprocessing: Preprocessing,
    /// D and C.
    pub dims: Dims,
    /// The name behind each logit.
    pub categories: Vec<String>,
    /// Whether training cut photos to their boxes.
    pub trained_on_boxes: bool,
    /// Figures of the training.
    pub training: serde_json::Value,
    /// sha256 over the canonical f32 weights.
    pub weights: [u8; 32],
    /// The principal components it projects onto, if it does.
    pub pca: Option<PcaRecord>,
}

impl Draft {
    /// sha256 of weights and preprocessing: the same for all precisions of a model.
    fn model_id(&self) -> Result<String, serde_json::Error> {
        let mut hash = Sha256::new();
        hash.update(self.weights);
        hash.update(serde_json::to_vec(&self.preprocessing)?);
        Ok(hex(&hash.finalize()))
    }
}

/// Makes the folder `out` (new or empty) a bundle of this model; its TorchScript is saved by `save` into the folder given,
/// each precision under the name [`file_of`] gives it.
pub fn write(
    out: &Path,
    draft: Draft,
    save: impl FnOnce(&Path) -> Result<Saved, ExportError>,
) -> Result<Bundle, ExportError> {
    if out.exists() && fs::read_dir(out).map_err(ExportError::io(out))?.next().is_some() {
        return Err(ExportError::Occupied(out.to_owned()));
    }
    let parent = out.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(ExportError::io(parent))?;
    let name = out.file_name().unwrap_or_default().to_string_lossy();
    let temporary = parent.join(format!(".{name}.{}.part", std::process::id()));
    let _ = fs::remove_dir_all(&temporary);
    fs::create_dir(&temporary).map_err(ExportError::io(&temporary))?;
    let written = fill(&temporary, draft, save).and_then(|()| {
        if out.exists() {
            fs::remove_dir(out).map_err(ExportError::io(out))?;
        }
        rename_durably(&temporary, out).map_err(ExportError::io(out))
    });
    if written.is_err() {
        let _ = fs::remove_dir_all(&temporary);
    }
    written?;
    Ok(Bundle::open(out)?)
}

fn fill(
    dir: &Path,
    draft: Draft,
    save: impl FnOnce(&Path) -> Result<Saved, ExportError>,
) -> Result<(), ExportError> {
    let saved = save(dir)?;
    let mut files = BTreeMap::new();
    for precision in saved.keys() {
        let name = file_of(*precision);
        let path = dir.join(&name);
        sync(&path).map_err(ExportError::io(&path))?;
        files.insert(name, FileRecord::of(&path)?);
    }
    let path = dir.join("manifest.json");
    let invalid = |e: serde_json::Error| BundleError::Manifest { path: path.clone(), reason: e.to_string() };
    let manifest = Manifest {
        format_version: FORMAT_VERSION,
        model_id: draft.model_id().map_err(invalid)?,
        architecture: draft.architecture,
        preprocessing: draft.preprocessing,
        dims: draft.dims,
        categories: draft.categories,
        color_weight: ColourWeight::DEFAULT.get(),
        trained_on_boxes: draft.trained_on_boxes,
        training: draft.training,
        pca: draft.pca,
        drift: saved.into_iter().filter_map(|(precision, drift)| Some((precision, drift?))).collect(),
        versions: BTreeMap::from([
            ("lookalike".into(), env!("CARGO_PKG_VERSION").into()),
            ("libtorch".into(), "2.11.0".into()),
        ]),
        files,
    };
    let text = serde_json::to_string_pretty(&manifest).map_err(invalid)?;
    fs::write(&path, text + "\n").map_err(ExportError::io(&path))?;
    sync(&path).map_err(ExportError::io(&path))?;
    sync(dir).map_err(ExportError::io(dir))
}
