//! What training does to a photo so that no two epochs show the same: torchvision's RandomResizedCrop and flip.

use rand::{Rng, RngExt};

use crate::{Photo, PhotoError, Pixels, Preprocessing, preprocess::resize_part};

/// A random crop, resized to the model's square, mirrored half of the time, with light that varies a little.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augmentation {
    /// The crop's share of the photo's area, lower and upper.
    pub scale: (f64, f64),
    /// The crop's width ÷ height, lower and upper.
    pub ratio: (f64, f64),
    /// How often a photo is mirrored, 0 to 1.
    pub flip: f64,
    /// How far brightness, contrast and saturation may stray from 1. Mild: colour matters here.
    pub jitter: f32,
    /// How often a rectangle is greyed out, 0 to 1 (torchvision's RandomErasing).
    pub erase: f64,
}

impl Default for Augmentation {
    /// The study's: RandomResizedCrop over at least 40 % of the photo, horizontal flip.
    fn default() -> Self {
        Self { scale: (0.4, 1.0), ratio: (3.0 / 4.0, 4.0 / 3.0), flip: 0.5, jitter: 0.1, erase: 0.0 }
    }
}

/// What was drawn of a photo's geometry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct View {
    /// Left, top, width and height of the crop, in whole pixels of the photo.
    pub part: [u32; 4],
    /// Whether it is mirrored.
    pub mirrored: bool,
}

impl View {
    /// The crop, resized to a square of `size` and mirrored: torchvision's `resized_crop` and `hflip`, to ±1.
    pub fn of(&self, photo: &Photo, size: u32) -> Result<Pixels, PhotoError> {
        let mut square = resize_part(photo, self.part, size, size)?;
        if self.mirrored {
            mirror(&mut square, size as usize);
        }
        Ok(Pixels::of_square(size, square))
    }
}

impl Augmentation {
    /// A pure function of the photo and of what `rng` draws.
    pub fn apply(&self, photo: &Photo, to: &Preprocessing, rng: &mut impl Rng) -> Result<Pixels, PhotoError> {
        let mut square = self.draw((photo.width(), photo.height()), rng).of(photo, to.size())?.into_bytes();
        self.vary_light(&mut square, rng);
        if rng.random_bool(self.erase) {
            erase(&mut square, to.size() as usize, to.mean(), rng);
        }
        Ok(Pixels::of_square(to.size(), square))
    }

    /// Draws crop and flip for a photo of this width and height.
    pub fn draw(&self, (width, height): (u32, u32), rng: &mut impl Rng) -> View {
        let part = self.draw_crop(f64::from(width), f64::from(height), rng);
        View { part: part.map(|x| x as u32), mirrored: rng.random_bool(self.flip) }
    }

    /// Ten tries at a crop of the drawn area and ratio, then the centre: as torchvision does.
    fn draw_crop(&self, w: f64, h: f64, rng: &mut impl Rng) -> [f64; 4] {
        for _ in 0..10 {
            let area = w * h * rng.random_range(self.scale.0..=self.scale.1);
            let ratio = rng.random_range(self.ratio.0.ln()..=self.ratio.1.ln()).exp();
            let (cw, ch) = ((area * ratio).sqrt().round(), (area / ratio).sqrt().round());
            if (1.0..=w).contains(&cw) && (1.0..=h).contains(&ch) {
                let x = rng.random_range(0.0..=w - cw).floor();
                let y = rng.random_range(0.0..=h - ch).floor();
                return [x, y, cw, ch];
            }
        }
        let (least, most) = self.ratio;
        let (cw, ch) = match w / h {
            ratio if ratio < least => (w, (w / least).round().max(1.0)),
            ratio if ratio > most => ((h * most).round().max(1.0), h),
            _ => (w, h),
        };
        [((w - cw) / 2.0).floor(), ((h - ch) / 2.0).floor(), cw, ch]
    }

    fn vary_light(&self, square: &mut [u8], rng: &mut impl Rng) {
        if self.jitter <= 0.0 {
            return;
        }
        let mut draw = || 1.0 + rng.random_range(-self.jitter..=self.jitter);
        let (brightness, contrast, saturation) = (draw(), draw(), draw());
        let n = (square.len() / 3).max(1) as f32;
        let mean = square.chunks_exact(3).map(luma).sum::<f32>() / n;
        for pixel in square.chunks_exact_mut(3) {
            let grey = luma(pixel);
            for c in pixel {
                let coloured = grey + (f32::from(*c) - grey) * saturation;
                *c = (((coloured - mean) * contrast + mean) * brightness).clamp(0.0, 255.0) as u8;
            }
        }
    }
}

fn luma(pixel: &[u8]) -> f32 {
    0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2])
}

fn mirror(square: &mut [u8], size: usize) {
    for row in square.chunks_exact_mut(size * 3) {
        for x in 0..size / 2 {
            for c in 0..3 {
                row.swap(x * 3 + c, (size - 1 - x) * 3 + c);
            }
        }
    }
}

/// Fills a rectangle of 2–20 % of the square with the mean colour, which normalises to 0.
fn erase(square: &mut [u8], size: usize, mean: [f32; 3], rng: &mut impl Rng) {
    let area = (size * size) as f64 * rng.random_range(0.02..=0.2);
    let ratio: f64 = rng.random_range(-1.2f64..=1.2).exp();
    let w = ((area * ratio).sqrt() as usize).clamp(1, size);
    let h = ((area / ratio).sqrt() as usize).clamp(1, size);
    let (x, y) = (rng.random_range(0..=size - w), rng.random_range(0..=size - h));
    for row in square.chunks_exact_mut(size * 3).skip(y).take(h) {
        for pixel in row[x * 3..(x + w) * 3].chunks_exact_mut(3) {
            for (c, m) in pixel.iter_mut().zip(mean) {
                *c = (m * 255.0).round().clamp(0.0, 255.0) as u8;
            }
        }
    }
}
