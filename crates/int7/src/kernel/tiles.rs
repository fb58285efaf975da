//! From a layer to tiles: which windows and panels are computed together, and what each set of instructions must do with them.
//!
//! May enter: a [`Work`] and a [`Part`] as the kernels take them.

use std::ops::Range;

use crate::kernel::{Into, Part, Past, Work};
use crate::{
    layer::{Layer, Scaling, Stem, Windows},
    weights::{Line, STEP, WideLine},
};

/// Windows that any kernel computes together, at most.
pub(crate) const MOST_WINDOWS: usize = 14;

/// Windows that are computed together.
pub(crate) struct Tile<I> {
    /// Where each begins; those beyond `full` repeat another.
    pub windows: [*const I; MOST_WINDOWS],
    /// Where what each gives goes.
    pub places: [usize; MOST_WINDOWS],
    /// How many there are.
    pub full: usize,
}

/// What becomes of a tile's sums.
pub(crate) struct Finish {
    /// 16 numbers a panel.
    pub scale: *const f32,
    /// 16 numbers a panel.
    pub bias: *const f32,
    pub past: Past,
    pub into: Into,
}

/// Adds up a tile, 16 outputs of each of its windows and panels, in a set of instructions; scales and writes it. A
/// multiplication and its addition round once there.
pub(crate) trait Arithmetic {
    /// Windows that are computed together, up to [`MOST_WINDOWS`].
    const WINDOWS: usize;
    /// Panels that are computed together where they read the same inputs.
    const PANELS: usize;

    /// Over bytes, four by four. A window is read at its pointer plus each tap, so many fours from there: of a [`Layer`]
    /// a multiple of 4. `weights` are each panel's.
    unsafe fn bytes(
        tile: &Tile<u8>,
        taps_and_fours: (&[u32], usize),
        weights: &[*const Line],
        finish: &Finish,
    );
}

/// Where the first convolution is over 16-bit numbers.
pub(crate) trait Words: Arithmetic {
    /// In pairs, otherwise as [`Arithmetic::bytes`].
    unsafe fn words(
        tile: &Tile<i16>,
        taps_and_pairs: (&[u32], usize),
        weights: &[*const WideLine],
        finish: &Finish,
    );
}

/// What there is to know of a layer to find its windows.
pub(crate) trait Windowed {
    fn windows(&self) -> &Windows;
    /// Numbers of a photo, in and out.
    fn photo(&self) -> (usize, usize);
    fn scaling(&self) -> &Scaling;
    /// The first number that this panel reads.
    fn start(&self, panel: usize) -> usize;
}

/// A layer that runs over inputs of some kind in some arithmetic.
pub(crate) trait Over<I, A>: Windowed {
    /// A tile of some panels, at most as many as the kernel takes, which start alike.
    unsafe fn tile(&self, lines: &[Line], tile: &Tile<I>, panels: Range<usize>, finish: &Finish);
}

impl Windowed for Layer {
    fn windows(&self) -> &Windows {
        &self.windows
    }

    fn photo(&self) -> (usize, usize) {
        (self.input.photo(), self.output.photo())
    }

    fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    fn start(&self, panel: usize) -> usize {
        self.starts[panel] as usize
    }
}

impl<A: Arithmetic> Over<u8, A> for Layer {
    #[inline(always)]
    unsafe fn tile(&self, all: &[Line], tile: &Tile<u8>, panels: Range<usize>, finish: &Finish) {
        let fours = self.runs * STEP / 4;
        let lines = self.taps.len() * fours;
        // SAFETY: there are as many lines for each panel; windows are the caller's care.
        unsafe {
            let first = all.as_ptr().add(self.line);
            let weights = [panels.start, panels.end - 1].map(|p| first.add(p * lines));
            A::bytes(tile, (&self.taps, fours), &weights[..panels.len()], finish)
        }
    }
}

impl Windowed for Stem {
    fn windows(&self) -> &Windows {
        &self.windows
    }

