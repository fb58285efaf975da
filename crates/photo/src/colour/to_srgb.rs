//! Pixels of 8 bits → sRGB, in place, a few thousand at a time.

use std::sync::Arc;

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, Layout,
    MatrixCoefficients, RenderingIntent, ToneReprCurve, TransferCharacteristics, Transform8BitExecutor,
    TransformOptions,
};

use crate::{
    PhotoFormat,
    colour::{
        icc,
        matrix::{self, Tables},
        stated::{Stated, stated},
    },
};

/// Pixels that are brought to sRGB at once: they and what comes of them stay in the nearest cache.
const BLOCK: usize = 2048;

/// Numbers of 255 by which a profile's colours may differ from sRGB's, so that they are left as they are.
const SAME: u8 = 1;

/// What brings RGB or grey to sRGB.
pub(crate) struct ToSrgb(Way);

enum Way {
    Matrix { tables: Tables, with_alpha: bool },
    Table { transform: Arc<Transform8BitExecutor>, with_alpha: bool },
    Grey { table: Box<[u8; 256]>, with_alpha: bool },
}

impl ToSrgb {
    /// For pixels of so many channels: grey 1, RGB 3, and one more with alpha. `None` where they are in sRGB, or as good as.
    pub(crate) fn of(format: PhotoFormat, bytes: &[u8], channels: usize) -> Option<Self> {
        let is_grey = channels < 3;
        let with_alpha = channels.is_multiple_of(2);
        let profile = profile(stated(format, bytes)?, is_grey)?;
        let way = match (profile.color_space, Tables::of(&profile)) {
            (DataColorSpace::Gray, _) if is_grey => {
                Way::Grey { table: matrix::greys(profile.gray_trc.as_ref()?), with_alpha }
            }
            (DataColorSpace::Rgb, Some(tables)) if !is_grey => Way::Matrix { tables, with_alpha },
            (DataColorSpace::Rgb, None) if !is_grey => {
                let layout = if with_alpha { Layout::Rgba } else { Layout::Rgb };
                Way::Table { transform: transform(&profile, layout, layout)?, with_alpha }
            }
            _ => return None,
        };
        let to_srgb = Self(way);
        (!to_srgb.changes_nothing(channels)).then_some(to_srgb)
    }

    /// Brings whole pixels of as many channels as were stated to sRGB; alpha stays.
    pub(crate) fn apply(&self, pixels: &mut [u8]) {
        match &self.0 {
            Way::Grey { table, with_alpha } => {
                let step = if *with_alpha { 2 } else { 1 };
                pixels.iter_mut().step_by(step).for_each(|l| *l = table[usize::from(*l)]);
            }
            Way::Matrix { tables, with_alpha: false } => tables.apply::<3>(pixels),
            Way::Matrix { tables, with_alpha: true } => tables.apply::<4>(pixels),
            Way::Table { transform, with_alpha } => {
                let channels = if *with_alpha { 4 } else { 3 };
                let mut scratch = [0; BLOCK * 4];
                for block in pixels.chunks_mut(BLOCK * channels) {
                    let scratch = &mut scratch[..block.len()];
                    if transform.transform(block, scratch).is_ok() {
                        block.copy_from_slice(scratch);
                    }
                }
            }
        }
    }

    /// Whether greys, and a grid of colours, stay as they are.
    fn changes_nothing(&self, channels: usize) -> bool {
        const STEPS: [u8; 5] = [0, 40, 100, 180, 255];
        let colours = STEPS.into_iter().flat_map(|r| STEPS.map(|g| STEPS.map(|b| [r, g, b]))).flatten();
        let greys = (0..=255).step_by(8).map(|l| [l; 3]);
        let all = greys.chain(colours.filter(|_| channels >= 3));
        let pixel = |rgb: [u8; 3]| [rgb[0], rgb[1], rgb[2], 255].into_iter().take(channels);
        let mut pixels: Vec<u8> = all.flat_map(pixel).collect();
        let before = pixels.clone();
        self.apply(&mut pixels);
        pixels.iter().zip(&before).all(|(a, b)| a.abs_diff(*b) <= SAME)
    }
}

/// What brings four inks to sRGB.
pub(crate) struct CmykToSrgb(Arc<Transform8BitExecutor>);

