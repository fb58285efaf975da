//! Bilinear resizing with antialiasing, bit for bit as Pillow does it on 8-bit photos (`Image.resize`, `BILINEAR`).
//!
//! SIMD libraries that follow Pillow keep 16-bit weights and stray by ±1 on some pixels, which a network shows: centred cosine
//! 0.9998 with Python's embedding where this gives 1. Weights here have Pillow's 22 bits, and rows are rounded to 8 bits
//! between the passes as they are there. AVX2 gives the same bytes; `unsafe` is here for its sake: a machine is asked before.

#[cfg(target_arch = "x86_64")]
mod avx2;

/// Bits after the binary point of a weight.
const BITS: u32 = 22;

/// For each wanted output place: the first input place that counts, and the weights from there.
struct Taps {
    first: Vec<usize>,
    weights: Vec<Vec<i32>>,
}

impl Taps {
    /// For output places `from..from + count` of `output`, over `input` places.
    fn new(input: usize, output: usize, from: usize, count: usize) -> Self {
        let scale = input as f64 / output as f64;
        let support = scale.max(1.0);
        let mut taps = Self { first: Vec::with_capacity(count), weights: Vec::with_capacity(count) };
        for place in from..from + count {
            let centre = (place as f64 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(input);
            // Times the inverse, not divided, as Pillow does it: edges of a pattern fall on exact halves.
            let weight = |x: usize| (1.0 - ((x as f64 - centre + 0.5) * (1.0 / support)).abs()).max(0.0);
            let exact: Vec<f64> = (first..end).map(weight).collect();
            let sum: f64 = exact.iter().sum();
            let fixed = |w: &f64| (w / sum * f64::from(1u32 << BITS) + 0.5) as i32;
            taps.first.push(first);
            taps.weights.push(exact.iter().map(fixed).collect());
        }
        taps
    }

    /// The input places that any output place needs.
    fn reach(&self) -> std::ops::Range<usize> {
        let ends = self.first.iter().zip(&self.weights).map(|(first, weights)| first + weights.len());
        self.first.first().copied().unwrap_or(0)..ends.max().unwrap_or(0)
    }
}

/// Where the wanted window lies in the resized photo, in pixels.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub left: usize,
    pub top: usize,
    pub width: usize,
    pub height: usize,
}

/// The window of an RGB photo (`rgb`, rows of `width` pixels, `height` of them) resized to `to` (width, height), which
/// keeps its proportions; only what the window shows is computed. Returns its HWC bytes. The window must lie within `to`.
pub(crate) fn resize_window(
    rgb: &[u8],
    (width, height): (usize, usize),
    to: (usize, usize),
    window: Window,
) -> Vec<u8> {
    let across = Taps::new(width, to.0, window.left, window.width);
    let down = Taps::new(height, to.1, window.top, window.height);
    // Pillow 13 begins with the columns where a photo is made smaller that is more than twice as tall as wide; the
    // rounding between the passes makes that a difference of ±1 on some pixels.
    if height > 2 * width && to.1 < height {
        let low = shrink_columns(rgb, width, 0, &down);
        return shrink_rows(&low, width, 0..window.height, &across);
    }
    let rows = down.reach();
    let narrow = shrink_rows(rgb, width, rows.clone(), &across);
    shrink_columns(&narrow, window.width, rows.start, &down)
}

/// These rows of a photo `width` wide, each brought to the width that `across` gives.
fn shrink_rows(rgb: &[u8], width: usize, rows: std::ops::Range<usize>, across: &Taps) -> Vec<u8> {
    let row_bytes = across.first.len() * 3;
    let mut narrow = vec![0u8; rows.len() * row_bytes];
    let pixel = |row, place| pixel(rgb, width, across, (row, place));
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has what it asks for.
        unsafe { avx2::shrink_rows(rgb, (width, rows.start), across, &mut narrow, pixel) };
        return narrow;
    }
    for (out, row) in narrow.chunks_exact_mut(row_bytes).zip(rows) {
        for (place, out) in out.chunks_exact_mut(3).enumerate() {
            out.copy_from_slice(&pixel(row, place));
        }
    }
    narrow
}

/// What a row's places add up to for one place of the output.
fn pixel(rgb: &[u8], width: usize, across: &Taps, (row, place): (usize, usize)) -> [u8; 3] {
    let mut sums = [1i32 << (BITS - 1); 3];
    let from = (row * width + across.first[place]) * 3;
    for (source, &weight) in rgb[from..].chunks_exact(3).zip(&across.weights[place]) {
        for c in 0..3 {
            sums[c] += i32::from(source[c]) * weight;
        }
    }
    sums.map(to_byte)
}

/// A photo `width` wide, brought to the height that `down` gives; its first row is row `top` of what `down` counts in.
fn shrink_columns(rgb: &[u8], width: usize, top: usize, down: &Taps) -> Vec<u8> {
    let row_bytes = width * 3;
    let mut low = vec![0u8; down.first.len() * row_bytes];
    let mut sums = vec![0i32; row_bytes];
    for (y, out) in low.chunks_exact_mut(row_bytes).enumerate() {
        sums.fill(1 << (BITS - 1));
        let lines = rgb.chunks_exact(row_bytes).skip(down.first[y] - top);
        for (line, &weight) in lines.zip(&down.weights[y]) {
            add_widest(&mut sums, line, weight);
        }
        out.iter_mut().zip(&sums).for_each(|(o, &sum)| *o = to_byte(sum));
    }
    low
}

/// [`add_rows`] with the widest instructions that this machine has.
fn add_widest(sums: &mut [i32], line: &[u8], weight: i32) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") {
        // SAFETY: the machine has what it asks for.
        return unsafe { avx2::add_rows(sums, line, weight) };
    }
    add_rows(sums, line, weight);
}

/// Adds a row, so many times.
#[inline(always)]
fn add_rows(sums: &mut [i32], line: &[u8], weight: i32) {
    sums.iter_mut().zip(line).for_each(|(sum, &value)| *sum += i32::from(value) * weight);
}

fn to_byte(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn wide_instructions_do_not_change_a_byte(
            width in 1usize..90, height in 1usize..12, output in 1usize..120, seed in any::<u32>(), sharp in any::<bool>(),
        ) {
            let number = |i: usize| (i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed).rotate_left(9) as u8;
            let rgb: Vec<u8> = (0..width * height * 3)
                .map(|i| if sharp { (number(i) & 1) * 255 } else { number(i) })
                .collect();
            let across = Taps::new(width, output, 0, output);
            let narrow = shrink_rows(&rgb, width, 0..height, &across);
            for (i, found) in narrow.chunks_exact(3).enumerate() {
                let expected = pixel(&rgb, width, &across, (i / output, i % output));
                prop_assert_eq!(found, expected, "row {}, place {}", i / output, i % output);
            }
            let weights: Vec<i32> = (0..height).map(|y| (y as i32 + 1) << 15).collect();
            let (mut plain, mut wide) = (vec![0; width * 3], vec![0; width * 3]);
            for (line, &weight) in rgb.chunks_exact(width * 3).zip(&weights) {
                add_rows(&mut plain, line, weight);
                add_widest(&mut wide, line, weight);
            }
            prop_assert_eq!(plain, wide);
        }
    }
}
