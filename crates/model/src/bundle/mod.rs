//! The directory that passes from trainer to server: a model (a manifest, and a file for each precision) and its catalogue.
//!
//! May enter: a path ([`Bundle::open`]). What leaves is a [`Bundle`] whose files are what its manifest says they are.

mod manifest;

pub use manifest::{Drift, FORMAT_VERSION, FileRecord, Manifest, PcaRecord};

use std::path::{Component, Path, PathBuf};

use tch::Device;

use crate::{
    embedding::EmbedderError,
    engines::{Model, Shape},
    precision::Precision,
};

/// The model's file in a precision: TorchScript, or what our own executor runs. Every bundle has that in f32.
pub fn file_of(precision: Precision) -> String {
    let ending = if precision == Precision::Int7 { "safetensors" } else { "ts" };
    format!("model.{precision}.{ending}")
}

/// Why a bundle could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// A file of it cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// There is no bundle.
    #[error("there is no bundle at {}: make one with `lookalike-trainer export` (or `import`) and `index`", .0.display())]
    Missing(PathBuf),
    /// The manifest is not one.
    #[error("{}: not a bundle's manifest ({reason}); export the bundle again", path.display())]
    Manifest {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is not what the manifest says.
    #[error("{}: the file is damaged ({reason}); copy the bundle anew or export it again", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// How it differs.
        reason: String,
    },
    /// The model does not run, or not as the manifest says.
    #[error("the bundle's model: {0}")]
    Model(#[from] EmbedderError),
}

impl BundleError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

/// Whether it is the name of a file in a folder, and leads nowhere else.
fn is_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name)
}

/// A bundle on disk whose model files have been checked against its manifest.
#[derive(Clone, Debug)]
pub struct Bundle {
    dir: PathBuf,
    manifest: Manifest,
}

impl Bundle {
    /// Reads the manifest and verifies size and hash of every model file.
    pub fn open(dir: &Path) -> Result<Self, BundleError> {
        let path = dir.join("manifest.json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(BundleError::Missing(dir.to_owned()));
            }
            Err(e) => return Err(BundleError::io(&path)(e)),
        };
        let refuse = |reason: String| BundleError::Manifest { path: path.clone(), reason };
        let manifest: Manifest = serde_json::from_str(&text).map_err(|e| refuse(e.to_string()))?;
        if manifest.format_version != FORMAT_VERSION {
            let found = manifest.format_version;
            return Err(refuse(format!(
                "its format is version {found}, this program reads {FORMAT_VERSION}"
            )));
        }
        let f32s = file_of(Precision::F32);
        if !manifest.files.contains_key(&f32s) {
            return Err(refuse(format!("it names no {f32s}")));
        }
        if let Some(name) = manifest.files.keys().find(|name| !is_name(name)) {
            return Err(refuse(format!("it names '{name}', which is no file of a bundle")));
        }
        let bundle = Self { dir: dir.to_owned(), manifest };
        bundle.verify()?;
        Ok(bundle)
    }

    fn verify(&self) -> Result<(), BundleError> {
        self.manifest.files.iter().try_for_each(|(name, expected)| self.verify_file(name, expected))
    }

    fn verify_file(&self, name: &str, expected: &FileRecord) -> Result<(), BundleError> {
        let path = self.dir.join(name);
        let damaged = |reason: String| BundleError::Damaged { path: path.clone(), reason };
        let found = FileRecord::of(&path)?;
        if found.size != expected.size {
            return Err(damaged(format!("{} bytes, the manifest says {}", found.size, expected.size)));
        }
        if found.sha256 != expected.sha256 {
            return Err(damaged("its sha256 is not the manifest's".into()));
        }
        Ok(())
    }

    /// What the model is.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The bundle's folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The precisions the bundle holds its model in.
    pub fn precisions(&self) -> Vec<Precision> {
        Precision::ALL.into_iter().filter(|p| self.manifest.files.contains_key(&file_of(*p))).collect()
    }

    /// Loads the model in f32: what catalogues are embedded with.
    pub fn load_model(&self, device: Device) -> Result<Model, BundleError> {
        self.load_model_in(Precision::F32, device)
    }

    /// Loads the model onto the device, runs it once, and holds what it gives against the manifest.
    pub fn load_model_in(&self, precision: Precision, device: Device) -> Result<Model, BundleError> {
        let (manifest, path) = (&self.manifest, self.dir.join(file_of(precision)));
        let model = Model::load(&path, precision, device, manifest.preprocessing.clone())?;
        let stated = Shape { dims: manifest.dims, logits: manifest.categories.len() };
        if model.shape() != stated {
            let reason = format!("the model gives {:?}, this says {stated:?}", model.shape());
            return Err(BundleError::Manifest { path: self.dir.join("manifest.json"), reason });
        }
        Ok(model)
    }

    /// What loads the model, as often as it is called. With `true`, long after the bundle was opened, the file is compared with the
    /// manifest again, since another bundle may have taken this one's place on the disk: that is [`BundleError::Damaged`].
    pub fn loader(
        self,
        precision: Precision,
        device: Device,
    ) -> impl Fn(bool) -> Result<Model, BundleError> + Send + Sync + 'static {
        move |again| {
            let name = file_of(precision);
            if let Some(expected) = self.manifest.files.get(&name).filter(|_| again) {
                self.verify_file(&name, expected)?;
            }
            self.load_model_in(precision, device)
        }
    }
}
