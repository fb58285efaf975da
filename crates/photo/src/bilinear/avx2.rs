//! The same sums in AVX2: four places of four rows at a time. A weight of 22 bits goes in two parts of 11, each of which
//! fits the 16-bit multiplication that adds up neighbours.

use std::arch::x86_64::*;

use crate::bilinear::{BITS, Taps};

/// Bits of a weight's lower part.
const LOW: u32 = BITS / 2;
/// Input places that are taken together.
const GROUP: usize = 4;
/// Rows that are.
const ROWS: usize = 4;
/// Bytes that are read of a group; 12 count.
const READ: usize = 16;

/// The weights of a group, `[upper, lower][place]`; what a place does not need is 0.
type Group = [[i16; GROUP]; 2];

/// Weights in groups, for all output places one after another.
struct Grouped {
    groups: Vec<Group>,
    /// Where each place's groups end.
    ends: Vec<usize>,
}

impl Grouped {
    fn new(across: &Taps) -> Self {
        let mut grouped = Self { groups: Vec::new(), ends: Vec::with_capacity(across.weights.len()) };
        for weights in &across.weights {
            for four in weights.chunks(GROUP) {
                let mut group = [[0; GROUP]; 2];
                for (i, weight) in four.iter().enumerate() {
                    group[0][i] = (weight >> LOW) as i16;
                    group[1][i] = (weight & ((1 << LOW) - 1)) as i16;
                }
                grouped.groups.push(group);
            }
            grouped.ends.push(grouped.groups.len());
        }
        grouped
    }
}

/// Brings rows of `width` pixels to the width that `across` gives, as many as `narrow` holds; the first is row `top` of the photo. What
/// reaches too near the photo's end for whole reads is left to `plain`, which brings one pixel of one row.
#[target_feature(enable = "avx2")]
pub(crate) fn shrink_rows(
    rgb: &[u8],
    (width, top): (usize, usize),
    across: &Taps,
    narrow: &mut [u8],
    plain: impl Fn(usize, usize) -> [u8; 3],
) {
    let grouped = Grouped::new(across);
    let row_bytes = across.first.len() * 3;
    for (block, out) in narrow.chunks_mut(row_bytes * ROWS).enumerate() {
        let first_row = top + block * ROWS;
        let rows = out.len() / row_bytes;
        let mut start = 0;
        for (place, (&first, &end)) in across.first.iter().zip(&grouped.ends).enumerate() {
            let groups = &grouped.groups[start..end];
            start = end;
            let at = |row: usize| (first_row + row) * width * 3 + first * 3;
            let reads = groups.len().saturating_sub(1) * GROUP * 3 + READ;
            let inside = |row: usize| rgb.get(at(row)..at(row) + reads);
            let pixels = match (rows == ROWS, inside(0), inside(1), inside(2), inside(3)) {
                (true, Some(a), Some(b), Some(c), Some(d)) => sums([a, b, c, d], groups),
                _ => {
                    std::array::from_fn(|row| if row < rows { plain(first_row + row, place) } else { [0; 3] })
                }
            };
            for (row, pixel) in pixels.iter().enumerate().take(rows) {
                let to = row * row_bytes + place * 3;
                out[to..to + 3].copy_from_slice(pixel);
            }
        }
    }
}

/// A pixel of each row: `rows` hold what the groups read.
#[inline]
#[target_feature(enable = "avx2")]
fn sums(rows: [&[u8]; ROWS], groups: &[Group]) -> [[u8; 3]; ROWS] {
    // Neighbours side by side, colour by colour, as 16-bit numbers: places 0 and 1 in the lower half, 2 and 3 in the upper.
    let order = _mm256_setr_epi8(
        0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, //
        6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1,
    );
    let mut sums = [[_mm256_setzero_si256(); 2]; ROWS];
    for (i, group) in groups.iter().enumerate() {
        let weights = group.map(|four| {
            let pair = |i: usize| (i32::from(four[i + 1]) << 16) | i32::from(four[i]);
            _mm256_setr_m128i(_mm_set1_epi32(pair(0)), _mm_set1_epi32(pair(2)))
        });
        for (sums, row) in sums.iter_mut().zip(rows) {
            let Some(bytes) = row.get(i * GROUP * 3..).and_then(|rest| rest.first_chunk::<READ>()) else {
                continue;
            };
            // SAFETY: 16 bytes, as their type says.
            let bytes = unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) };
            let places = _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(bytes), order);
            for (sum, weights) in sums.iter_mut().zip(weights) {
                *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(places, weights));
            }
        }
    }
    sums.map(|[upper, lower]| {
        let sum = _mm256_add_epi32(_mm256_slli_epi32(upper, LOW as i32), lower);
        let sum = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        let number = _mm_srai_epi32(_mm_add_epi32(sum, _mm_set1_epi32(1 << (BITS - 1))), BITS as i32);
        let words = _mm_packs_epi32(number, number);
        let [r, g, b, _] = _mm_cvtsi128_si32(_mm_packus_epi16(words, words)).to_le_bytes();
        [r, g, b]
    })
}

/// [`crate::bilinear::add_rows`] in wider registers.
#[target_feature(enable = "avx2")]
pub(crate) fn add_rows(sums: &mut [i32], line: &[u8], weight: i32) {
    crate::bilinear::add_rows(sums, line, weight);
}
