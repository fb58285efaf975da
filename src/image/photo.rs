//! From bytes to an upright RGB photo.

use std::{fmt, io::Cursor};

use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, RgbImage, metadata::Orientation};

use super::PhotoError;

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
        let format = PhotoFormat::of(bytes)?;
        let damaged = |e: image::ImageError| PhotoError::Undecodable { format, reason: e.to_string() };
        let mut reader = ImageReader::with_format(Cursor::new(bytes), format.image_format());
        reader.no_limits(); // ours are checked below, on the header
        let mut decoder = reader.into_decoder().map_err(damaged)?;
        let (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > limits.max_pixels {
            return Err(PhotoError::TooManyPixels { width, height, max_pixels: limits.max_pixels });
        }
        if width == 0 || height == 0 {
            return Err(PhotoError::Undecodable { format, reason: "it has no pixels".into() });
        }
        // A damaged EXIF block is no reason to refuse the picture.
        let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
        let mut image = DynamicImage::from_decoder(decoder).map_err(damaged)?;
        image.apply_orientation(orientation);
        Ok(Self { rgb: to_rgb(image), format, turned: orientation != Orientation::NoTransforms })
    }

    /// Takes pixels that are upright already. `None` where there are none.
    pub fn from_rgb(rgb: RgbImage) -> Option<Self> {
        (rgb.width() > 0 && rgb.height() > 0).then_some(Self { rgb, format: PhotoFormat::Png, turned: false })
    }

    /// The upright pixels.
    pub fn rgb(&self) -> &RgbImage {
        &self.rgb
    }

    /// Upright width in pixels.
    pub fn width(&self) -> u32 {
        self.rgb.width()
    }

    /// Upright height in pixels.
    pub fn height(&self) -> u32 {
        self.rgb.height()
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
        Ok(Self { rgb: image::imageops::crop_imm(&self.rgb, x, y, w, h).to_image(), ..*self })
    }
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
