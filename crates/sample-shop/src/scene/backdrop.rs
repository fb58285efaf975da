//! What stands behind the garment.

use tiny_skia::{FillRule, Paint, Pixmap, Rect, Transform};

use crate::{
    dice::Dice,
    drawing::{geometry::oval, noise},
    product::palette::{Rgb, blend, shade},
    scene::figure::Figure,
};

/// A photo before the garment is in it: a colour a pixel.
pub type Picture = Vec<[u8; 3]>;

type Painter = fn((usize, usize), &mut Dice) -> Picture;

const PAPERS: [Rgb; 8] = [
    [246.0, 246.0, 245.0],
    [236.0, 236.0, 238.0],
    [226.0, 222.0, 216.0],
    [214.0, 224.0, 230.0],
    [238.0, 224.0, 220.0],
    [222.0, 230.0, 220.0],
    [204.0, 204.0, 208.0],
    [232.0, 228.0, 240.0],
];

/// A backdrop that suits the figure.
pub fn draw(size: (usize, usize), figure: Figure, dice: &mut Dice) -> Picture {
    let kinds: &[Painter] = match figure {
        Figure::Nobody => &[studio, studio, wood, linen, plaster, wood],
        Figure::Hanger { .. } => &[plaster, studio, bricks, boards, linen],
        Figure::Model { .. } => &[studio, room, outdoors, room, bricks, outdoors, plaster],
    };
    kinds[dice.below(kinds.len())](size, dice)
}

fn each((w, h): (usize, usize), mut colour: impl FnMut(usize, usize) -> Rgb) -> Picture {
    let mut picture = Vec::with_capacity(w * h);
    for y in 0..h {
        picture.extend((0..w).map(|x| colour(x, y).map(|v| v as u8)));
    }
    picture
}

/// A sheet of paper, a little brighter where the lamp is.
fn studio((w, h): (usize, usize), dice: &mut Dice) -> Picture {
    let paper = dice.pick(PAPERS);
    let (cx, cy, fall) = (dice.between(0.3, 0.7), dice.between(0.2, 0.5), dice.between(0.04, 0.3));
    each((w, h), |x, y| {
        let (dx, dy) = (x as f32 / w as f32 - cx, y as f32 / h as f32 - cy);
        shade(paper, 1.03 - fall * (dx * dx + dy * dy))
    })
}

/// A wall, a skirting board and a floor.
fn room((w, h): (usize, usize), dice: &mut Dice) -> Picture {
    let wall = shade(dice.pick(PAPERS), dice.between(0.78, 0.98));
    let floor =
        dice.pick([[168.0, 132.0, 98.0], [140.0, 138.0, 134.0], [196.0, 186.0, 172.0], [112.0, 84.0, 64.0]]);
    let edge = h as f32 * dice.between(0.74, 0.9);
    let grain = noise::field(w, h, (40.0, 3.0), dice);
    let stain = noise::field(w, h, (70.0, 60.0), dice);
    each((w, h), |x, y| {
        let (below, i) = (y as f32 - edge, y * w + x);
        if below > 7.0 {
            shade(floor, 0.86 + 0.0025 * below + 0.06 * grain[i])
        } else if below > 0.0 {
            shade(blend(wall, [255.0; 3], 0.6), if below > 6.0 { 0.7 } else { 1.0 })
        } else {
            shade(wall, 1.0 + 0.03 * stain[i] - 0.05 * (below / edge + 1.0))
        }
    })
}

fn wood(size: (usize, usize), dice: &mut Dice) -> Picture {
    let upright = dice.chance(0.5);
    planks(size, upright, dice)
}

/// A wooden wall: boards stand upright.
fn boards(size: (usize, usize), dice: &mut Dice) -> Picture {
    planks(size, true, dice)
}

fn planks((w, h): (usize, usize), upright: bool, dice: &mut Dice) -> Picture {
    let tones = [[186.0, 150.0, 112.0], [150.0, 112.0, 80.0], [206.0, 198.0, 186.0], [116.0, 88.0, 66.0]];
    let tone = tones[dice.below(4)];
    let wide = dice.between(34.0, 56.0);
    let shift = dice.between(0.0, wide);
    let cell = if upright { (2.6, 70.0) } else { (70.0, 2.6) };
    let (fine, broad) =
        (noise::field(w, h, cell, dice), noise::field(w, h, (cell.0 * 4.0, cell.1 * 1.6), dice));
    let lots: Vec<f32> = (0..40).map(|_| dice.around(0.07)).collect();
    each((w, h), |x, y| {
        let across = (if upright { x } else { y } as f32 + shift) / wide;
        let gap = (across.fract() * wide).min((1.0 - across.fract()) * wide);
        let joint = if gap < 1.0 {
            0.62
        } else if gap < 2.2 {
            0.9
        } else {
            1.0
        };
        let i = y * w + x;
        shade(tone, (1.0 + lots[across as usize % 40] + 0.06 * fine[i] + 0.06 * broad[i]) * joint)
    })
}

/// A table cloth: threads both ways.
fn linen((w, h): (usize, usize), dice: &mut Dice) -> Picture {
    let tone = shade(dice.pick(PAPERS), dice.between(0.78, 0.95));
    let (warp, weft) = (noise::field(w, h, (1.4, 24.0), dice), noise::field(w, h, (24.0, 1.4), dice));
    let folds = noise::field(w, h, (90.0, 50.0), dice);
    each((w, h), |x, y| {
        let i = y * w + x;
        shade(tone, 1.0 + 0.045 * warp[i] + 0.045 * weft[i] + 0.05 * folds[i])
    })
}