impl CmykToSrgb {
    /// As a JPEG's profile says; `None` where it has none that can be used.
    pub(crate) fn of(jpeg: &[u8]) -> Option<Self> {
        let profile = profile(stated(PhotoFormat::Jpeg, jpeg)?, false)?;
        let is_cmyk = profile.color_space == DataColorSpace::Cmyk;
        is_cmyk.then(|| transform(&profile, Layout::Rgba, Layout::Rgb)).flatten().map(Self)
    }

    /// Four bytes a pixel, 255 of which is all ink, become three.
    pub(crate) fn apply(&self, mut pixels: Vec<u8>) -> Option<Vec<u8>> {
        let mut rgb = [0; BLOCK * 3];
        let count = pixels.len() / 4;
        for first in (0..count).step_by(BLOCK) {
            let many = BLOCK.min(count - first);
            let rgb = &mut rgb[..many * 3];
            self.0.transform(&pixels[first * 4..(first + many) * 4], rgb).ok()?;
            pixels[first * 3..(first + many) * 3].copy_from_slice(rgb);
        }
        pixels.truncate(count * 3);
        pixels.shrink_to_fit();
        Some(pixels)
    }
}

fn transform(profile: &ColorProfile, from: Layout, to: Layout) -> Option<Arc<Transform8BitExecutor>> {
    // The table that is there: the second one stands in for the first.
    let rendering_intent = match profile.lut_a_to_b_colorimetric {
        Some(_) if profile.lut_a_to_b_perceptual.is_none() => RenderingIntent::RelativeColorimetric,
        _ => RenderingIntent::Perceptual,
    };
    let options = TransformOptions { rendering_intent, allow_use_cicp_transfer: false, ..Default::default() };
    profile.create_transform_8bit(from, &matrix::SRGB, to, options).ok()
}

/// The profile of what is stated; `None` where it counts as sRGB.
fn profile(stated: Stated, is_grey: bool) -> Option<ColorProfile> {
    let (profile, curve) = match stated {
        Stated::Icc(bytes) => return icc::read(bytes),
        Stated::Cicp { primaries, curve } => cicp(primaries, curve)?,
        Stated::Measured { gamma, chromaticities } => measured(gamma, chromaticities)?,
    };
    let mut profile = if is_grey { ColorProfile::new_gray_with_gamma(1.0) } else { profile };
    let of_channel = if is_grey {
        [Some(&mut profile.gray_trc), None, None]
    } else {
        [Some(&mut profile.red_trc), Some(&mut profile.green_trc), Some(&mut profile.blue_trc)]
    };
    of_channel.into_iter().flatten().for_each(|trc| *trc = Some(curve.clone()));
    profile.cicp = None;
    Some(profile)
}

fn cicp(primaries: u8, curve: u8) -> Option<(ColorProfile, ToneReprCurve)> {
    let mut profile = ColorProfile::new_srgb();
    // The curves of more light than a screen has are made here.
    let known = if matches!(curve, 16 | 18) { 13 } else { curve };
    let cicp = CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
        transfer_characteristics: TransferCharacteristics::try_from(known).ok()?,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    };
    let known = ToneReprCurve::try_from(cicp.transfer_characteristics).ok()?;
    // What it returns says nothing; that it kept the numbers says that it knows them.
    profile.update_rgb_colorimetry_from_cicp(cicp);
    profile.cicp?;
    let curve = match curve {
        16 => sampled(pq),
        18 => sampled(hlg),
        _ => known,
    };
    Some((profile, curve))
}

/// Light on a screen of what a photo of more light than a screen has is shown as: white is where paper would be, and what is brighter
/// is white.
fn sampled(light: fn(f64) -> f64) -> ToneReprCurve {
    let at = |step: u16| (light(f64::from(step) / 1023.0).clamp(0.0, 1.0) * 65535.0).round() as u16;
    ToneReprCurve::Lut((0..1024).map(at).collect())
}

/// SMPTE ST 2084, of 203 candelas.
fn pq(signal: f64) -> f64 {
    let p = signal.powf(32.0 / 2523.0);
    ((p - 0.835_937_5).max(0.0) / (18.851_562_5 - 18.6875 * p)).powf(16384.0 / 2610.0) * 10_000.0 / 203.0
}

/// ARIB STD-B67, of a signal of 0.75.
fn hlg(signal: f64) -> f64 {
    let scene = |e: f64| {
        if e <= 0.5 { e * e / 3.0 } else { (((e - 0.559_910_73) / 0.178_832_77).exp() + 0.284_668_92) / 12.0 }
    };
    (scene(signal) / scene(0.75)).powf(1.2)
}

