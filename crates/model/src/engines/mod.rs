//! A model on a device: a batch of photos in, embeddings out, nothing trusted on the way.

mod choice;
mod device;

pub use choice::PrecisionChoice;
pub use device::DeviceChoice;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

use tch::{CModule, Device, IValue, Kind, Tensor};

use crate::{
    embedding::{Embedded, EmbedderError, first_line},
    precision::Precision,
};
use lookalike_int7::{Executor, Quantised};
use lookalike_items::{Dims, Vectors};
use lookalike_libtorch::{PackedModule, use_quantised_engine};
use lookalike_photo::{Pixels, Preprocessing};

/// The model. It may be run from several threads; libtorch keeps memory for each that does.
pub struct Model {
    engine: Engine,
    precision: Precision,
    device: Device,
    preprocessing: Preprocessing,
    shape: Shape,
}

/// What runs it.
enum Engine {
    Script(CModule),
    /// In f32 or bf16 on a CPU.
    Packed(PackedModule),
    /// One pass at a time.
    Executor(Box<Mutex<Executor>>),
}

/// What comes out of a pass, flat: each `[N, …]`.
type Passed = [Vec<f32>; 3];

/// How many numbers the model gives for a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// D and C.
    pub dims: Dims,
    /// K.
    pub logits: usize,
}

impl Model {
    /// Loads a model's file and finds out what it gives by running it on a grey photo, alone and in a pair. On a CPU it runs
    /// on as many threads as libtorch has in this thread.
    pub fn load(
        path: &Path,
        precision: Precision,
        device: Device,
        preprocessing: Preprocessing,
    ) -> Result<Self, EmbedderError> {
        let refused = |e| EmbedderError::Load { path: path.to_owned(), reason: first_line(&e) };
        let engine = match precision {
            Precision::Int7 => {
                let quantised = Quantised::read(path)?;
                Engine::Executor(Box::new(Mutex::new(Executor::new(&quantised, threads())?)))
            }
            Precision::F32 | Precision::Bf16 if device == Device::Cpu => {
                let (module, reason) = PackedModule::load(path, preprocessing.size()).map_err(refused)?;
                if let Some(reason) = reason {
                    tracing::warn!(%reason, "the model's convolutions are not packed; it is slower than it could be");
                }
                Engine::Packed(module)
            }
            _ => {
                if precision == Precision::Int8 {
                    use_quantised_engine()?;
                }
                let mut module = CModule::load_on_device(path, device).map_err(refused)?;
                module.set_eval();
                Engine::Script(module)
            }
        };
        let shape = Shape { dims: Dims { deep: 0, colour: 0 }, logits: 0 };
        let mut model = Self { engine, precision, device, preprocessing, shape };
        let grey = Pixels::grey(model.preprocessing.size());
        for n in [1, 2] {
            let [deep, colour, logits] = model.run(&vec![grey.clone(); n])?.map(|numbers| numbers.len() / n);
            model.shape = Shape { dims: Dims { deep, colour }, logits };
        }
        Ok(model)
    }

    /// The same model for this thread, to run beside others: `None` where it must be loaded anew, since what a quantised
    /// TorchScript has planned is its thread's own.
    pub(crate) fn beside(self: &Arc<Self>) -> Result<Option<Arc<Self>>, EmbedderError> {
        match &self.engine {
            Engine::Script(_) if self.precision == Precision::Int8 => Ok(None),
            Engine::Script(_) | Engine::Packed(_) => Ok(Some(Arc::clone(self))),
            Engine::Executor(executor) => {
                let executor = executor.lock().unwrap_or_else(PoisonError::into_inner).sibling(threads())?;
                Ok(Some(Arc::new(Self {
                    engine: Engine::Executor(Box::new(Mutex::new(executor))),
                    preprocessing: self.preprocessing.clone(),
                    ..**self
                })))
            }
        }
    }

