//! A trained run becomes a bundle.

use std::path::Path;

use tch::Device;

use super::{Bundle, BundleError, Draft, write};
use crate::{
    catalogue::Dims,
    embedder::Model,
    network::{self, COLOUR_CELLS},
    training::RunFolder,
};

/// Takes the best checkpoint of the run, folds and traces it, and makes the folder `out` (new or empty) a bundle. The
/// model written is loaded again and run before this returns.
pub fn export(run: &Path, out: &Path) -> Result<Bundle, BundleError> {
    let (folder, config) = RunFolder::open(run)?;
    let (vs, network) = network::build(&config.architecture, Device::Cpu)?;
    network::load_weights(&vs, &folder.best())?;
    let best = folder.metrics()?.into_iter().max_by(|a, b| a.score().total_cmp(&b.score()));
    let cells = i64::from(config.preprocessing.size().div_ceil(32)).pow(2).min(COLOUR_CELLS);
    let draft = Draft {
        architecture: config.architecture.name(),
        preprocessing: config.preprocessing.clone(),
        dims: Dims { deep: config.architecture.embedding as usize, colour: 3 * cells as usize },
        categories: config.categories,
        trained_on_boxes: config.options.boxes,
        training: best.and_then(|m| serde_json::to_value(m).ok()).unwrap_or_default(),
        weights: network::weights_digest(&vs)?,
    };
    let bundle = write(out, draft, |path| Ok(network::trace(network, &config.preprocessing, path)?))?;
    let _: Model = bundle.load_model(Device::Cpu)?;
    Ok(bundle)
}
