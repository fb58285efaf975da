//! AVX2. Loops count, since chains of iterators would leave the sums in memory.
#![allow(clippy::needless_range_loop)]

use std::arch::{asm, x86_64::*};

use crate::kernel::{
    Into, Layer, Part, Past, Stem, Work, run,
    tiles::{Arithmetic, Finish, MOST_WINDOWS, Tile, Words},
};
use crate::weights::{Line, STEP, WideLine};

/// Windows that are computed together: six sums of eight numbers, six more while a run is added up.
pub(crate) const TILE: usize = 3;
/// Outputs of a panel in registers of eight.
const HALVES: usize = STEP / 8;

struct Avx2;

/// Sixteen 16-bit ones: a product with them adds up neighbours.
#[repr(align(32))]
struct Ones(#[allow(dead_code)] [i16; 16]);
static ONES: Ones = Ones([1; 16]);

/// Four inputs (of all three windows) at byte `$at` of a run: their products are its first.
macro_rules! first {
    ($at:literal) => {
        concat!(
            "vmovdqa ymm12, [{w}]\n vmovdqa ymm13, [{w} + 32]\n",
            "vpbroadcastd ymm14, [{a} + {at} + ",
            $at,
            "]\n",
            "vpmaddubsw ymm6, ymm14, ymm12\n vpmaddubsw ymm7, ymm14, ymm13\n",
            "vpbroadcastd ymm15, [{b} + {at} + ",
            $at,
            "]\n",
            "vpmaddubsw ymm8, ymm15, ymm12\n vpmaddubsw ymm9, ymm15, ymm13\n",
            "vpbroadcastd ymm14, [{c} + {at} + ",
            $at,
            "]\n",
            "vpmaddubsw ymm10, ymm14, ymm12\n vpmaddubsw ymm11, ymm14, ymm13\n",
        )
    };
}

/// The next four, at byte `$at` of inputs and `$w` of weights.
macro_rules! next {
    ($at:literal, $w:literal) => {
        concat!(
            "vmovdqa ymm12, [{w} + ",
            $w,
            "]\n vmovdqa ymm13, [{w} + ",
            $w,
            " + 32]\n",
            next!("{a}", $at, "ymm6", "ymm7"),
            next!("{b}", $at, "ymm8", "ymm9"),
            next!("{c}", $at, "ymm10", "ymm11"),
        )
    };
    ($window:literal, $at:literal, $low:literal, $high:literal) => {
        concat!(
            "vpbroadcastd ymm14, [",
            $window,
            " + {at} + ",
            $at,
            "]\n",
            "vpmaddubsw ymm15, ymm14, ymm12\n",
            "vpmaddubsw ymm14, ymm14, ymm13\n",
            "vpaddw ",
            $low,
            ", ",
            $low,
            ", ymm15\n",
            "vpaddw ",
            $high,
            ", ",
            $high,
            ", ymm14\n",
        )
    };
}

type Sums = [[__m256i; HALVES]; TILE];

#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn convolve(work: &Work<'_, u8, Layer>, part: &Part) {
    // SAFETY: as the caller says.
    unsafe { run::<Avx2, _, _>(work, part) }
}

#[target_feature(enable = "avx2,fma")]
pub(crate) unsafe fn begin(work: &Work<'_, i16, Stem>, part: &Part) {
    // SAFETY: as the caller says.
    unsafe { run::<Avx2, _, _>(work, part) }
}

/// Written out, since a compiler runs out of registers here and keeps sums in memory: 0–5 are the sums, 6–11 those of a
/// run, 12 and 13 weights, 14 and 15 inputs and products.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn add_up(
    windows: &[*const u8; MOST_WINDOWS],
    taps: &[u32],
    runs: usize,
    weights: *const Line,
) -> Sums {
    let mut sums = [[_mm256_setzero_si256(); HALVES]; TILE];
    let mut weights = weights;
    for &tap in taps {
        // SAFETY: reads 16 bytes a run of each window from its tap on, and four lines of weights.
        unsafe {
            asm!(
                "2:",
                // Of the first four inputs products become the run's sums, those of the others are added.
                first!("0"),
                next!("4", "64"),
                next!("8", "128"),
                next!("12", "192"),
                // A run's sums fit into 16 bits: `weights::quantise` sees to it, `Layer::new` checks it.
                "vpmaddwd ymm6, ymm6, [{ones}]",
                "vpmaddwd ymm7, ymm7, [{ones}]",
                "vpmaddwd ymm8, ymm8, [{ones}]",
                "vpmaddwd ymm9, ymm9, [{ones}]",
                "vpmaddwd ymm10, ymm10, [{ones}]",
                "vpmaddwd ymm11, ymm11, [{ones}]",
                "vpaddd ymm0, ymm0, ymm6",
                "vpaddd ymm1, ymm1, ymm7",
                "vpaddd ymm2, ymm2, ymm8",
                "vpaddd ymm3, ymm3, ymm9",
                "vpaddd ymm4, ymm4, ymm10",
                "vpaddd ymm5, ymm5, ymm11",
                "add {at}, 16",
                "add {w}, 256",
                "cmp {at}, {end}",
                "jb 2b",
                a = in(reg) windows[0],
                b = in(reg) windows[1],
                c = in(reg) windows[2],
                w = inout(reg) weights,
                at = inout(reg) tap as usize => _,
                end = in(reg) tap as usize + runs * STEP,
                ones = in(reg) &raw const ONES,
                inout("ymm0") sums[0][0],
                inout("ymm1") sums[0][1],
                inout("ymm2") sums[1][0],
                inout("ymm3") sums[1][1],
                inout("ymm4") sums[2][0],
                inout("ymm5") sums[2][1],
                out("ymm6") _, out("ymm7") _, out("ymm8") _, out("ymm9") _, out("ymm10") _,
                out("ymm11") _, out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
                options(nostack, readonly),
            );
        }
    }
    sums
}

