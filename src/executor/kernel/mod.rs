//! The inner loops: a convolution's windows over bytes, the first one over 16-bit numbers.
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

/// Windows and panels that any kernel computes together, at most.
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
        Kernel::Avx2 => unsafe { avx2::convolve(work, part) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as the caller says; the machine has AVX-512 with VNNI.
        Kernel::Vnni => unsafe { vnni::convolve(work, part) },
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
        Kernel::Avx2 => unsafe { avx2::begin(work, part) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as the caller says; the machine has AVX-512 with VNNI.
        Kernel::Vnni => unsafe { vnni::begin(work, part) },
    }
}

/// Sums of a tile, 16 outputs of each of its windows and panels, in a set of instructions.
trait Arithmetic {
    /// Windows that are computed together, up to [`MOST_WINDOWS`].
    const WINDOWS: usize;
    /// Panels that are computed together where they read the same inputs.
    const PANELS: usize;
    type Sums;

    /// Room for sums.
    fn sums() -> Self::Sums;

    /// Over bytes. A window, of [`WINDOWS`](Self::WINDOWS) of which the first `full` count, is read at its pointer plus each tap,
    /// `runs` times 16 bytes from there; `weights` are each panel's.
    unsafe fn bytes(
        windows: &[*const u8],
        full: usize,
        taps_and_runs: (&[u32], usize),
        weights: &[*const Line],
        sums: &mut Self::Sums,
    );

    /// Over 16-bit numbers, in pairs: rows of `row` numbers, of which the first `pairs` pairs count.
    unsafe fn words(
        windows: &[*const i16],
        full: usize,
        row: usize,
        rows_and_pairs: (usize, usize),
        weights: &[*const WideLine],
        sums: &mut Self::Sums,
    );

    /// Scales and writes the first `places.len()` windows of a tile, of `panels` panels; `scale` and `bias` point to 16
    /// numbers a panel. A multiplication and its addition round once.
    unsafe fn finish(
        sums: &Self::Sums,
        panels: usize,
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
    /// Of so many windows as the kernel takes, of which the first `full` count, and of some panels, at most as many as it
    /// takes, which start alike.
    unsafe fn add_up<A: Arithmetic>(
        &self,
        windows: &[*const I],
        full: usize,
        panels: Range<usize>,
        sums: &mut A::Sums,
    );
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
    unsafe fn add_up<A: Arithmetic>(
        &self,
        windows: &[*const u8],
        full: usize,
        panels: Range<usize>,
        sums: &mut A::Sums,
    ) {
        let lines = self.taps.len() * self.runs * STEP / 4;
        // SAFETY: there are as many lines for each panel; windows are the caller's care.
        unsafe {
            let weights = [panels.start, panels.end - 1].map(|p| self.weights.as_ptr().add(p * lines));
            A::bytes(windows, full, (&self.taps, self.runs), &weights[..panels.len()], sums)
        }
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
    unsafe fn add_up<A: Arithmetic>(
        &self,
        windows: &[*const i16],
        full: usize,
        panels: Range<usize>,
        sums: &mut A::Sums,
    ) {
        let lines = self.kernel * self.pairs;
        // SAFETY: as above.
        unsafe {
            let weights = [panels.start, panels.end - 1].map(|p| self.weights.as_ptr().add(p * lines));
            let (row, rows) = (self.framed * 3, (self.kernel, self.pairs));
            A::words(windows, full, row, rows, &weights[..panels.len()], sums)
        }
    }
}

/// The loop that all kernels share: some panels, tile by tile, so that their weights stay near; then the next.
#[inline(always)]
unsafe fn run<A: Arithmetic, I, L: Windowed<I>>(work: &Work<'_, I, L>, part: &Part) {
    let (windows, scaling) = (work.layer.windows(), work.layer.scaling());
    let (from, to) = work.layer.photo();
    let count = windows.inputs.len();
    let mut sums = A::sums();
    let mut panel = part.panels.start;
    while panel < part.panels.end {
        let (start, channel) = (work.layer.start(panel), panel * STEP);
        let alike = |p: &usize| *p < part.panels.end && work.layer.start(*p) == start;
        let panels = panel..panel + (panel..panel + A::PANELS).take_while(alike).count();
        panel = panels.end;
        let (mut photo, mut window) = (part.windows.start / count, part.windows.start % count);
        let mut left = part.windows.len();
        while left > 0 {
            let (mut pointers, mut places) = ([work.input; MOST_WINDOWS], [0; MOST_WINDOWS]);
            let full = left.min(A::WINDOWS);
            for i in 0..A::WINDOWS {
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
                work.layer.add_up::<A>(&pointers[..A::WINDOWS], full, panels.clone(), &mut sums);
                let scaling = (scaling.scale.as_ptr().add(channel), scaling.bias.as_ptr().add(channel));
                A::finish(&sums, panels.len(), scaling, &places[..full], (work.past, work.into));
            }
            left -= full;
            window += 1;
            if window == count {
                (photo, window) = (photo + 1, 0);
            }
        }
    }
}
