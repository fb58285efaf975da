//! Where parts of a garment are laid one over the other, each padded, lit from one side and casting a soft shadow.

use tiny_skia::{BlendMode, Color, FillRule, Mask, Paint, Path, Pixmap, Rect, Transform};

use crate::{
    cloth::{Cloth, weave::weave},
    drawing::{
        geometry::{Map, P},
        noise,
    },
    product::{cut::Texture, palette::Rgb},
};

/// How cloth lies on a part: which way its threads run and where it was cut from.
#[derive(Clone, Copy)]
pub struct Grain {
    origin: P,
    along: P,
    shift: P,
}

impl Grain {
    /// As the garment hangs.
    pub const STRAIGHT: Self = Self { origin: (0.0, 0.0), along: (0.0, 1.0), shift: (0.0, 0.0) };

    /// Along this direction (of length 1) from this point on, cut from around `shift`.
    pub fn along(origin: P, along: P, shift: P) -> Self {
        Self { origin, along, shift }
    }

    fn cloth(&self, p: P) -> P {
        let (x, y) = (p.0 - self.origin.0, p.1 - self.origin.1);
        let (dx, dy) = self.along;
        (x * dy - y * dx + self.shift.0, x * dx + y * dy + self.shift.1)
    }
}

/// What a part is made of.
#[derive(Clone, Copy)]
pub struct Fabric<'a> {
    /// Its pattern; without one it is of one colour.
    pub cloth: Option<&'a Cloth>,
    pub colour: Rgb,
    pub texture: Option<Texture>,
    pub grain: Grain,
    /// Under 1: in the shade, as the inside of a garment.
    pub shade: f32,
}

impl Fabric<'_> {
    pub fn plain(colour: Rgb) -> Self {
        Self { cloth: None, colour, texture: None, grain: Grain::STRAIGHT, shade: 1.0 }
    }
}

/// How thick a part looks.
#[derive(Clone, Copy)]
pub struct Puff {
    /// How far its edges round off, in garment units.
    pub radius: f32,
    /// How dark they become.
    pub edge: f32,
    /// How dark the shadow is that it throws on the parts below.
    pub shadow: f32,
}

impl Puff {
    pub const BODY: Self = Self { radius: 7.0, edge: 0.34, shadow: 0.3 };
    pub const SLEEVE: Self = Self { radius: 5.0, edge: 0.36, shadow: 0.34 };
    pub const TRIM: Self = Self { radius: 2.0, edge: 0.26, shadow: 0.3 };
    pub const FLAT: Self = Self { radius: 1.2, edge: 0.18, shadow: 0.26 };
}

/// A fold or a seam: over 0 it darkens, under 0 it lightens.
pub struct Crease {
    pub shape: Option<Path>,
    pub depth: f32,
}

/// The part of the photo that something covers.
struct Region {
    x: usize,
    y: usize,
    w: usize,
    h: usize,
}

impl Region {
    fn around(bounds: Rect, margin: usize, size: (usize, usize)) -> Option<Self> {
        let margin = margin as f32;
        let clip = |v: f32, limit: usize| v.clamp(0.0, limit as f32) as usize;
        let (x, y) = (clip(bounds.left() - margin, size.0), clip(bounds.top() - margin, size.1));
        let right = clip((bounds.right() + margin).ceil(), size.0);
        let bottom = clip((bounds.bottom() + margin).ceil(), size.1);
        (right > x && bottom > y).then_some(Self { x, y, w: right - x, h: bottom - y })
    }

    fn shift(&self) -> Transform {
        Transform::from_translate(-(self.x as f32), -(self.y as f32))
    }

    fn mask(&self, path: &Path) -> Option<Mask> {
        let mut mask = Mask::new(self.w as u32, self.h as u32)?;
        mask.fill_path(path, FillRule::Winding, true, self.shift());
        Some(mask)
    }
}

/// A layer of parts over nothing yet.
pub struct Canvas {
    size: (usize, usize),
    layer: Pixmap,
    pub map: Map,
    wrinkles: Vec<f32>,
    light: P,
}

impl Canvas {
    /// Wrinkles are given a pixel; the light comes from the direction given. `None` of a photo without pixels.
    pub fn new(size: (usize, usize), map: Map, wrinkles: Vec<f32>, light: P) -> Option<Self> {
        let layer = Pixmap::new(size.0 as u32, size.1 as u32)?;
        Some(Self { size, layer, map, wrinkles, light })
    }

    /// What was drawn so far, leaving an empty layer.
    pub fn take(&mut self) -> Pixmap {
        match Pixmap::new(self.size.0 as u32, self.size.1 as u32) {
            Some(fresh) => std::mem::replace(&mut self.layer, fresh),
            None => self.layer.clone(),
        }
    }

    /// The last layer.
    pub fn finish(self) -> Pixmap {
        self.layer
    }

