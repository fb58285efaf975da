//! The cloth, flat: the pattern painted once, before it is cut and sewn.

mod glyph;
pub mod motif;
mod printed;
pub mod weave;
mod woven;

use tiny_skia::{Color, FillRule, Paint, Path, Pixmap, Rect, Transform};

use crate::{
    drawing::geometry::P,
    product::{Product, palette::Rgb, pattern::Pattern},
};

const LEFT: f32 = -115.0;
const TOP: f32 = -75.0;
const WIDTH: f32 = 230.0;
const HEIGHT: f32 = 285.0;
/// Pixels a garment unit.
const FINE: f32 = 1.6;

/// A painted piece of cloth, large enough for any garment.
pub struct Cloth(Pixmap);

impl Cloth {
    /// The cloth with its all-over pattern; `None` where it is of one colour throughout.
    pub fn patterned(product: &Product) -> Option<Self> {
        (product.pattern != Pattern::Plain).then(|| Self::dyed(product.dyes[0].rgb))?.map(|mut cloth| {
            cloth.weave(product);
            cloth
        })
    }

    /// The cloth of the front: with what is printed on the chest.
    pub fn front(product: &Product) -> Option<Self> {
        let emblem = product.emblem.as_ref()?;
        let mut cloth = Self::dyed(product.dyes[0].rgb)?;
        cloth.weave(product);
        cloth.print(emblem, product);
        Some(cloth)
    }

    fn dyed(colour: Rgb) -> Option<Self> {
        let mut pixmap = Pixmap::new((WIDTH * FINE) as u32, (HEIGHT * FINE) as u32)?;
        pixmap.fill(opaque(colour));
        Some(Self(pixmap))
    }

    /// Its colour at a point, softly between pixels.
    pub fn at(&self, (u, v): P) -> Rgb {
        let (w, h) = (self.0.width() as usize, self.0.height() as usize);
        let x = ((u - LEFT) * FINE - 0.5).clamp(0.0, (w - 2) as f32);
        let y = ((v - TOP) * FINE - 0.5).clamp(0.0, (h - 2) as f32);
        let (left, top) = (x as usize, y as usize);
        let (s, t) = (x - left as f32, y - top as f32);
        let data = self.0.data();
        let (a, b) = ((top * w + left) * 4, ((top + 1) * w + left) * 4);
        [0, 1, 2].map(|i| {
            let (p, q) = (f32::from(data[a + i]), f32::from(data[a + 4 + i]));
            let (r, z) = (f32::from(data[b + i]), f32::from(data[b + 4 + i]));
            let (upper, lower) = (p + (q - p) * s, r + (z - r) * s);
            upper + (lower - upper) * t
        })
    }

    fn fill(&mut self, path: Option<Path>, colour: Rgb, alpha: f32) {
        let Some(path) = path else { return };
        let mut paint = Paint::default();
        paint.set_color(faint(colour, alpha));
        let place = Transform::from_scale(FINE, FINE).pre_translate(-LEFT, -TOP);
        self.0.fill_path(&path, &paint, FillRule::Winding, place, None);
    }

    fn bar(&mut self, from: P, to: P, colour: Rgb, alpha: f32) {
        let Some(rect) = Rect::from_ltrb(from.0, from.1, to.0, to.1) else { return };
        let mut paint = Paint::default();
        paint.set_color(faint(colour, alpha));
        let place = Transform::from_scale(FINE, FINE).pre_translate(-LEFT, -TOP);
        self.0.fill_rect(rect, &paint, place, None);
    }
}

fn bytes(c: Rgb) -> [u8; 3] {
    c.map(|v| v.clamp(0.0, 255.0) as u8)
}

/// The colour, as tiny-skia takes it.
pub fn opaque(c: Rgb) -> Color {
    let [r, g, b] = bytes(c);
    Color::from_rgba8(r, g, b, 255)
}

fn faint(c: Rgb, alpha: f32) -> Color {
    let [r, g, b] = bytes(c);
    Color::from_rgba8(r, g, b, (alpha * 255.0) as u8)
}
