//! A model on a device: a batch of photos in, embeddings out, nothing trusted on the way.

mod choice;
mod device;

pub use choice::PrecisionChoice;
pub use device::DeviceChoice;

use std::{
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use tch::{CModule, Device, IValue, Kind, Tensor};

use crate::{
    embedding::{Embedded, EmbedderError, what_happened},
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
    one_photo: Duration,
    fault: Option<Fault>,
}

/// What a test makes of a model that is well: called before each pass with the number of its photos, on the thread that runs it. It may
/// panic, take its time, or fail. No program has one.
pub type Fault = Arc<dyn Fn(usize) -> Result<(), EmbedderError> + Send + Sync>;

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
        let refused = |e: tch::TchError| EmbedderError::Load {
            path: path.to_owned(),
            reason: what_happened(&e.to_string()),
        };
        let mut unpacked = None;
        let engine = match precision {
            Precision::Int7 => {
                let quantised = Quantised::read(path)?;
                Engine::Executor(Box::new(Mutex::new(Executor::new(&quantised, threads())?)))
            }
            Precision::F32 | Precision::Bf16 if device == Device::Cpu => {
                let (module, reason) = PackedModule::load(path, preprocessing.size()).map_err(refused)?;
                unpacked = reason.map(|reason| what_happened(&reason));
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
        let model = Self::tried(engine, (precision, device), preprocessing)?;
        // A model that does not run says why itself.
        if let Some(reason) = unpacked {
            tracing::warn!(reason, "the model's convolutions are not packed; it is slower than it could be");
        }
        Ok(model)
    }

    /// Loads a TorchScript file in f32 on the CPU to be run as it stands, as a GPU runs it: what packing makes of it on a CPU may be another
    /// model, for batch norm in train mode is folded as if it were not.
    pub fn load_as_it_stands(path: &Path, preprocessing: Preprocessing) -> Result<Self, EmbedderError> {
        let refused = |e: tch::TchError| EmbedderError::Load {
            path: path.to_owned(),
            reason: what_happened(&e.to_string()),
        };
        let mut module = CModule::load_on_device(path, Device::Cpu).map_err(refused)?;
        module.set_eval();
        Self::tried(Engine::Script(module), (Precision::F32, Device::Cpu), preprocessing)
    }

    /// Runs it on a grey photo, alone and in a pair, to find out what it gives.
    fn tried(
        engine: Engine,
        (precision, device): (Precision, Device),
        preprocessing: Preprocessing,
    ) -> Result<Self, EmbedderError> {
        let shape = Shape { dims: Dims { deep: 0, colour: 0 }, logits: 0 };
        let (one_photo, fault) = (Duration::ZERO, None);
        let mut model = Self { engine, precision, device, preprocessing, shape, one_photo, fault };
        let grey = Pixels::grey(model.preprocessing.size());
        for n in [1, 2] {
            let started = Instant::now();
            let passed = model.run(&vec![grey.clone(); n]);
            let passed = passed.map_err(|e| if n > 1 { e.of_two() } else { e })?;
            let [deep, colour, logits] = passed.map(|numbers| numbers.len() / n);
            model.shape = Shape { dims: Dims { deep, colour }, logits };
            model.one_photo = started.elapsed() / n as u32;
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
                    fault: self.fault.clone(),
                    ..**self
                })))
            }
        }
    }

    /// The same model, with which something goes wrong.
    pub fn with_fault(self, fault: Fault) -> Self {
        Self { fault: Some(fault), ..self }
    }

    /// How long a photo took when the model was loaded.
    pub(crate) fn one_photo(&self) -> Duration {
        self.one_photo
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
        self.fault.iter().try_for_each(|fault| fault(photos.len()))?;
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

    /// The photos as `[N, 3, S, S]` in f32, on the model's device. To a GPU go bytes, a quarter of what numbers take, and it
    /// normalises them; there N is [`padded`].
    fn images(&self, photos: &[Pixels]) -> Result<Tensor, EmbedderError> {
        let (n, side) = (photos.len() as i64, i64::from(self.preprocessing.size()));
        if self.device == Device::Cpu {
            let numbers = self.preprocessing.normalise(photos).unwrap_or_default();
            return Ok(Tensor::f_from_slice(&numbers)?.f_view([n, 3, side, side])?);
        }
        let of_channels = |numbers: [f32; 3]| -> Result<Tensor, EmbedderError> {
            Ok(Tensor::f_from_slice(&numbers)?.f_view([1, 3, 1, 1])?.f_to_device(self.device)?)
        };
        let (mean, std) = (of_channels(self.preprocessing.mean())?, of_channels(self.preprocessing.std())?);
        let bytes = self.bytes(photos, padded(photos.len()))?.f_to_device(self.device)?;
        // Seen as [N, 3, S, S] the bytes are channels-last already, as the weights are.
        let numbers = bytes.f_permute([0, 3, 1, 2])?.f_to_kind(Kind::Float)?.f_div_scalar(255.0)?;
        Ok(numbers.f_sub(&mean)?.f_div(&std)?)
    }

    /// The photos as `[N, S, S, 3]` bytes; those beyond the photos are zero.
    fn bytes(&self, photos: &[Pixels], n: usize) -> Result<Tensor, EmbedderError> {
        let side = self.preprocessing.size() as usize;
        let mut bytes = Vec::with_capacity(n * side * side * 3);
        photos.iter().for_each(|photo| bytes.extend_from_slice(photo.bytes()));
        bytes.resize(n * side * side * 3, 0);
        let side = side as i64;
        Ok(Tensor::f_from_slice(&bytes)?.f_view([n as i64, side, side, 3])?)
    }

    /// On a GPU, passes of every size up to this one, so that nobody waits for what libtorch and cuDNN work out for a size when
    /// they first meet it. A size that there is no memory for ends it.
    pub(crate) fn warm(&self, max_batch: usize) {
        if self.device == Device::Cpu {
            return;
        }
        let grey = Pixels::grey(self.preprocessing.size());
        let mut size = 1;
        while size <= padded(max_batch) {
            // The first passes of a size are watched, and what is fused of it is worked out after them.
            for _ in 0..WATCHED {
                if let Err(e) = self.run(&vec![grey.clone(); size]) {
                    tracing::warn!(error = %e, batch = size, "larger batches are not warmed up");
                    return;
                }
            }
            size = padded(size + 1);
        }
    }

    fn run_script(&self, module: &CModule, photos: &[Pixels]) -> Result<Vec<Tensor>, EmbedderError> {
        let _guard = tch::no_grad_guard();
        let answer = if self.precision == Precision::Int8 {
            module.method_is("photos", &[IValue::Tensor(self.bytes(photos, photos.len())?)])?
        } else {
            module.forward_is(&[IValue::Tensor(self.images(photos)?)])?
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

    /// What a pass over `n` photos gave: an embedding alone, or with colours and logits. What it gave for more than these is left
    /// out.
    fn numbers(tensors: Vec<Tensor>, n: usize) -> Result<Passed, EmbedderError> {
        let n = n as i64;
        let none = || Tensor::zeros([n, 0], (Kind::Float, Device::Cpu));
        let tensors: [Tensor; 3] = match <[Tensor; 1]>::try_from(tensors) {
            Ok([deep]) => [deep, none(), none()],
            Err(three) => three.try_into().map_err(|_| wrong_form())?,
        };
        let mut passed = Passed::default();
        for (numbers, tensor) in passed.iter_mut().zip(tensors) {
            if tensor.dim() != 2 || tensor.size()[0] < n {
                let size = tensor.size();
                return Err(EmbedderError::Output(format!(
                    "for {n} photos the model gave a tensor of shape {size:?}, [{n}, numbers] is right"
                )));
            }
            let flat = tensor
                .f_narrow(0, 0, n)?
                .f_to_device(Device::Cpu)?
                .f_to_kind(Kind::Float)?
                .f_flatten(0, -1)?;
            *numbers = Vec::try_from(flat)?;
        }
        Ok(passed)
    }
}

/// Passes of one size until it is as fast as it will be.
const WATCHED: usize = 3;

/// How many photos a pass over `n` takes on a GPU: a power of two, or one and a half of one. So there are few sizes to work out.
fn padded(n: usize) -> usize {
    let power = n.max(1).next_power_of_two();
    let between = power / 4 * 3;
    if power > 2 && n <= between { between } else { power }
}

/// How many threads a model of this thread runs on.
fn threads() -> usize {
    usize::try_from(tch::get_num_threads()).unwrap_or(1).max(1)
}

fn wrong_form() -> EmbedderError {
    EmbedderError::Output("the model must give [N, D], or a tuple ([N, D], [N, C], [N, K])".into())
}

#[cfg(test)]
mod tests {
    use super::padded;

    #[test]
    fn passes_are_of_few_sizes_and_never_too_small() {
        let mut sizes: Vec<usize> = (0..=128).map(padded).collect();
        assert!(sizes.iter().enumerate().all(|(n, &size)| size >= n && 2 * size <= 3 * n.max(1)));
        sizes.dedup();
        assert_eq!(sizes, [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128]);
    }
}
