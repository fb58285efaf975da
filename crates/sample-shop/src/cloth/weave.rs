//! How cloth looks from near: stitches, ribs, quilting.

use crate::product::cut::Texture;

/// How much lighter or darker the weave makes a point of the cloth.
pub fn weave(texture: Texture, u: f32, v: f32) -> f32 {
    match texture {
        Texture::Cotton => 1.0,
        Texture::Knit => stitches(u, v),
        Texture::Cable => {
            let column = part_of(u / 17.0 + 0.5) - 0.5;
            let twist = (column * 17.0 / 3.6 - (v / 6.5).sin() * 0.55).abs();
            let rope = if column.abs() < 0.27 {
                0.16 * (1.0 - twist).max(-0.8) + 0.02 * (v * 1.9).sin()
            } else {
                0.0
            };
            let gutter = if (column.abs() - 0.3).abs() < 0.045 { 0.17 } else { 0.0 };
            stitches(u, v) + rope - gutter
        }
        Texture::Rib => 1.0 + 0.11 * (u * std::f32::consts::TAU / 3.0).cos(),
        Texture::Twill => 1.0 + 0.035 * ((u + v) * 3.2).sin(),
        Texture::Wool => 1.0 + 0.03 * (u * 2.7 + (v * 1.9).sin()).sin() * (v * 3.1 + (u * 2.3).cos()).sin(),
        Texture::Nylon => 1.0 + 0.05 * (u * 0.11 + v * 0.05).sin(),
        Texture::Quilt => {
            let t = part_of(v / 15.0);
            let swell = (t * std::f32::consts::PI).sin();
            0.74 + 0.34 * swell.powf(0.6) + 0.07 * (0.5 - t)
        }
        Texture::Mesh => 1.0 - if (u * 3.6).sin() * (v * 3.6).sin() > 0.55 { 0.09 } else { 0.0 },
        Texture::Satin => 1.0 + 0.07 * (u * 0.16 + (v * 0.045).sin() * 1.3).sin(),
    }
}

/// Rows of little Vs.
fn stitches(u: f32, v: f32) -> f32 {
    let a = part_of(u / 2.9) - 0.5;
    let t = part_of(v / 2.5 + a.abs() * 1.3);
    let groove = if a.abs() > 0.42 { 0.1 } else { 0.0 };
    1.04 - 0.15 * t - groove
}

/// What is left of a number less the whole one below it; `rem_euclid` takes three times as long, a pixel each time.
fn part_of(x: f32) -> f32 {
    let lifted = x + 1024.0;
    lifted - lifted as i32 as f32
}