fn plaster((w, h): (usize, usize), dice: &mut Dice) -> Picture {
    let tones = [[206.0, 200.0, 192.0], [176.0, 178.0, 180.0], [222.0, 214.0, 204.0], [150.0, 158.0, 160.0]];
    let tone = tones[dice.below(4)];
    let cells = [(60.0, 60.0), (18.0, 18.0), (4.0, 4.0)];
    let fields = cells.map(|cell| noise::field(w, h, cell, dice));
    each((w, h), |x, y| {
        let i = y * w + x;
        shade(tone, 1.0 + 0.06 * fields[0][i] + 0.03 * fields[1][i] + 0.025 * fields[2][i])
    })
}

fn bricks((w, h): (usize, usize), dice: &mut Dice) -> Picture {
    let tones = [[168.0, 96.0, 78.0], [222.0, 218.0, 212.0], [134.0, 118.0, 110.0]];
    let tone = tones[dice.below(3)];
    let mortar = blend(tone, [226.0, 222.0, 214.0], 0.6);
    let (long, tall) = (dice.between(40.0, 54.0), dice.between(15.0, 20.0));
    let lots: Vec<f32> = (0..97).map(|_| dice.around(0.1)).collect();
    let rough = noise::field(w, h, (3.0, 3.0), dice);
    each((w, h), |x, y| {
        let row = y as f32 / tall;
        let shift = (row as usize % 2) as f32 * 0.5;
        let column = x as f32 / long + shift;
        let (fx, fy) = (column.fract() * long, row.fract() * tall);
        let i = y * w + x;
        if fx < 1.8 || fy < 1.8 {
            shade(mortar, 0.93 + 0.05 * rough[i])
        } else {
            let light = if fy < 3.2 { 0.05 } else { 0.0 };
            shade(tone, 0.96 + lots[(row as usize * 31 + column as usize * 7) % 97] + 0.06 * rough[i] + light)
        }
    })
}

/// A street or a park, far out of focus: painted tiny, then blown up softly.
fn outdoors((w, h): (usize, usize), dice: &mut Dice) -> Picture {
    let (sw, sh) = (40usize, 50usize);
    let Some(mut small) = Pixmap::new(sw as u32, sh as u32) else { return studio((w, h), dice) };
    let park = dice.chance(0.55);
    let sky = if park { [206.0, 222.0, 226.0] } else { [214.0, 214.0, 218.0] };
    let ground = if park { [132.0, 150.0, 96.0] } else { [150.0, 146.0, 142.0] };
    let greens = [[92.0, 128.0, 76.0], [122.0, 152.0, 92.0], [70.0, 104.0, 70.0], [160.0, 176.0, 112.0]];
    let greys = [[176.0, 160.0, 146.0], [132.0, 132.0, 140.0], [196.0, 186.0, 172.0], [110.0, 104.0, 108.0]];
    let mut paint = |shape: Option<tiny_skia::Path>, c: Rgb, alpha: f32| {
        let Some(shape) = shape else { return };
        let mut ink = Paint::default();
        let [r, g, b] = c.map(|v| v as u8);
        ink.set_color_rgba8(r, g, b, (alpha * 255.0) as u8);
        small.fill_path(&shape, &ink, FillRule::Winding, Transform::identity(), None);
    };
    let block =
        |l: f32, t: f32, r: f32, b: f32| Rect::from_ltrb(l, t, r, b).map(tiny_skia::PathBuilder::from_rect);
    paint(block(0.0, 0.0, 40.0, 50.0), sky, 1.0);
    for _ in 0..9 {
        let (x, y, r) = (dice.between(0.0, 40.0), dice.between(4.0, 30.0), dice.between(4.0, 10.0));
        if park {
            paint(oval((x, y), r, r).closed(), dice.pick(greens), 0.8);
        } else {
            paint(block(x - r * 0.6, y - r, x + r * 0.6, 44.0), dice.pick(greys), 0.85);
        }
    }
    paint(block(0.0, dice.between(33.0, 39.0), 40.0, 50.0), ground, 1.0);
    for _ in 0..7 {
        let (at, r) = ((dice.between(0.0, 40.0), dice.between(0.0, 32.0)), dice.between(0.8, 2.0));
        paint(oval(at, r, r).closed(), [252.0, 240.0, 206.0], 0.4);
    }
    enlarge(&small, (w, h))
}

fn enlarge(small: &Pixmap, (w, h): (usize, usize)) -> Picture {
    let (sw, sh) = (small.width() as usize, small.height() as usize);
    let mut planes =
        [0, 1, 2].map(|c| small.data().chunks_exact(4).map(|p| f32::from(p[c])).collect::<Vec<_>>());
    for plane in &mut planes {
        noise::blur(plane, sw, 1);
    }
    each((w, h), |x, y| {
        let (fx, fy) = (x as f32 / w as f32 * (sw - 1) as f32, y as f32 / h as f32 * (sh - 1) as f32);
        let (i, s, t) = (fy as usize * sw + fx as usize, fx.fract(), fy.fract());
        [0, 1, 2].map(|c| {
            let p = &planes[c];
            let (right, below) =
                (usize::from(fx as usize + 1 < sw), if fy as usize + 1 < sh { sw } else { 0 });
            let upper = p[i] + (p[i + right] - p[i]) * s;
            let lower = p[i + below] + (p[i + below + right] - p[i + below]) * s;
            upper + (lower - upper) * t
        })
    })
}