fn measured(
    gamma: Option<f32>,
    chromaticities: Option<[[f32; 2]; 4]>,
) -> Option<(ColorProfile, ToneReprCurve)> {
    let mut profile = ColorProfile::new_srgb();
    let srgb = profile.red_trc.clone()?;
    if let Some(all) = chromaticities {
        let sound = |[x, y]: [f32; 2]| (0.0..=1.0).contains(&x) && (0.0..=1.0).contains(&y) && y > 0.0;
        let [white, red, green, blue] = all.map(|[x, y]| Chromaticity::new(x, y));
        let area = (red.x - blue.x) * (green.y - blue.y) - (green.x - blue.x) * (red.y - blue.y);
        if !all.into_iter().all(sound) || area.abs() < 1e-3 {
            return None;
        }
        profile.update_rgb_colorimetry(white.to_xyyb(), ColorPrimaries { red, green, blue });
    }
    // Every PNG in sRGB should state 1/2.2, for decoders that know nothing better; so what is near it means sRGB, as in libpng.
    let is_usual = |gamma: &f32| (gamma * 2.2 - 1.0).abs() < 0.05;
    let curve = match gamma {
        Some(gamma) if !(0.01..=100.0).contains(&gamma) => return None,
        Some(gamma) if !is_usual(&gamma) => ToneReprCurve::Parametric(vec![1.0 / gamma]),
        _ => srgb,
    };
    Some((profile, curve))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::PhotoFormat::{Jpeg, Png};

    #[test]
    fn white_is_where_paper_would_be() {
        assert!((hlg(0.75) - 1.0).abs() < 1e-9);
        assert!((pq(0.5806) - 1.0).abs() < 0.01, "{}", pq(0.5806));
    }

    /// The profiles of photos that are there for other tests: of a matrix, of grey, of a table, of inks.
    fn profiles() -> Vec<Vec<u8>> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/colours");
        let files = [("p3.jpg", Jpeg), ("grey.jpg", Jpeg), ("table.png", Png), ("inks.jpg", Jpeg)];
        let profile = |(name, format)| match stated(format, &std::fs::read(folder.join(name)).unwrap()) {
            Some(Stated::Icc(profile)) => profile,
            other => panic!("{name}: {other:?}"),
        };
        files.into_iter().map(profile).collect()
    }

    fn used(bytes: Vec<u8>) {
        let Some(profile) = profile(Stated::Icc(bytes), false) else { return };
        if let Some(curve) = &profile.gray_trc {
            let _ = matrix::greys(curve);
        }
        let pixels: Vec<u8> = (0..=255).collect();
        if let Some(tables) = Tables::of(&profile) {
            tables.apply::<4>(&mut pixels.clone());
        }
        let ways: &[_] = match profile.color_space {
            DataColorSpace::Rgb => &[(Layout::Rgb, Layout::Rgb, 3), (Layout::Rgba, Layout::Rgba, 4)],
            DataColorSpace::Cmyk => &[(Layout::Rgba, Layout::Rgb, 4)],
            _ => &[],
        };
        for (from, into, channels) in ways {
            if let Some(transform) = transform(&profile, *from, *into) {
                let mut to = vec![0; 256 / channels * into.channels()];
                let _ = transform.transform(&pixels[..256 / channels * channels], &mut to);
            }
        }
    }

    #[test]
    fn profiles_of_which_any_word_is_changed_neither_panic_nor_take_long() {
        for profile in profiles() {
            // All that is not a table's numbers: header, tags, curves, and how large a table says that it is.
            for at in (0..profile.len().min(450)).step_by(4) {
                for word in [[0; 4], [0xFF; 4], [0x7F, 0xFF, 0xFF, 0xFF]] {
                    let mut changed = profile.clone();
                    let word = &word[..4.min(changed.len() - at)];
                    changed[at..at + word.len()].copy_from_slice(word);
                    let started = std::time::Instant::now();
                    used(changed);
                    assert!(started.elapsed().as_secs() < 2, "{at} {word:?}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn damaged_profiles_never_panic(
            which in 0usize..4,
            places in proptest::collection::vec((0usize..700, any::<u8>()), 1..6),
            cut in any::<prop::sample::Index>(),
        ) {
            let mut bytes = profiles().swap_remove(which);
            for (at, byte) in places {
                if let Some(place) = bytes.get_mut(at) {
                    *place = byte;
                }
            }
            used(bytes[..cut.index(bytes.len())].to_vec());
            used(bytes);
        }
    }
}
