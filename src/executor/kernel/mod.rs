//! The inner loops: a convolution's windows over bytes, the first one over 16-bit numbers.
//!
//! May enter: a [`Work`] whose buffers are as long as its layer says. Every kernel gives the scalar one's results bit for bit. `unsafe` is
//! here because several threads write into one map, each its own pixels and panels, and because instructions that not
//! every machine has may be reached only after asking it (a [`Kernel`] is the proof that it was asked).

mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::ops::Range;

use super::{
    layer::{Layer, Scaling, Stem, Windows},
    weights::{Line, STEP},
};

/// Windows that are computed together, 16 outputs each: six sums of eight numbers, six more while a run is added up.
const TILE: usize = 3;

/// A set of instructions that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
}

impl Kernel {
    /// The fastest this machine has.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if is_x86_feature_detected!("avx2") {
            return Self::Avx2;
        }
        Self::Scalar
    }
}

/// What is added to a convolution's output before it is cut to bytes: a map of the output's own shape.
#[derive(Clone, Copy, Debug)]
pub(super) enum Past {
    Nothing,
    /// Bytes, each worth so many of the output's steps.
    Bytes(*const u8, f32),
    /// 16-bit numbers, likewise.
    Words(*const i16, f32),
}

/// Where a convolution's output goes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Into {
    /// Cut to 0 up to this: ReLU and rounding.
    Bytes(*mut u8, u8),
    /// Of either sign.
    Words(*mut i16),
}

/// One convolution at work on some photos.
///
/// Its pointers are to whole maps of some photos: `input` of the layer's input, with [`Layer::beyond`] more behind it; `past` and
/// `into` of its output.
pub(super) struct Work<'a, I, L> {
    pub layer: &'a L,
    pub input: *const I,
    pub past: Past,
    pub into: Into,
}

// SAFETY: threads read the input and what goes past, and write what no other writes: each its own windows or panels.
unsafe impl<I, L> Sync for Work<'_, I, L> {}

/// Which windows (counted over all photos) and which panels of outputs.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub windows: Range<usize>,
    pub panels: Range<usize>,
}

/// Runs a part of a convolution over bytes.
///
/// # Safety
/// The work's buffers are as it says, and nobody else writes this part now.
pub(super) unsafe fn convolve(kernel: Kernel, work: &Work<'_, u8, Layer>, part: &Part) {
    match kernel {
        // SAFETY: as the caller says.
        Kernel::Scalar => unsafe { run::<scalar::Scalar, _, _>(work, part) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as the caller says; the machine has AVX2.
        Kernel::Avx2 => unsafe { x86::convolve(work, part) },
    }
}

/// Runs a part of the first convolution.
///
/// # Safety
/// As [`convolve`].
pub(super) unsafe fn begin(kernel: Kernel, work: &Work<'_, i16, Stem>, part: &Part) {
    match kernel {
        // SAFETY: as the caller says.
        Kernel::Scalar => unsafe { run::<scalar::Scalar, _, _>(work, part) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as the caller says; the machine has AVX2.
        Kernel::Avx2 => unsafe { x86::begin(work, part) },
    }
}

/// Sums of a tile, 16 outputs of each of its windows, in a set of instructions.
trait Arithmetic {
    type Sums: Copy;

    /// Over bytes. A window is read at its pointer plus each tap, `runs` times 16 bytes from there.
    unsafe fn bytes(
        windows: [*const u8; TILE],
        taps: &[u32],
        runs: usize,
        weights: *const Line,
    ) -> Self::Sums;

    /// Over 16-bit numbers, in pairs: rows of `row` numbers, of which the first `pairs` pairs count.
    unsafe fn words(
        windows: [*const i16; TILE],
        row: usize,
        rows_and_pairs: (usize, usize),
        weights: *const [i16; 32],
    ) -> Self::Sums;

    /// Scales and writes the first `outputs.len()` windows of a tile; `scale` and `bias` point to 16 numbers, `outputs` are places.
    unsafe fn finish(
        sums: Self::Sums,
        scaling: (*const f32, *const f32),
        places: &[usize],
        ends: (Past, Into),
    );
}

/// What there is to know of a layer to run over its windows.
trait Windowed<I> {
    fn windows(&self) -> &Windows;
    /// Numbers of a photo, in and out.
    fn photo(&self) -> (usize, usize);
    fn scaling(&self) -> &Scaling;
    /// The first number that this panel reads.
    fn start(&self, panel: usize) -> usize;
    unsafe fn sums<A: Arithmetic>(&self, windows: [*const I; TILE], panel: usize) -> A::Sums;
}

impl Windowed<u8> for Layer {
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

    #[inline(always)]
    unsafe fn sums<A: Arithmetic>(&self, windows: [*const u8; TILE], panel: usize) -> A::Sums {
        let lines = self.taps.len() * self.runs * STEP / 4;
        // SAFETY: there are as many lines for each panel; windows are the caller's care.
        unsafe { A::bytes(windows, &self.taps, self.runs, self.weights.as_ptr().add(panel * lines)) }
    }
}

impl Windowed<i16> for Stem {
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

    #[inline(always)]
    unsafe fn sums<A: Arithmetic>(&self, windows: [*const i16; TILE], panel: usize) -> A::Sums {
        let rows = (self.kernel, self.pairs);
        // SAFETY: as above.
        unsafe {
            let weights = self.weights.as_ptr().add(panel * self.kernel * self.pairs);
            A::words(windows, self.framed * 3, rows, weights)
        }
    }
}

/// The loop that all kernels share: panel by panel, tile by tile, so that a panel's weights stay near.
#[inline(always)]
unsafe fn run<A: Arithmetic, I, L: Windowed<I>>(work: &Work<'_, I, L>, part: &Part) {
    let (windows, scaling) = (work.layer.windows(), work.layer.scaling());
    let (from, to) = work.layer.photo();
    let count = windows.inputs.len();
    for panel in part.panels.clone() {
        let (start, channel) = (work.layer.start(panel), panel * STEP);
        let (mut photo, mut window) = (part.windows.start / count, part.windows.start % count);
        let mut left = part.windows.len();
        while left > 0 {
            let (mut pointers, mut places) = ([work.input; TILE], [0; TILE]);
            let full = left.min(TILE);
            for i in 0..TILE {
                // SAFETY: a window of a photo there is; a tile that is not full repeats its last one.
                pointers[i] =
                    unsafe { work.input.add(photo * from + windows.inputs[window] as usize + start) };
                places[i] = photo * to + windows.outputs[window] as usize + channel;
                if i + 1 < full {
                    window += 1;
                    if window == count {
                        (photo, window) = (photo + 1, 0);
                    }
                }
            }
            // SAFETY: as the caller says.
            unsafe {
                let sums = work.layer.sums::<A>(pointers, panel);
                let scaling = (scaling.scale.as_ptr().add(channel), scaling.bias.as_ptr().add(channel));
                A::finish(sums, scaling, &places[..full], (work.past, work.into));
            }
            left -= full;
            window += 1;
            if window == count {
                (photo, window) = (photo + 1, 0);
            }
        }
    }
}
