//! Pixels as decoders give them → RGB of 8 bits, within the memory that they already have.

use image::{ColorType, RgbImage};

use crate::colour::ToSrgb;

/// Brings `raw`, of this size and colour type as [`image::ImageDecoder::read_image`] writes it (16 bits in the machine's own order),
/// to RGB: 16 bits by ÷ 257, colours by `to_srgb`, alpha over white, grey three times. `None` where the size does not match, or for a
/// colour type that no format here has.
pub(crate) fn to_rgb(
    mut raw: Vec<u8>,
    size: (u32, u32),
    colour: ColorType,
    to_srgb: Option<&ToSrgb>,
) -> Option<RgbImage> {
    let pixels = usize::try_from(u64::from(size.0) * u64::from(size.1)).ok()?;
    let channels = usize::from(colour.channel_count());
    let wide = usize::from(colour.bytes_per_pixel()) / channels;
    if !matches!(wide, 1 | 2) || raw.len() != pixels.checked_mul(channels * wide)? {
        return None;
    }
    if wide == 2 {
        narrowed(&mut raw, |value: [u8; 2]| [to8(value)]);
    }
    if let Some(to_srgb) = to_srgb {
        to_srgb.apply(&mut raw);
    }
    let rgb = match channels {
        1 => widened(&raw, |[l]: [u8; 1]| [l; 3]),
        2 => widened(&raw, |[l, a]: [u8; 2]| [over_white(l, a); 3]),
        3 => raw,
        _ => {
            narrowed(&mut raw, |[r, g, b, a]: [u8; 4]| [r, g, b].map(|c| over_white(c, a)));
            raw
        }
    };
    RgbImage::from_raw(size.0, size.1, rgb)
}

/// Makes RGBA opaque where its alpha is 0 throughout: a fourth byte that was never meant as alpha.
pub(crate) fn opaque_if_nothing_shows(rgba: &mut [u8]) {
    let pixels = rgba.as_chunks_mut::<4>().0;
    if pixels.iter().all(|pixel| pixel[3] == 0) {
        pixels.iter_mut().for_each(|pixel| pixel[3] = 255);
    }
}

/// Fewer bytes a pixel than three become three, in memory of their own.
fn widened<const N: usize>(raw: &[u8], rgb: impl Fn([u8; N]) -> [u8; 3]) -> Vec<u8> {
    raw.as_chunks().0.iter().flat_map(|pixel| rgb(*pixel)).collect()
}

/// More bytes become fewer, in place; what is left over is given back.
fn narrowed<const N: usize, const M: usize>(raw: &mut Vec<u8>, fewer: impl Fn([u8; N]) -> [u8; M]) {
    let many = raw.len() / N;
    for at in 0..many {
        let mut from = [0; N];
        from.copy_from_slice(&raw[at * N..(at + 1) * N]);
        raw[at * M..(at + 1) * M].copy_from_slice(&fewer(from));
    }
    raw.truncate(many * M);
    raw.shrink_to_fit();
}

fn over_white(c: u8, a: u8) -> u8 {
    let (c, a) = (u32::from(c), u32::from(a));
    ((c * a + 255 * (255 - a) + 127) / 255) as u8
}

fn to8(x: [u8; 2]) -> u8 {
    ((u32::from(u16::from_ne_bytes(x)) + 128) / 257) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_type_becomes_rgb() {
        let wide = |values: &[u16]| values.iter().flat_map(|v| v.to_ne_bytes()).collect::<Vec<u8>>();
        let two = |raw: Vec<u8>, colour| to_rgb(raw, (2, 1), colour, None).unwrap().into_raw();
        assert_eq!(two(vec![1, 2, 3, 4, 5, 6], ColorType::Rgb8), [1, 2, 3, 4, 5, 6]);
        assert_eq!(two(vec![9, 8], ColorType::L8), [9, 9, 9, 8, 8, 8]);
        assert_eq!(two(vec![9, 255, 8, 0], ColorType::La8), [9, 9, 9, 255, 255, 255]);
        assert_eq!(two(vec![1, 2, 3, 255, 0, 0, 0, 127], ColorType::Rgba8), [1, 2, 3, 128, 128, 128]);
        assert_eq!(two(wide(&[257, 65535]), ColorType::L16), [1, 1, 1, 255, 255, 255]);
        assert_eq!(two(wide(&[257, 65535, 5, 0]), ColorType::La16), [1, 1, 1, 255, 255, 255]);
        assert_eq!(two(wide(&[257, 514, 771, 128, 129, 65535]), ColorType::Rgb16), [1, 2, 3, 0, 1, 255]);
        assert_eq!(
            two(wide(&[257, 514, 771, 65535, 0, 0, 0, 0]), ColorType::Rgba16),
            [1, 2, 3, 255, 255, 255]
        );
        assert!(to_rgb(vec![0; 5], (2, 1), ColorType::Rgb8, None).is_none());
        assert!(to_rgb(vec![0; 24], (2, 1), ColorType::Rgb32F, None).is_none());
    }
}
