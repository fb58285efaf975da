//! The inner loops, a set of instructions each: a convolution's windows over bytes; the first one's, whose bytes have all 8 bits, over 16-bit numbers where
//! there is no instruction for bytes that cannot overflow.
//!
//! May enter: a [`Work`] whose buffers are as long as its layer says. Every kernel gives the scalar one's results bit for bit. `unsafe` is
//! here because several threads write into one map, each its own pixels and panels, and because instructions that not
//! every machine has may be reached only after asking it (a [`Kernel`] is the proof that it was asked).

#[cfg(target_arch = "x86_64")]
mod avx2;
mod scalar;
mod tiles;
#[cfg(target_arch = "x86_64")]
mod vnni;

use std::ops::Range;

use tiles::run;

use crate::{
    layer::{Layer, Stem},
    weights::Line,
};

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
pub(crate) unsafe fn begin(kernel: Kernel, work: &Work<'_, i16, Stem>, part: &Part) {
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
