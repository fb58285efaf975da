//! NEON, which every aarch64 machine has.
#![allow(unsafe_code)]

use std::arch::aarch64::*;

use crate::local::kernel::{Parts, Rows, Sums, each_row};

#[target_feature(enable = "neon")]
#[inline]
pub(crate) fn codes(a: &[u8], b: &[u8]) -> u32 {
    let mut sums = (vdupq_n_u32(0), vdupq_n_u32(0));
    let (a, b) = (a.as_chunks::<16>().0, b.as_chunks::<16>().0);
    for (a, b) in a.iter().zip(b) {
        // SAFETY: both are 16 bytes long, and the loads need no alignment.
        let apart = unsafe { vabdq_u8(vld1q_u8(a.as_ptr()), vld1q_u8(b.as_ptr())) };
        let (low, high) = (vget_low_u8(apart), vget_high_u8(apart));
        sums.0 = vpadalq_u16(sums.0, vmull_u8(low, low));
        sums.1 = vpadalq_u16(sums.1, vmull_u8(high, high));
    }
    vaddvq_u32(vaddq_u32(sums.0, sums.1))
}

#[target_feature(enable = "neon")]
pub(crate) fn rows(query: Parts<'_>, rows: Rows<'_>, points: &[u32], sums: &mut Sums) {
    each_row(query, rows, points, sums, |a, b| codes(a, b));
}
