//! Hoods, up: with drawstrings or with fur.

use crate::garment::{Tailor, closure};
use crate::{
    drawing::{
        canvas::{Canvas, Crease, Fabric, Puff},
        geometry::{Outline, P, polygon, sliver, with_hole},
    },
    product::{
        cut::Collar,
        palette::{Rgb, luminance, shade},
    },
};

/// The hole that the face looks out of.
pub fn opening(rx: f32, ry: f32) -> Outline {
    Outline::from((0.0, -22.0 - ry))
        .cubic((rx * 0.7, -22.0 - ry), (rx, -22.0 - ry * 0.4), (rx, -20.0))
        .cubic((rx, -20.0 + ry * 0.55), (rx * 0.4, ry * 0.8 - 20.0), (0.0, ry - 18.0))
        .cubic((-rx * 0.4, ry * 0.8 - 20.0), (-rx, -20.0 + ry * 0.55), (-rx, -20.0))
        .cubic((-rx, -22.0 - ry * 0.4), (-rx * 0.7, -22.0 - ry), (0.0, -22.0 - ry))
}

/// The hood, around the hole that the face looks out of.
pub fn sew(tailor: &mut Tailor<'_>) {
    let main = tailor.main();
    let shell = Outline::from((0.0, -64.0))
        .cubic((20.0, -64.0), (35.0, -46.0), (34.0, -22.0))
        .cubic((34.0, -10.0), (30.0, -2.0), (27.0, 6.0))
        .cubic((22.0, 14.0), (9.0, 17.0), (0.0, 18.0));
    let hole = opening(19.0, 29.0);
    let folds: Vec<Crease> = [-1.0f32, 1.0]
        .iter()
        .flat_map(|&s| {
            [
                (sliver((s * 33.0, -14.0), (s * 24.0, -6.0), (s * 12.0, 12.0), 1.6), 0.34),
                (sliver((s * 31.0, -38.0), (s * 27.0, -52.0), (s * 10.0, -60.0), 1.5), 0.2),
                (sliver((s * 26.0, 2.0), (s * 18.0, 8.0), (s * 6.0, 15.0), 1.4), 0.26),
            ]
        })
        .map(|(shape, depth)| Crease { shape, depth })
        .collect();
    tailor.canvas.part(with_hole(shell.both(), hole.reversed().closed()), &main, Puff::SLEEVE, &folds);
    let rim = opening(22.0, 32.0);
    tailor.stitch(&rim);
    if tailor.product.cut.collar == Collar::Hood {
        drawstrings(tailor);
    } else {
        fur(tailor);
    }
}

fn drawstrings(tailor: &mut Tailor<'_>) {
    let product = tailor.product;
    let colour =
        if product.trim == product.dyes[0] { contrast(product.dyes[0].rgb) } else { product.trim.rgb };
    for sign in [-1.0f32, 1.0] {
        let (sway, length) = (tailor.dice.around(3.0), tailor.dice.between(24.0, 32.0));
        let at = (sign * 9.5, 8.0);
        closure::eyelet(tailor.canvas, at, [150.0, 148.0, 142.0]);
        let end = (at.0 + sign * 1.5 + sway, at.1 + length);
        let cord = Outline::from(at).quad((at.0 + sign * 3.0, at.1 + length * 0.5), end);
        tailor.canvas.add(cord.band(2.6), shade(colour, 0.5), 0.4);
        tailor.canvas.add(cord.band(1.7), colour, 1.0);
        let tip = Outline::from(end).line((end.0, end.1 + 3.0));
        tailor.canvas.add(tip.band(2.2), shade(colour, 0.7), 1.0);
    }
}

fn contrast(colour: Rgb) -> Rgb {
    let light = luminance(colour);
    if light > 150.0 { shade(colour, 0.55) } else { [236.0, 234.0, 228.0] }
}

/// Tufts around the opening of a hood, dark below, light on top.
fn fur(tailor: &mut Tailor<'_>) {
    let colour = tailor.product.fur;
    for (ring, tone) in [(1.3, 0.66), (1.2, 0.84), (1.08, 1.0), (0.96, 1.16)] {
        let n = 64;
        let points: Vec<P> = (0..n)
            .map(|i| {
                let angle = (i as f32 / n as f32) * std::f32::consts::TAU;
                let r = ring
                    * if i % 2 == 0 {
                        tailor.dice.between(1.05, 1.2)
                    } else {
                        tailor.dice.between(0.96, 1.04)
                    };
                (
                    angle.cos() * 22.5 * r,
                    -20.0 + angle.sin() * (if angle.sin() < 0.0 { 33.0 } else { 28.0 }) * r,
                )
            })
            .collect();
        let outer = polygon(&points);
        let hole = opening(17.5 / ring.min(1.02), 27.5 / ring.min(1.02)).reversed().closed();
        tuft(tailor.canvas, with_hole(outer, hole), shade(colour, tone), ring);
    }
}

fn tuft(canvas: &mut Canvas, shape: Option<tiny_skia::Path>, colour: Rgb, ring: f32) {
    if ring > 1.25 {
        canvas.part(shape, &Fabric::plain(colour), Puff::TRIM, &[]);
    } else {
        canvas.add(shape, colour, 0.62);
    }
}
