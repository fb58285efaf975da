//! One view of a product: pose, frame, backdrop and light.

use image::RgbImage;
use tiny_skia::{Pixmap, Transform};

use super::{
    PixelBox, Rendered, SampleSpec,
    backdrop::{self, Picture},
    canvas::Canvas,
    cloth::Cloth,
    cut::{Body, Cut, Hem, Sleeve},
    dice::Dice,
    figure::Figure,
    garment::{Pieces, Tailor},
    geometry::{Map, P},
    noise,
    product::Product,
    sleeve::{self, Arm},
    torso::Torso,
};

/// Draws the view; the same numbers give the same photo.
pub(super) fn draw(spec: &SampleSpec, number: u32, view: u32) -> Rendered {
    let product = Product::of(spec.seed, number);
    let cut = &product.cut;
    let mut dice = Dice::new(spec.seed, [number, view + 1]);
    let size = (244 + dice.below(25), 306 + dice.below(29));
    let figure = Figure::draw(cut, &mut dice);
    let arms = pose(&Torso::of(cut), figure, &mut dice);
    let frame = frame(cut, &arms, figure, size, &mut dice);
    let mut picture = backdrop::draw(size, figure, &mut dice);
    let light = Light::draw(&mut dice);
    let [broad, fine] =
        [(34.0, 46.0), (11.0, 17.0)].map(|cell| noise::field(size.0, size.1, cell, &mut dice));
    let wrinkles = broad.iter().zip(&fine).map(|(a, b)| a * 0.75 + b * 0.45).collect();
    let (all_over, front) = (Cloth::patterned(&product), Cloth::front(&product));
    if let Some(mut canvas) = Canvas::new(size, frame, wrinkles, light.from) {
        let mut tailor = Tailor {
            canvas: &mut canvas,
            product: &product,
            torso: Torso::of(cut),
            arms,
            dice: Dice::new(spec.seed ^ 0x5eed, [number, view]),
            pieces: Pieces { all_over: all_over.as_ref(), front: front.as_ref() },
        };
        tailor.back();
        let back = tailor.canvas.take();
        figure.stand(tailor.canvas, cut, &arms);
        let worn = tailor.canvas.take();
        tailor.front();
        let layers = [back, worn, canvas.finish()];
        light.shadow(&mut picture, &layers, size.0);
        for layer in &layers {
            lay(&mut picture, layer);
        }
        let bbox = bounds([&layers[0], &layers[2]], size);
        return Rendered { image: light.expose(&picture, size, &mut dice), bbox };
    }
    Rendered { image: light.expose(&picture, size, &mut dice), bbox: whole(size) }
}

/// A pixel is the garment's when it covers it at least so much, of 255.
const COVERED: u8 = 128;

/// How the arms are held.
fn pose(torso: &Torso, figure: Figure, dice: &mut Dice) -> [Arm; 2] {
    let (low, high, bend) = match figure {
        Figure::Hanger { .. } => (7.0, 14.0, 5.0),
        Figure::Nobody => (14.0, 32.0, 10.0),
        Figure::Model { .. } => (12.0, 27.0, 14.0),
    };
    let middle = dice.between(low, high);
    [-1.0, 1.0].map(|sign| {
        let degrees = middle + dice.around(4.0);
        Arm::of(torso, degrees, dice.between(0.0, bend), sign)
    })
}

