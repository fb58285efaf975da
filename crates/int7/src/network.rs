//! A quantised network made ready for its machine: layers packed, and checked to fit together.

use crate::{
    ExecutorError, Quantised,
    arena::Arena,
    bounds::{Extent, MOST_MEMORY, MOST_SIDE, MOST_WORK, Moves},
    file::{Linear, MOST_BLOCKS},
    layer::{Layer, MOST_SCALED, Stem},
};

/// A map of more bytes a photo fills a core's cache by itself.
const LARGE: usize = 256 << 10;
/// A step of what goes past a block, of the block's output: it is finer, since it is not the last rounding.
const PAST_STEP: f32 = 1.0 / 32.0;

/// Windows of all blocks together: each is known by two numbers. A ResNet-152 has two million at a side of 1024.
const MOST_WINDOWS: usize = 1 << 24;

/// The layers, shared by all that run them.
pub(crate) struct Network {
    pub size: usize,
    pub stem: Stem,
    pub pooled: Extent,
    pub blocks: Vec<Ready>,
    /// Of all layers over bytes.
    pub lines: Arena,
    pub step: f32,
    pub embedding: Linear,
    pub classifier: Linear,
    pub projection: Option<Linear>,
}

pub(crate) struct Ready {
    pub down: Layer,
    pub across: Layer,
    pub up: Layer,
    pub past: Option<Layer>,
    /// What a step of the block's input is worth in steps of its output, where the input itself is added.
    pub worth: f32,
}

impl Network {
    pub fn new(q: &Quantised) -> Result<Self, ExecutorError> {
        let refuse = |why: String| Err(ExecutorError::Network(why));
        if !(32..=MOST_SIDE).contains(&q.size) || q.blocks.len() > MOST_BLOCKS {
            return refuse(format!("photos of a side of {}, {} blocks", q.size, q.blocks.len()));
        }
        let stem = Stem::new(&q.stem, q.size, q.frame)?;
        let side = Moves::POOLING.over(stem.output.side());
        let Some(pooled) = side.and_then(|side| Extent::new(side, stem.output.channels(), 0)) else {
            return refuse(format!("{:?} is too small to be pooled", stem.output));
        };
        let (mut extent, mut step, mut blocks) = (pooled, q.stem.form.output, Vec::new());
        let (mut lines, mut windows) = (Vec::new(), 0);
        for block in &q.blocks {
            let down = Layer::new(&block.down, extent, step, block.across.form.padding, &mut lines)?;
            let across = Layer::new(&block.across, down.output, block.down.form.output, 0, &mut lines)?;
            let up = Layer::new(&block.up, across.output, block.across.form.output, 0, &mut lines)?;
            let past = match &block.past {
                Some(past) => {
                    let mut past = past.clone();
                    past.form.output = block.up.form.output * PAST_STEP;
                    Some(Layer::new(&past, extent, step, 0, &mut lines)?)
                }
                None => None,
            };
            let added = past.as_ref().map_or(extent, |past| past.output);
            if added != up.output {
                return refuse(format!("{added:?} is to be added to {:?}", up.output));
            }
            let worth = if past.is_some() { PAST_STEP } else { step / block.up.form.output };
            if worth * f32::from(i16::MAX) >= MOST_SCALED {
                return refuse(format!("a block whose input is worth {worth} steps of its output"));
            }
            let places = [Some(&down), Some(&across), Some(&up), past.as_ref()];
            windows += places.into_iter().flatten().map(|layer| layer.windows.inputs.len()).sum::<usize>();
            if windows > MOST_WINDOWS {
                return refuse(format!("{} blocks over maps of up to {extent:?}", q.blocks.len()));
            }
            extent = up.output;
            step = block.up.form.output;
            blocks.push(Ready { down, across, up, past, worth });
        }
        q.embedding.check(extent.channels(), 1)?;
        q.classifier.check(q.embedding.bias.len(), 0)?;
        if let Some(projection) = &q.projection {
            projection.check(q.embedding.bias.len(), 1)?;
        }
        let (embedding, classifier) = (q.embedding.clone(), q.classifier.clone());
        let (lines, projection) = (Arena::new(&lines)?, q.projection.clone());
        let network =
            Self { size: q.size, stem, pooled, blocks, lines, step, embedding, classifier, projection };
        let (memory, work) = (network.memory(), network.work());
        if memory > MOST_MEMORY || work > MOST_WORK {
            return refuse(format!("{memory} bytes and {work} multiplications for one photo are too many"));
        }
        Ok(network)
    }

    /// Bytes that the maps of one photo take.
    fn memory(&self) -> usize {
        let mut most = [self.pooled.photo(), 0, 0, 0];
        for block in &self.blocks {
            let past = block.past.as_ref().map_or(0, |past| past.output.photo());
            let reads = [&block.down, &block.across, &block.up].map(|l| l.input.photo() + l.beyond());
            let maps = [reads[0].max(block.up.output.photo()), reads[1], reads[2], past];
            most.iter_mut().zip(maps).for_each(|(most, map)| *most = map.max(*most));
        }
        let [x, y, z, past] = most;
        // What `x` becomes where photos come one by one is as large as that.
        2 * self.stem.photo() + self.stem.output.photo() + 2 * x + y + z + 2 * past
    }

    /// Multiplications for one photo.
    fn work(&self) -> u64 {
        let layers = self
            .blocks
            .iter()
            .flat_map(|block| [Some(&block.down), Some(&block.across), Some(&block.up), block.past.as_ref()]);
        layers.flatten().map(Layer::work).fold(self.stem.work(), u64::saturating_add)
    }

    /// How many of the first blocks run photo by photo: those whose map fills a core's cache; their weights are few.
    pub fn apart(&self) -> usize {
        self.blocks.iter().take_while(|block| block.up.output.photo() > LARGE).count()
    }

    pub fn last(&self) -> Extent {
        self.blocks.last().map_or(self.pooled, |block| block.up.output)
    }
}
