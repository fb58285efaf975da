//! An upright RGB photo, its formats and its limits.

use std::fmt;

use image::{ImageFormat, RgbImage};

use crate::{PhotoError, Undecoded, Wanted};

/// What a photo may cost, checked on its headers before memory is taken for its pixels.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Width × height at most.
    pub max_pixels: u64,
    /// Bytes of memory that decoding may take at most, from the header to the last upright pixel, beside the file itself.
    pub max_memory: u64,
}

impl Default for Limits {
    /// 64 megapixels, more than any phone's photo has, and 400 MB.
    fn default() -> Self {
        Self { max_pixels: 64_000_000, max_memory: 400_000_000 }
    }
}

/// The formats read here, told by their first bytes, never by a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhotoFormat {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG, 1 to 16 bits.
    Png,
    /// WebP, lossy or lossless; of an animation the first frame.
    WebP,
    /// GIF; of an animation the first frame.
    Gif,
    /// Windows bitmap.
    Bmp,
}

impl PhotoFormat {
    /// Tells the format by its magic bytes.
    pub fn of(bytes: &[u8]) -> Result<Self, PhotoError> {
        match bytes {
            [] => Err(PhotoError::Empty),
            [0xFF, 0xD8, 0xFF, ..] => Ok(Self::Jpeg),
            [0x89, b'P', b'N', b'G', 0x0D, 0x0A, 0x1A, 0x0A, ..] => Ok(Self::Png),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Ok(Self::WebP),
            [b'G', b'I', b'F', b'8', ..] => Ok(Self::Gif),
            [b'B', b'M', ..] => Ok(Self::Bmp),
            _ => Err(PhotoError::UnknownFormat(foreign(bytes))),
        }
    }

    pub(crate) fn image_format(self) -> ImageFormat {
        match self {
            Self::Jpeg => ImageFormat::Jpeg,
            Self::Png => ImageFormat::Png,
            Self::WebP => ImageFormat::WebP,
            Self::Gif => ImageFormat::Gif,
            Self::Bmp => ImageFormat::Bmp,
        }
    }
}

impl fmt::Display for PhotoFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
        })
    }
}

/// Names formats that people send and that are not read here.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    match (bytes.get(4..8), bytes.get(8..12)) {
        (Some(b"ftyp"), Some(b"avif" | b"avis")) => Some("AVIF"),
        (Some(b"ftyp"), Some(b"heic" | b"heix" | b"hevc" | b"mif1" | b"msf1" | b"heim" | b"heis")) => {
            Some("HEIC")
        }
        (Some(b"ftyp"), _) => Some("a video"),
        _ if bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*") => Some("TIFF"),
        _ if bytes.starts_with(b"%PDF") => Some("PDF"),
        _ if bytes.starts_with(b"<svg") || bytes.starts_with(b"<?xml") => Some("SVG"),
        _ => None,
    }
}

/// A decoded photo: upright 8-bit RGB, at least one pixel.
#[derive(Clone, Debug)]
pub struct Photo {
    rgb: RgbImage,
    /// Upright, before any scaling while decoding.
    full: (u32, u32),
    format: PhotoFormat,
    turned: bool,
}

impl Photo {
    /// Decodes `bytes`, whole and in sRGB: EXIF orientation applied, colours brought to sRGB as its profile says, alpha laid over
    /// white, 16 bits brought to 8 by ÷ 257, CMYK, grey and palette converted, the first frame of an animation taken.
    ///
    /// # Errors
    /// Every [`PhotoError`] but those of a crop or of preprocessing.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, PhotoError> {
        Self::decode_for(bytes, limits, Wanted::WHOLE)
    }

    /// As [`decode`](Self::decode), but what is wanted of it alone: perhaps fewer pixels, perhaps colours as they are.
    pub fn decode_for(bytes: &[u8], limits: &Limits, wanted: Wanted) -> Result<Self, PhotoError> {
        Undecoded::read(bytes, limits, wanted)?.decode()
    }

    pub(crate) fn upright(rgb: RgbImage, full: (u32, u32), format: PhotoFormat, turned: bool) -> Self {
        Self { rgb, full, format, turned }
    }

    /// Takes pixels that are upright already. `None` where there are none.
    pub fn from_rgb(rgb: RgbImage) -> Option<Self> {
        let full = rgb.dimensions();
        (full.0 > 0 && full.1 > 0).then_some(Self { rgb, full, format: PhotoFormat::Png, turned: false })
    }

    /// The upright pixels: all of them, unless it was decoded for a smaller side.
    pub fn rgb(&self) -> &RgbImage {
        &self.rgb
    }

    /// Upright width in pixels, of the photo as it was sent.
    pub fn width(&self) -> u32 {
        self.full.0
    }

    /// Upright height in pixels, of the photo as it was sent.
    pub fn height(&self) -> u32 {
        self.full.1
    }

    /// The format it came in.
    pub fn format(&self) -> PhotoFormat {
        self.format
    }

    /// Whether an EXIF orientation was applied.
    pub fn turned(&self) -> bool {
        self.turned
    }

    /// The part of the photo inside `x, y, width, height` (pixels, 0-based), cut to what lies within it.
    pub fn crop(&self, x: u32, y: u32, width: u32, height: u32) -> Result<Self, PhotoError> {
        let (w, h) = (self.width().saturating_sub(x).min(width), self.height().saturating_sub(y).min(height));
        if w == 0 || h == 0 {
            return Err(PhotoError::EmptyBox(format!("{x},{y} {width}×{height}")));
        }
        // In the pixels that were decoded.
        let decoded = |at: u32, of: u32, have: u32| (u64::from(at) * u64::from(have) / u64::from(of)) as u32;
        let (have, of) = (self.rgb.dimensions(), self.full);
        let (left, top) = (decoded(x, of.0, have.0), decoded(y, of.1, have.1));
        let right = decoded(x + w, of.0, have.0).max(left + 1);
        let bottom = decoded(y + h, of.1, have.1).max(top + 1);
        let rgb = image::imageops::crop_imm(&self.rgb, left, top, right - left, bottom - top).to_image();
        Ok(Self { rgb, full: (w, h), ..*self })
    }
}
