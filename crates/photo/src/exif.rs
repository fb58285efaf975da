//! How a photo is to be turned: what Pillow's `ImageOps.exif_transpose` takes, from wherever a format keeps it.

use image::metadata::Orientation;

use crate::{
    PhotoFormat,
    chunks::{Beside, inflated, jpeg_segments, png_chunks, split_at_zero, webp_beside},
};

/// The number of the tag.
const ORIENTATION: u16 = 0x0112;

/// Bytes that a PNG's text may unpack to. What it says of the orientation stands at its beginning, or it is XMP.
const MAX_TEXT: u64 = 1 << 20;

/// Under which a JPEG and a PNG keep XMP.
const XMP_SEGMENT: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const XMP_TEXT: &[u8] = b"XML:com.adobe.xmp";
/// Under which ImageMagick keeps EXIF in a PNG, in hexadecimal.
const RAW_EXIF: &[u8] = b"Raw profile type exif";

/// How the pixels are to be turned. XMP is asked where EXIF has no such tag. What is damaged, or says nothing that means something,
/// turns nothing. Takes 2 [`MAX_TEXT`] of memory at most.
pub(crate) fn orientation(format: PhotoFormat, bytes: &[u8]) -> Orientation {
    let stated = match format {
        PhotoFormat::Jpeg => jpeg(bytes),
        PhotoFormat::Png => png(bytes),
        PhotoFormat::WebP => {
            let xmp = || of_xmp(webp_beside(bytes, Beside::Xmp)?);
            webp_beside(bytes, Beside::Exif).and_then(of_exif).or_else(xmp)
        }
        PhotoFormat::Gif | PhotoFormat::Bmp => None,
    };
    stated.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
}

/// The first block of EXIF, and the last of XMP.
fn jpeg(bytes: &[u8]) -> Option<u8> {
    let (mut exif, mut xmp) = (None, None);
    for segment in jpeg_segments(bytes).filter(|segment| segment.marker == 0xE1) {
        match segment.data {
            data if exif.is_none() && data.starts_with(b"Exif\0\0") => exif = Some(data),
            data => xmp = data.strip_prefix(XMP_SEGMENT).or(xmp),
        }
    }
    exif.and_then(of_exif).or_else(|| of_xmp(xmp?))
}

/// The last block of each kind, before or behind the pixels.
fn png(bytes: &[u8]) -> Option<u8> {
    let (mut exif, mut raw, mut xmp) = (None, None, None);
    for chunk in png_chunks(bytes) {
        match chunk.name {
            b"eXIf" if chunk.is_sound() => exif = Some(chunk.data),
            b"tEXt" | b"zTXt" | b"iTXt" => match split_at_zero(chunk.data) {
                Some((XMP_TEXT, _)) if chunk.is_sound() => xmp = Some(chunk),
                Some((RAW_EXIF, _)) if chunk.is_sound() => raw = Some(chunk),
                _ => {}
            },
            b"IEND" => break,
            _ => {}
        }
    }
    let stated = match exif {
        Some(exif) => of_exif(exif),
        None => raw.and_then(|chunk| of_exif(&hexadecimal(&text(chunk.name, chunk.data)?))),
    };
    stated.or_else(|| xmp.and_then(|chunk| of_xmp(&text(chunk.name, chunk.data)?)))
}

/// What a PNG's chunk of text says behind its keyword.
fn text(name: &[u8; 4], data: &[u8]) -> Option<Vec<u8>> {
    let (_, rest) = split_at_zero(data)?;
    let whole = |text: &[u8]| (text.len() as u64 <= MAX_TEXT).then(|| text.to_vec());
    match name {
        b"tEXt" => whole(rest),
        b"zTXt" => inflated(rest.get(1..)?, MAX_TEXT),
        _ => {
            let (flags, rest) = rest.split_first_chunk::<2>()?;
            let (_language, rest) = split_at_zero(rest)?;
            let (_keyword, text) = split_at_zero(rest)?;
            if flags[0] == 0 { whole(text) } else { inflated(text, MAX_TEXT) }
        }
    }
}

/// A line that is empty, one that names the kind, one with the length; then two digits a byte.
fn hexadecimal(text: &[u8]) -> Vec<u8> {
    let lines = text.split(|byte| *byte == b'\n').skip(3);
    let digits: Vec<u8> =
        lines.flatten().filter_map(|byte| (*byte as char).to_digit(16)).map(|d| d as u8).collect();
    digits.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect()
}

