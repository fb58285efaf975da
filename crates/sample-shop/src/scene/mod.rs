//! One view of a product: pose, frame, backdrop and light.

mod backdrop;
mod figure;
mod light;

use tiny_skia::{Pixmap, Transform};

use crate::{
    PixelBox, Rendered, SampleSpec,
    cloth::Cloth,
    dice::Dice,
    drawing::{
        canvas::Canvas,
        geometry::{Map, P},
        noise,
    },
    garment::{
        Pieces, Tailor,
        sleeve::{self, Arm},
        torso::Torso,
    },
    product::{
        Product,
        cut::{Body, Cut, Hem, Sleeve},
    },
};
use backdrop::Picture;
use figure::Figure;
use light::Light;

/// A product ready to be photographed: its cloth is painted once for all its views.
pub struct Sitting {
    product: Product,
    seed: u64,
    number: u32,
    all_over: Option<Cloth>,
    front: Option<Cloth>,
}

impl Sitting {
    /// The product of that number in the shop.
    pub fn of(spec: &SampleSpec, number: u32) -> Self {
        let product = Product::of(spec.seed, number);
        let (all_over, front) = (Cloth::patterned(&product), Cloth::front(&product));
        Self { product, seed: spec.seed, number, all_over, front }
    }

    /// Draws the view; the same numbers give the same photo.
    pub fn shoot(&self, view: u32) -> Rendered {
        let mut dice = Dice::new(self.seed, [self.number, view.saturating_add(1)]);
        let size = (244 + dice.below(25), 306 + dice.below(29));
        let figure = Figure::draw(&self.product.cut, &mut dice);
        let light = Light::draw(&mut dice);
        let mut picture = backdrop::draw(size, figure, &mut dice);
        let mut bbox = whole(size);
        if let Some(layers) = self.dressed(figure, size, light.from, &mut dice) {
            light.shadow(&mut picture, &layers, size);
            layers.iter().for_each(|layer| lay(&mut picture, layer));
            bbox = bounds([&layers[0], &layers[2]], size);
        }
        Rendered { image: light.expose(&picture, size, &mut dice), bbox }
    }

    /// The garment's back, the figure that wears it, and the garment's front.
    fn dressed(
        &self,
        figure: Figure,
        size: (usize, usize),
        light: P,
        dice: &mut Dice,
    ) -> Option<[Pixmap; 3]> {
        let cut = &self.product.cut;
        let arms = pose(&Torso::of(cut), figure, dice);
        let frame = frame(cut, &arms, figure, size, dice);
        let [broad, fine] = [(34.0, 46.0), (11.0, 17.0)].map(|cell| noise::field(size.0, size.1, cell, dice));
        let wrinkles = broad.iter().zip(&fine).map(|(a, b)| a * 0.75 + b * 0.45).collect();
        let mut canvas = Canvas::new(size, frame, wrinkles, light)?;
        let mut tailor = Tailor {
            canvas: &mut canvas,
            product: &self.product,
            torso: Torso::of(cut),
            arms,
            dice,
            pieces: Pieces { all_over: self.all_over.as_ref(), front: self.front.as_ref() },
        };
        tailor.back();
        let back = tailor.canvas.take();
        figure.stand(tailor.canvas, cut, &arms);
        let worn = tailor.canvas.take();
        tailor.front();
        Some([back, worn, canvas.finish()])
    }
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
            let Some(line) = PixelBox::new(x1, y, x2, y) else { continue };
            found = Some(found.map_or(line, |before| before.around(line)));
        }
    }
    found.unwrap_or(whole((w, h)))
}

fn whole((w, h): (usize, usize)) -> PixelBox {
    PixelBox::whole(w as u32, h as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_holds_the_garment_and_no_more() {
        let size = (240, 300);
        for number in 0..40 {
            let sitting = Sitting::of(&SampleSpec { products: 40, views: 1, seed: 3 }, number);
            let mut dice = Dice::new(3, [number, 1]);
            let figure = Figure::draw(&sitting.product.cut, &mut dice);
            let layers = sitting.dressed(figure, size, (0.5, -0.5), &mut dice).unwrap();
            let b = bounds([&layers[0], &layers[2]], size);
            let garment = |x: u32, y: u32| {
                let i = ((y - 1) as usize * size.0 + x as usize - 1) * 4 + 3;
                layers[0].data()[i] >= COVERED || layers[2].data()[i] >= COVERED
            };
            let all = || (1..=size.0 as u32).flat_map(|x| (1..=size.1 as u32).map(move |y| (x, y)));
            let found: Vec<(u32, u32)> = all().filter(|&(x, y)| garment(x, y)).collect();
            assert!(found.len() > 4000, "product {number} shows {} pixels", found.len());
            let (xs, ys) = (|| found.iter().map(|p| p.0), || found.iter().map(|p| p.1));
            let expected = [xs().min(), ys().min(), xs().max(), ys().max()].map(Option::unwrap);
            assert_eq!(b.corners(), expected);
        }
    }
}
