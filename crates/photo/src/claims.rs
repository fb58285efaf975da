//! What a file claims beside its width and height, held against what it may cost before a decoder believes it.
//!
//! The decoders take memory by what these claims say: a PNG's colour profile is unpacked whole, a WebP's frame is decoded
//! before its size is compared with the canvas. A GIF's frame is checked by the decoder itself, by `image::Limits`.

use std::io;

use flate2::read::ZlibDecoder;

use crate::{
    PhotoError, PhotoFormat,
    chunks::{Beside, png_header_chunks, riff_chunks, webp_beside},
    colour::jpeg_profile_length,
};

/// Bytes that whatever lies beside the pixels (colour profile, EXIF, texts) may unpack to. Profiles of printers have 4 MB.
pub(crate) const MAX_METADATA: u64 = 16 << 20;

/// What a file says of itself that decides what decoding takes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Claims {
    /// Bytes of the colour profile, in a PNG once it is unpacked.
    pub(crate) profile: u64,
    /// PNG: bytes of what lies beside the pixels, as they are in the file.
    pub(crate) metadata: u64,
    /// WebP: it has a lossless frame.
    pub(crate) is_lossless: bool,
    /// WebP: a lossy frame comes with a plane of transparency.
    pub(crate) has_transparency: bool,
    /// WebP: its frames lie on a canvas.
    pub(crate) is_animated: bool,
}

impl Claims {
    /// Refuses a file that claims more than it may cost, or contradicts itself. Reads chunk headers only, and at most
    /// [`MAX_METADATA`] of a compressed profile; takes no memory.
    ///
    /// # Errors
    /// [`PhotoError::TooMuchMemory`] or [`PhotoError::Undecodable`].
    pub(crate) fn check(format: PhotoFormat, bytes: &[u8]) -> Result<Self, PhotoError> {
        match format {
            PhotoFormat::Png => png(bytes),
            PhotoFormat::WebP => webp_frame(bytes).map(|()| webp(bytes)),
            PhotoFormat::Jpeg => Ok(Self { profile: jpeg_profile_length(bytes), ..Self::default() }),
            PhotoFormat::Gif | PhotoFormat::Bmp => Ok(Self::default()),
        }
    }
}

/// PNG: what lies before the pixels; the colour profile is unpacked to nowhere.
fn png(bytes: &[u8]) -> Result<Claims, PhotoError> {
    let mut claims = Claims::default();
    for chunk in png_header_chunks(bytes) {
        if chunk.name == b"iCCP" {
            // All of them together: a thousand profiles would cost a thousand times as long.
            claims.profile += unpacked(chunk.data, MAX_METADATA - claims.profile);
            if claims.profile > MAX_METADATA {
                let what = format!("its colour profile unpacks to more than {} MiB", MAX_METADATA >> 20);
                return Err(PhotoError::TooMuchMemory { format: PhotoFormat::Png, what });
            }
        }
        claims.metadata += chunk.data.len() as u64;
    }
    Ok(claims)
}

/// Bytes that `data` unpacks to, `most` and one more at most. `data` is a name, a 0, the method of compression, a zlib
/// stream. A broken stream is the decoder's to judge: it unpacks as far as it is sound.
fn unpacked(data: &[u8], most: u64) -> u64 {
    let stream = data.iter().position(|byte| *byte == 0).and_then(|end| data.get(end + 2..));
    let mut unpacked = io::Read::take(ZlibDecoder::new(stream.unwrap_or_default()), most + 1);
    let mut size = 0;
    let mut piece = [0; 8192];
    while let Ok(length @ 1..) = io::Read::read(&mut unpacked, &mut piece) {
        size += length as u64;
    }
    size
}

fn webp(bytes: &[u8]) -> Claims {
    let has =
        |name: &[u8; 4]| riff_chunks(bytes.get(12..).unwrap_or_default()).any(|chunk| chunk.name == name);
    Claims {
        profile: webp_beside(bytes, Beside::Icc).map_or(0, |profile| profile.len() as u64),
        is_lossless: has(b"VP8L"),
        has_transparency: has(b"ALPH"),
        is_animated: has(b"ANMF"),
        ..Claims::default()
    }
}

/// WebP with an extended header: every lossy frame must have the size that canvas or animation claim for it, whichever of
/// them the decoder takes.
fn webp_frame(bytes: &[u8]) -> Result<(), PhotoError> {
    let mut chunks = riff_chunks(bytes.get(12..).unwrap_or_default());
    let Some(extended) = chunks.next().filter(|chunk| chunk.name == b"VP8X") else { return Ok(()) };
    let size_at = |data: &[u8], at: usize| Some((u24(data, at)? + 1, u24(data, at + 3)? + 1));
    for chunk in chunks {
        match chunk.name {
            b"VP8 " => same_size(vp8_size(chunk.data), size_at(extended.data, 4))?,
            b"ANMF" => {
                let claimed = size_at(chunk.data, 6);
                let mut after_alpha = false;
                for part in riff_chunks(chunk.data.get(16..).unwrap_or_default()) {
                    // What follows a frame's transparency is decoded as its colours, whatever its name.
                    if after_alpha || part.name == b"VP8 " {
                        same_size(vp8_size(part.data), claimed)?;
                    }
                    after_alpha = part.name == b"ALPH";
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// What is too short to have a size is the decoder's to refuse.
fn same_size(frame: Option<(u32, u32)>, claimed: Option<(u32, u32)>) -> Result<(), PhotoError> {
    match (frame, claimed) {
        (Some(frame), Some(claimed)) if frame != claimed => Err(PhotoError::Undecodable {
            format: PhotoFormat::WebP,
            reason: format!(
                "a frame of {}×{} where {}×{} is claimed",
                frame.0, frame.1, claimed.0, claimed.1
            ),
        }),
        _ => Ok(()),
    }
}

/// Width and height in the header of a lossy frame.
fn vp8_size(data: &[u8]) -> Option<(u32, u32)> {
    let [w0, w1, h0, h1] = *data.get(6..10)?.first_chunk()?;
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    Some((side(w0, w1), side(h0, h1)))
}

fn u24(data: &[u8], at: usize) -> Option<u32> {
    let [a, b, c] = *data.get(at..at + 3)?.first_chunk()?;
    Some(u32::from_le_bytes([a, b, c, 0]))
}
