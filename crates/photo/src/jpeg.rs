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
    let ((width, height), pixels) = decoded(bytes, size, eighths, PixelFormat::RGB)?;
    RgbImage::from_raw(width, height, pixels)
}

/// The same of a JPEG of four inks: its size, and four bytes a pixel, 255 of which is all ink, as in every program's JPEG since
/// Photoshop's.
pub(crate) fn decode_cmyk(bytes: &[u8], size: (u32, u32), eighths: u32) -> Option<((u32, u32), Vec<u8>)> {
    let (size, mut pixels) = decoded(bytes, size, eighths, PixelFormat::CMYK)?;
    pixels.iter_mut().for_each(|ink| *ink = 255 - *ink);
    Some((size, pixels))
}

fn decoded(
    bytes: &[u8],
    size: (u32, u32),
    eighths: u32,
    format: PixelFormat,
) -> Option<((u32, u32), Vec<u8>)> {
    let mut decoder = Decompressor::new().ok()?;
    let header = decoder.read_header(bytes).ok()?;
    let (width, height) = size;
    let of_inks = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    if (header.width, header.height) != (width as usize, height as usize)
        || of_inks != (format == PixelFormat::CMYK)
    {
        return None;
    }
    let scale = ScalingFactor::new(eighths as usize, 8);
    decoder.set_scaling_factor(scale).ok()?;
    decoder.set_scan_limit(MOST_SCANS).ok()?;
    let header = header.scaled(scale);
    let pitch = header.width.checked_mul(format.size())?;
    let mut pixels = vec![0u8; pitch.checked_mul(header.height)?];
    let image =
        Image { pixels: pixels.as_mut_slice(), width: header.width, pitch, height: header.height, format };
    decoder.decompress(bytes, image).ok()?;
    Some(((header.width as u32, header.height as u32), pixels))
}
