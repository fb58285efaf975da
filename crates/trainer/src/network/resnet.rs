//! The backbone: ResNet-50 and ResNeXt-50, any base width, with torchvision's variable names so that weights load by
//! name (`conv1`, `bn1`, `layer1.0.conv1`, … `layer4.2.bn3`).

use tch::{Tensor, nn};

use crate::network::{
    Architecture, Backbone, simple,
    unit::{Spec, Unit},
};

/// Which parts of the backbone train: the stem, then its four stages. A part that does not keeps its weights, and its
/// batch-norms stay in evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stages(pub [bool; Stages::COUNT]);

impl Stages {
    /// The stem and the four stages.
    pub const COUNT: usize = 5;
    /// Nothing trains.
    pub const NONE: Self = Self([false; Self::COUNT]);

    /// The part that owns a variable, by its name; none where it is not the backbone's.
    pub fn of(name: &str) -> Option<usize> {
        if name.starts_with("conv1.") || name.starts_with("bn1.") {
            return Some(0);
        }
        let number = name.strip_prefix("layer")?.split('.').next()?.parse().ok()?;
        (1..Self::COUNT).contains(&number).then_some(number)
    }
}

/// The convolutional part: `[N, 3, S, S]` → feature map `[N, 32·width, S/32, S/32]`.
#[derive(Debug)]
pub(crate) struct ResNet {
    pub stem: Unit,
    stages: Vec<Vec<Bottleneck>>,
    /// In their place, of the simple network.
    plain: Vec<Unit>,
}

/// 1×1 down, 3×3, 1×1 up, added to what came in.
#[derive(Debug)]
pub(crate) struct Bottleneck {
    pub units: [Unit; 3],
    pub downsample: Option<Unit>,
}

/// A bottleneck's output is this many times its planes wide.
const EXPANSION: i64 = 4;
/// Blocks a stage, of the 50-layer networks.
const BLOCKS: [i64; 4] = [3, 4, 6, 3];

impl ResNet {
    pub fn new(path: &nn::Path, architecture: &Architecture) -> Self {
        let width = i64::from(architecture.width);
        if architecture.backbone == Backbone::Simple {
            let (stem, plain) = simple::units(path, width);
            return Self { stem, stages: Vec::new(), plain };
        }
        let stem = Spec { input: 3, output: width, kernel: 7, stride: 2, groups: 1, scale: 1.0 };
        let stem = Unit::new(path, "conv1", "bn1", stem);
        let mut input = width;
        let mut stages = Vec::new();
        for (i, blocks) in (0i64..).zip(BLOCKS) {
            let planes = width << i;
            let mut stage = Vec::new();
            for block in 0..blocks {
                let path = path / format!("layer{}", i + 1) / block;
                let stride = if block == 0 && i > 0 { 2 } else { 1 };
                stage.push(Bottleneck::new(&path, (input, planes, stride), architecture.backbone));
                input = planes * EXPANSION;
            }
            stages.push(stage);
        }
        Self { stem, stages, plain: Vec::new() }
    }

    pub fn forward_t(&self, images: &Tensor, train: Stages) -> Tensor {
        let Stages([stem, stages @ ..]) = train;
        // Converted by example: a conversion by kind would pin a trace to this device.
        let example = self.stem.weight();
        let images =
            if images.kind() == example.kind() { images.shallow_clone() } else { images.type_as(example) };
        let x = self.stem.forward_t(&images, stem).relu_();
        if self.is_plain() {
            let units = self.plain.iter().zip(stages);
            return units.fold(x, |x, (unit, train)| unit.forward_t(&x, train).relu_());
        }
        let mut x = pool(&x);
        for (blocks, train) in self.stages.iter().zip(stages) {
            x = blocks.iter().fold(x, |x, block| block.forward_t(&x, train));
        }
        x
    }

    /// Whether it is the simple network, which has no blocks.
    pub fn is_plain(&self) -> bool {
        !self.plain.is_empty()
    }

    /// All blocks, in order.
    pub fn blocks(&self) -> impl Iterator<Item = &Bottleneck> {
        self.stages.iter().flatten()
    }

    /// The convolutions of all units, to be changed.
    pub fn units_mut(&mut self) -> impl Iterator<Item = &mut Unit> {
        let blocks = self.stages.iter_mut().flatten();
        std::iter::once(&mut self.stem)
            .chain(blocks.flat_map(|b| b.units.iter_mut().chain(&mut b.downsample)))
            .chain(&mut self.plain)
    }

    pub fn fold(&mut self) {
        self.units_mut().for_each(Unit::fold);
    }
}

/// 3×3 maximum, stride 2: what stands between the stem and the blocks.
pub(crate) fn pool(x: &Tensor) -> Tensor {
    x.max_pool2d([3, 3], [2, 2], [1, 1], [1, 1], false)
}

impl Bottleneck {
    fn new(path: &nn::Path, (input, planes, stride): (i64, i64, i64), backbone: Backbone) -> Self {
        let output = planes * EXPANSION;
        // torchvision: int(planes · base_width / 64) · groups
        let (inner, groups) = match backbone {
            Backbone::Resnet50 | Backbone::Simple => (planes, 1),
            Backbone::Resnext50 => ((planes * 4 / 64).max(1) * 32, 32),
        };
        let spec = |input, output, kernel, stride, groups, scale| Spec {
            input,
            output,
            kernel,
            stride,
            groups,
            scale,
        };
        let units = [
            Unit::new(path, "conv1", "bn1", spec(input, inner, 1, 1, 1, 1.0)),
            Unit::new(path, "conv2", "bn2", spec(inner, inner, 3, stride, groups, 1.0)),
            Unit::new(path, "conv3", "bn3", spec(inner, output, 1, 1, 1, 0.0)),
        ];
        let downsample = (stride != 1 || input != output)
            .then(|| Unit::new(&(path / "downsample"), "0", "1", spec(input, output, 1, stride, 1, 1.0)));
        Self { units, downsample }
    }

    fn forward_t(&self, x: &Tensor, train: bool) -> Tensor {
        let [down, across, up] = &self.units;
        let y = down.forward_t(x, train).relu_();
        let y = across.forward_t(&y, train).relu_();
        let y = up.forward_t(&y, train);
        let past = match &self.downsample {
            Some(unit) => unit.forward_t(x, train),
            None => x.shallow_clone(),
        };
        (y + past).relu_()
    }
}
