//! What a file states of its colours, and where.

use crate::{
    PhotoFormat,
    chunks::{Beside, inflated, jpeg_segments, png_header_chunks, split_at_zero, webp_beside},
    colour::icc::{self, MAX_PROFILE},
};

/// What a file states.
#[derive(Debug, PartialEq)]
pub(crate) enum Stated {
    /// An ICC profile.
    Icc(Vec<u8>),
    /// Numbers of H.273: primaries, and the curve.
    Cicp { primaries: u8, curve: u8 },
    /// A PNG's `gAMA`, and `cHRM`: x and y of white, red, green and blue.
    Measured { gamma: Option<f32>, chromaticities: Option<[[f32; 2]; 4]> },
}

/// What the file states, where that is anything but sRGB. Takes as much memory as the profile has.
pub(crate) fn stated(format: PhotoFormat, bytes: &[u8]) -> Option<Stated> {
    match format {
        PhotoFormat::Jpeg => jpeg_profile(bytes).map(Stated::Icc),
        PhotoFormat::Png => png(bytes),
        PhotoFormat::WebP => {
            let profile = webp_beside(bytes, Beside::Icc)?;
            (profile.len() <= MAX_PROFILE).then(|| Stated::Icc(profile.to_vec()))
        }
        PhotoFormat::Gif | PhotoFormat::Bmp => None,
    }
}

/// Bytes of memory that bringing pixels to sRGB takes at most beside the pixels, where a profile of so many bytes is stated: the
/// profile, what is read of it, and the tables made of that.
pub(crate) fn room(profile: u64) -> u64 {
    /// A table of 33×33×33 colours, or of 17×17×17×17, in numbers of four bytes, and what it is made of.
    const TABLES: u64 = 8 << 20;
    if profile == 0 || profile > MAX_PROFILE as u64 { 0 } else { 4 * profile + TABLES }
}

/// Whether a JPEG states a profile of four inks.
pub(crate) fn has_cmyk_profile(jpeg: &[u8]) -> bool {
    jpeg_parts(jpeg).is_some_and(|parts| parts.first().and_then(|part| icc::space(part)) == Some(b"CMYK"))
}

/// Bytes of the profile that a JPEG states; 0 where there is none.
pub(crate) fn jpeg_profile_length(jpeg: &[u8]) -> u64 {
    jpeg_parts(jpeg).map_or(0, |parts| parts.iter().map(|part| part.len() as u64).sum())
}

/// The parts of a JPEG's profile in their order. `None` where there is none, or parts are missing, double or do not agree how many
/// they are.
fn jpeg_parts(jpeg: &[u8]) -> Option<Vec<&[u8]>> {
    let mut parts: Vec<Option<&[u8]>> = Vec::new();
    for segment in jpeg_segments(jpeg).filter(|segment| segment.marker == 0xE2) {
        let Some([place, of, part @ ..]) = segment.data.strip_prefix(b"ICC_PROFILE\0") else { continue };
        let (place, of) = (usize::from(*place), usize::from(*of));
        if parts.is_empty() {
            parts = vec![None; of];
        }
        if parts.len() != of {
            return None;
        }
        let slot = parts.get_mut(place.checked_sub(1)?)?;
        if slot.replace(part).is_some() {
            return None;
        }
    }
    let parts: Option<Vec<&[u8]>> = parts.into_iter().collect();
    parts.filter(|parts| !parts.is_empty())
}

fn jpeg_profile(jpeg: &[u8]) -> Option<Vec<u8>> {
    (jpeg_profile_length(jpeg) <= MAX_PROFILE as u64).then(|| Some(jpeg_parts(jpeg)?.concat())).flatten()
}

/// The first of `cICP`, `iCCP`, `sRGB`, `gAMA` with `cHRM` that can be used, as the specification orders them.
fn png(bytes: &[u8]) -> Option<Stated> {
    let first = |name: &[u8; 4]| {
        png_header_chunks(bytes).find(|chunk| chunk.name == name && chunk.is_sound()).map(|chunk| chunk.data)
    };
    // RGB of full range: a PNG has no other.
    if let Some([primaries, curve, 0, 1]) = first(b"cICP")
        && *primaries != 2
        && *curve != 2
    {
        return Some(Stated::Cicp { primaries: *primaries, curve: *curve });
    }
    if let Some(data) = first(b"iCCP") {
        let (_name, rest) = split_at_zero(data)?;
        return Some(Stated::Icc(inflated(rest.get(1..)?, MAX_PROFILE as u64)?));
    }
    if first(b"sRGB").is_some() {
        return None;
    }
    let number = |data: &[u8]| Some(u32::from_be_bytes(*data.first_chunk()?) as f32 / 100_000.0);
    let gamma = first(b"gAMA").and_then(number);
    let chromaticities = first(b"cHRM").filter(|data| data.len() == 32).map(|data| {
        let mut numbers = data.chunks_exact(4).filter_map(number);
        [(); 4].map(|()| [(); 2].map(|()| numbers.next().unwrap_or_default()))
    });
    (gamma.is_some() || chromaticities.is_some()).then_some(Stated::Measured { gamma, chromaticities })
}
