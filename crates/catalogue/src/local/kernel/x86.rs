//! AVX2 and AVX-512 VNNI. Codes are at most 127, so that |a−b| fits both the unsigned and the signed byte that the
//! multiplications take, and a pair's sum of squares (32,258) fits 16 bits.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

use crate::local::kernel::{CODE_STEP, Parts, Rows, Sums, each_row, scalar};

#[target_feature(enable = "avx2")]
#[inline]
pub(crate) fn codes_avx2(a: &[u8], b: &[u8]) -> u32 {
    let ones = _mm256_set1_epi16(1);
    let mut sum = _mm256_setzero_si256();
    let (a, b) = (a.as_chunks::<CODE_STEP>().0, b.as_chunks::<CODE_STEP>().0);
    for (a, b) in a.iter().zip(b) {
        // SAFETY: both are 32 bytes long, and the loads need no alignment.
        let (a, b) =
            unsafe { (_mm256_loadu_si256(a.as_ptr().cast()), _mm256_loadu_si256(b.as_ptr().cast())) };
        let apart = _mm256_abs_epi8(_mm256_sub_epi8(a, b));
        let pairs = _mm256_maddubs_epi16(apart, apart);
        sum = _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, ones));
    }
    add_up(sum)
}

#[target_feature(enable = "avx2")]
#[inline]
fn add_up(sum: __m256i) -> u32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256::<1>(sum));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
    let one = _mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two));
    _mm_cvtsi128_si32(one) as u32
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
pub(crate) fn codes_vnni(a: &[u8], b: &[u8]) -> u32 {
    let mut wide = _mm512_setzero_si512();
    let (wide_a, rest_a) = a.as_chunks::<64>();
    let (wide_b, rest_b) = b.as_chunks::<64>();
    for (a, b) in wide_a.iter().zip(wide_b) {
        // SAFETY: both are 64 bytes long, and the loads need no alignment.
        let (a, b) =
            unsafe { (_mm512_loadu_si512(a.as_ptr().cast()), _mm512_loadu_si512(b.as_ptr().cast())) };
        let apart = _mm512_abs_epi8(_mm512_sub_epi8(a, b));
        wide = _mm512_dpbusd_epi32(wide, apart, apart);
    }
    let mut sum = _mm256_add_epi32(_mm512_castsi512_si256(wide), _mm512_extracti64x4_epi64::<1>(wide));
    let (rest_a, rest_b) = (rest_a.as_chunks::<CODE_STEP>().0, rest_b.as_chunks::<CODE_STEP>().0);
    for (a, b) in rest_a.iter().zip(rest_b) {
        // SAFETY: both are 32 bytes long, and the loads need no alignment.
        let (a, b) =
            unsafe { (_mm256_loadu_si256(a.as_ptr().cast()), _mm256_loadu_si256(b.as_ptr().cast())) };
        let apart = _mm256_abs_epi8(_mm256_sub_epi8(a, b));
        sum = _mm256_dpbusd_epi32(sum, apart, apart);
    }
    add_up(sum)
}

#[target_feature(enable = "avx2")]
pub(crate) fn rows_avx2(query: Parts<'_>, rows: Rows<'_>, points: &[u32], sums: &mut Sums) {
    each_row(query, rows, points, sums, |a, b| codes_avx2(a, b));
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
pub(crate) fn rows_vnni(query: Parts<'_>, rows: Rows<'_>, points: &[u32], sums: &mut Sums) {
    each_row(query, rows, points, sums, |a, b| codes_vnni(a, b));
}

#[target_feature(enable = "avx2")]
pub(crate) fn squared_l2(a: &[f32], b: &[f32]) -> f32 {
    scalar::squared_l2(a, b)
}

#[target_feature(enable = "avx2")]
pub(crate) fn product(row: &[f32], matrix: &[f32], result: &mut [f32]) {
    scalar::product(row, matrix, result);
}

#[target_feature(enable = "avx2")]
pub(crate) fn within_avx2(bytes: &[u8], (least, width): (u8, u8), masks: &mut [u64]) {
    let (from, most) = (_mm256_set1_epi8(least as i8), _mm256_set1_epi8(width as i8));
    let half = |bytes: &[u8; 32]| {
        // SAFETY: they are 32 bytes long, and the load needs no alignment.
        let bytes = unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) };
        let beyond = _mm256_sub_epi8(bytes, from);
        _mm256_movemask_epi8(_mm256_cmpeq_epi8(_mm256_min_epu8(beyond, most), beyond)) as u32
    };
    for (mask, bytes) in masks.iter_mut().zip(bytes.as_chunks::<64>().0) {
        if let [low, high] = bytes.as_chunks::<32>().0 {
            *mask &= u64::from(half(low)) | u64::from(half(high)) << 32;
        }
    }
}

#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512vnni")]
pub(crate) fn within_avx512(bytes: &[u8], (least, width): (u8, u8), masks: &mut [u64]) {
    let (from, most) = (_mm512_set1_epi8(least as i8), _mm512_set1_epi8(width as i8));
    for (mask, bytes) in masks.iter_mut().zip(bytes.as_chunks::<64>().0) {
        // SAFETY: they are 64 bytes long, and the load needs no alignment.
        let bytes = unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) };
        *mask &= _mm512_cmple_epu8_mask(_mm512_sub_epi8(bytes, from), most);
    }
}

/// One request a cache line.
#[inline(always)]
pub(crate) fn prefetch(start: *const i8, bytes: usize) {
    for line in (0..bytes).step_by(64) {
        // SAFETY: a prefetch reads nothing; its address may be any. SSE, which it belongs to, is on every x86-64.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line)) };
    }
}
