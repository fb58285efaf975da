//! A quantised network made ready for its machine: layers packed, and checked to fit together.

use crate::{
    ExecutorError, Quantised,
    arena::Arena,
    file::Linear,
    layer::{Extent, Layer, MOST_SCALED, Stem, output_side},
};

/// A map of more bytes a photo fills a core's cache by itself.
const LARGE: usize = 256 << 10;
/// A step of what goes past a block, of the block's output: it is finer, since it is not the last rounding.
const PAST_STEP: f32 = 1.0 / 32.0;

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
        if !(32..=4096).contains(&q.size) {
            return Err(ExecutorError::Network(format!("photos of a side of {}", q.size)));
        }
        let stem = Stem::new(&q.stem, q.size, q.frame)?;
        let side = output_side(stem.output.side, (3, 2, 1)).unwrap_or(0);
        let pooled = Extent { side, channels: stem.output.channels, border: 0 };
        let (mut extent, mut step, mut blocks) = (pooled, q.stem.form.output, Vec::new());
        let mut lines = Vec::new();
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
                let why = format!("{added:?} is to be added to {:?}", up.output);
                return Err(ExecutorError::Network(why));
            }
            let worth = if past.is_some() { PAST_STEP } else { step / block.up.form.output };
            if worth * f32::from(i16::MAX) >= MOST_SCALED {
                let why = format!("a block whose input is worth {worth} steps of its output");
                return Err(ExecutorError::Network(why));
            }
            extent = up.output;
            step = block.up.form.output;
            blocks.push(Ready { down, across, up, past, worth });
        }
        q.embedding.check(extent.channels)?;
        q.classifier.check(q.embedding.bias.len())?;
        if let Some(projection) = &q.projection {
            projection.check(q.embedding.bias.len())?;
        }
        let (embedding, classifier) = (q.embedding.clone(), q.classifier.clone());
        let (lines, projection) = (Arena::new(&lines)?, q.projection.clone());
        Ok(Self { size: q.size, stem, pooled, blocks, lines, step, embedding, classifier, projection })
    }

    /// How many of the first blocks run photo by photo: those whose map fills a core's cache; their weights are few.
    pub fn apart(&self) -> usize {
        self.blocks.iter().take_while(|block| block.up.output.photo() > LARGE).count()
    }

    pub fn last(&self) -> Extent {
        self.blocks.last().map_or(self.pooled, |block| block.up.output)
    }
}
