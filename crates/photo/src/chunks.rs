//! The parts that files are made of, as they lie in the file: nothing is copied, and nothing lies outside of it.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// A segment of a JPEG's header.
pub(crate) struct Segment<'a> {
    pub(crate) marker: u8,
    /// Where its data begin in the file.
    pub(crate) at: usize,
    pub(crate) data: &'a [u8],
}

/// The segments of a JPEG, up to the first scan's header and with it. They end where one is cut short.
pub(crate) fn jpeg_segments(bytes: &[u8]) -> impl Iterator<Item = Segment<'_>> {
    let mut next = Some(2); // behind the start of the image
    std::iter::from_fn(move || {
        loop {
            let (marker, at) = next_marker(bytes, next.take()?)?;
            if matches!(marker, 0x00 | 0x01 | 0xD0..=0xD8) {
                next = Some(at); // no segment follows
                continue;
            }
            if marker == 0xD9 {
                return None;
            }
            let length = usize::from(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?)).max(2);
            let data = bytes.get(at + 2..at + length)?;
            next = (marker != 0xDA).then_some(at + length);
            return Some(Segment { marker, at: at + 2, data });
        }
    })
}

/// The code of the next marker from there on, and where what follows it begins. Anything between two segments is skipped, as decoders do.
fn next_marker(bytes: &[u8], from: usize) -> Option<(u8, usize)> {
    let mut at = from + bytes.get(from..)?.iter().position(|byte| *byte == 0xFF)?;
    while *bytes.get(at)? == 0xFF {
        at += 1;
    }
    Some((bytes[at], at + 1))
}

/// A chunk of a PNG: its data as far as they lie within the file.
pub(crate) struct PngChunk<'a> {
    pub(crate) name: &'a [u8; 4],
    /// Where its data begin in the file.
    pub(crate) at: usize,
    pub(crate) data: &'a [u8],
    sum: Option<u32>,
}

impl PngChunk<'_> {
    /// Whether it lies within the file and has the checksum that it states.
    pub(crate) fn is_sound(&self) -> bool {
        let mut sum = flate2::Crc::new();
        sum.update(self.name);
        sum.update(self.data);
        self.sum == Some(sum.sum())
    }
}

pub(crate) fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = PngChunk<'_>> {
    let mut rest = bytes.get(8..).unwrap_or_default();
    std::iter::from_fn(move || {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (name, tail) = tail.split_first_chunk::<4>()?;
        let length = u32::from_be_bytes(*length) as usize;
        let data = &tail[..length.min(tail.len())];
        let behind = tail.get(length..).unwrap_or_default();
        rest = behind.get(4..).unwrap_or_default();
        let at = bytes.len() - tail.len();
        Some(PngChunk { name, at, data, sum: behind.first_chunk().map(|sum| u32::from_be_bytes(*sum)) })
    })
}

/// The chunks of a PNG that lie before its pixels.
pub(crate) fn png_header_chunks(bytes: &[u8]) -> impl Iterator<Item = PngChunk<'_>> {
    png_chunks(bytes).take_while(|chunk| !matches!(chunk.name, b"IDAT" | b"IEND"))
}

/// A chunk of a RIFF file: its data as far as they lie within the file.
pub(crate) struct RiffChunk<'a> {
    pub(crate) name: &'a [u8; 4],
    pub(crate) data: &'a [u8],
    pub(crate) is_whole: bool,
}

pub(crate) fn riff_chunks(mut rest: &[u8]) -> impl Iterator<Item = RiffChunk<'_>> {
    std::iter::from_fn(move || {
        let (name, tail) = rest.split_first_chunk::<4>()?;
        let (length, tail) = tail.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        rest = tail.get(length.saturating_add(length % 2)..).unwrap_or_default(); // padded to an even length
        let is_whole = length <= tail.len();
        Some(RiffChunk { name, data: &tail[..length.min(tail.len())], is_whole })
    })
}

/// What a WebP's header says that it carries beside its picture.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Beside {
    Xmp = 4,
    Exif = 8,
    Icc = 32,
}

/// The first whole chunk of that kind, where the WebP's header says that there is one: what libwebp takes.
pub(crate) fn webp_beside(bytes: &[u8], what: Beside) -> Option<&[u8]> {
    let mut chunks = riff_chunks(bytes.get(12..)?);
    let header = chunks.next().filter(|chunk| chunk.name == b"VP8X")?;
    let name = match what {
        Beside::Xmp => b"XMP ",
        Beside::Exif => b"EXIF",
        Beside::Icc => b"ICCP",
    };
    let stated = header.data.first()? & what as u8 != 0;
    chunks.find(|chunk| stated && chunk.name == name && chunk.is_whole).map(|chunk| chunk.data)
}

/// What a zlib stream unpacks to, as far as it is sound; `None` where that is more than `most` bytes.
pub(crate) fn inflated(stream: &[u8], most: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    // What a broken stream gave before it broke stays.
    let _ = ZlibDecoder::new(stream).take(most + 1).read_to_end(&mut bytes);
    (bytes.len() as u64 <= most).then_some(bytes)
}

/// What stands before the first 0, and what stands behind it.
pub(crate) fn split_at_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().position(|byte| *byte == 0)?;
    Some((&bytes[..end], &bytes[end + 1..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            let _ = (jpeg_segments(&bytes).count(), png_chunks(&bytes).count(), riff_chunks(&bytes).count());
            let jpeg = [&[0xFF, 0xD8, 0xFF, 0xE1][..], &bytes].concat();
            let webp = [&b"RIFF    WEBPVP8X\x0a\0\0\0\x2c"[..], &bytes].concat();
            let _ = (jpeg_segments(&jpeg).count(), webp_beside(&webp, Beside::Exif), inflated(&bytes, 100));
        }
    }
}
