//! TorchScript on a device: a batch of photos in, embeddings out, nothing trusted on the way.

use tch::{CModule, Device, IValue, Kind, Tensor};

use super::{Embedded, EmbedderError, Precision};
use crate::{
    catalogue::{Dims, Vectors},
    image::{Pixels, Preprocessing},
    libtorch::use_quantised_engine,
};

/// The model. It may be run from several threads; libtorch keeps memory for each that does.
pub struct Model {
    module: CModule,
    precision: Precision,
    device: Device,
    preprocessing: Preprocessing,
    shape: Shape,
}

/// How many numbers the model gives for a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// D and C.
    pub dims: Dims,
    /// K.
    pub logits: usize,
}

impl Model {
    /// Loads a TorchScript file and finds out what it gives by running it on a grey photo, alone and in a pair.
    pub fn load(
        path: &std::path::Path,
        precision: Precision,
        device: Device,
        preprocessing: Preprocessing,
    ) -> Result<Self, EmbedderError> {
        if precision == Precision::Int8 {
            use_quantised_engine()?;
        }
        let mut module = CModule::load_on_device(path, device)
            .map_err(|e| EmbedderError::Load { path: path.to_owned(), reason: first_line(&e) })?;
        module.set_eval();
        let shape = Shape { dims: Dims { deep: 0, colour: 0 }, logits: 0 };
        let mut model = Self { module, precision, device, preprocessing, shape };
        let size = model.preprocessing.size();
        let grey = Pixels::grey(size);
        for n in [1, 2] {
            let [deep, colour, logits] = model.run(&vec![grey.clone(); n])?;
            let width = |t: &Tensor| t.size().get(1).and_then(|&w| usize::try_from(w).ok()).unwrap_or(0);
            model.shape.dims = Dims { deep: width(&deep), colour: width(&colour) };
            model.shape.logits = width(&logits);
        }
        Ok(model)
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
        let [deep, colour, logits] = self.run(photos)?.map(|t| rows(&t, photos.len()));
        let (mut deep, mut colour, mut logits) = (deep?, colour?, logits?);
        Ok((0..photos.len())
            .map(|i| {
                let vectors = Vectors::new(std::mem::take(&mut deep[i]), std::mem::take(&mut colour[i]))
                    .map_err(|e| EmbedderError::Output(e.to_string()))?;
                Ok(Embedded { vectors, logits: std::mem::take(&mut logits[i]) })
            })
            .collect())
    }

    /// One forward pass: embedding `[N, D]`, colour `[N, C]`, logits `[N, K]`, f32, on the CPU.
    fn run(&self, photos: &[Pixels]) -> Result<[Tensor; 3], EmbedderError> {
        let _guard = tch::no_grad_guard();
        let (n, side) = (photos.len() as i64, i64::from(self.preprocessing.size()));
        let answer = if self.precision == Precision::Int8 {
            let bytes = self.bytes(photos)?.f_view([n, side, side, 3])?;
            self.module.method_is("photos", &[IValue::Tensor(bytes)])?
        } else {
            let numbers = self.preprocessing.normalise(photos).ok_or_else(|| self.wrong_size())?;
            let images = Tensor::f_from_slice(&numbers)?.f_view([n, 3, side, side])?;
            self.module.forward_is(&[IValue::Tensor(images.f_to_device(self.device)?)])?
        };
        let none = || Tensor::zeros([n, 0], (Kind::Float, Device::Cpu));
        let tensors = match answer {
            IValue::Tensor(deep) => [deep, none(), none()],
            IValue::Tuple(parts) => match <[IValue; 3]>::try_from(parts) {
                Ok([IValue::Tensor(deep), IValue::Tensor(colour), IValue::Tensor(logits)]) => {
                    [deep, colour, logits]
                }
                _ => return Err(wrong_form()),
            },
            _ => return Err(wrong_form()),
        };
        let mut checked = Vec::with_capacity(3);
        for tensor in tensors {
            if tensor.dim() != 2 || tensor.size()[0] != n {
                let size = tensor.size();
                return Err(EmbedderError::Output(format!(
                    "for {n} photos the model gave a tensor of shape {size:?}"
                )));
            }
            checked.push(tensor.f_to_device(Device::Cpu)?.f_to_kind(Kind::Float)?.f_contiguous()?);
        }
        <[Tensor; 3]>::try_from(checked).map_err(|_| wrong_form())
    }

    /// `[N, S, S, 3]`, flat.
    fn bytes(&self, photos: &[Pixels]) -> Result<Tensor, EmbedderError> {
        let mut data = Vec::with_capacity(photos.iter().map(|p| p.bytes().len()).sum());
        for photo in photos {
            if photo.size() != self.preprocessing.size() {
                return Err(self.wrong_size());
            }
            data.extend_from_slice(photo.bytes());
        }
        Ok(Tensor::f_from_slice(&data)?)
    }

    fn wrong_size(&self) -> EmbedderError {
        EmbedderError::Output(format!(
            "a photo that is not of the model's side, {}",
            self.preprocessing.size()
        ))
    }
}

fn wrong_form() -> EmbedderError {
    EmbedderError::Output("the model must give [N, D], or a tuple ([N, D], [N, C], [N, K])".into())
}

fn rows(tensor: &Tensor, n: usize) -> Result<Vec<Vec<f32>>, EmbedderError> {
    let flat = Vec::<f32>::try_from(tensor.f_flatten(0, -1)?)?;
    let width = flat.len() / n;
    Ok((0..n).map(|i| flat[i * width..(i + 1) * width].to_vec()).collect())
}

/// libtorch's errors come with a C++ stack; the first line says what happened.
pub(super) fn first_line(e: &tch::TchError) -> String {
    let text = e.to_string();
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown").trim().chars().take(300).collect()
}
