//! Plain instructions: what every other kernel is held to.

use super::{Arithmetic, Into, Past, TILE};
use crate::executor::weights::{Line, STEP};

pub(super) struct Scalar;

impl Arithmetic for Scalar {
    type Sums = [[i32; STEP]; TILE];

    unsafe fn bytes(
        windows: [*const u8; TILE],
        taps: &[u32],
        runs: usize,
        weights: *const Line,
    ) -> Self::Sums {
        let mut sums = [[0i32; STEP]; TILE];
        for (t, &tap) in taps.iter().enumerate() {
            for four in 0..runs * STEP / 4 {
                // SAFETY: as many lines as taps and runs ask for, and a window's bytes, are the caller's care.
                let line = unsafe { &(*weights.add(t * runs * STEP / 4 + four)).0 };
                for (sums, window) in sums.iter_mut().zip(windows) {
                    // SAFETY: as above.
                    let input = unsafe { window.add(tap as usize + four * 4).cast::<[u8; 4]>().read() };
                    for (sum, weights) in sums.iter_mut().zip(line.chunks_exact(4)) {
                        let products = input.iter().zip(weights).map(|(i, w)| i32::from(*i) * i32::from(*w));
                        *sum += products.sum::<i32>();
                    }
                }
            }
        }
        sums
    }

    unsafe fn words(
        windows: [*const i16; TILE],
        row: usize,
        (rows, pairs): (usize, usize),
        weights: *const [i16; 32],
    ) -> Self::Sums {
        let mut sums = [[0i32; STEP]; TILE];
        for y in 0..rows {
            for pair in 0..pairs {
                // SAFETY: as above.
                let weights = unsafe { &*weights.add(y * pairs + pair) };
                for (sums, window) in sums.iter_mut().zip(windows) {
                    // SAFETY: as above.
                    let input = unsafe { window.add(y * row + pair * 2).cast::<[i16; 2]>().read() };
                    for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(2)) {
                        let products = input.iter().zip(weights).map(|(i, w)| i32::from(*i) * i32::from(*w));
                        *sum += products.sum::<i32>();
                    }
                }
            }
        }
        sums
    }

    unsafe fn finish(
        sums: Self::Sums,
        (scale, bias): (*const f32, *const f32),
        places: &[usize],
        (past, into): (Past, Into),
    ) {
        for (sums, &place) in sums.iter().zip(places) {
            for (c, &sum) in sums.iter().enumerate() {
                // SAFETY: 16 numbers each, and 16 places of every map, are the caller's care.
                unsafe {
                    let mut value = sum as f32 * *scale.add(c) + *bias.add(c);
                    match past {
                        Past::Nothing => {}
                        Past::Bytes(map, worth) => value += f32::from(*map.add(place + c)) * worth,
                        Past::Words(map, worth) => value += f32::from(*map.add(place + c)) * worth,
                    }
                    let value = value.round_ties_even();
                    match into {
                        Into::Bytes(map, most) => {
                            *map.add(place + c) = value.clamp(0.0, f32::from(most)) as u8
                        }
                        Into::Words(map) => *map.add(place + c) = value as i16,
                    }
                }
            }
        }
    }
}
