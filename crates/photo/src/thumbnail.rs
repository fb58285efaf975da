//! A photo made small, to be shown in a list.

use turbojpeg::{PixelFormat, Subsamp};

use crate::{
    Limits, Photo, PhotoError,
    bilinear::{Window, resize_window},
};

/// Of the JPEG: at the size it is shown at, what is lost is hardly seen.
const QUALITY: i32 = 82;

/// The photo as an upright JPEG of this width, or of its own where that is less, without EXIF or anything else but pixels.
///
/// # Errors
/// As [`Photo::decode`].
pub fn thumbnail(bytes: &[u8], limits: &Limits, width: u32) -> Result<Vec<u8>, PhotoError> {
    let failed = |why: String| PhotoError::Preprocessing(format!("a thumbnail cannot be made: {why}"));
    let photo = Photo::decode_for(bytes, limits, width)?;
    let (have_width, have_height) = photo.rgb().dimensions();
    let to_width = width.clamp(1, photo.width());
    let height = u64::from(photo.height()) * u64::from(to_width) + u64::from(photo.width()) / 2;
    let to_height = u32::try_from(height / u64::from(photo.width())).unwrap_or(u32::MAX).max(1);
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
