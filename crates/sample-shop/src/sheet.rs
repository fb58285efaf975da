//! Many small photos on one large one, to see a shop at a glance.

use image::{Rgb, RgbImage, imageops};
use rayon::prelude::*;

use crate::{SampleSpec, draw};

const CELL: (u32, u32) = (200, 250);
const GAP: u32 = 6;

/// These photos of the shop, each a product and a view, in so many columns.
pub fn contact_sheet(spec: &SampleSpec, photos: &[(u32, u32)], columns: u32) -> RgbImage {
    let columns = columns.max(1);
    let rows = (photos.len() as u32).div_ceil(columns);
    let size = (columns * (CELL.0 + GAP) + GAP, rows * (CELL.1 + GAP) + GAP);
    let mut sheet = RgbImage::from_pixel(size.0, size.1, Rgb([255; 3]));
    let photos: Vec<RgbImage> =
        photos.par_iter().map(|&(product, view)| small(&draw(spec, product, view).image)).collect();
    for (i, photo) in photos.iter().enumerate() {
        let (column, row) = (i as u32 % columns, i as u32 / columns);
        let (x, y) = (GAP + column * (CELL.0 + GAP), GAP + row * (CELL.1 + GAP));
        let (dx, dy) = ((CELL.0 - photo.width()) / 2, (CELL.1 - photo.height()) / 2);
        imageops::replace(&mut sheet, photo, i64::from(x + dx), i64::from(y + dy));
    }
    sheet
}

/// The photo, fitted into a cell.
fn small(photo: &RgbImage) -> RgbImage {
    let (w, h) = (photo.width().max(1), photo.height().max(1));
    let scale = (CELL.0 as f32 / w as f32).min(CELL.1 as f32 / h as f32);
    let (w, h) = ((w as f32 * scale) as u32, (h as f32 * scale) as u32);
    imageops::resize(photo, w.max(1), h.max(1), imageops::FilterType::Triangle)
}
