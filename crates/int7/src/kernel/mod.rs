//! The inner loops, a set of instructions each: a convolution's windows over bytes; the first one's, whose bytes have all 8 bits, over 16-bit numbers where
//! there is no instruction for bytes that cannot overflow.
//!
//! May enter: a [`Work`] whose buffers are as long as its layer says. Every kernel gives the scalar one's results bit for bit. `unsafe` is
//! here because several threads write into one map, each its own pixels and panels, and because instructions that not
//! every machine has may be reached only after asking it ([`Instructions`] are the proof that it was asked).

#[cfg(target_arch = "x86_64")]
mod avx2;
mod scalar;
mod tiles;
#[cfg(target_arch = "x86_64")]
mod vnni;

use std::ops::Range;

use lookalike_common::{InstructionSet, Instructions};
use tiles::run;

use crate::{
    layer::{Layer, Stem},
    weights::Line,
};

/// The loops in one of the instruction sets that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kernel(Instructions);

impl Kernel {
    #[cfg(test)]
    pub const SCALAR: Self = Self(Instructions::SCALAR);

    /// The fastest this machine has.
    pub fn best() -> Self {
        Self(Instructions::best())
    }

    /// Those this machine has, from the slowest to the fastest.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        Instructions::all().into_iter().map(Self).collect()
    }

    /// Whether it has loops of its own, faster than the scalar ones.
    pub fn is_fast(self) -> bool {
        matches!(self.0.set(), InstructionSet::Avx2 | InstructionSet::Vnni)
    }

    /// Whether the first convolution reads the photo's bytes as they are.
    pub fn begins_with_bytes(self) -> bool {
        self.0.set() == InstructionSet::Vnni
    }

    /// Windows and panels that it computes together.
    pub fn tile(self) -> (usize, usize) {
        match self.0.set() {
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => (avx2::TILE, 1),
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Vnni => (vnni::TILE, vnni::PANELS),
            _ => (scalar::TILE, 1),
        }
    }
}

/// What is added to a convolution's output before it is cut to bytes: a map of the output's own shape.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Past {
    Nothing,
    /// Bytes, each worth so many of the output's steps.
    Bytes(*const u8, f32),
    /// 16-bit numbers, likewise.
    Words(*const i16, f32),
}

/// Where a convolution's output goes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Into {
    /// Cut to 0 up to this: ReLU and rounding.
    Bytes(*mut u8, u8),
    /// Of either sign.
    Words(*mut i16),
}

/// One convolution at work on some photos.
///
/// `lines` are the network's weights. Its pointers are to whole maps of some photos: `input` of the layer's input, with [`Layer::beyond`] more behind it; `past` and
/// `into` of its output.
pub(crate) struct Work<'a, I, L> {
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
pub(crate) struct Part {
    pub windows: Range<usize>,
    pub panels: Range<usize>,
}

/// Runs a part of a convolution over bytes.
///
/// # Safety
/// The work's buffers are as it says, and nobody else writes this part now.
pub(crate) unsafe fn convolve(kernel: Kernel, work: &Work<'_, u8, Layer>, part: &Part) {
    match kernel.0.set() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as the caller says; the machine has AVX2.
        InstructionSet::Avx2 => unsafe { avx2::convolve(work, part) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as the caller says; the machine has AVX-512 with VNNI.
        InstructionSet::Vnni => unsafe { vnni::convolve(work, part) },
        // SAFETY: as the caller says.
        _ => unsafe { run::<scalar::Scalar, _, _>(work, part) },
    }
}

/// Runs a part of the first convolution. Its input is of 16-bit numbers, of bytes where the kernel
/// [takes them](Kernel::begins_with_bytes).
///
/// # Safety
/// As [`convolve`].
pub(crate) unsafe fn begin(kernel: Kernel, work: &Work<'_, i16, Stem>, part: &Part) {
    match kernel.0.set() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as the caller says; the machine has AVX2.
        InstructionSet::Avx2 => unsafe { avx2::begin(work, part) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as the caller says; the machine has AVX-512 with VNNI.
        InstructionSet::Vnni => unsafe {
            let &Work { layer, lines, input, past, into } = work;
            vnni::begin(&Work { layer, lines, input: input.cast(), past, into }, part)
        },
        // SAFETY: as the caller says.
        _ => unsafe { run::<scalar::Scalar, _, _>(work, part) },
    }
}
