//! Plain instructions: what every other kernel is held to.

use crate::kernel::{
    Into, Past,
    tiles::{Arithmetic, Finish, Tile, Words},
};
use crate::weights::{Line, STEP, WideLine};

pub(crate) struct Scalar;

/// Windows that are computed together.
pub(crate) const TILE: usize = 3;

impl Arithmetic for Scalar {
    const WINDOWS: usize = TILE;
    const PANELS: usize = 1;

    unsafe fn bytes(
        tile: &Tile<u8>,
        (taps, fours): (&[u32], usize),
        weights: &[*const Line],
        finish: &Finish,
    ) {
        let mut sums = [[0i32; STEP]; TILE];
        for (t, &tap) in taps.iter().enumerate() {
            for four in 0..fours {
                // SAFETY: as many lines as taps and runs ask for, and a window's bytes, are the caller's care.
                let line = unsafe { &(*weights[0].add(t * fours + four)).0 };
                for (sums, window) in sums.iter_mut().zip(tile.windows) {
                    // SAFETY: as above.
                    let input = unsafe { window.add(tap as usize + four * 4).cast::<[u8; 4]>().read() };
                    for (sum, weights) in sums.iter_mut().zip(line.chunks_exact(4)) {
                        let products = input.iter().zip(weights).map(|(i, w)| i32::from(*i) * i32::from(*w));
                        *sum += products.sum::<i32>();
                    }
                }
            }
        }
        // SAFETY: as above.
        unsafe { write(&sums, &tile.places[..tile.full], finish) }
    }
}

impl Words for Scalar {
    unsafe fn words(
        tile: &Tile<i16>,
        (taps, pairs): (&[u32], usize),
        weights: &[*const WideLine],
        finish: &Finish,
    ) {
        let mut sums = [[0i32; STEP]; TILE];
        for (t, &tap) in taps.iter().enumerate() {
            for pair in 0..pairs {
                // SAFETY: as above.
                let weights = unsafe { &(*weights[0].add(t * pairs + pair)).0 };
                for (sums, window) in sums.iter_mut().zip(tile.windows) {
                    // SAFETY: as above.
                    let input = unsafe { window.add(tap as usize + pair * 2).cast::<[i16; 2]>().read() };
                    for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(2)) {
                        let products = input.iter().zip(weights).map(|(i, w)| i32::from(*i) * i32::from(*w));
                        *sum += products.sum::<i32>();
                    }
                }
            }
        }
        // SAFETY: as above.
        unsafe { write(&sums, &tile.places[..tile.full], finish) }
    }
}

unsafe fn write(sums: &[[i32; STEP]; TILE], places: &[usize], finish: &Finish) {
    for (sums, &place) in sums.iter().zip(places) {
        for (c, &sum) in sums.iter().enumerate() {
            // SAFETY: 16 numbers each, and 16 places of every map, are the caller's care.
            unsafe {
                let mut value = (sum as f32).mul_add(*finish.scale.add(c), *finish.bias.add(c));
                match finish.past {
                    Past::Nothing => {}
                    Past::Bytes(map, worth) => value = f32::from(*map.add(place + c)).mul_add(worth, value),
                    Past::Words(map, worth) => value = f32::from(*map.add(place + c)).mul_add(worth, value),
                }
                let value = value.round_ties_even();
                match finish.into {
                    Into::Bytes(map, most) => *map.add(place + c) = value.clamp(0.0, f32::from(most)) as u8,
                    Into::Words(map) => *map.add(place + c) = value as i16,
                }
            }
        }
    }
}