// SAFETY, throughout: reached through the two functions above alone, so the machine has AVX2; pointers are the caller's care.
impl Arithmetic for Avx2 {
    const WINDOWS: usize = TILE;
    const PANELS: usize = 1;

    #[inline(always)]
    unsafe fn bytes(
        tile: &Tile<u8>,
        (taps, fours): (&[u32], usize),
        weights: &[*const Line],
        finish: &Finish,
    ) {
        unsafe {
            write(
                &add_up(&tile.windows, taps, fours * 4 / STEP, weights[0]),
                &tile.places[..tile.full],
                finish,
            )
        }
    }
}

impl Words for Avx2 {
    #[inline(always)]
    unsafe fn words(
        tile: &Tile<i16>,
        (taps, pairs): (&[u32], usize),
        weights: &[*const WideLine],
        finish: &Finish,
    ) {
        unsafe {
            let mut sums = [[_mm256_setzero_si256(); HALVES]; TILE];
            let mut weights = weights[0].cast::<__m256i>();
            for &tap in taps {
                for pair in 0..pairs {
                    let line = [_mm256_loadu_si256(weights), _mm256_loadu_si256(weights.add(1))];
                    for i in 0..TILE {
                        let input =
                            tile.windows[i].add(tap as usize + pair * 2).cast::<i32>().read_unaligned();
                        let input = _mm256_set1_epi32(input);
                        for half in 0..HALVES {
                            let products = _mm256_madd_epi16(input, line[half]);
                            sums[i][half] = _mm256_add_epi32(sums[i][half], products);
                        }
                    }
                    weights = weights.add(HALVES);
                }
            }
            write(&sums, &tile.places[..tile.full], finish);
        }
    }
}

#[inline(always)]
unsafe fn write(sums: &Sums, places: &[usize], &Finish { scale, bias, past, into }: &Finish) {
    unsafe {
        for (sums, &place) in sums.iter().zip(places) {
            let mut values = [_mm256_setzero_ps(); HALVES];
            for (half, &sum) in sums.iter().enumerate() {
                let (scale, bias) =
                    (_mm256_loadu_ps(scale.add(half * 8)), _mm256_loadu_ps(bias.add(half * 8)));
                values[half] = _mm256_fmadd_ps(_mm256_cvtepi32_ps(sum), scale, bias);
            }
            let (others, worth) = match past {
                Past::Nothing => (None, 0.0),
                Past::Bytes(map, worth) => {
                    let sixteen = _mm_loadu_si128(map.add(place).cast());
                    (
                        Some([
                            _mm256_cvtepu8_epi32(sixteen),
                            _mm256_cvtepu8_epi32(_mm_srli_si128(sixteen, 8)),
                        ]),
                        worth,
                    )
                }
                Past::Words(map, worth) => {
                    let [low, high] = [0, 8].map(|half| _mm_loadu_si128(map.add(place + half).cast()));
                    (Some([_mm256_cvtepi16_epi32(low), _mm256_cvtepi16_epi32(high)]), worth)
                }
            };
            if let Some(others) = others {
                let worth = _mm256_set1_ps(worth);
                for (value, other) in values.iter_mut().zip(others) {
                    *value = _mm256_fmadd_ps(_mm256_cvtepi32_ps(other), worth, *value);
                }
            }
            let [low, high] = values.map(|v| _mm256_cvtps_epi32(v));
            // Packing works within halves of a register: the middle two quarters change places.
            let words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0b11_01_10_00);
            match into {
                Into::Bytes(map, most) => {
                    let bytes =
                        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
                    let bytes = _mm_min_epu8(bytes, _mm_set1_epi8(most.cast_signed()));
                    _mm_storeu_si128(map.add(place).cast(), bytes);
                }
                Into::Words(map) => _mm256_storeu_si256(map.add(place).cast(), words),
            }
        }
    }
}
