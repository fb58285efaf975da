//! What a network may be at most, and sizes that are within. A file says what it likes: all that it says of sizes comes through here,
//! once, and the rooms behind add and multiply what these types hold without another look.

use crate::{
    ExecutorError,
    file::{Convolution, Form},
    weights::{MOST_CHANNELS, STEP},
};

/// Pixels along the side of a photo or a map.
pub(crate) const MOST_SIDE: usize = 1024;
/// Pixels along the side of a kernel: of the first convolution 255 · 127 · k² · 3 fits into 32 bits then.
const MOST_KERNEL: usize = 26;
/// Pixels from one output to the next.
const MOST_STRIDE: usize = 16;
/// Weights of one output: with inputs of 7 bits their sum fits into 32.
const MOST_DEPTH: usize = 1 << 17;
/// Numbers of one photo's map, its border counted in: places in it fit into 32 bits.
const MOST_MAP: usize = 1 << 28;
/// Outputs of a linear layer.
pub(crate) const MOST_OUTPUTS: usize = 1 << 16;
/// Bytes that one photo's maps take together; a ResNet-50's at a side of 1024 take a third of it.
pub(crate) const MOST_MEMORY: usize = 256 << 20;
/// Multiplications of one photo's pass: twice those of a ResNet-101 of double width at a side of 1024.
pub(crate) const MOST_WORK: u64 = 1 << 40;

/// How a square kernel moves over a map. Its padding is smaller than the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moves {
    kernel: usize,
    stride: usize,
    padding: usize,
}

impl Moves {
    /// The maximum that follows the first convolution.
    pub const POOLING: Self = Self { kernel: 3, stride: 2, padding: 1 };

    fn new(kernel: usize, stride: usize, padding: usize) -> Option<Self> {
        let within = (1..=MOST_KERNEL).contains(&kernel) && (1..=MOST_STRIDE).contains(&stride);
        (within && padding < kernel).then_some(Self { kernel, stride, padding })
    }

    /// The kernel's side.
    pub fn kernel(self) -> usize {
        self.kernel
    }

    /// Pixels from one output to the next.
    pub fn stride(self) -> usize {
        self.stride
    }

    /// Pixels around the input.
    pub fn padding(self) -> usize {
        self.padding
    }

    /// The side of what it gives over a map of this side; none where the kernel does not fit in.
    pub fn over(self, side: usize) -> Option<usize> {
        let room = side.min(MOST_SIDE) + 2 * self.padding;
        room.checked_sub(self.kernel).map(|reach| reach / self.stride + 1)
    }
}

/// A convolution's sizes. Its weights, steps and biases are as many as they say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    outputs: usize,
    moves: Moves,
}

impl Sizes {
    /// # Errors
    /// [`ExecutorError::Network`] for sizes beyond the bounds, or where the parts do not fit together; `what` is what the message calls it.
    pub fn of(c: &Convolution, what: &str) -> Result<Self, ExecutorError> {
        Self::within(c).ok_or_else(|| {
            let (weights, steps, bias) = (c.weights.len(), c.steps.len(), c.bias.len());
            ExecutorError::Network(format!(
                "{what} {:?}, {:?}, of {weights} weights, {steps} steps and {bias} biases: no network has one",
                c.shape, c.form
            ))
        })
    }

    fn within(c: &Convolution) -> Option<Self> {
        let [outputs, inputs, kernel, width] = c.shape;
        let Form { stride, padding, groups, output } = c.form;
        let moves = Moves::new(kernel, stride, padding).filter(|_| width == kernel)?;
        let counted = |n: usize, most: usize| (1..=most).contains(&n);
        if !counted(outputs, MOST_CHANNELS) || !counted(inputs, MOST_CHANNELS) || !counted(groups, outputs) {
            return None;
        }
        let depth = inputs * kernel * kernel;
        let fits = outputs.is_multiple_of(groups) && inputs * groups <= MOST_CHANNELS && depth <= MOST_DEPTH;
        let lengths = [c.weights.len(), c.steps.len(), c.bias.len()];
        let whole = fits && lengths == [outputs * depth, outputs, outputs];
        (whole && output.is_finite() && output > 0.0).then_some(Self { outputs, moves })
    }

    /// Channels of what it gives.
    pub fn outputs(self) -> usize {
        self.outputs
    }

    /// How its kernel moves.
    pub fn moves(self) -> Moves {
        self.moves
    }
}

/// The size of a map of numbers, `[height, width, channels]`, channels padded to whole panels, `border` zeros around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    side: usize,
    channels: usize,
    border: usize,
}

impl Extent {
    /// None beyond the bounds.
    pub fn new(side: usize, channels: usize, border: usize) -> Option<Self> {
        let counted = (1..=MOST_SIDE).contains(&side) && (1..=MOST_CHANNELS).contains(&channels);
        let extent = Self { side, channels, border };
        (counted && border < MOST_KERNEL && extent.photo() <= MOST_MAP).then_some(extent)
    }

    /// Pixels along its side, without the border.
    pub fn side(self) -> usize {
        self.side
    }

    /// Channels that count.
    pub fn channels(self) -> usize {
        self.channels
    }

    /// Pixels of zeros on each side.
    pub fn border(self) -> usize {
        self.border
    }

    /// Numbers from one pixel to the next.
    pub fn pixel(self) -> usize {
        self.channels.next_multiple_of(STEP)
    }

    /// Pixels from one row to the next.
    pub fn row(self) -> usize {
        self.side + 2 * self.border
    }

    /// Numbers of a photo's map, borders and all.
    pub fn photo(self) -> usize {
        self.row() * self.row() * self.pixel()
    }

    /// Where a pixel's numbers begin.
    pub fn at(self, y: usize, x: usize) -> usize {
        ((y + self.border) * self.row() + x + self.border) * self.pixel()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_has_sizes_within_the_bounds() {
        assert!(Extent::new(MOST_SIDE, 64, 1).is_some_and(|extent| extent.photo() == 1026 * 1026 * 64));
        for (side, channels, border) in [
            (0, 1, 0),
            (1, 0, 0),
            (MOST_SIDE + 1, 1, 0),
            (1, MOST_CHANNELS + 1, 0),
            (1, 1, MOST_KERNEL),
            (MOST_SIDE, MOST_CHANNELS, 0),
        ] {
            assert_eq!(Extent::new(side, channels, border), None, "{side}, {channels}, {border}");
        }
    }

    #[test]
    fn a_kernel_moves_within_the_bounds() {
        let over = |kernel, stride, padding, side| Moves::new(kernel, stride, padding)?.over(side);
        assert_eq!(over(7, 2, 3, 224), Some(112));
        assert_eq!(over(3, 1, 1, 7), Some(7));
        assert_eq!(over(5, 1, 0, 4), None);
        for (kernel, stride, padding) in [(0, 1, 0), (27, 1, 0), (3, 0, 1), (3, 17, 1), (3, 1, 3)] {
            assert_eq!(Moves::new(kernel, stride, padding), None, "{kernel}, {stride}, {padding}");
        }
        assert_eq!(Moves::new(1, 1, 1 << 58), None);
        assert_eq!(Moves::POOLING.over(112), Some(56));
    }
}
