//! Queries with their nearest items, as one picture to look at.

use font8x8::UnicodeFonts;
use image::{Rgb, RgbImage, imageops};

/// A photo of a montage.
pub struct MontageTile {
    /// Of any size; its central square is shown.
    pub photo: RgbImage,
    /// A word or two below it; 20 letters have room.
    pub caption: String,
    /// Whether it is a right answer; `None` for the query itself.
    pub right: Option<bool>,
}

const TILE: u32 = 160;
const FRAME: u32 = 5;
const CAPTION: u32 = 22;
const INK: Rgb<u8> = Rgb([40, 40, 40]);

/// Draws the rows below each other: the query framed dark, right answers green, wrong ones red.
pub fn montage(rows: &[Vec<MontageTile>]) -> RgbImage {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0) as u32;
    let (width, height) = (TILE + 2 * FRAME, TILE + 2 * FRAME + CAPTION);
    let mut picture = RgbImage::from_pixel(columns * width, rows.len() as u32 * height, Rgb([250, 250, 248]));
    for (y, row) in (0u32..).zip(rows) {
        for (x, MontageTile { photo, caption, right }) in (0u32..).zip(row) {
            let colour = match right {
                None => Rgb([40, 40, 40]),
                Some(true) => Rgb([46, 160, 67]),
                Some(false) => Rgb([207, 70, 62]),
            };
            let frame = RgbImage::from_pixel(TILE + 2 * FRAME - 2, TILE + 2 * FRAME - 2, colour);
            let (left, top) = (x * width, y * height);
            imageops::replace(&mut picture, &frame, i64::from(left + 1), i64::from(top + 1));
            let (w, h) = (photo.width().max(1), photo.height().max(1));
            let side = w.min(h);
            let square = imageops::crop_imm(photo, (w - side) / 2, (h - side) / 2, side, side).to_image();
            let tile = imageops::resize(&square, TILE, TILE, imageops::FilterType::Triangle);
            imageops::replace(&mut picture, &tile, i64::from(left + FRAME), i64::from(top + FRAME));
            write(&mut picture, caption, left + FRAME, top + TILE + 2 * FRAME + 4);
        }
    }
    picture
}

/// 8×8 letters; what the font lacks is left blank.
fn write(picture: &mut RgbImage, text: &str, left: u32, top: u32) {
    for (i, letter) in (0u32..).zip(text.chars().take((TILE / 8) as usize)) {
        let Some(rows) = font8x8::BASIC_FONTS.get(letter) else { continue };
        for (y, row) in (0u32..).zip(rows) {
            for x in (0..8).filter(|x| row >> x & 1 == 1) {
                if let Some(pixel) = picture.get_pixel_mut_checked(left + i * 8 + x, top + y) {
                    *pixel = INK;
                }
            }
        }
    }
}
