//! Which device a model runs on, and CUDA brought in at run time so that one binary serves both.

use std::{fmt, str::FromStr, sync::OnceLock};

use tch::Device;

use crate::embedding::EmbedderError;

/// What was asked for: `auto`, `cpu`, `cuda` or `cuda:N`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The first GPU if CUDA loads and finds one, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// This GPU, or a refusal to start.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => match text.strip_prefix("cuda:").map(str::parse) {
                Some(Ok(n)) => Ok(Self::Cuda(n)),
                _ => Err(format!("'{text}' is no device: auto, cpu or cuda:0, cuda:1, … are")),
            },
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(n) => write!(f, "cuda:{n}"),
        }
    }
}

impl DeviceChoice {
    /// Finds the device. Call it before anything else of torch: CUDA's half must be loaded first.
    pub fn open(self) -> Result<Device, EmbedderError> {
        let unavailable = |reason: String| EmbedderError::Device { asked: self.to_string(), reason };
        match self {
            Self::Cpu => Ok(Device::Cpu),
            Self::Auto => Ok(match cuda_devices() {
                Ok(n) if n > 0 => Device::Cuda(0),
                _ => Device::Cpu,
            }),
            Self::Cuda(n) => match cuda_devices() {
                Ok(count) if n < count => Ok(Device::Cuda(n)),
                Ok(0) => Err(unavailable("CUDA is loaded, but finds no GPU or no driver".into())),
                Ok(count) => Err(unavailable(format!("there are only {count} GPUs"))),
                Err(reason) => Err(unavailable(reason)),
            },
        }
    }
}

/// How many GPUs CUDA sees; why it could not be loaded, if so.
fn cuda_devices() -> Result<usize, String> {
    static LOADED: OnceLock<Result<(), String>> = OnceLock::new();
    LOADED.get_or_init(load_cuda).clone()?;
    Ok(usize::try_from(tch::Cuda::device_count()).unwrap_or(0))
}

/// Opens `libtorch_cuda.so` for the whole process, so that it registers itself with the libtorch that is linked.
fn load_cuda() -> Result<(), String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // SAFETY: opening runs the library's initialisers; it is libtorch's own, of the same version as the one linked,
    // and nothing of torch runs beside it yet.
    let opened = unsafe { Library::open(Some("libtorch_cuda.so"), RTLD_NOW | RTLD_GLOBAL) };
    match opened {
        Ok(library) => {
            std::mem::forget(library); // it stays for as long as the process does
            Ok(())
        }
        Err(e) => Err(format!("CUDA's libraries do not load ({e}); `make cuda` installs them")),
    }
}
