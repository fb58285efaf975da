//! Pixels of a camera or a screen, told by three curves and a matrix, → sRGB: with tables alone, in place, a nanosecond a pixel.
//!
//! Each channel's value has a table of what it adds to the light of red, green and blue, three numbers in one of 64 bits. The sum of
//! three of them is three places in a table of what sRGB has for that much light. Light below none or above all has places, too.

use std::sync::LazyLock;

use moxcms::{ColorProfile, DataColorSpace, ToneReprCurve};

/// Places between no light and all of it.
const STEPS: f64 = 4096.0;

/// Light below none, and all in all, that there are places for. A matrix that goes beyond is no colour space's.
const BELOW: f64 = 1.5;
const PLACES: usize = 4 * STEPS as usize;

/// Bits of a number behind its place, so that sums are rounded once.
const FRACTION: u32 = 6;
/// Bits of a number. Three fit.
const WIDTH: u32 = 21;

/// What sRGB has for the light of each place.
static ENCODED: LazyLock<Box<[u8; PLACES]>> = LazyLock::new(|| {
    let encoded = |place: usize| {
        let light = (place as f64 / STEPS - BELOW).clamp(0.0, 1.0);
        let value = if light <= 0.003_130_8 { 12.92 * light } else { 1.055 * light.powf(1.0 / 2.4) - 0.055 };
        (value * 255.0).round() as u8
    };
    Box::new(std::array::from_fn(encoded))
});

/// What everything is brought to.
pub(super) static SRGB: LazyLock<ColorProfile> = LazyLock::new(ColorProfile::new_srgb);

/// What each value of red, green and blue adds.
pub(super) struct Tables(Box<[[u64; 256]; 3]>);

impl Tables {
    /// `None` where the profile is told by a table, or by what no colour space has.
    pub(super) fn of(profile: &ColorProfile) -> Option<Self> {
        let by_table = profile.lut_a_to_b_perceptual.is_some();
        if by_table || profile.pcs != DataColorSpace::Xyz || !profile.is_matrix_shaper() {
            return None;
        }
        let matrix = profile.transform_matrix(&SRGB).v;
        for row in &matrix {
            let (above, below) = row.iter().fold((0.0, 0.0), |(a, b), x| (a + x.max(0.0), b + x.min(0.0)));
            // Not a number, too.
            if !(above <= 4.0 - BELOW - 0.1 && below >= 0.1 - BELOW) {
                return None;
            }
        }
        let curves = [&profile.red_trc, &profile.green_trc, &profile.blue_trc];
        let mut tables = Box::new([[0; 256]; 3]);
        let mut before: Option<(&ToneReprCurve, [f64; 256])> = None;
        for (channel, (table, curve)) in tables.iter_mut().zip(curves).enumerate() {
            let curve = curve.as_ref()?;
            let light = match before {
                Some((same, light)) if same == curve => light,
                _ => std::array::from_fn(|value| light(curve, value as f64 / 255.0)),
            };
            before = Some((curve, light));
            for (sum, light) in table.iter_mut().zip(light) {
                for row in &matrix {
                    // No channel's number is below 0; what all are raised by is what there is below no light.
                    let least = |x: f64| -x.min(0.0);
                    let rest = BELOW - row.iter().map(|x| least(*x)).sum::<f64>();
                    let raised = row[channel] * light + least(row[channel]) + rest / 3.0;
                    // A third of half a place, so that the sum is rounded.
                    let places = raised * STEPS + 0.5 / 3.0;
                    *sum = *sum << WIDTH | (places * f64::from(1 << FRACTION)).round().max(0.0) as u64;
                }
            }
        }
        Some(Self(tables))
    }

    /// Brings pixels of `N` bytes, red, green and blue first, to sRGB.
    pub(super) fn apply<const N: usize>(&self, pixels: &mut [u8]) {
        const MASK: u64 = (1 << (WIDTH - FRACTION)) - 1;
        let ([red, green, blue], encoded) = (&*self.0, &**ENCODED);
        let one = |pixel: &mut [u8; N]| {
            let sum = red[usize::from(pixel[0])] + green[usize::from(pixel[1])] + blue[usize::from(pixel[2])];
            // Within the table by how it was made; the mask spares a comparison.
            let at = |shift: u32| encoded[(sum >> (shift + FRACTION) & MASK) as usize & (PLACES - 1)];
            let rgb = [at(2 * WIDTH), at(WIDTH), at(0)];
            pixel[..3].copy_from_slice(&rgb);
        };
        let (fours, rest) = pixels.as_chunks_mut::<N>().0.as_chunks_mut::<4>();
        for four in fours {
            // Read before anything is written: the processor may work on all of them at once.
            let mut read = *four;
            read.iter_mut().for_each(one);
            *four = read;
        }
        rest.iter_mut().for_each(one);
    }
}

/// What sRGB has for each grey of this curve.
pub(super) fn greys(curve: &ToneReprCurve) -> Box<[u8; 256]> {
    let place = |value: usize| ((light(curve, value as f64 / 255.0) + BELOW) * STEPS + 0.5) as usize;
    Box::new(std::array::from_fn(|value| ENCODED[place(value) & (PLACES - 1)]))
}

/// The light that a curve has for a value of 0 to 1; 0 for what is no number.
fn light(curve: &ToneReprCurve, x: f64) -> f64 {
    let power = |g: f32, base: f64| base.max(0.0).powf(f64::from(g));
    let linear = |a: f32, b: f32| f64::from(a) * x + f64::from(b);
    let light = match curve {
        ToneReprCurve::Lut(table) => match table[..] {
            [] => x,
            [gamma] => x.powf(f64::from(gamma) / 256.0),
            _ => {
                let at = x * (table.len() - 1) as f64;
                let (low, high) = (at.floor() as usize, (at.ceil() as usize).min(table.len() - 1));
                let (low_light, high_light) = (f64::from(table[low]), f64::from(table[high]));
                (low_light + (high_light - low_light) * at.fract()) / 65535.0
            }
        },
        ToneReprCurve::Parametric(numbers) => match numbers[..] {
            [g] => power(g, x),
            [g, a, b] => power(g, linear(a, b)),
            [g, a, b, c] => power(g, linear(a, b)) + f64::from(c),
            [_, _, _, c, d] if x < f64::from(d) => linear(c, 0.0),
            [g, a, b, _, _] => power(g, linear(a, b)),
            [_, _, _, c, d, _, f] if x < f64::from(d) => linear(c, f),
            [g, a, b, _, _, e, _] => power(g, linear(a, b)) + f64::from(e),
            _ => x,
        },
    };
    if light.is_nan() { 0.0 } else { light.clamp(0.0, 1.0) }
}
