//! Exact distances between f32 vectors, in the machine's widest instructions.

use lookalike_items::{ColourWeight, Distance};

use super::kernel::Kernel;

/// The exact distance between deep and colour vectors. Both must have the same dimensions. The result is the same bits on
/// every machine.
pub fn distance(a: (&[f32], &[f32]), b: (&[f32], &[f32]), weight: ColourWeight) -> Distance {
    measured(Kernel::best(), a, b, weight)
}

/// The same with the kernel at hand.
#[inline]
pub(crate) fn measured(
    kernel: Kernel,
    a: (&[f32], &[f32]),
    b: (&[f32], &[f32]),
    weight: ColourWeight,
) -> Distance {
    Distance::new(kernel.squared_l2(a.0, b.0).sqrt(), kernel.squared_l2(a.1, b.1).sqrt(), weight)
}
