//! From a tile's sums to what is written: scaled, what goes past added, cut to bytes or to 16 bits.

use std::arch::x86_64::*;

use crate::kernel::vnni::{PANELS, Sums, TILE};
use crate::{
    kernel::{Into, Past, tiles::Finish},
    weights::STEP,
};

/// A panel's numbers of one window, in the output's steps: those of `place` on go past.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn numbers(sum: __m512i, scale: __m512, bias: __m512, place: usize, past: Past) -> __m512i {
    let value = _mm512_fmadd_ps(_mm512_cvtepi32_ps(sum), scale, bias);
    // SAFETY: 16 numbers from there on are the caller's care.
    let (other, worth) = unsafe {
        match past {
            Past::Nothing => return _mm512_cvtps_epi32(value),
            Past::Bytes(map, worth) => (_mm512_cvtepu8_epi32(_mm_loadu_si128(map.add(place).cast())), worth),
            Past::Words(map, worth) => {
                (_mm512_cvtepi16_epi32(_mm256_loadu_si256(map.add(place).cast())), worth)
            }
        }
    };
    _mm512_cvtps_epi32(_mm512_fmadd_ps(_mm512_cvtepi32_ps(other), _mm512_set1_ps(worth), value))
}

/// Two panels, whose outputs lie side by side.
pub(crate) struct Both {
    scales: [__m512; PANELS],
    biases: [__m512; PANELS],
}

impl Both {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub unsafe fn new(&Finish { scale, bias, .. }: &Finish) -> Self {
        // SAFETY: 32 numbers each are the caller's care.
        unsafe {
            Self {
                scales: [_mm512_loadu_ps(scale), _mm512_loadu_ps(scale.add(STEP))],
                biases: [_mm512_loadu_ps(bias), _mm512_loadu_ps(bias.add(STEP))],
            }
        }
    }

    /// A window's 32 numbers as 16-bit ones; in the order 0–3, 16–19, 4–7 …, since packing works within quarters of a register.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    unsafe fn packed(&self, low: __m512i, high: __m512i, place: usize, past: Past) -> __m512i {
        // SAFETY: 32 places of every map are the caller's care.
        unsafe {
            let low = numbers(low, self.scales[0], self.biases[0], place, past);
            let high = numbers(high, self.scales[1], self.biases[1], place + STEP, past);
            _mm512_packs_epi32(low, high)
        }
    }

    /// Writes two windows as bytes; both in one place is one.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub unsafe fn bytes(
        &self,
        [a, b, c, d]: [__m512i; 4],
        [first, second]: [usize; 2],
        past: Past,
        into: Into,
    ) {
        let Into::Bytes(map, most) = into else { return };
        let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        // SAFETY: as above.
        unsafe {
            let words = (self.packed(a, b, first, past), self.packed(c, d, second, past));
            let bytes = _mm512_packus_epi16(words.0, words.1);
            let bytes = _mm512_min_epu8(bytes, _mm512_set1_epi8(most.cast_signed()));
            let bytes = _mm512_permutexvar_epi32(order, bytes);
            _mm256_storeu_si256(map.add(first).cast(), _mm512_castsi512_si256(bytes));
            _mm256_storeu_si256(map.add(second).cast(), _mm512_extracti64x4_epi64(bytes, 1));
        }
    }

    /// Writes two windows as 16-bit numbers; both in one place is one.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    pub unsafe fn words(
        &self,
        [a, b, c, d]: [__m512i; 4],
        [first, second]: [usize; 2],
        past: Past,
        into: Into,
    ) {
        let Into::Words(map) = into else { return };
        let order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
        // SAFETY: as above.
        unsafe {
            let words = (self.packed(a, b, first, past), self.packed(c, d, second, past));
            _mm512_storeu_si512(map.add(first).cast(), _mm512_permutexvar_epi64(order, words.0));
            _mm512_storeu_si512(map.add(second).cast(), _mm512_permutexvar_epi64(order, words.1));
        }
    }
}

/// Writes two panels.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(crate) unsafe fn both(sums: &Sums, places: &[usize], finish: &Finish) {
    // SAFETY: as above.
    unsafe {
        let both = Both::new(finish);
        for (i, places) in places.chunks(2).enumerate() {
            let (i, j) = (2 * i, 2 * i + places.len() - 1);
            let four = [sums[0][i], sums[1][i], sums[0][j], sums[1][j]];
            let places = [places[0], places[places.len() - 1]];
            match finish.into {
                Into::Bytes(..) => both.bytes(four, places, finish.past, finish.into),
                Into::Words(..) => both.words(four, places, finish.past, finish.into),
            }
        }
    }
}

/// Writes a single panel.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(crate) unsafe fn one(
    sums: &[__m512i; TILE],
    places: &[usize],
    &Finish { scale, bias, past, into }: &Finish,
) {
    // SAFETY: 16 numbers each, and 16 places of every map, are the caller's care.
    unsafe {
        let (scale, bias) = (_mm512_loadu_ps(scale), _mm512_loadu_ps(bias));
        for (&sum, &place) in sums.iter().zip(places) {
            let numbers = numbers(sum, scale, bias, place, past);
            match into {
                Into::Bytes(map, most) => {
                    let bytes = _mm512_cvtusepi32_epi8(_mm512_max_epi32(numbers, _mm512_setzero_si512()));
                    let bytes = _mm_min_epu8(bytes, _mm_set1_epi8(most.cast_signed()));
                    _mm_storeu_si128(map.add(place).cast(), bytes);
                }
                Into::Words(map) => {
                    _mm256_storeu_si256(map.add(place).cast(), _mm512_cvtsepi32_epi16(numbers));
                }
            }
        }
    }
}
