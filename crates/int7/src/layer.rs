//! A convolution made ready to run on maps of a known size: packed weights, and where every window begins.

use crate::{
    ExecutorError,
    bounds::{Extent, MOST_SIDE, Moves, Sizes},
    file::Convolution,
    weights::{Line, STEM_LEVELS, STEP, Slices, WideLine, fits, pack},
};

/// Where windows begin in the input and what they give begins in the output, in numbers from each photo's first.
#[derive(Debug)]
pub(crate) struct Windows {
    pub inputs: Vec<u32>,
    pub outputs: Vec<u32>,
}

impl Windows {
    /// Of square windows, which must lie within the input and its border.
    pub fn new(input: Extent, output: Extent, moves: Moves) -> Option<Self> {
        let (stride, padding) = (moves.stride(), moves.padding());
        let reach = ((output.side() - 1) * stride + moves.kernel()).checked_sub(padding)?;
        if padding > input.border() || reach > input.side() + input.border() {
            return None;
        }
        let begin = |i: usize| i * stride + input.border() - padding;
        let (mut inputs, mut outputs) = (Vec::new(), Vec::new());
        for y in 0..output.side() {
            for x in 0..output.side() {
                inputs.push(((begin(y) * input.row() + begin(x)) * input.pixel()) as u32);
                outputs.push(output.at(y, x) as u32);
            }
        }
        Some(Self { inputs, outputs })
    }
}

/// What becomes of a sum: `sum · scale + bias`, in the output's own steps.
#[derive(Debug)]
pub(crate) struct Scaling {
    /// A padded output channel.
    pub scale: Vec<f32>,
    /// A padded output channel.
    pub bias: Vec<f32>,
}

/// What a scaled sum may be at most, so that it, and as much again of what goes past, fits into 32 bits.
pub(crate) const MOST_SCALED: f32 = (1u32 << 29) as f32;

impl Scaling {
    /// `largest` is the largest sum there can be.
    fn new(c: &Convolution, input_step: f32, largest: f32) -> Result<Self, ExecutorError> {
        let padded = c.shape[0].next_multiple_of(STEP);
        let mut scale: Vec<f32> = c.steps.iter().map(|s| input_step * s / c.form.output).collect();
        let mut bias: Vec<f32> = c.bias.iter().map(|b| b / c.form.output).collect();
        let fits = |(s, b): (&f32, &f32)| s.abs() * largest + b.abs() < MOST_SCALED;
        if !scale.iter().zip(&bias).all(fits) {
            let why = format!("a convolution {:?} whose outputs would be far beyond any byte", c.shape);
            return Err(ExecutorError::Network(why));
        }
        scale.resize(padded, 0.0);
        bias.resize(padded, 0.0);
        Ok(Self { scale, bias })
    }
}

/// A convolution over bytes.
#[derive(Debug)]
pub(crate) struct Layer {
    pub input: Extent,
    pub output: Extent,
    pub windows: Windows,
    /// From a window's first number to each pixel of the window.
    pub taps: Vec<u32>,
    /// Runs of 16 channels a tap.
    pub runs: usize,
    /// The first input channel of each panel.
    pub starts: Vec<u32>,
    /// Its first line among the network's.
    pub line: usize,
    pub scaling: Scaling,
}

impl Layer {
    /// `input_step` is what an input of 1 is worth; `border` is what the output's reader needs around it. Its weights are
    /// added to `lines`.
    ///
    /// # Errors
    /// [`ExecutorError::Network`] where the input is not what the convolution takes.
    pub fn new(
        c: &Convolution,
        input: Extent,
        input_step: f32,
        border: usize,
        lines: &mut Vec<Line>,
    ) -> Result<Self, ExecutorError> {
        let refuse = |why: String| Err(ExecutorError::Network(why));
        let sizes = Sizes::of(c, "a convolution")?;
        let slices = Slices::new(c.shape, c.form.groups)?;
        if slices.inputs != input.channels() {
            let come = input.channels();
            return refuse(format!("{come} channels come to a convolution of {}", slices.inputs));
        }
        if !fits(&c.weights, c.shape, slices) {
            return refuse(format!("weights whose sums do not fit into 16 bits ({:?})", c.shape));
        }
        let moves = sizes.moves();
        let output = moves.over(input.side()).and_then(|side| Extent::new(side, sizes.outputs(), border));
        let made = output.and_then(|output| Some((output, Windows::new(input, output, moves)?)));
        let Some((output, windows)) = made else {
            let (shape, form, side) = (c.shape, c.form, input.side());
            return refuse(format!("a convolution {shape:?}, {form:?} over a side of {side}"));
        };
        let kernel = moves.kernel();
        // Pixels side by side lie side by side: where all channels count, a window's row is one long tap.
        let (columns, runs) =
            if c.form.groups == 1 { (1, slices.runs() * kernel) } else { (kernel, slices.runs()) };
        let tap = |t: usize| (((t / columns) * input.row() + t % columns) * input.pixel()) as u32;
        let line = lines.len();
        lines.extend(pack(&c.weights, c.shape, slices));
        Ok(Self {
            input,
            output,
            windows,
            taps: (0..kernel * columns).map(tap).collect(),
            runs,
            starts: (0..slices.panels()).map(|p| slices.start(p) as u32).collect(),
            line,
            scaling: Scaling::new(c, input_step, (c.weights.len() / c.shape[0] * 127 * 127) as f32)?,
        })
    }

