//! ResNet-50 / ResNeXt-50 and the three modules on top: deep (embedding and logits), pooling (where the network looks)
//! and colour (what colours are there).
//!
//! May enter: images `[N, 3, S, S]`, normalised as a [`Preprocessing`](lookalike_photo::Preprocessing) says. Weights come and go as safetensors under
//! torchvision's names.

mod hub;
mod modules;
mod pooling;
mod projection;
mod quantise;
mod resnet;
mod simple;
mod trace;
mod unit;
mod weights;

pub use hub::{WeightsSource, locate};
pub use modules::{COLOUR_CELLS, ColourModule, activation_map};
pub use pooling::Pooling;
pub use quantise::{Runner, quantise};
pub use resnet::Stages;
pub use trace::trace;
pub use weights::{Storage, load_start, load_weights, save_weights, weights_digest};

use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor, nn};

use lookalike_int7::ExecutorError;

/// Which convolutional network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
#[value(rename_all = "lowercase")]
pub enum Backbone {
    /// ResNet-50, torchvision's v1.5 (the stride is in the 3×3).
    #[default]
    Resnet50,
    /// ResNeXt-50 32×4d.
    Resnext50,
    /// Five 3×3 convolutions, each of stride 2: what the others are to be compared with.
    Simple,
}

/// The shape of a network: what must be known to read its weights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Architecture {
    /// ResNet-50, ResNeXt-50 or the simple one.
    pub backbone: Backbone,
    /// Channels after the stem: 64 is the network proper; the feature map has 32 times as many.
    pub width: u32,
    /// D, the length of the embedding.
    pub embedding: u32,
    /// K, the number of categories.
    pub categories: u32,
    /// How the last feature map becomes one vector.
    #[serde(default)]
    pub pooling: Pooling,
}

impl Architecture {
    /// For people: `resnet50 (width 24)`.
    pub fn name(&self) -> String {
        let name = match self.backbone {
            Backbone::Resnet50 => "resnet50",
            Backbone::Resnext50 => "resnext50_32x4d",
            Backbone::Simple => "simple CNN",
        };
        let width = (self.width != 64).then(|| format!("width {}", self.width));
        let pooling = (self.pooling == Pooling::Gem).then(|| "GeM".to_owned());
        let more: Vec<String> = width.into_iter().chain(pooling).collect();
        if more.is_empty() { name.into() } else { format!("{name} ({})", more.join(", ")) }
    }
}

