//! A photo made small, to be shown in a list.

use turbojpeg::{PixelFormat, Subsamp};

use crate::{
    PhotoError, Undecoded,
    bilinear::{Window, resize_window},
};

/// Of the JPEG: at the size it is shown at, what is lost is hardly seen.
const QUALITY: i32 = 82;

/// The photo as an upright JPEG of this width, or of its own where that is less, without EXIF or anything else but pixels. The photo
/// may have been read for a shorter side of `width`, in sRGB.
///
/// # Errors
/// As [`Undecoded::decode`].
pub fn thumbnail(photo: &Undecoded<'_>, width: u32) -> Result<Vec<u8>, PhotoError> {
    let failed = |why: String| PhotoError::Preprocessing(format!("a thumbnail cannot be made: {why}"));
    let (to_width, to_height) = size(photo, width);
    let photo = photo.decode()?;
    let (have_width, have_height) = photo.rgb().dimensions();
    let (width, height) = (to_width as usize, to_height as usize);
    let resized;
    let pixels = if (have_width, have_height) == (to_width, to_height) {
        photo.rgb().as_raw()
    } else {
        let have = (have_width as usize, have_height as usize);
        let whole = Window { left: 0, top: 0, width, height };
        resized = resize_window(photo.rgb().as_raw(), have, (width, height), whole);
        &resized
    };
    let image = turbojpeg::Image {
        pixels: pixels.as_slice(),
        width,
        pitch: 3 * width,
        height,
        format: PixelFormat::RGB,
    };
    let jpeg = turbojpeg::compress(image, QUALITY, Subsamp::Sub2x2).map_err(|e| failed(e.to_string()))?;
    Ok(jpeg.to_vec())
}

/// Bytes of memory that [`thumbnail`] takes beside what decoding takes: the small picture, and the room that its JPEG may need.
pub fn thumbnail_memory(photo: &Undecoded<'_>, width: u32) -> u64 {
    let (width, height) = size(photo, width);
    (u64::from(width) + 32) * (u64::from(height) + 32) * (3 + 6)
}

/// Of a photo made so wide, or of the photo itself where it is smaller.
fn size(photo: &Undecoded<'_>, width: u32) -> (u32, u32) {
    let to_width = width.clamp(1, photo.width());
    let height = u64::from(photo.height()) * u64::from(to_width) + u64::from(photo.width()) / 2;
    (to_width, u32::try_from(height / u64::from(photo.width())).unwrap_or(u32::MAX).max(1))
}
