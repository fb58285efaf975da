//! AVX-512 with VNNI: an instruction multiplies 64 bytes and adds the products up in 32 bits.

mod finish;

use std::arch::{asm, x86_64::*};

use finish::{Both, both, one};

use crate::kernel::{
    Into, Layer, Part, Past, Stem, Work, run,
    tiles::{Arithmetic, Finish, Tile},
};
use crate::weights::Line;

struct Vnni;

/// Windows that are computed together. Of two panels each they take 28 of 32 registers, and the sides of ResNet's maps at
/// 224 pixels are multiples of it, but for the last: of 7, for which half a tile is at hand.
pub(crate) const TILE: usize = 14;
const HALF: usize = TILE / 2;
pub(crate) const PANELS: usize = 2;

type Sums = [[__m512i; TILE]; PANELS];

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(crate) unsafe fn convolve(work: &Work<'_, u8, Layer>, part: &Part) {
    // SAFETY: as the caller says.
    unsafe { run::<Vnni, _, _>(work, part) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(crate) unsafe fn begin(work: &Work<'_, u8, Stem>, part: &Part) {
    // SAFETY: as the caller says.
    unsafe { run::<Vnni, _, _>(work, part) }
}

/// Adds up what each window gives: of `length` bytes from each tap on, with a line of each panel for every four. Written
/// out, since the windows' pointers are more than there are registers and a compiler would rather give up sums: they are
/// read anew each time. A window is `[its pointer's place: register, line and place of each sum]`; lines are in registers
/// 28 and 29, inputs in 30.
macro_rules! add_up {
    (
        ($windows:expr, $taps:expr, $length:expr, $weights:expr),
        $([$at:literal: $($sum:tt $line:tt $panel:tt $window:tt),+])+
    ) => {{
        let mut sums = [[_mm512_setzero_si512(); TILE]; PANELS];
        let taps: &[u32] = $taps;
        let (one, other) = ($weights[0], $weights[$weights.len() - 1]);
        asm!(
            $($(concat!("vpxord ", $sum, ", ", $sum, ", ", $sum),)+)+
            "2:",
            "mov {at:e}, [{taps}]",
            "lea {end}, [{at} + {length}]",
            "3:",
            "prefetcht0 [{one} + 1024]",
            "prefetcht0 [{other} + 1024]",
            "vmovdqa64 zmm28, [{one}]",
            "vmovdqa64 zmm29, [{other}]",
            $(
                concat!("mov {window}, [{windows} + ", $at, "]"),
                "vpbroadcastd zmm30, [{window} + {at}]",
                $(concat!("vpdpbusd ", $sum, ", zmm30, ", $line),)+
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
        sums
    }};
}

/// Adds up a tile and writes it: a whole one of two panels from the registers that the sums are in, others by way of memory.
macro_rules! tile {
    ($tile:expr, ($taps:expr, $length:expr, $weights:expr), $finish:expr) => {
        if $weights.len() < PANELS {
            let sums = add_up!(($tile.windows, $taps, $length, $weights),
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
            );
            one(&sums[0], &$tile.places[..$tile.full], $finish);
        } else if $tile.full <= HALF {
            let sums = add_up!(($tile.windows, $taps, $length, $weights),
                ["0": "zmm0" "zmm28" 0 0, "zmm7" "zmm29" 1 0]
                ["8": "zmm1" "zmm28" 0 1, "zmm8" "zmm29" 1 1]
                ["16": "zmm2" "zmm28" 0 2, "zmm9" "zmm29" 1 2]
                ["24": "zmm3" "zmm28" 0 3, "zmm10" "zmm29" 1 3]
                ["32": "zmm4" "zmm28" 0 4, "zmm11" "zmm29" 1 4]
                ["40": "zmm5" "zmm28" 0 5, "zmm12" "zmm29" 1 5]
                ["48": "zmm6" "zmm28" 0 6, "zmm13" "zmm29" 1 6]
            );
            both(&sums, &$tile.places[..$tile.full], $finish);
        } else {
            let sums = add_up!(($tile.windows, $taps, $length, $weights),
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
            );
            if $tile.full < TILE {
                both(&sums, &$tile.places[..$tile.full], $finish);
            } else {
                let (both, p) = (Both::new($finish), &$tile.places);
                match ($finish.past, $finish.into) {
                    (Past::Nothing, Into::Bytes(..)) => whole!(bytes, both, sums, p, Past::Nothing, $finish.into),
                    (Past::Bytes(past, worth), Into::Bytes(..)) => {
                        whole!(bytes, both, sums, p, Past::Bytes(past, worth), $finish.into)
                    }
                    (Past::Words(past, worth), Into::Bytes(..)) => {
                        whole!(bytes, both, sums, p, Past::Words(past, worth), $finish.into)
                    }
                    (past, Into::Words(_)) => whole!(words, both, sums, p, past, $finish.into),
                }
            }
        }
    };
}

/// Writes a whole tile, two windows at a time; written out so that the sums never leave their registers.
macro_rules! whole {
    ($write:ident, $both:expr, $sums:expr, $places:expr, $past:expr, $into:expr) => {{
        $both.$write(
            [$sums[0][0], $sums[1][0], $sums[0][1], $sums[1][1]],
            [$places[0], $places[1]],
            $past,
            $into,
        );
        $both.$write(
            [$sums[0][2], $sums[1][2], $sums[0][3], $sums[1][3]],
            [$places[2], $places[3]],
            $past,
            $into,
        );
        $both.$write(
            [$sums[0][4], $sums[1][4], $sums[0][5], $sums[1][5]],
            [$places[4], $places[5]],
            $past,
            $into,
        );
        $both.$write(
            [$sums[0][6], $sums[1][6], $sums[0][7], $sums[1][7]],
            [$places[6], $places[7]],
            $past,
            $into,
        );
        $both.$write(
            [$sums[0][8], $sums[1][8], $sums[0][9], $sums[1][9]],
            [$places[8], $places[9]],
            $past,
            $into,
        );
        $both.$write(
            [$sums[0][10], $sums[1][10], $sums[0][11], $sums[1][11]],
            [$places[10], $places[11]],
            $past,
            $into,
        );
        $both.$write(
            [$sums[0][12], $sums[1][12], $sums[0][13], $sums[1][13]],
            [$places[12], $places[13]],
            $past,
            $into,
        );
    }};
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
unsafe fn bytes(tile: &Tile<u8>, (taps, length): (&[u32], usize), weights: &[*const Line], finish: &Finish) {
    // SAFETY: the pointers are the caller's care.
    unsafe { tile!(tile, (taps, length, weights), finish) }
}

// SAFETY, throughout: reached through the two functions above alone, so the machine has what they ask for; pointers are
// the caller's care.
impl Arithmetic for Vnni {
    const WINDOWS: usize = TILE;
    const PANELS: usize = PANELS;

    #[inline(always)]
    unsafe fn bytes(
        tile: &Tile<u8>,
        (taps, fours): (&[u32], usize),
        weights: &[*const Line],
        finish: &Finish,
    ) {
        unsafe { bytes(tile, (taps, fours * 4), weights, finish) }
    }
}
