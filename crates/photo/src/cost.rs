//! The memory that decoding a photo takes, in bytes, told from its headers alone.
//!
//! Each rule counts what a decoder holds at its fullest moment: what goes into the picture, what the decoder keeps beside it, and the
//! turned copy. `tests/memory.rs` holds the rules to what the operating system says.

use crate::{PhotoFormat, claims::Claims, jpeg_frame::JpegFrame};

/// Of every decoder: tables, windows, state; what resizing a row or two of the picture takes; and what is taken between two looks at
/// what is held ([`crate::memory::Metered`]).
const BESIDE: u64 = 4 << 20;

/// The most that a lossless WebP's code tables may take. Encoders write some hundred groups of them, a few megabytes.
const CODE_TABLES: u64 = 64 << 20;

/// What is decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture {
    pub(crate) width: u64,
    pub(crate) height: u64,
    /// Of one pixel, as it comes out of the decoder.
    pub(crate) pixel_bytes: u64,
    /// Whether columns become rows.
    pub(crate) lies: bool,
    /// Bytes that bringing it to sRGB takes beside it, once it is decoded.
    pub(crate) colours: u64,
}

impl Picture {
    fn pixels(&self) -> u64 {
        self.width * self.height
    }

    /// The RGB picture, and what it is made of: greys, or itself before it is turned.
    fn upright(&self) -> u64 {
        let of = if self.lies { 3 } else { 0 };
        let of = if self.pixel_bytes < 3 { self.pixel_bytes.max(of) } else { of };
        self.pixels() * (3 + of)
    }

    fn rows(&self, many: u64) -> u64 {
        many * self.width * self.pixel_bytes
    }
}

/// PNG, WebP, GIF or BMP: what the decoder takes.
pub(crate) fn decoding(format: PhotoFormat, bytes: u64, picture: &Picture, claims: &Claims) -> u64 {
    let pixels = picture.pixels();
    let out = pixels * picture.pixel_bytes;
    let beside = match format {
        // Metadata as it came and as it was unpacked; rows before and after their filter.
        PhotoFormat::Png => 2 * claims.profile + 2 * claims.metadata + picture.rows(16),
        PhotoFormat::Bmp => picture.rows(4),
        // Numbers of colours; and a frame that does not fill its screen is decoded apart.
        PhotoFormat::Gif => 5 * pixels + picture.rows(2),
        PhotoFormat::WebP => webp(bytes, picture, claims),
        PhotoFormat::Jpeg => 0,
    };
    BESIDE + (out + beside.max(picture.colours)).max(picture.upright())
}

/// What a WebP's decoder takes beside the picture.
fn webp(bytes: u64, picture: &Picture, claims: &Claims) -> u64 {
    let pixels = picture.pixels();
    // Codes of its own for each block of 4×4, and what blocks of that size say of prediction and colours.
    let tables = ((8 << 20) + 64 * bytes).min(CODE_TABLES);
    let blocks = pixels.div_ceil(4) * 3 + pixels.div_ceil(8);
    let lossless = 4 * pixels + blocks + tables;
    // Whole macroblocks of 16×16, of colours at half the size; rows; and the file's parts, as they came.
    let lossy = (picture.width + 15) * (picture.height + 15) * 3 / 2 + 64 * picture.width + 2 * bytes;
    let transparency = if claims.has_transparency { pixels + lossless } else { 0 };
    let frame = if claims.is_lossless { lossless } else { lossy + transparency };
    // The first frame of an animation lies on a canvas, and may be either.
    if claims.is_animated { 8 * pixels + (lossless + pixels).max(lossy + pixels + lossless) } else { frame }
}

/// JPEG by the fast decoder, which makes `made` of the picture's pixels.
pub(crate) fn jpeg(frame: &JpegFrame, made: &Picture) -> u64 {
    let beside = (frame.coefficients() + frame.rows()).max(made.colours);
    BESIDE + (made.pixels() * made.pixel_bytes.max(3) + beside).max(made.upright())
}

/// JPEG by the patient decoder, which copies the file and makes the whole picture.
pub(crate) fn patient_jpeg(frame: &JpegFrame, bytes: u64, whole: &Picture) -> u64 {
    let beside = (frame.coefficients() + frame.rows() + 3 * bytes).max(whole.colours);
    BESIDE + (whole.pixels() * whole.pixel_bytes + beside).max(whole.upright())
}
