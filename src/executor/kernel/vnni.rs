//! AVX-512 with VNNI: an instruction multiplies 64 bytes and adds the products up in 32 bits.

use std::arch::{asm, x86_64::*};

use super::{Arithmetic, Into, Layer, Part, Past, Stem, Work, run};
use crate::executor::weights::{Line, STEP, WideLine};

struct Vnni;

/// Windows that are computed together. Of two panels each they take 28 of 32 registers, and the sides of ResNet's maps at
/// 224 pixels are multiples of it, but for the last: of 7, for which half a tile is at hand.
pub(super) const TILE: usize = 14;
const HALF: usize = TILE / 2;
pub(super) const PANELS: usize = 2;
/// Rows of the first convolution's kernel, at most.
const MOST_ROWS: usize = 26;

type Sums = [[__m512i; TILE]; PANELS];

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn convolve(work: &Work<'_, u8, Layer>, part: &Part) {
    // SAFETY: as the caller says.
    unsafe { run::<Vnni, _, _>(work, part) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) unsafe fn begin(work: &Work<'_, i16, Stem>, part: &Part) {
    // SAFETY: as the caller says.
    unsafe { run::<Vnni, _, _>(work, part) }
}

/// Adds up what each window gives: of `length` bytes from each tap on, with a line of each panel for every four. Written
/// out, since the windows' pointers are more than there are registers and a compiler would rather give up sums: they are
/// read anew each time. A window is `[its pointer's place: register, line and place of each sum]`; lines are in registers
/// 28 and 29, inputs in 30.
macro_rules! add_up {
    (
        $multiply:literal, ($windows:expr, $taps:expr, $length:expr, $weights:expr, $sums:expr),
        $([$at:literal: $($sum:tt $line:tt $panel:tt $window:tt),+])+
    ) => {{
        let (taps, sums): (&[u32], &mut Sums) = ($taps, $sums);
        let (one, other) = ($weights[0], $weights[$weights.len() - 1]);
        asm!(
            $($(concat!("vpxord ", $sum, ", ", $sum, ", ", $sum),)+)+
            "2:",
            "mov {at:e}, [{taps}]",
            "lea {end}, [{at} + {length}]",
            "3:",
            "vmovdqa64 zmm28, [{one}]",
            "vmovdqa64 zmm29, [{other}]",
            $(
                concat!("mov {window}, [{windows} + ", $at, "]"),
                "vpbroadcastd zmm30, [{window} + {at}]",
                $(concat!($multiply, " ", $sum, ", zmm30, ", $line),)+
            )+
            "add {at}, 4",
            "add {one}, 64",
            "add {other}, 64",
            "cmp {at}, {end}",
            "jb 3b",
            "add {taps}, 4",
            "cmp {taps}, {last}",
            "jb 2b",
            windows = in(reg) $windows.as_ptr(),
            taps = inout(reg) taps.as_ptr() => _,
            last = in(reg) taps.as_ptr_range().end,
            length = in(reg) $length,
            one = inout(reg) one => _,
            other = inout(reg) other => _,
            at = out(reg) _, end = out(reg) _, window = out(reg) _,
            $($(out($sum) sums[$panel][$window],)+)+
            out("zmm28") _, out("zmm29") _, out("zmm30") _,
            options(nostack, readonly),
        );
    }};
}

/// [`add_up`] for a whole tile of two panels or one, or for half a tile of two.
macro_rules! tile {
    ($multiply:literal, $half:expr, ($windows:expr, $taps:expr, $length:expr, $weights:expr, $sums:expr)) => {
        match ($weights.len() == PANELS, $half) {
            (true, false) => add_up!($multiply, ($windows, $taps, $length, $weights, $sums),
                ["0": "zmm0" "zmm28" 0 0, "zmm14" "zmm29" 1 0]
                ["8": "zmm1" "zmm28" 0 1, "zmm15" "zmm29" 1 1]
                ["16": "zmm2" "zmm28" 0 2, "zmm16" "zmm29" 1 2]
                ["24": "zmm3" "zmm28" 0 3, "zmm17" "zmm29" 1 3]
                ["32": "zmm4" "zmm28" 0 4, "zmm18" "zmm29" 1 4]
                ["40": "zmm5" "zmm28" 0 5, "zmm19" "zmm29" 1 5]
                ["48": "zmm6" "zmm28" 0 6, "zmm20" "zmm29" 1 6]
                ["56": "zmm7" "zmm28" 0 7, "zmm21" "zmm29" 1 7]
                ["64": "zmm8" "zmm28" 0 8, "zmm22" "zmm29" 1 8]
                ["72": "zmm9" "zmm28" 0 9, "zmm23" "zmm29" 1 9]
                ["80": "zmm10" "zmm28" 0 10, "zmm24" "zmm29" 1 10]
                ["88": "zmm11" "zmm28" 0 11, "zmm25" "zmm29" 1 11]
                ["96": "zmm12" "zmm28" 0 12, "zmm26" "zmm29" 1 12]
                ["104": "zmm13" "zmm28" 0 13, "zmm27" "zmm29" 1 13]
            ),
            (true, true) => add_up!($multiply, ($windows, $taps, $length, $weights, $sums),
                ["0": "zmm0" "zmm28" 0 0, "zmm7" "zmm29" 1 0]
                ["8": "zmm1" "zmm28" 0 1, "zmm8" "zmm29" 1 1]
                ["16": "zmm2" "zmm28" 0 2, "zmm9" "zmm29" 1 2]
                ["24": "zmm3" "zmm28" 0 3, "zmm10" "zmm29" 1 3]
                ["32": "zmm4" "zmm28" 0 4, "zmm11" "zmm29" 1 4]
                ["40": "zmm5" "zmm28" 0 5, "zmm12" "zmm29" 1 5]
                ["48": "zmm6" "zmm28" 0 6, "zmm13" "zmm29" 1 6]
            ),
            (false, _) => add_up!($multiply, ($windows, $taps, $length, $weights, $sums),
                ["0": "zmm0" "zmm28" 0 0]
                ["8": "zmm1" "zmm28" 0 1]
                ["16": "zmm2" "zmm28" 0 2]
                ["24": "zmm3" "zmm28" 0 3]
                ["32": "zmm4" "zmm28" 0 4]
                ["40": "zmm5" "zmm28" 0 5]
                ["48": "zmm6" "zmm28" 0 6]
                ["56": "zmm7" "zmm28" 0 7]
                ["64": "zmm8" "zmm28" 0 8]
                ["72": "zmm9" "zmm28" 0 9]
                ["80": "zmm10" "zmm28" 0 10]
                ["88": "zmm11" "zmm28" 0 11]
                ["96": "zmm12" "zmm28" 0 12]
                ["104": "zmm13" "zmm28" 0 13]
            ),
        }
    };
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn bytes(windows: &[*const u8], half: bool, taps: &[u32], length: usize, weights: &[*const Line], sums: &mut Sums) {
    // SAFETY: the pointers are the caller's care.
    unsafe { tile!("vpdpbusd", half, (windows, taps, length, weights, sums)) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn words(windows: &[*const i16], half: bool, taps: &[u32], length: usize, weights: &[*const WideLine], sums: &mut Sums) {
    // SAFETY: as above.
    unsafe { tile!("vpdpwssd", half, (windows, taps, length, weights, sums)) }
}

// SAFETY, throughout: reached through the two functions above alone, so the machine has what they ask for; pointers are
// the caller's care.
impl Arithmetic for Vnni {
    const WINDOWS: usize = TILE;
    const PANELS: usize = PANELS;
    type Sums = Sums;

    #[inline(always)]
    fn sums() -> Sums {
        // SAFETY: as said.
        unsafe { [[_mm512_setzero_si512(); TILE]; PANELS] }
    }

    #[inline(always)]
    unsafe fn bytes(
        windows: &[*const u8],
        full: usize,
        (taps, runs): (&[u32], usize),
        weights: &[*const Line],
        sums: &mut Sums,
    ) {
        unsafe { bytes(windows, full <= HALF, taps, runs * STEP, weights, sums) }
    }

    #[inline(always)]
    unsafe fn words(
        windows: &[*const i16],
        full: usize,
        row: usize,
        (rows, pairs): (usize, usize),
        weights: &[*const WideLine],
        sums: &mut Sums,
    ) {
        let mut taps = [0u32; MOST_ROWS];
        taps.iter_mut().enumerate().for_each(|(y, tap)| *tap = (y * row * 2) as u32);
        unsafe { words(windows, full <= HALF, &taps[..rows], pairs * 4, weights, sums) }
    }

    #[inline(always)]
    unsafe fn finish(
        sums: &Sums,
        panels: usize,
        scaling: (*const f32, *const f32),
        places: &[usize],
        ends: (Past, Into),
    ) {
        unsafe {
            if panels == PANELS {
                both(sums, scaling, places, ends);
            } else {
                one(&sums[0], scaling, places, ends);
            }
        }
    }
}

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
            Past::Words(map, worth) => (_mm512_cvtepi16_epi32(_mm256_loadu_si256(map.add(place).cast())), worth),
        }
    };
    _mm512_cvtps_epi32(_mm512_fmadd_ps(_mm512_cvtepi32_ps(other), _mm512_set1_ps(worth), value))
}

/// Two panels, whose outputs lie side by side; two windows at a time.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn both(
    sums: &Sums,
    (scale, bias): (*const f32, *const f32),
    places: &[usize],
    (past, into): (Past, Into),
) {
    // SAFETY: 32 numbers each, and 32 places of every map, are the caller's care.
    unsafe {
        let scales = [_mm512_loadu_ps(scale), _mm512_loadu_ps(scale.add(STEP))];
        let biases = [_mm512_loadu_ps(bias), _mm512_loadu_ps(bias.add(STEP))];
        // Of a window's 32 numbers; packing works within quarters of a register, which is put right at the end.
        let packed = |window: usize, place: usize| {
            let low = numbers(sums[0][window], scales[0], biases[0], place, past);
            let high = numbers(sums[1][window], scales[1], biases[1], place + STEP, past);
            _mm512_packs_epi32(low, high)
        };
        match into {
            Into::Bytes(map, most) => {
                let most = _mm512_set1_epi8(most.cast_signed());
                let order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
                for (i, places) in places.chunks(2).enumerate() {
                    let first = packed(2 * i, places[0]);
                    let second = if let [_, place] = *places { packed(2 * i + 1, place) } else { first };
                    let bytes = _mm512_min_epu8(_mm512_packus_epi16(first, second), most);
                    let bytes = _mm512_permutexvar_epi32(order, bytes);
                    _mm256_storeu_si256(map.add(places[0]).cast(), _mm512_castsi512_si256(bytes));
                    if let [_, place] = *places {
                        _mm256_storeu_si256(map.add(place).cast(), _mm512_extracti64x4_epi64(bytes, 1));
                    }
                }
            }
            Into::Words(map) => {
                let order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
                for (i, &place) in places.iter().enumerate() {
                    let words = _mm512_permutexvar_epi64(order, packed(i, place));
                    _mm512_storeu_si512(map.add(place).cast(), words);
                }
            }
        }
    }
}

/// A single panel.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn one(
    sums: &[__m512i; TILE],
    (scale, bias): (*const f32, *const f32),
    places: &[usize],
    (past, into): (Past, Into),
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
