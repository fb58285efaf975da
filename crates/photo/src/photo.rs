//! From bytes to an upright RGB photo.

use std::{fmt, io::Cursor};

use image::{
    ColorType, DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage, metadata::Orientation,
};

use crate::{PhotoError, claims, jpeg};

/// What a photo may cost, checked on its header before memory is taken for its pixels.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Width × height at most.
    pub max_pixels: u64,
}

impl Default for Limits {
    /// 64 megapixels: every phone's photo, and 200 MB of memory at the most.
    fn default() -> Self {
        Self { max_pixels: 64_000_000 }
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

    fn image_format(self) -> ImageFormat {
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
    /// Decodes `bytes`: EXIF orientation applied, alpha laid over white, 16 bits brought to 8 by ÷ 257, CMYK, grey and
    /// palette converted, the first frame of an animation taken.
    ///
    /// # Errors
    /// Every [`PhotoError`] but those of a crop or of preprocessing.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Self, PhotoError> {
        Self::decode_for(bytes, limits, u32::MAX)
    }

    /// As [`decode`](Self::decode), but pixels that a resize to this shorter side would only average away need not be made:
    /// a JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that leaves at least twice the side.
    pub fn decode_for(bytes: &[u8], limits: &Limits, short_side: u32) -> Result<Self, PhotoError> {
        let format = PhotoFormat::of(bytes)?;
        claims::check(format, bytes)?;
        let damaged = |e: image::ImageError| {
            match e {
            image::ImageError::Limits(_) => PhotoError::TooMuchMemory {
                format,
                what: "what lies beside its picture, or a frame larger than its screen, is larger than all of it may be".into(),
            },
            other => PhotoError::Undecodable { format, reason: other.to_string() },
        }
        };
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format.image_format());
        reader.limits(allowing(claims::MAX_METADATA.saturating_add(bytes.len() as u64)));
        let mut decoder = reader.into_decoder().map_err(damaged)?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > limits.max_pixels {
            return Err(PhotoError::TooManyPixels { width, height, max_pixels: limits.max_pixels });
        }
        if width == 0 || height == 0 {
            return Err(PhotoError::Undecodable { format, reason: "it has no pixels".into() });
        }
        if format == PhotoFormat::Gif {
            // A frame may be larger than its screen, whose size alone was checked.
            decoder.set_limits(allowing(decoder.total_bytes())).map_err(damaged)?;
        }
        // A damaged EXIF block is no reason to refuse the picture.
        let exif = format != PhotoFormat::WebP || claims::has_whole_exif(bytes);
        let orientation = exif.then(|| decoder.orientation().ok()).flatten();
        let orientation = orientation.unwrap_or(Orientation::NoTransforms);
        let plain = matches!(decoder.color_type(), ColorType::Rgb8 | ColorType::L8);
        let fast =
            (format == PhotoFormat::Jpeg && plain).then(|| jpeg::decode(bytes, (width, height), short_side));
        let mut image = match fast.flatten() {
            Some(rgb) => DynamicImage::ImageRgb8(rgb),
            None => DynamicImage::from_decoder(decoder).map_err(damaged)?,
        };
        image.apply_orientation(orientation);
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        let lying = matches!(orientation, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH);
        let full = if lying { (height, width) } else { (width, height) };
        Ok(Self { rgb: to_rgb(image), full, format, turned: orientation != Orientation::NoTransforms })
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

/// Limits of the decoder's own, beside the pixels that are checked here: this many bytes.
fn allowing(bytes: u64) -> image::Limits {
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(bytes);
    limits
}

fn to_rgb(image: DynamicImage) -> RgbImage {
    let sixteen = matches!(
        image,
        DynamicImage::ImageLuma16(_)
            | DynamicImage::ImageLumaA16(_)
            | DynamicImage::ImageRgb16(_)
            | DynamicImage::ImageRgba16(_)
    );
    if !image.color().has_alpha() {
        return if sixteen { narrow(image) } else { image.into_rgb8() };
    }
    let rgba = if sixteen { narrow_alpha(image) } else { image.into_rgba8() };
    let over_white = |c: u8, a: u8| {
        let (c, a) = (u32::from(c), u32::from(a));
        ((c * a + 255 * (255 - a) + 127) / 255) as u8
    };
    RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
        let [r, g, b, a] = rgba.get_pixel(x, y).0;
        image::Rgb([over_white(r, a), over_white(g, a), over_white(b, a)])
    })
}

fn to8(x: u16) -> u8 {
    ((u32::from(x) + 128) / 257) as u8
}

fn narrow(image: DynamicImage) -> RgbImage {
    let wide = image.into_rgb16();
    RgbImage::from_fn(wide.width(), wide.height(), |x, y| image::Rgb(wide.get_pixel(x, y).0.map(to8)))
}

fn narrow_alpha(image: DynamicImage) -> image::RgbaImage {
    let wide = image.into_rgba16();
    image::RgbaImage::from_fn(wide.width(), wide.height(), |x, y| {
        image::Rgba(wide.get_pixel(x, y).0.map(to8))
    })
}
