//! A photo whose headers were read and whose pixels were not: what it is, and what decoding it takes.

use image::{
    ColorType, DynamicImage, ImageDecoder, ImageError, ImageReader, RgbImage, metadata::Orientation,
};

use crate::{
    Colour, Limits, Photo, PhotoError, PhotoFormat, Wanted,
    claims::Claims,
    colour::{CmykToSrgb, ToSrgb, has_cmyk_profile, room},
    cost::{self, Picture},
    exif, jpeg,
    jpeg_frame::JpegFrame,
    memory::{Exceeded, Metered},
    mend::mended,
    rgb::{opaque_if_nothing_shows, to_rgb},
};

/// A photo within its limits, not decoded yet. It costs next to nothing.
#[derive(Clone, Copy, Debug)]
pub struct Undecoded<'a> {
    bytes: &'a [u8],
    format: PhotoFormat,
    /// As the header says it.
    size: (u32, u32),
    kind: ColorType,
    orientation: Orientation,
    to: Colour,
    /// Bytes that bringing it to sRGB takes.
    colours_memory: u64,
    way: Way,
    memory: u64,
}

/// Who decodes it.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// `image`'s decoder of the format.
    Patient,
    /// libjpeg-turbo, at so many eighths of the size; where it gives up, the patient decoder, if its memory was granted as well.
    Fast { eighths: u32, or_patient: bool },
    /// The same of four inks with a profile.
    Inks { eighths: u32, or_patient: bool },
}

impl<'a> Undecoded<'a> {
    /// Bytes of memory that metadata and first rows take at most while headers are read.
    pub const HEADERS_MEMORY: u64 = 48 << 20;

    /// Reads the headers.
    ///
    /// # Errors
    /// Every [`PhotoError`] but those of a crop or of preprocessing.
    pub fn read(bytes: &'a [u8], limits: &Limits, wanted: Wanted) -> Result<Self, PhotoError> {
        let format = PhotoFormat::of(bytes)?;
        let claims = Claims::check(format, bytes)?;
        let granted = Self::headers_memory(bytes);
        let mended = mended(format, bytes);
        let (decoder, exceeded) = decoder(mended.as_deref().unwrap_or(bytes), format, granted)?;
        let size @ (width, height) = decoder.dimensions();
        if u64::from(width) * u64::from(height) > limits.max_pixels {
            return Err(PhotoError::TooManyPixels { width, height, max_pixels: limits.max_pixels });
        }
        if width == 0 || height == 0 {
            return Err(PhotoError::Undecodable { format, reason: "it has no pixels".into() });
        }
        if exceeded.is_set() {
            return Err(beside_the_picture(format));
        }
        let read = Self {
            bytes,
            format,
            size,
            kind: decoder.color_type(),
            orientation: exif::orientation(format, bytes),
            to: wanted.colour,
            colours_memory: if wanted.colour == Colour::Srgb { room(claims.profile) } else { 0 },
            way: Way::Patient,
            memory: 0,
        };
        let read = match format {
            PhotoFormat::Jpeg => read.jpeg(limits, wanted.short_side, mended.is_some())?,
            _ => {
                let copy = mended.as_ref().map_or(0, |copy| copy.len() as u64);
                let memory = copy + cost::decoding(format, bytes.len() as u64, &read.picture(1, 1), &claims);
                Self { memory, ..read }
            }
        };
        if read.memory > limits.max_memory {
            let (needed, most) = (read.memory.div_ceil(1_000_000), limits.max_memory / 1_000_000);
            return Err(PhotoError::TooDear { format, width, height, needed, most });
        }
        Ok(read)
    }

    /// Bytes of memory that [`read`](Self::read) takes at most of this file: of the formats that may carry compressed metadata,
    /// [`HEADERS_MEMORY`](Self::HEADERS_MEMORY), and of all, three times the file.
    pub fn headers_memory(bytes: &[u8]) -> u64 {
        let metadata = match PhotoFormat::of(bytes) {
            Ok(PhotoFormat::Png | PhotoFormat::WebP) => Self::HEADERS_MEMORY,
            _ => 4 << 20,
        };
        metadata + 3 * bytes.len() as u64
    }

    /// Bytes of memory that [`decode`](Self::decode) takes at most, beside the file itself, down to the upright pixels.
    pub fn memory(&self) -> u64 {
        self.memory
    }