/// What the tag says, 0 for what means nothing; `None` where there is no such tag. The block may be behind one or two `Exif\0\0`,
/// wherever it was found: Pillow wrote them into WebP.
fn of_exif(block: &[u8]) -> Option<u8> {
    let tiff = Tiff::of(unprefixed(unprefixed(block)))?;
    let directory = tiff.u32(4)? as usize;
    for place in 0..usize::from(tiff.u16(directory)?) {
        let at = directory + 2 + 12 * place;
        tiff.bytes.get(at..at + 12)?;
        if tiff.u16(at)? == ORIENTATION
            && let Some(value) = tiff.value(at)
        {
            return Some(value);
        }
    }
    None
}

fn unprefixed(block: &[u8]) -> &[u8] {
    block.strip_prefix(b"Exif\0\0").unwrap_or(block)
}

struct Tiff<'a> {
    bytes: &'a [u8],
    is_little: bool,
}

impl<'a> Tiff<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        match bytes.first_chunk()? {
            b"II*\0" | b"II\0*" => Some(Self { bytes, is_little: true }),
            b"MM\0*" | b"MM*\0" => Some(Self { bytes, is_little: false }),
            _ => None,
        }
    }

    fn number<const N: usize>(&self, at: usize) -> Option<u64> {
        let mut bytes = [0; 8];
        let found: &[u8; N] = self.bytes.get(at..)?.first_chunk()?;
        bytes[8 - N..].copy_from_slice(found);
        if self.is_little {
            bytes[8 - N..].reverse();
        }
        Some(u64::from_be_bytes(bytes))
    }

    fn u16(&self, at: usize) -> Option<u16> {
        self.number::<2>(at).map(|x| x as u16)
    }

    fn u32(&self, at: usize) -> Option<u32> {
        self.number::<4>(at).map(|x| x as u32)
    }

    /// The first number of the entry at this place. `None` where there is none, or it lies outside of the block.
    fn value(&self, entry: usize) -> Option<u8> {
        let (kind, count) = (self.u16(entry + 2)?, u64::from(self.u32(entry + 4)?));
        let size = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 => 8,
            _ => return None,
        };
        let length = usize::try_from(count * size).ok().filter(|length| *length > 0)?;
        let at = if length > 4 { self.u32(entry + 8)? as usize } else { entry + 8 };
        self.bytes.get(at..at.checked_add(length)?)?;
        let value = match kind {
            3 => self.number::<2>(at)? as f64,
            8 => self.number::<2>(at)? as i16 as f64,
            4 | 13 => self.number::<4>(at)? as f64,
            9 => self.number::<4>(at)? as i32 as f64,
            5 => self.u32(at)? as f64 / self.u32(at + 4)? as f64,
            10 => self.u32(at)? as i32 as f64 / self.u32(at + 4)? as i32 as f64,
            6 => self.number::<1>(at)? as i8 as f64,
            11 => f64::from(f32::from_bits(self.u32(at)?)),
            12 => f64::from_bits(self.number::<8>(at)?),
            16 => self.number::<8>(at)? as f64,
            _ => return Some(0), // bytes and texts are no numbers, as Pillow has it
        };
        Some(if (1.0..=8.0).contains(&value) && value.fract() == 0.0 { value as u8 } else { 0 })
    }
}

/// The digit behind the first `tiff:Orientation="` or `tiff:Orientation>`.
fn of_xmp(xmp: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    xmp.windows(NAME.len()).enumerate().filter(|(_, name)| *name == NAME).find_map(|(at, _)| {
        let rest = &xmp[at + NAME.len()..];
        let digit = *rest.strip_prefix(b"=\"").or_else(|| rest.strip_prefix(b">"))?.first()?;
        digit.is_ascii_digit().then(|| digit - b'0')
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>(), at in 0usize..70, with: u8) {
            let _ = (of_exif(&bytes), of_xmp(&bytes), hexadecimal(&bytes));
            let mut block = b"II*\0\x08\0\0\0\x02\0\x12\x01\x04\0\x01\0\0\0\x06\0\0\0\x12\x01\x05\0\x01\0\0\0\x26\0\0\0\0\0\0\0\x06\0\0\0\x01\0\0\0".to_vec();
            if let Some(byte) = block.get_mut(at) {
                *byte = with;
            }
            let _ = (of_exif(&block), of_exif(&block[..at.min(block.len())]));
        }
    }
}
