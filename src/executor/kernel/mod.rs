//! The inner loops: a convolution's windows over bytes; the first one's, whose bytes have all 8 bits, over 16-bit numbers where
//! there is no instruction for bytes that cannot overflow.
//!
//! May enter: a [`Work`] whose buffers are as long as its layer says. Every kernel gives the scalar one's results bit for bit. `unsafe` is
//! here because several threads write into one map, each its own pixels and panels, and because instructions that not
//! every machine has may be reached only after asking it (a [`Kernel`] is the proof that it was asked).

#[cfg(target_arch = "x86_64")]
mod avx2;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod vnni;

use std::ops::Range;

use super::{
    layer::{Layer, Scaling, Stem, Windows},
    weights::{Line, STEP, WideLine},
};

/// Windows that any kernel computes together, at most.
const MOST_WINDOWS: usize = 14;

/// A set of instructions that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kernel {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Vnni,
}

impl Kernel {
    /// The fastest this machine has.
    pub fn best() -> Self {
        Self::all().pop().unwrap_or(Self::Scalar)
    }

    /// Those this machine has, from the slowest to the fastest.
    pub fn all() -> Vec<Self> {
        #[allow(unused_mut)]
        let mut all = vec![Self::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                all.push(Self::Vnni);
            }
        }
        all
    }

    /// Whether the first convolution reads the photo's bytes as they are.
    pub fn begins_with_bytes(self) -> bool {
        match self {
            Self::Scalar => false,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => false,
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => true,
        }
    }

    /// Windows and panels that it computes together.
    pub fn tile(self) -> (usize, usize) {
        match self {
            Self::Scalar => (scalar::TILE, 1),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => (avx2::TILE, 1),
            #[cfg(target_arch = "x86_64")]
            Self::Vnni => (vnni::TILE, vnni::PANELS),
        }
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
/// `lines` are the network's weights. Its pointers are to whole maps of some photos: `input` of the layer's input, with [`Layer::beyond`] more behind it; `past` and
/// `into` of its output.
pub(super) struct Work<'a, I, L> {
    pub layer: &'a L,
    pub lines: &'a [Line],
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
        Kernel::Avx2 => unsafe { avx2::convolve(work, part) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as the caller says; the machine has AVX-512 with VNNI.
        Kernel::Vnni => unsafe { vnni::convolve(work, part) },
    }
}

/// Runs a part of the first convolution. Its input is of 16-bit numbers, of bytes where the kernel
/// [takes them](Kernel::begins_with_bytes).
///
/// # Safety
/// As [`convolve`].
pub(super) unsafe fn begin(kernel: Kernel, work: &Work<'_, i16, Stem>, part: &Part) {
    match kernel {
        // SAFETY: as the caller says.
        Kernel::Scalar => unsafe { run::<scalar::Scalar, _, _>(work, part) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as the caller says; the machine has AVX2.
        Kernel::Avx2 => unsafe { avx2::begin(work, part) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as the caller says; the machine has AVX-512 with VNNI.
        Kernel::Vnni => unsafe {
            let &Work { layer, lines, input, past, into } = work;
            vnni::begin(&Work { layer, lines, input: input.cast(), past, into }, part)
        },
    }
}

/// Windows that are computed together.
struct Tile<I> {
    /// Where each begins; those beyond `full` repeat another.
    windows: [*const I; MOST_WINDOWS],
    /// Where what each gives goes.
    places: [usize; MOST_WINDOWS],
    /// How many there are.
    full: usize,
}

/// What becomes of a tile's sums.
struct Finish {
    /// 16 numbers a panel.
    scale: *const f32,
    /// 16 numbers a panel.
    bias: *const f32,
    past: Past,
    into: Into,
}

/// Adds up a tile, 16 outputs of each of its windows and panels, in a set of instructions; scales and writes it. A
/// multiplication and its addition round once there.
trait Arithmetic {
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
trait Words: Arithmetic {
    /// In pairs, otherwise as [`Arithmetic::bytes`].
    unsafe fn words(
        tile: &Tile<i16>,
        taps_and_pairs: (&[u32], usize),
        weights: &[*const WideLine],
        finish: &Finish,
    );
}

/// What there is to know of a layer to find its windows.
trait Windowed {
    fn windows(&self) -> &Windows;
    /// Numbers of a photo, in and out.
    fn photo(&self) -> (usize, usize);
    fn scaling(&self) -> &Scaling;
    /// The first number that this panel reads.
    fn start(&self, panel: usize) -> usize;
}

/// A layer that runs over inputs of some kind in some arithmetic.
trait Over<I, A>: Windowed {
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
unsafe fn run<A: Arithmetic, I, L: Over<I, A>>(work: &Work<'_, I, L>, part: &Part) {
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