    /// Upright width in pixels.
    pub fn width(&self) -> u32 {
        self.full().0
    }

    /// Upright height in pixels.
    pub fn height(&self) -> u32 {
        self.full().1
    }

    /// Decodes it.
    ///
    /// # Errors
    /// [`PhotoError::Undecodable`] or [`PhotoError::TooMuchMemory`].
    pub fn decode(&self) -> Result<Photo, PhotoError> {
        let mended = mended(self.format, self.bytes);
        let bytes = mended.as_deref().unwrap_or(self.bytes);
        let (fast, or_patient) = match self.way {
            Way::Fast { eighths, or_patient } => (self.fast(bytes, eighths), or_patient),
            Way::Inks { eighths, or_patient } => (self.inks(bytes, eighths), or_patient),
            Way::Patient => (None, true),
        };
        let rgb = match fast {
            Some(rgb) => rgb,
            None if or_patient => self.patiently(bytes)?,
            None => {
                let reason = "its picture is broken, or too large for the decoder that could tell".into();
                return Err(PhotoError::Undecodable { format: self.format, reason });
            }
        };
        let mut image = DynamicImage::ImageRgb8(rgb);
        image.apply_orientation(self.orientation);
        let turned = self.orientation != Orientation::NoTransforms;
        Ok(Photo::upright(image.into_rgb8(), self.full(), self.format, turned))
    }

    fn fast(&self, bytes: &[u8], eighths: u32) -> Option<RgbImage> {
        let mut rgb = jpeg::decode(bytes, self.size, eighths)?;
        if let Some(to_srgb) = self.colours() {
            to_srgb.apply(&mut rgb);
        }
        Some(rgb)
    }

    fn inks(&self, bytes: &[u8], eighths: u32) -> Option<RgbImage> {
        let ((width, height), pixels) = jpeg::decode_cmyk(bytes, self.size, eighths)?;
        RgbImage::from_raw(width, height, CmykToSrgb::of(bytes)?.apply(pixels)?)
    }

    /// What brings pixels of this kind to sRGB; `None` where they are, or stay as they are.
    fn colours(&self) -> Option<ToSrgb> {
        let channels = usize::from(self.kind.channel_count());
        (self.to == Colour::Srgb).then(|| ToSrgb::of(self.format, self.bytes, channels)).flatten()
    }

    fn patiently(&self, bytes: &[u8]) -> Result<RgbImage, PhotoError> {
        let format = self.format;
        let (mut decoder, exceeded) = decoder(bytes, format, self.memory)?;
        let damaged = |e: ImageError| failed(format, e, &exceeded);
        if format == PhotoFormat::Gif {
            // A frame may be larger than its screen, whose size alone was checked.
            decoder.set_limits(allowing(decoder.total_bytes())).map_err(damaged)?;
        }
        let differs =
            || PhotoError::Undecodable { format, reason: "its headers contradict each other".into() };
        let length = usize::try_from(decoder.total_bytes()).map_err(|_| differs())?;
        if decoder.dimensions() != self.size || decoder.color_type() != self.kind {
            return Err(differs());
        }
        let mut raw = vec![0; length];
        decoder.read_image(&mut raw).map_err(damaged)?;
        if (format, self.kind) == (PhotoFormat::Bmp, ColorType::Rgba8) {
            opaque_if_nothing_shows(&mut raw);
        }
        to_rgb(raw, self.size, self.kind, self.colours().as_ref()).ok_or_else(differs)
    }

    /// The JPEG's decoders, and what they take, with a copy of the file where that had to be mended.
    fn jpeg(self, limits: &Limits, short_side: u32, mended: bool) -> Result<Self, PhotoError> {
        let no_frame = || PhotoError::Undecodable { format: self.format, reason: "it has no picture".into() };
        let frame = JpegFrame::read(self.bytes).ok_or_else(no_frame)?;
        let bytes = self.bytes.len() as u64;
        let copy = if mended { bytes } else { 0 };
        let patient = copy + cost::patient_jpeg(&frame, bytes, &self.picture(1, 1));
        let of_inks = frame.components() == 4;
        if !matches!(self.kind, ColorType::Rgb8 | ColorType::L8)
            || of_inks && !(self.to == Colour::Srgb && has_cmyk_profile(self.bytes))
        {
            return Ok(Self { memory: patient, ..self });
        }
        let eighths = jpeg::eighths(self.size, short_side);
        let made = self.picture(u64::from(eighths), 8);
        let made = Picture { pixel_bytes: if of_inks { 4 } else { made.pixel_bytes }, ..made };
        let fast = copy + cost::jpeg(&frame, &made);
        let or_patient = patient.max(fast) <= limits.max_memory;
        let memory = if or_patient { patient.max(fast) } else { fast };
        let way = if of_inks { Way::Inks { eighths, or_patient } } else { Way::Fast { eighths, or_patient } };
        Ok(Self { memory, way, ..self })
    }