    fn photo(&self) -> (usize, usize) {
        (self.photo(), self.output.photo())
    }

    fn scaling(&self) -> &Scaling {
        &self.scaling
    }

    fn start(&self, _: usize) -> usize {
        0
    }
}

impl<A: Arithmetic> Over<u8, A> for Stem {
    #[inline(always)]
    unsafe fn tile(&self, _: &[Line], tile: &Tile<u8>, panels: Range<usize>, finish: &Finish) {
        let fours = self.row.div_ceil(4);
        let lines = self.taps.len() * fours;
        // SAFETY: as above.
        unsafe {
            let weights = [panels.start, panels.end - 1].map(|p| self.lines.as_ptr().add(p * lines));
            A::bytes(tile, (&self.taps, fours), &weights[..panels.len()], finish)
        }
    }
}

impl<A: Words> Over<i16, A> for Stem {
    #[inline(always)]
    unsafe fn tile(&self, _: &[Line], tile: &Tile<i16>, panels: Range<usize>, finish: &Finish) {
        let pairs = self.row.div_ceil(2);
        let lines = self.taps.len() * pairs;
        // SAFETY: as above.
        unsafe {
            let weights = [panels.start, panels.end - 1].map(|p| self.wide.as_ptr().add(p * lines));
            A::words(tile, (&self.taps, pairs), &weights[..panels.len()], finish)
        }
    }
}

/// The loop that all kernels share: some panels, tile by tile, so that their weights stay near; then the next.
#[inline(always)]
pub(crate) unsafe fn run<A: Arithmetic, I, L: Over<I, A>>(work: &Work<'_, I, L>, part: &Part) {
    let (windows, scaling) = (work.layer.windows(), work.layer.scaling());
    let (from, to) = work.layer.photo();
    let (inputs, outputs) = (windows.inputs.as_slice(), windows.outputs.as_slice());
    let count = inputs.len();
    let mut panel = part.panels.start;
    while panel < part.panels.end {
        let (start, channel) = (work.layer.start(panel), panel * STEP);
        let alike = |p: &usize| *p < part.panels.end && work.layer.start(*p) == start;
        let panels = panel..panel + (panel..panel + A::PANELS).take_while(alike).count();
        panel = panels.end;
        // SAFETY: there are 16 numbers for each panel.
        let (scale, bias) =
            unsafe { (scaling.scale.as_ptr().add(channel), scaling.bias.as_ptr().add(channel)) };
        let finish = Finish { scale, bias, past: work.past, into: work.into };
        let mut tile =
            Tile { windows: [work.input; MOST_WINDOWS], places: [0; MOST_WINDOWS], full: A::WINDOWS };
        let (mut photo, mut window) = (part.windows.start / count, part.windows.start % count);
        let mut left = part.windows.len();
        while left > 0 {
            tile.full = left.min(A::WINDOWS);
            // SAFETY: windows of photos there are.
            unsafe {
                if window + A::WINDOWS <= count && tile.full == A::WINDOWS {
                    let (input, output) = (work.input.add(photo * from + start), photo * to + channel);
                    for i in 0..A::WINDOWS {
                        tile.windows[i] = input.add(inputs[window + i] as usize);
                        tile.places[i] = output + outputs[window + i] as usize;
                    }
                    window += A::WINDOWS;
                } else {
                    // Over the end of a photo, or of what there is.
                    for i in 0..A::WINDOWS {
                        if i < tile.full && window == count {
                            (photo, window) = (photo + 1, 0);
                        }
                        let at = window.min(count - 1);
                        tile.windows[i] = work.input.add(photo * from + inputs[at] as usize + start);
                        tile.places[i] = photo * to + outputs[at] as usize + channel;
                        window += usize::from(i < tile.full);
                    }
                }
                work.layer.tile(work.lines, &tile, panels.clone(), &finish);
            }
            left -= tile.full;
            if window == count {
                (photo, window) = (photo + 1, 0);
            }
        }
    }
}
