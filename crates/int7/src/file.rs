//! A quantised network as a file: safetensors, with what is no tensor as JSON in its head.

use std::{collections::HashMap, fs, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::ExecutorError;

/// The version of the file's form.
const FORMAT: &str = "lookalike-int7-2";
/// Blocks of a network.
pub(crate) const MOST_BLOCKS: usize = 1024;

/// A network in numbers: ResNet's stem, its blocks, and the two linear layers on top.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantised {
    /// S, the photo's side.
    pub size: usize,
    /// The byte of each colour that lies around the photo.
    pub frame: [u8; 3],
    /// Over the photo's bytes.
    pub stem: Convolution,
    /// In order.
    pub blocks: Vec<Block>,
    /// From the mean of the last map to the embedding.
    pub embedding: Linear,
    /// From the embedding to the logits.
    pub classifier: Linear,
    /// From the embedding, brought to norm 1, to what is given in its place: principal components, where the model has them.
    pub projection: Option<Linear>,
}

/// A bottleneck: down, across, up, and past it where the shape changes.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// 1×1.
    pub down: Convolution,
    /// 3×3.
    pub across: Convolution,
    /// 1×1, to which what goes past is added.
    pub up: Convolution,
    /// 1×1; none where the block's input itself is added.
    pub past: Option<Convolution>,
}

/// A convolution with a square kernel: `real output = (Σ weight · input) · step + bias`, with the input in its own steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Convolution {
    /// `[O, I / groups, k, k]`.
    pub shape: [usize; 4],
    /// In that order.
    pub weights: Vec<i8>,
    /// What a weight of 1 is worth, an output channel.
    pub steps: Vec<f32>,
    /// An output channel.
    pub bias: Vec<f32>,
    /// How it moves, and what its output is worth.
    pub form: Form,
}

/// What of a convolution is no tensor.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Form {
    /// Pixels from one output to the next.
    pub stride: usize,
    /// Pixels around the input.
    pub padding: usize,
    /// Parts of the channels that do not see each other.
    pub groups: usize,
    /// What an output of 1 is worth.
    pub output: f32,
}

/// `y = W x + b`, in f32.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// `[O, I]`, row by row.
    pub weights: Vec<f32>,
    /// `[O]`.
    pub bias: Vec<f32>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    size: usize,
    frame: [u8; 3],
    forms: HashMap<String, Form>,
    blocks: usize,
}

fn part(block: usize, name: &str) -> String {
    format!("blocks.{block}.{name}")
}

impl Quantised {
    /// Writes the file.
    ///
    /// # Errors
    /// [`ExecutorError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), ExecutorError> {
        let mut writing = Writing::default();
        writing.convolution("stem", &self.stem);
        for (i, block) in self.blocks.iter().enumerate() {
            for (name, convolution) in [("down", &block.down), ("across", &block.across), ("up", &block.up)] {
                writing.convolution(&part(i, name), convolution);
            }
            if let Some(past) = &block.past {
                writing.convolution(&part(i, "past"), past);
            }
        }
        let projection = self.projection.iter().map(|layer| ("projection", layer));
        let layers = [("embedding", &self.embedding), ("classifier", &self.classifier)];
        for (name, layer) in layers.into_iter().chain(projection) {
            let outputs = layer.bias.len();
            let shape = vec![outputs, layer.weights.len() / outputs.max(1)];
            writing.tensor(format!("{name}.weight"), Dtype::F32, shape, &layer.weights);
            writing.tensor(format!("{name}.bias"), Dtype::F32, vec![outputs], &layer.bias);
        }
        let head =
            Head { size: self.size, frame: self.frame, forms: writing.forms, blocks: self.blocks.len() };
        let failed = |reason: String| ExecutorError::File { path: path.to_owned(), reason };
        let head = serde_json::to_string(&head).map_err(|e| failed(e.to_string()))?;
        let about = HashMap::from([("format".into(), FORMAT.into()), ("network".into(), head)]);
        let mut views = Vec::with_capacity(writing.tensors.len());
        for (name, dtype, shape, bytes) in &writing.tensors {
            let view = TensorView::new(*dtype, shape.clone(), bytes).map_err(|e| failed(e.to_string()))?;
            views.push((name.as_str(), view));
        }
        let bytes = safetensors::serialize(views, Some(about)).map_err(|e| failed(e.to_string()))?;
        fs::write(path, bytes).map_err(|source| ExecutorError::Io { path: path.to_owned(), source })
    }

    /// Reads a file that [`write`](Self::write) wrote.
    ///
    /// # Errors
    /// [`ExecutorError::Io`], or [`ExecutorError::File`] where it is something else or damaged.
    pub fn read(path: &Path) -> Result<Self, ExecutorError> {
        let bytes = fs::read(path).map_err(|source| ExecutorError::Io { path: path.to_owned(), source })?;
        Self::parse(&bytes).map_err(|reason| ExecutorError::File { path: path.to_owned(), reason })
    }

    fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (_, about) = SafeTensors::read_metadata(bytes).map_err(|e| e.to_string())?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| e.to_string())?;
        let about = about.metadata().as_ref().ok_or("it does not say what it is")?;
        if about.get("format").map(String::as_str) != Some(FORMAT) {
            return Err(format!("it is not of the form {FORMAT}"));
        }
        let head = about.get("network").ok_or("it names no network")?;
        let head: Head = serde_json::from_str(head).map_err(|e| e.to_string())?;
        let reading = Reading { tensors, forms: &head.forms };
        if head.blocks > MOST_BLOCKS {
            return Err(format!("{} blocks", head.blocks));
        }
        let block = |i: usize| {
            let past = part(i, "past");
            Ok::<_, String>(Block {
                down: reading.convolution(&part(i, "down"))?,
                across: reading.convolution(&part(i, "across"))?,
                up: reading.convolution(&part(i, "up"))?,
                past: head.forms.contains_key(&past).then(|| reading.convolution(&past)).transpose()?,
            })
        };
        Ok(Self {
            size: head.size,
            frame: head.frame,
            stem: reading.convolution("stem")?,
            blocks: (0..head.blocks).map(block).collect::<Result<_, _>>()?,
            embedding: reading.linear("embedding")?,
            classifier: reading.linear("classifier")?,
            projection: reading.has("projection.weight").then(|| reading.linear("projection")).transpose()?,
        })
    }
}