    /// At `numerator` / `denominator` of its size.
    fn picture(&self, numerator: u64, denominator: u64) -> Picture {
        let scaled = |side: u32| (u64::from(side) * numerator).div_ceil(denominator);
        Picture {
            width: scaled(self.size.0),
            height: scaled(self.size.1),
            pixel_bytes: u64::from(self.kind.bytes_per_pixel()),
            lies: self.lies(),
            colours: self.colours_memory,
        }
    }

    fn lies(&self) -> bool {
        use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
        matches!(self.orientation, Rotate90 | Rotate90FlipH | Rotate270 | Rotate270FlipH)
    }

    fn full(&self) -> (u32, u32) {
        let (width, height) = self.size;
        if self.lies() { (height, width) } else { (width, height) }
    }
}

/// Pixels beyond which a photo is large: more than most phones make.
const LARGE: u64 = 16_000_000;

/// Whether decoding a photo takes long, told by the place in its header where its size stands, without a decoder. What is no photo
/// is not large.
pub fn is_large(bytes: &[u8]) -> bool {
    let be =
        |at: usize| bytes.get(at..at + 4)?.first_chunk().map(|four| u64::from(u32::from_be_bytes(*four)));
    let le = |at: usize, bits: u32| {
        let four = bytes.get(at..at + 4)?.first_chunk()?;
        Some(u64::from(u32::from_le_bytes(*four)) & ((1 << bits) - 1))
    };
    let pixels = || match PhotoFormat::of(bytes).ok()? {
        PhotoFormat::Jpeg => JpegFrame::read(bytes).map(|frame| frame.pixels()),
        PhotoFormat::Png => Some(be(16)?.saturating_mul(be(20)?)),
        PhotoFormat::Gif => Some(le(6, 16)? * le(8, 16)?),
        PhotoFormat::Bmp => {
            let side = |at| Some(u64::from((le(at, 32)? as i32).unsigned_abs()));
            Some(side(18)?.saturating_mul(side(22)?))
        }
        PhotoFormat::WebP => match bytes.get(12..16)? {
            b"VP8X" => Some((le(24, 24)? + 1) * (le(27, 24)? + 1)),
            b"VP8L" => le(21, 32).map(|both| ((both & 0x3FFF) + 1) * ((both >> 14 & 0x3FFF) + 1)),
            _ => Some(le(26, 14)? * le(28, 14)?),
        },
    };
    pixels().is_some_and(|pixels| pixels > LARGE)
}

/// The format's decoder, which may take so many bytes; its headers are read.
fn decoder(
    bytes: &[u8],
    format: PhotoFormat,
    granted: u64,
) -> Result<(impl ImageDecoder + '_, Exceeded), PhotoError> {
    let (metered, exceeded) = Metered::new(bytes, granted);
    let mut reader = ImageReader::with_format(metered, format.image_format());
    reader.limits(allowing(granted));
    match reader.into_decoder() {
        Ok(decoder) => Ok((decoder, exceeded)),
        Err(e) => Err(failed(format, e, &exceeded)),
    }
}

fn failed(format: PhotoFormat, error: ImageError, exceeded: &Exceeded) -> PhotoError {
    match error {
        _ if exceeded.is_set() => beside_the_picture(format),
        ImageError::Limits(_) => beside_the_picture(format),
        other => PhotoError::Undecodable { format, reason: other.to_string() },
    }
}

fn beside_the_picture(format: PhotoFormat) -> PhotoError {
    let what =
        "what lies beside its picture, or a frame larger than its screen, is larger than all of it may be"
            .into();
    PhotoError::TooMuchMemory { format, what }
}

/// The decoder's own limits: this many bytes.
fn allowing(bytes: u64) -> image::Limits {
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(bytes);
    limits
}
