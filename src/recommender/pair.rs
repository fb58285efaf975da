//! A model and a catalogue that belong together.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lookalike_catalogue::{Catalogue, CatalogueError, LocalCatalogue};
use lookalike_items::ColourWeight;
use lookalike_model::{
    Bundle, BundleError, DeviceChoice, Embedder, EmbedderError, EmbedderOptions, Manifest, ModelThreads,
    Precision, PrecisionChoice,
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

/// What a bundle was opened as: what a state needs of it.
pub struct Opened {
    bundle: PathBuf,
    catalogue: LocalCatalogue,
    device: DeviceChoice,
}

impl Opened {
    /// The generation that is served.
    pub fn catalogue(&self) -> &LocalCatalogue {
        &self.catalogue
    }

    /// Loads the model in f32 and starts its threads, which end when the way to them is dropped.
    pub fn embedder_in_f32(&self, options: EmbedderOptions) -> Result<Embedder, PairError> {
        let (bundle, device) = (Bundle::open(&self.bundle)?, self.device.open()?);
        let load = move || bundle.load_model_in(Precision::F32, device);
        Ok(Embedder::start::<BundleError>(load, options)?.0)
    }
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

impl Pair {
    /// Verifies a bundle, loads both its parts and starts the model's threads; join them once the pair is gone.
    pub fn open(
        dir: &Path,
        (device, precision): (DeviceChoice, PrecisionChoice),
        options: EmbedderOptions,
    ) -> Result<(Self, Opened, ModelThreads), PairError> {
        let chosen = device;
        let device = chosen.open()?;
        let bundle = Bundle::open(dir)?;
        let manifest = bundle.manifest().clone();
        let catalogue = LocalCatalogue::open(dir, &manifest.model_id)?;
        let generation = catalogue.manifest().generation;
        let (dims, held) = (manifest.dims, catalogue.dims());
        if dims != held && !catalogue.is_empty() {
            let (d, c) = (dims.deep, dims.colour);
            return Err(PairError::Mismatch(format!(
                "the model gives {d} + {c} numbers a photo, the catalogue holds {} + {}",
                held.deep, held.colour
            )));
        }
        let precision = precision.pick(&bundle.precisions(), device)?;
        let load = move || bundle.load_model_in(precision, device);
        let (embedder, threads) = Embedder::start::<BundleError>(load, options)?;
        let opened = Opened { bundle: dir.to_owned(), catalogue: catalogue.clone(), device: chosen };
        let pair = Self::new(embedder, Arc::new(catalogue), Arc::new(manifest), generation)?;
        Ok((pair, opened, threads))
    }

    /// Puts a pair together. Without a colour module, colour has no weight.
    pub fn new(
        embedder: Embedder,
        catalogue: Arc<dyn Catalogue>,
        manifest: Arc<Manifest>,
        generation: u64,
    ) -> Result<Self, PairError> {
        let weight = if manifest.dims.colour == 0 { 0.0 } else { manifest.color_weight };
        let weight = ColourWeight::new(weight).map_err(CatalogueError::from)?;
        Ok(Self { embedder, catalogue, manifest, generation, weight })
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
