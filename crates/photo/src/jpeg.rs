//! JPEG by libjpeg-turbo: the pixels Pillow gets, and at an eighth of the size what an eighth of the cosines say.

use image::RgbImage;
use turbojpeg::{Colorspace, Decompressor, Image, PixelFormat, ScalingFactor};

/// Eighths of the full size that libjpeg-turbo has vector code for.
const EIGHTHS: [u32; 3] = [1, 2, 4];

/// More scans than a progressive photo has use for; each costs time over the whole picture.
const MOST_SCANS: u32 = 100;

/// Eighths of its size that a picture is decoded at: as few as leave twice the wanted shorter side.
pub(crate) fn eighths(size: (u32, u32), short_side: u32) -> u32 {
    let enough =
        |eighths: &u32| u64::from(size.0.min(size.1)) * u64::from(*eighths) >= 16 * u64::from(short_side);
    EIGHTHS.into_iter().find(enough).unwrap_or(8)
}

/// Decodes a colour or grey JPEG whose header says `size`, at so many `eighths` of it. `None` where anything is unusual or
/// damaged: a more patient decoder may try.
pub(crate) fn decode(bytes: &[u8], size: (u32, u32), eighths: u32) -> Option<RgbImage> {
    let mut decoder = Decompressor::new().ok()?;
    let header = decoder.read_header(bytes).ok()?;
    let (width, height) = size;
    if (header.width, header.height) != (width as usize, height as usize)
        || !matches!(header.colorspace, Colorspace::RGB | Colorspace::YCbCr | Colorspace::Gray)
    {
        return None;
    }
    let scale = ScalingFactor::new(eighths as usize, 8);
    decoder.set_scaling_factor(scale).ok()?;
    decoder.set_scan_limit(MOST_SCANS).ok()?;
    let header = header.scaled(scale);
    let mut pixels = vec![0u8; header.width.checked_mul(header.height)?.checked_mul(3)?];
    let image = Image {
        pixels: pixels.as_mut_slice(),
        width: header.width,
        pitch: 3 * header.width,
        height: header.height,
        format: PixelFormat::RGB,
    };
    decoder.decompress(bytes, image).ok()?;
    RgbImage::from_raw(header.width as u32, header.height as u32, pixels)
}