    /// Multiplications a photo, those of what is padded counted in.
    pub fn work(&self) -> u64 {
        let (windows, channels) = (self.windows.inputs.len(), self.starts.len() * STEP);
        windows as u64 * channels as u64 * (self.taps.len() * self.runs * STEP) as u64
    }

    /// Bytes that the input's buffer must have behind its last photo: a group's last run may reach past its pixel.
    pub fn beyond(&self) -> usize {
        self.runs * STEP
    }
}

/// The first convolution, over the photo's bytes, three a pixel, in a frame: all 8 bits of them, so that what multiplies them
/// must add up in 32.
#[derive(Debug)]
pub(crate) struct Stem {
    /// The side of frame and photo together, in pixels.
    pub framed: usize,
    /// The frame's width.
    pub padding: usize,
    pub frame: [u8; 3],
    pub output: Extent,
    pub windows: Windows,
    /// Numbers of a window's row.
    pub row: usize,
    /// From a window's first number to each of its rows.
    pub taps: Vec<u32>,
    /// `[panel][row][four][2 × 8 outputs][4 numbers]`; the last four of a row may be part empty.
    pub lines: Vec<Line>,
    /// The same in 16 bits: `[panel][row][pair][2 × 8 outputs][2 numbers]`.
    pub wide: Vec<WideLine>,
    pub scaling: Scaling,
}

impl Stem {
    /// For photos of this side; its output gets a border of 1, for the pooling that follows.
    pub fn new(c: &Convolution, size: usize, frame: [u8; 3]) -> Result<Self, ExecutorError> {
        let refuse =
            || ExecutorError::Network(format!("a first convolution {:?}, {:?} over {size}", c.shape, c.form));
        let sizes = Sizes::of(c, "a first convolution")?;
        let (outputs, moves) = (sizes.outputs(), sizes.moves());
        let (kernel, stride, padding) = (moves.kernel(), moves.stride(), moves.padding());
        if size > MOST_SIDE || c.shape[1] != 3 || c.form.groups != 1 || c.weights.contains(&i8::MIN) {
            return Err(refuse());
        }
        let side = moves.over(size).ok_or_else(refuse)?;
        let output = Extent::new(side, outputs, 1).ok_or_else(refuse)?;
        let (framed, row) = (size + 2 * padding, kernel * 3);
        let mut windows = Windows { inputs: Vec::new(), outputs: Vec::new() };
        for y in 0..side {
            for x in 0..side {
                windows.inputs.push(((y * framed + x) * stride * 3) as u32);
                windows.outputs.push(output.at(y, x) as u32);
            }
        }
        let (panels, fours, pairs) = (outputs.div_ceil(STEP), row.div_ceil(4), row.div_ceil(2));
        let mut lines = vec![Line([0; 64]); panels * kernel * fours];
        let mut wide = vec![WideLine([0; 32]); panels * kernel * pairs];
        for (i, &weight) in c.weights.iter().enumerate() {
            let (x, y) = (i % kernel, i / kernel % kernel);
            let (colour, output) = (i / kernel / kernel % 3, i / kernel / kernel / 3);
            let (number, row) = (x * 3 + colour, output / STEP * kernel + y);
            lines[row * fours + number / 4].0[output % STEP * 4 + number % 4] = weight;
            wide[row * pairs + number / 2].0[output % STEP * 2 + number % 2] = i16::from(weight);
        }
        let taps = (0..kernel).map(|y| (y * framed * 3) as u32).collect();
        let largest = (kernel * kernel * 3 * 255) as f32 * f32::from(STEM_LEVELS);
        let scaling = Scaling::new(c, 1.0 / 255.0, largest)?;
        Ok(Self { framed, padding, frame, output, windows, row, taps, lines, wide, scaling })
    }

    /// Multiplications a photo, those of what is padded counted in.
    pub fn work(&self) -> u64 {
        self.windows.inputs.len() as u64 * (self.lines.len() * size_of::<Line>()) as u64
    }

    /// Numbers of a framed photo.
    pub fn photo(&self) -> usize {
        self.framed * self.framed * 3
    }
}