    /// How many numbers it gives.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// How photos become its input.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.preprocessing
    }

    /// What it computes in.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// Where it runs.
    pub fn device(&self) -> Device {
        self.device
    }

    /// Embeds a batch: one answer a photo, in order. A photo whose embedding is zero or not finite has its own error.
    pub fn embed(&self, photos: &[Pixels]) -> Result<Vec<Result<Embedded, EmbedderError>>, EmbedderError> {
        if photos.is_empty() {
            return Ok(Vec::new());
        }
        let [deep, colour, logits] = self.run(photos)?;
        let row = |numbers: &[f32], i: usize| {
            let width = numbers.len() / photos.len();
            numbers[i * width..(i + 1) * width].to_vec()
        };
        let embedded = |i: usize| {
            let vectors = Vectors::new(row(&deep, i), row(&colour, i));
            let vectors = vectors.map_err(|e| EmbedderError::Output(e.to_string()))?;
            Ok(Embedded { vectors, logits: row(&logits, i) })
        };
        Ok((0..photos.len()).map(embedded).collect())
    }

    /// One forward pass: embedding `[N, D]`, colour `[N, C]`, logits `[N, K]`.
    fn run(&self, photos: &[Pixels]) -> Result<Passed, EmbedderError> {
        if photos.iter().any(|photo| photo.size() != self.preprocessing.size()) {
            let size = self.preprocessing.size();
            return Err(EmbedderError::Output(format!("a photo that is not of the model's side, {size}")));
        }
        match &self.engine {
            Engine::Script(module) => Self::numbers(self.run_script(module, photos)?, photos.len()),
            Engine::Packed(module) => {
                let _guard = tch::no_grad_guard();
                Self::numbers(module.forward(&self.images(photos)?)?, photos.len())
            }
            Engine::Executor(executor) => {
                let photos: Vec<&[u8]> = photos.iter().map(Pixels::bytes).collect();
                let answers = executor.lock().unwrap_or_else(PoisonError::into_inner).run(&photos)?;
                let mut passed = Passed::default();
                for answer in answers {
                    let parts = [answer.embedding, answer.colour, answer.logits];
                    passed.iter_mut().zip(parts).for_each(|(all, part)| all.extend(part));
                }
                Ok(passed)
            }
        }
    }

    /// The photos as `[N, 3, S, S]` in f32.
    fn images(&self, photos: &[Pixels]) -> Result<Tensor, EmbedderError> {
        let (n, side) = (photos.len() as i64, i64::from(self.preprocessing.size()));
        let numbers = self.preprocessing.normalise(photos).unwrap_or_default();
        Ok(Tensor::f_from_slice(&numbers)?.f_view([n, 3, side, side])?)
    }

    fn run_script(&self, module: &CModule, photos: &[Pixels]) -> Result<Vec<Tensor>, EmbedderError> {
        let _guard = tch::no_grad_guard();
        let answer = if self.precision == Precision::Int8 {
            let (n, side) = (photos.len() as i64, i64::from(self.preprocessing.size()));
            let bytes: Vec<u8> = photos.iter().flat_map(|photo| photo.bytes()).copied().collect();
            let bytes = Tensor::f_from_slice(&bytes)?.f_view([n, side, side, 3])?;
            module.method_is("photos", &[IValue::Tensor(bytes)])?
        } else {
            module.forward_is(&[IValue::Tensor(self.images(photos)?.f_to_device(self.device)?)])?
        };
        let tensor = |value| match value {
            IValue::Tensor(tensor) => Ok(tensor),
            _ => Err(wrong_form()),
        };
        match answer {
            IValue::Tuple(parts) => parts.into_iter().map(tensor).collect(),
            single => Ok(vec![tensor(single)?]),
        }
    }

    /// What a pass over `n` photos gave: an embedding alone, or with colours and logits.
    fn numbers(tensors: Vec<Tensor>, n: usize) -> Result<Passed, EmbedderError> {
        let n = n as i64;
        let none = || Tensor::zeros([n, 0], (Kind::Float, Device::Cpu));
        let tensors: [Tensor; 3] = match <[Tensor; 1]>::try_from(tensors) {
            Ok([deep]) => [deep, none(), none()],
            Err(three) => three.try_into().map_err(|_| wrong_form())?,
        };
        let mut passed = Passed::default();
        for (numbers, tensor) in passed.iter_mut().zip(tensors) {
            if tensor.dim() != 2 || tensor.size()[0] != n {
                let size = tensor.size();
                return Err(EmbedderError::Output(format!(
                    "for {n} photos the model gave a tensor of shape {size:?}"
                )));
            }
            let flat = tensor.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_flatten(0, -1)?;
            *numbers = Vec::try_from(flat)?;
        }
        Ok(passed)
    }
}

/// How many threads a model of this thread runs on.
fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1).max(1)
}

fn wrong_form() -> EmbedderError {
    EmbedderError::Output("the model must give [N, D], or a tuple ([N, D], [N, C], [N, K])".into())
}
