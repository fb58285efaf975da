//! How a photo is lit and taken.

use image::RgbImage;
use tiny_skia::Pixmap;

use crate::scene::backdrop::Picture;
use crate::{
    dice::Dice,
    drawing::{geometry::P, noise},
};

/// How the photo is lit and taken. Mild: a product keeps its colours, gain within 15 % and tint within 6 %.
pub struct Light {
    /// Where the light comes from.
    pub from: P,
    gain: f32,
    slope: P,
    tint: [f32; 3],
    vignette: f32,
    noise: f32,
    shadow: f32,
}

impl Light {
    pub fn draw(dice: &mut Dice) -> Self {
        let side = dice.pick([-1.0, 1.0]);
        let warm = dice.around(0.035);
        Self {
            from: (side * dice.between(0.35, 0.8), dice.between(-0.75, -0.45)),
            gain: dice.between(0.92, 1.09),
            slope: (-side * dice.between(0.0, 0.05), dice.around(0.03)),
            tint: [1.0 + warm, 1.0 + dice.around(0.012), 1.0 - warm],
            vignette: dice.between(0.0, 0.16),
            noise: dice.between(1.0, 4.5),
            shadow: dice.between(0.16, 0.4),
        }
    }

    /// Garment and figure darken what is behind them. So soft a shadow needs every other pixel only.
    pub fn shadow(&self, picture: &mut Picture, layers: &[Pixmap; 3], (w, h): (usize, usize)) {
        let (cw, ch) = (w / 2, h / 2);
        let alpha = |i: usize| layers.iter().map(|layer| layer.data()[i * 4 + 3]).max().unwrap_or(0);
        let mut cast = Vec::with_capacity(cw * ch);
        for y in 0..ch {
            cast.extend((0..cw).map(|x| f32::from(alpha(y * 2 * w + x * 2))));
        }
        noise::blur(&mut cast, cw, 4);
        let aside = (-self.from.0 * 4.0) as isize;
        for (y, row) in picture.chunks_exact_mut(w).enumerate() {
            let cast = &cast[(y / 2).saturating_sub(3).min(ch - 1) * cw..][..cw];
            for (x, colour) in row.iter_mut().enumerate() {
                let x = ((x / 2) as isize - aside).clamp(0, cw as isize - 1) as usize;
                let light = (256.0 - 256.0 / 255.0 * self.shadow * cast[x]) as u32;
                *colour = colour.map(|v| (u32::from(v) * light / 256) as u8);
            }
        }
    }

    /// The photo as it comes out of the camera.
    pub fn expose(&self, picture: &Picture, (w, h): (usize, usize), dice: &mut Dice) -> RgbImage {
        let mut bytes = Vec::with_capacity(w * h * 3);
        let mut grain = u64::from(dice.word());
        for (y, row) in picture.chunks_exact(w).enumerate() {
            let v = y as f32 / h as f32 - 0.5;
            for (x, colour) in row.iter().enumerate() {
                let u = x as f32 / w as f32 - 0.5;
                let gain = self.gain + self.slope.0 * u + self.slope.1 * v - self.vignette * (u * u + v * v);
                // A congruential generator will do here: nobody guesses the grain of a photo.
                grain = grain.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let [a, b, c, d] = ((grain >> 32) as u32).to_le_bytes().map(|b| f32::from(b) / 127.5 - 1.0);
                let (bright, tinge) = ((a + b) * self.noise + 0.5, (c - d) * self.noise * 0.35);
                let expose =
                    |i: usize, noise: f32| (f32::from(colour[i]) * gain * self.tint[i] + noise) as u8;
                bytes.extend([
                    expose(0, bright + tinge),
                    expose(1, bright - tinge * 0.4),
                    expose(2, bright - tinge),
                ]);
            }
        }
        RgbImage::from_raw(w as u32, h as u32, bytes).unwrap_or_default()
    }
}