/// Fits the garment into the photo: mostly whole, now and then closer or from further off.
fn frame(cut: &Cut, arms: &[Arm; 2], figure: Figure, size: (usize, usize), dice: &mut Dice) -> Map {
    let reach = cut.sleeve.reach();
    let mut half = cut.hem_width.max(cut.shoulder).max(cut.chest) + 2.0;
    let mut low = cut.length + 5.0;
    if cut.sleeve != Sleeve::None {
        for arm in arms {
            let end = arm.point(reach, sleeve::width(cut, reach) / 2.0);
            half = half.max(end.0.abs() + 1.0);
            low = low.max(end.1 + 3.0);
        }
    }
    if matches!(cut.body, Body::Cape { .. }) {
        half = 90.0;
        low += if cut.hem == Hem::Fringe { 12.0 } else { 3.0 };
    }
    let top = match (cut.hooded(), figure) {
        (true, _) => -68.0,
        (_, Figure::Hanger { .. }) => -42.0,
        (_, Figure::Model { .. }) => -28.0 - 18.0 * dice.unit(),
        _ => -20.0,
    };
    let fill = match dice.below(20) {
        0..=2 => dice.between(1.06, 1.22),
        3..=4 => dice.between(0.7, 0.8),
        _ => dice.between(0.86, 0.98),
    };
    let (w, h) = (size.0 as f32, size.1 as f32);
    let scale = (w / (half * 2.0)).min(h / (low - top)) * fill;
    let room = (0.02 + (1.0 - fill).max(0.0) * 0.3) * w;
    let turn = if figure == Figure::Nobody { 6.0 } else { 3.0 };
    let affine = Transform::from_translate(w / 2.0 + dice.around(room), h / 2.0 + dice.around(room))
        .pre_rotate(dice.around(turn))
        .pre_scale(scale * dice.between(0.97, 1.03), scale)
        .pre_translate(0.0, -(low + top) / 2.0);
    Map::new(affine, scale, dice.around(1.4))
}

fn lay(picture: &mut Picture, layer: &Pixmap) {
    for (below, pixel) in picture.iter_mut().zip(layer.data().chunks_exact(4)) {
        if pixel[3] == 0 {
            continue;
        }
        let keep = 255 - u16::from(pixel[3]);
        for (c, value) in below.iter_mut().zip(pixel) {
            *c = (u16::from(*c) * keep / 255) as u8 + value;
        }
    }
}

/// The box around every pixel that the garment covers by half or more.
fn bounds(layers: [&Pixmap; 2], (w, h): (usize, usize)) -> PixelBox {
    let covered = |pixel: &[u8]| pixel[3] >= COVERED;
    let mut found: Option<PixelBox> = None;
    for layer in layers {
        for (row, pixels) in layer.data().chunks_exact(w * 4).enumerate() {
            let Some(left) = pixels.chunks_exact(4).position(covered) else { continue };
            let right = pixels.chunks_exact(4).rposition(covered).unwrap_or(left);
            let (x1, x2, y) = (left as u32 + 1, right as u32 + 1, row as u32 + 1);
            let old = found.unwrap_or(PixelBox { x1, y1: y, x2, y2: y });
            found = Some(PixelBox {
                x1: old.x1.min(x1),
                y1: old.y1.min(y),
                x2: old.x2.max(x2),
                y2: old.y2.max(y),
            });
        }
    }
    found.unwrap_or(whole((w, h)))
}

fn whole((w, h): (usize, usize)) -> PixelBox {
    PixelBox { x1: 1, y1: 1, x2: w as u32, y2: h as u32 }
}

/// How the photo is lit and taken. Mild: a product keeps its colours, gain within 15 % and tint within 6 %.
struct Light {
    from: P,
    gain: f32,
    slope: P,
    tint: [f32; 3],
    vignette: f32,
    noise: f32,
    shadow: f32,
}

impl Light {
    fn draw(dice: &mut Dice) -> Self {
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

    /// Garment and figure darken what is behind them; the garment, what wears it.
    fn shadow(&self, picture: &mut Picture, layers: &[Pixmap; 3], w: usize) {
        let alpha = |i: usize| layers.iter().map(|l| l.data()[i * 4 + 3]).max().unwrap_or(0);
        let mut cast: Vec<f32> = (0..picture.len()).map(|i| f32::from(alpha(i)) / 255.0).collect();
        noise::blur(&mut cast, w, 7);
        let (dx, dy) = ((-self.from.0 * 9.0) as isize, 6isize);
        for (i, c) in picture.iter_mut().enumerate() {
            let (x, y) = ((i % w) as isize - dx, (i / w) as isize - dy);
            let x = x.clamp(0, w as isize - 1) as usize;
            let y = y.clamp(0, (cast.len() / w) as isize - 1) as usize;
            let dark = 256.0 - 256.0 * self.shadow * cast[y * w + x];
            *c = c.map(|v| (u32::from(v) * dark as u32 / 256) as u8);
        }
    }

    fn expose(&self, picture: &Picture, (w, h): (usize, usize), dice: &mut Dice) -> RgbImage {
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