/// Why weights could not be read or written, or a network not run.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The file cannot be read or written as safetensors.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file's tensors are not this network's.
    #[error("{}: not the weights of this network: {reason}", path.display())]
    Mismatch {
        /// Which file.
        path: PathBuf,
        /// What differs, by name.
        reason: String,
    },
    /// The architecture cannot be built.
    #[error("{0}")]
    Architecture(String),
    /// It cannot be brought to 7 bits.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// Weights that were asked for by name cannot be had.
    #[error("{name}: {reason}")]
    Hub {
        /// What was asked for.
        name: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// libtorch failed.
    #[error("libtorch: {0}")]
    Torch(#[from] tch::TchError),
}

/// The whole network. Its variables live in the `VarStore` it was made with.
#[derive(Debug)]
pub struct Network {
    architecture: Architecture,
    backbone: resnet::ResNet,
    pool: pooling::Pool,
    embedding: nn::Linear,
    classifier: nn::Linear,
    projection: Option<projection::Projection>,
}

/// What a forward pass gives.
#[derive(Debug)]
pub struct Output {
    /// `[N, D]`, as the fully connected layer gives it, not normalised.
    pub embedding: Tensor,
    /// `[N, K]`, before softmax.
    pub logits: Tensor,
    /// The last feature map, `[N, 32·width, S/32, S/32]`.
    pub map: Tensor,
}

impl Network {
    /// Makes the network's variables, drawn from libtorch's generator, in channels-last order.
    pub fn new(vs: &nn::VarStore, architecture: &Architecture) -> Result<Self, NetworkError> {
        let refuse = |why: &str| Err(NetworkError::Architecture(why.into()));
        if !(4..=256).contains(&architecture.width) {
            return refuse("the width is 4 to 256; 64 is the network proper");
        }
        if architecture.embedding == 0 || architecture.categories == 0 {
            return refuse("a network needs at least one embedding number and one category");
        }
        let root = vs.root();
        let features = i64::from(architecture.width) * 32;
        let (d, k) = (i64::from(architecture.embedding), i64::from(architecture.categories));
        let network = Self {
            architecture: architecture.clone(),
            backbone: resnet::ResNet::new(&root, architecture),
            pool: pooling::Pool::new(&(&root / "pool"), architecture.pooling),
            embedding: nn::linear(&root / "embedding", features, d, nn::LinearConfig::default()),
            classifier: nn::linear(&root / "classifier", d, k, nn::LinearConfig::default()),
            projection: None,
        };
        for variable in vs.variables().values_mut().filter(|v| v.dim() == 4) {
            let ordered = channels_last(variable);
            variable.set_data(&ordered);
        }
        Ok(network)
    }

    /// Its shape.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// The deep module over the backbone, all of whose batch-norms take their statistics from the batch, or none.
    pub fn forward(&self, images: &Tensor, backbone_trains: bool) -> Output {
        self.head(self.features(images, Stages([backbone_trains; Stages::COUNT])))
    }

    /// The backbone alone: the last feature map, `[N, 32·width, S/32, S/32]`.
    pub fn features(&self, images: &Tensor, train: Stages) -> Tensor {
        self.backbone.forward_t(images, train)
    }

    /// What stands on the feature map: pooling and the fully connected layers. A map of one cell is as good as the mean
    /// over many, where the mean is what is pooled.
    pub fn head(&self, map: Tensor) -> Output {
        let embedding = self.pool.forward(&map).apply(&self.embedding);
        let logits = embedding.apply(&self.classifier);
        Output { embedding, logits, map }
    }

    /// Everything a bundle's model gives: `[embedding [N,D], colour [N,C], logits [N,K]]`; `[N,P]` where it projects.
    pub fn answer(&self, images: &Tensor, colour: &ColourModule) -> [Tensor; 3] {
        let Output { embedding, logits, map } = self.forward(images, false);
        let colour = colour.feature(images, &activation_map(&map));
        let embedding = self.projection.as_ref().map_or(embedding.shallow_clone(), |p| p.forward(&embedding));
        [embedding, colour, logits]
    }

    /// From now on [`answer`](Self::answer) gives embeddings that are brought to norm 1, then projected: `P` rows of `D` weights, and
    /// `P` biases. Logits stay what they were.
    pub fn project(&mut self, layer: (&[f32], &[f32])) -> Result<(), NetworkError> {
        self.projection = Some(projection::Projection::new(layer, self.architecture.embedding)?);
        Ok(())
    }

    /// Brings the folded backbone's weights to another kind; what stands on top stays f32.
    pub fn convert(&mut self, kind: Kind) {
        self.backbone.units_mut().for_each(|unit| unit.convert(kind));
    }

    /// Folds every batch-norm into its convolution and drops gradients: for evaluation only, and for good.
    pub fn fold(&mut self) {
        self.backbone.fold();
        self.pool.fold();
        for layer in [&mut self.embedding, &mut self.classifier] {
            layer.ws = layer.ws.detach();
            layer.bs = layer.bs.as_ref().map(Tensor::detach);
        }
    }
}

/// Whether the backbone owns this variable, as against pooling and the fully connected layers.
pub fn is_backbone(name: &str) -> bool {
    Stages::of(name).is_some()
}

/// The same 4-D tensor, laid out NHWC in memory.
pub fn channels_last(x: &Tensor) -> Tensor {
    x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2])
}

/// A `VarStore` and the network in it.
pub fn build(architecture: &Architecture, device: Device) -> Result<(nn::VarStore, Network), NetworkError> {
    let vs = nn::VarStore::new(device);
    let network = Network::new(&vs, architecture)?;
    Ok((vs, network))
}