#[derive(Default)]
struct Writing {
    tensors: Vec<(String, Dtype, Vec<usize>, Vec<u8>)>,
    forms: HashMap<String, Form>,
}

impl Writing {
    fn tensor<T: bytemuck::NoUninit>(&mut self, name: String, dtype: Dtype, shape: Vec<usize>, data: &[T]) {
        self.tensors.push((name, dtype, shape, bytemuck::cast_slice(data).to_vec()));
    }

    fn convolution(&mut self, name: &str, c: &Convolution) {
        self.tensor(format!("{name}.weight"), Dtype::I8, c.shape.to_vec(), &c.weights);
        self.tensor(format!("{name}.step"), Dtype::F32, vec![c.steps.len()], &c.steps);
        self.tensor(format!("{name}.bias"), Dtype::F32, vec![c.bias.len()], &c.bias);
        self.forms.insert(name.into(), c.form);
    }
}

struct Reading<'a> {
    tensors: SafeTensors<'a>,
    forms: &'a HashMap<String, Form>,
}

impl Reading<'_> {
    fn has(&self, name: &str) -> bool {
        self.tensors.tensor(name).is_ok()
    }

    fn tensor<T: Number>(&self, name: &str) -> Result<(Vec<usize>, Vec<T>), String> {
        let view = self.tensors.tensor(name).map_err(|e| format!("{name}: {e}"))?;
        if view.dtype() != T::DTYPE {
            return Err(format!("{name} is of {:?}", view.dtype()));
        }
        let numbers = view.data().chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned);
        Ok((view.shape().to_vec(), numbers.collect()))
    }

    fn convolution(&self, name: &str) -> Result<Convolution, String> {
        let (shape, weights) = self.tensor(&format!("{name}.weight"))?;
        let shape = <[usize; 4]>::try_from(shape).map_err(|shape| format!("{name}.weight is {shape:?}"))?;
        let form = *self.forms.get(name).ok_or_else(|| format!("nothing is said of {name}"))?;
        let (steps, bias) = (self.numbers(&format!("{name}.step"))?, self.numbers(&format!("{name}.bias"))?);
        // Whether sizes are any that a network has is asked where it is made ready: of one that no file holds, too.
        Ok(Convolution { shape, weights, steps, bias, form })
    }

    fn linear(&self, name: &str) -> Result<Linear, String> {
        let (shape, weights) = self.shaped(&format!("{name}.weight"))?;
        let bias = self.shaped(&format!("{name}.bias"))?.1;
        match shape[..] {
            [outputs, _] if outputs == bias.len() => Ok(Linear { weights, bias }),
            _ => Err(format!("{name}.weight is {shape:?}, beside {} biases", bias.len())),
        }
    }

    fn numbers(&self, name: &str) -> Result<Vec<f32>, String> {
        Ok(self.shaped(name)?.1)
    }

    fn shaped(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>), String> {
        let (shape, numbers) = self.tensor::<f32>(name)?;
        let finite = numbers.iter().all(|n| n.is_finite());
        finite.then_some((shape, numbers)).ok_or_else(|| format!("{name} is not finite"))
    }
}

trait Number: bytemuck::Pod {
    const DTYPE: Dtype;
}

impl Number for i8 {
    const DTYPE: Dtype = Dtype::I8;
}

impl Number for f32 {
    const DTYPE: Dtype = Dtype::F32;
}
