//! Files with a fault that lies beside the picture, and that a decoder here stumbles over where browsers and Pillow do not.

use crate::{
    PhotoFormat,
    chunks::{jpeg_segments, png_chunks, png_header_chunks, riff_chunks},
    jpeg_frame::JpegFrame,
};

/// A copy of the file without the fault, where it has one; `None` where it has none that is known.
pub(crate) fn mended(format: PhotoFormat, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut mended: Option<Vec<u8>> = None;
    let mut put = |at: usize, byte: u8| {
        if let Some(place) = mended.get_or_insert_with(|| bytes.to_vec()).get_mut(at) {
            *place = byte;
        }
    };
    match format {
        PhotoFormat::Jpeg => adobe(bytes, &mut put),
        PhotoFormat::Png => cicp(bytes, &mut put),
        PhotoFormat::WebP => announced(bytes, &mut put),
        PhotoFormat::Gif | PhotoFormat::Bmp => {}
    }
    if format == PhotoFormat::Png && has_no_end(bytes) {
        mended.get_or_insert_with(|| bytes.to_vec()).extend(b"\0\0\0\0IEND\xAE\x42\x60\x82");
    }
    mended
}

/// A PNG whose pixels are whole, and whose last chunk is missing.
fn has_no_end(bytes: &[u8]) -> bool {
    png_chunks(bytes).last().is_some_and(|last| last.name == b"IDAT" && last.is_sound())
}

/// A WebP's header that announces what is not there announces no more.
fn announced(bytes: &[u8], put: &mut impl FnMut(usize, u8)) {
    const FLAGS: usize = 20; // behind RIFF, its length, WEBP, VP8X and the length of that
    let mut chunks = riff_chunks(bytes.get(12..).unwrap_or_default());
    let Some(flags) = chunks.next().filter(|chunk| chunk.name == b"VP8X").and_then(|c| c.data.first()) else {
        return;
    };
    let names: Vec<&[u8; 4]> = chunks.map(|chunk| chunk.name).take(1000).collect();
    let mut there = *flags;
    for (flag, name) in [(4, b"XMP "), (8, b"EXIF"), (32, b"ICCP")] {
        there &= if names.contains(&name) { 0xFF } else { !flag };
    }
    // Transparency of a frame that has no room for it; that of a lossless one is within it, of an animation within its frames.
    if names.contains(&b"VP8 ") && !names.contains(&b"ALPH") && !names.contains(&b"ANMF") {
        there &= !16;
    }
    if there != *flags {
        put(FLAGS, there);
    }
}

/// A JPEG's Adobe marker of an unknown transform counts as one of the usual transform for so many components, as in libjpeg; one that
/// is cut short is none.
fn adobe(bytes: &[u8], put: &mut impl FnMut(usize, u8)) {
    let Some(frame) = JpegFrame::read(bytes) else { return };
    for segment in jpeg_segments(bytes).filter(|segment| segment.marker == 0xEE) {
        if !segment.data.starts_with(b"Adobe") {
            continue;
        }
        match (segment.data.get(11), frame.components()) {
            (None, _) => put(segment.at, b'-'),
            (Some(0..=2), 1) | (Some(0 | 1), 3) | (Some(0 | 2), 4) => {}
            (Some(_), 4) => put(segment.at + 11, 2),
            (Some(_), _) => put(segment.at + 11, 1),
        }
    }
}

/// A PNG's `cICP` of anything but RGB gets a checksum that is wrong: so it is passed over.
fn cicp(bytes: &[u8], put: &mut impl FnMut(usize, u8)) {
    for chunk in png_header_chunks(bytes).filter(|chunk| chunk.name == b"cICP" && chunk.is_sound()) {
        let at = chunk.at + chunk.data.len();
        if !matches!(chunk.data, [_, _, 0, 0 | 1])
            && let Some(byte) = bytes.get(at)
        {
            put(at, !byte);
        }
    }
}
