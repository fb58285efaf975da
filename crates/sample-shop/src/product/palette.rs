//! The shop's colours, by name.

use crate::dice::Dice;

/// Red, green and blue, 0 to 255.
pub type Rgb = [f32; 3];

/// A colour a shop would name.
#[derive(Clone, Copy, PartialEq)]
pub struct Dye {
    pub name: &'static str,
    pub rgb: Rgb,
}

const fn dye(name: &'static str, r: u8, g: u8, b: u8) -> Dye {
    Dye { name, rgb: [r as f32, g as f32, b as f32] }
}

/// Far enough apart that light does not turn one into another.
pub const DYES: [Dye; 36] = [
    dye("black", 34, 34, 38),
    dye("white", 240, 239, 234),
    dye("grey", 150, 152, 156),
    dye("charcoal", 70, 73, 80),
    dye("navy", 30, 42, 84),
    dye("blue", 44, 92, 180),
    dye("sky blue", 140, 188, 226),
    dye("denim", 82, 112, 150),
    dye("cobalt", 30, 64, 214),
    dye("teal", 20, 122, 128),
    dye("turquoise", 52, 190, 190),
    dye("mint", 168, 222, 196),
    dye("green", 40, 136, 72),
    dye("forest", 32, 74, 52),
    dye("olive", 106, 110, 58),
    dye("khaki", 158, 148, 104),
    dye("lime", 166, 202, 62),
    dye("yellow", 244, 208, 62),
    dye("mustard", 204, 154, 40),
    dye("orange", 236, 126, 42),
    dye("rust", 168, 78, 40),
    dye("coral", 246, 128, 110),
    dye("red", 204, 36, 44),
    dye("burgundy", 112, 26, 48),
    dye("pink", 246, 172, 190),
    dye("fuchsia", 214, 46, 132),
    dye("rose", 200, 116, 128),
    dye("purple", 108, 52, 148),
    dye("lilac", 188, 166, 218),
    dye("plum", 88, 40, 84),
    dye("brown", 104, 68, 46),
    dye("camel", 194, 148, 98),
    dye("beige", 220, 202, 172),
    dye("cream", 246, 232, 202),
    dye("stone", 184, 176, 164),
    dye("chocolate", 66, 44, 38),
];

/// How light it looks, 0 to 255.
pub fn luminance(c: Rgb) -> f32 {
    0.3 * c[0] + 0.59 * c[1] + 0.11 * c[2]
}

/// The colour, lighter or darker.
pub fn shade(c: Rgb, by: f32) -> Rgb {
    c.map(|v| (v * by).clamp(0.0, 255.0))
}

/// A share `t` of the way from `a` to `b`.
pub fn blend(a: Rgb, b: Rgb, t: f32) -> Rgb {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

fn distance(a: Rgb, b: Rgb) -> f32 {
    (0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f32>().sqrt()
}

/// A colour that stands out from all of these.
pub fn contrasting(with: &[Dye], dice: &mut Dice) -> Dye {
    let mut best = (0.0, DYES[0]);
    for _ in 0..6 {
        let one = DYES[dice.below(DYES.len())];
        let near = with.iter().map(|d| distance(d.rgb, one.rgb)).fold(f32::MAX, f32::min);
        if near > 110.0 {
            return one;
        }
        if near > best.0 {
            best = (near, one);
        }
    }
    best.1
}