    /// Lays a part over the others.
    pub fn part(&mut self, shape: Option<Path>, fabric: &Fabric<'_>, puff: Puff, creases: &[Crease]) {
        let Some(path) = shape.and_then(|shape| self.map.path(&shape)) else { return };
        let radius = ((puff.radius * self.map.scale) as usize).max(1);
        let Some(region) = Region::around(path.bounds(), radius * 2 + 2, self.size) else { return };
        let Some(mask) = region.mask(&path) else { return };
        let mut soft: Vec<f32> = mask.data().iter().map(|&a| f32::from(a) / 255.0).collect();
        noise::blur(&mut soft, region.w, radius);
        let relief = self.relief(&region, creases);
        let lit = Lit { soft: &soft, relief: relief.as_deref(), radius, light: self.light };
        for y in 0..region.h {
            for x in 0..region.w {
                let i = y * region.w + x;
                let (cover, near) = (f32::from(mask.data()[i]) / 255.0, soft[i]);
                let at = (y + region.y) * self.size.0 + x + region.x;
                if cover <= 0.0 && (near <= 0.0 || self.layer.data()[at * 4 + 3] == 0) {
                    continue;
                }
                let colour = if cover > 0.0 {
                    let wrinkle = self.wrinkles[at];
                    let p = self.map.unit((x + region.x) as f32 + 0.5, (y + region.y) as f32 + 0.5);
                    let by = lit.at(x, y, &region, puff.edge) * (1.0 + 0.055 * wrinkle) * fabric.shade;
                    self.colour(fabric, p, wrinkle).map(|c| c * by)
                } else {
                    [0.0; 3]
                };
                self.lay(at, colour, cover, puff.shadow * near);
            }
        }
    }

    fn colour(&self, fabric: &Fabric<'_>, p: P, wrinkle: f32) -> Rgb {
        let (u, v) = fabric.grain.cloth(p);
        // Where cloth folds, its pattern shifts.
        let base =
            fabric.cloth.map_or(fabric.colour, |cloth| cloth.at((u + wrinkle * 0.9, v + wrinkle * 0.7)));
        let weave = fabric.texture.map_or(1.0, |texture| weave(texture, u, v));
        base.map(|c| c * weave)
    }

    /// One pixel: what lies below darkens under the shadow and shows where the part does not cover it.
    fn lay(&mut self, at: usize, colour: Rgb, cover: f32, shadow: f32) {
        let pixel = &mut self.layer.data_mut()[at * 4..at * 4 + 4];
        let keep = 1.0 - cover;
        for (i, c) in colour.iter().enumerate() {
            let below = f32::from(pixel[i]) * (1.0 - shadow);
            pixel[i] = (c.min(255.0) * cover + below * keep + 0.5) as u8;
        }
        let alpha = (255.0 * cover + f32::from(pixel[3]) * keep + 0.5) as u8;
        pixel[3] = alpha;
        pixel[..3].iter_mut().for_each(|c| *c = alpha.min(*c));
    }

    fn relief(&self, region: &Region, creases: &[Crease]) -> Option<Vec<f32>> {
        if creases.is_empty() {
            return None;
        }
        let mut pixmap = Pixmap::new(region.w as u32, region.h as u32)?;
        pixmap.fill(Color::from_rgba8(128, 128, 128, 255));
        for crease in creases {
            let Some(path) = crease.shape.as_ref().and_then(|shape| self.map.path(shape)) else { continue };
            let tone = if crease.depth > 0.0 { 0 } else { 255 };
            let mut paint = Paint::default();
            paint.set_color_rgba8(tone, tone, tone, (crease.depth.abs() * 255.0).min(255.0) as u8);
            pixmap.fill_path(&path, &paint, FillRule::Winding, region.shift(), None);
        }
        let mut tones: Vec<f32> = pixmap.data().chunks_exact(4).map(|p| f32::from(p[0]) / 128.0).collect();
        noise::blur(&mut tones, region.w, (1.1 * self.map.scale) as usize);
        Some(tones)
    }

    /// Colour on the garment, never beside it: seams, stitches, stripes of trim.
    pub fn ink(&mut self, shape: Option<Path>, colour: Rgb, alpha: f32) {
        self.paint(shape, colour, alpha, BlendMode::SourceAtop);
    }

    /// Something that may hang over the edge: a button, a cord.
    pub fn add(&mut self, shape: Option<Path>, colour: Rgb, alpha: f32) {
        self.paint(shape, colour, alpha, BlendMode::SourceOver);
    }

    fn paint(&mut self, shape: Option<Path>, colour: Rgb, alpha: f32, blend_mode: BlendMode) {
        let Some(path) = shape.and_then(|shape| self.map.path(&shape)) else { return };
        let [r, g, b] = colour.map(|v| v.clamp(0.0, 255.0) as u8);
        let mut paint = Paint { blend_mode, ..Paint::default() };
        paint.set_color_rgba8(r, g, b, (alpha * 255.0) as u8);
        self.layer.fill_path(&path, &paint, FillRule::Winding, Transform::identity(), None);
    }
}

/// How light falls on a part.
struct Lit<'a> {
    soft: &'a [f32],
    relief: Option<&'a [f32]>,
    radius: usize,
    light: P,
}

impl Lit<'_> {
    fn at(&self, x: usize, y: usize, region: &Region, edge: f32) -> f32 {
        let i = y * region.w + x;
        let left = self.soft[if x > 0 { i - 1 } else { i }];
        let right = self.soft[if x + 1 < region.w { i + 1 } else { i }];
        let above = self.soft[if y > 0 { i - region.w } else { i }];
        let below = self.soft[if y + 1 < region.h { i + region.w } else { i }];
        let slope = (right - left) * self.light.0 + (below - above) * self.light.1;
        let inward = ((1.0 - self.soft[i]) * 2.0).min(1.0);
        let rounded = 1.0 - edge * inward * inward - slope * self.radius as f32 * edge * 0.9;
        rounded * self.relief.map_or(1.0, |relief| relief[i])
    }
}
