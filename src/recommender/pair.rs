//! A model and a catalogue that belong together.

use std::{path::Path, sync::Arc, time::Duration};

use lookalike_catalogue::{Catalogue, CatalogueError};
use lookalike_items::{ColourWeight, Dims};
use lookalike_model::{
    Bundle, BundleError, DeviceChoice, Embedder, EmbedderError, EmbedderOptions, Fault, Manifest,
    ModelThreads, Precision, PrecisionChoice,
};

/// A model and the catalogue embedded with it. A request holds one from its first step to its last, so that another pair
/// can take over between requests without a request seeing half of each.
pub struct Pair {
    /// The way to the model.
    pub embedder: Embedder,
    /// The items.
    pub catalogue: Arc<dyn Catalogue>,
    /// What the model is.
    pub manifest: Arc<Manifest>,
    /// Which generation of the catalogue this is.
    pub generation: u64,
    weight: ColourWeight,
}

/// A bundle's model, its threads started.
pub struct LoadedModel {
    embedder: Embedder,
    manifest: Arc<Manifest>,
    threads: ModelThreads,
}

/// Why a bundle cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum PairError {
    /// The model's part.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The catalogue's part.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The device.
    #[error(transparent)]
    Embedder(#[from] EmbedderError),
    /// Model and catalogue do not fit.
    #[error("the bundle's model and catalogue do not belong together: {0}; index it again")]
    Mismatch(String),
}

impl LoadedModel {
    /// Loads a bundle's model and starts its threads.
    ///
    /// # Errors
    /// Where it cannot be loaded, in this precision or onto this device.
    pub fn load(
        bundle: Bundle,
        (device, precision): (DeviceChoice, PrecisionChoice),
        options: EmbedderOptions,
        fault: Option<Fault>,
    ) -> Result<Self, PairError> {
        let device = device.open()?;
        let manifest = Arc::new(bundle.manifest().clone());
        let precision = precision.pick(&bundle.precisions(), device)?;
        let load = bundle.loader(precision, device);
        let load = move |again| {
            // Loading again may go wrong too.
            fault.iter().filter(|_| again).try_for_each(|fault| fault(0))?;
            let model = load(again)?;
            Ok(match &fault {
                Some(fault) => model.with_fault(Arc::clone(fault)),
                None => model,
            })
        };
        let (embedder, threads) = Embedder::start::<BundleError>(load, options)?;
        Ok(Self { embedder, manifest, threads })
    }

    /// The way to it.
    pub fn embedder(&self) -> &Embedder {
        &self.embedder
    }
}

/// A pass of the model that embeds what comes in may take so long: its threads run while no core has anything else to do.
const WRITES_STALLED: Duration = Duration::from_secs(600);

/// Loads a bundle's model in f32 and starts its threads, which end when the way to them is dropped.
pub(crate) fn embedder_in_f32(
    bundle: &Path,
    device: DeviceChoice,
    options: EmbedderOptions,
) -> Result<Embedder, PairError> {
    let (bundle, device) = (Bundle::open(bundle)?, device.open()?);
    let load = bundle.loader(Precision::F32, device);
    let options = EmbedderOptions { stalled: WRITES_STALLED, ..options };
    Ok(Embedder::start::<BundleError>(load, options)?.0)
}

/// Whether a model's vectors are as long as those that a catalogue holds.
pub(crate) fn check_dims(model: Dims, catalogue: &dyn Catalogue, is_empty: bool) -> Result<(), PairError> {
    let held = catalogue.dims();
    if model == held || is_empty {
        return Ok(());
    }
    Err(PairError::Mismatch(format!(
        "the model gives {} + {} numbers a photo, the catalogue holds {} + {}",
        model.deep, model.colour, held.deep, held.colour
    )))
}

impl Pair {
    /// Puts a pair together. Without a colour module, colour has no weight. The threads are the model's: join them once the pair is gone.
    pub fn new(
        model: LoadedModel,
        catalogue: Arc<dyn Catalogue>,
        generation: u64,
    ) -> Result<(Self, ModelThreads), PairError> {
        let LoadedModel { embedder, manifest, threads } = model;
        let weight = if manifest.dims.colour == 0 { 0.0 } else { manifest.color_weight };
        let weight = ColourWeight::new(weight).map_err(CatalogueError::from)?;
        Ok((Self { embedder, catalogue, manifest, generation, weight }, threads))
    }

    /// The same with another generation of the catalogue.
    pub fn at(&self, generation: u64, catalogue: Arc<dyn Catalogue>) -> Self {
        let Self { embedder, manifest, weight, .. } = self;
        Self {
            embedder: embedder.clone(),
            catalogue,
            manifest: Arc::clone(manifest),
            generation,
            weight: *weight,
        }
    }

    /// How much colour counts where a request does not say.
    pub fn weight(&self) -> ColourWeight {
        self.weight
    }
}
