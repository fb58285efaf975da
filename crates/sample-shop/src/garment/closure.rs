//! Buttons, zips and cords.

use crate::garment::Tailor;
use crate::{
    drawing::{
        canvas::{Canvas, Fabric, Puff},
        geometry::{Outline, P, oval, polygon},
    },
    product::{
        cut::{Closure, Collar, Texture},
        palette::{Rgb, shade},
    },
};

const METAL: Rgb = [188.0, 186.0, 180.0];

/// Whatever shuts the garment.
pub fn sew(tailor: &mut Tailor<'_>) {
    let cut = &tailor.product.cut;
    let (depth, low) = (cut.neck_depth, cut.length);
    match cut.closure {
        Closure::Pullover | Closure::Open | Closure::Tie => {}
        Closure::Buttons(n) => match cut.collar {
            Collar::Lapel(_) => blazer_front(tailor, n),
            Collar::Band => row(tailor, 0.0, (depth + 4.0, low - 6.0), n),
            _ => {
                let placket = [(-3.8, depth), (3.8, depth), (3.8, low + 5.0), (-3.8, low + 5.0)];
                let fabric = tailor.main();
                tailor.canvas.part(polygon(&placket), &fabric, Puff::FLAT, &[]);
                row(tailor, 0.0, (depth + 4.0, low - 12.0), n);
            }
        },
        Closure::DoubleBreasted(n) => {
            let edge = Outline::from((-6.0, depth)).line((-7.0, low + 3.0));
            fold(tailor, &edge);
            for x in [-17.0, 13.0] {
                row(tailor, x, (depth + 8.0, depth + 8.0 + 19.0 * f32::from(n - 1)), n);
            }
        }
        Closure::Placket(n) => {
            let long = 11.0 * f32::from(n);
            let placket =
                [(-4.2, depth - 0.5), (4.2, depth - 0.5), (4.2, depth + long), (-4.2, depth + long)];
            let fabric = tailor.trim(false);
            tailor.canvas.part(polygon(&placket), &fabric, Puff::FLAT, &[]);
            let foot = depth + long - 3.0;
            tailor.stitch(&Outline::from((-4.0, foot)).line((4.0, foot)));
            row(tailor, 0.0, (depth + 4.0, depth + long - 6.5), n);
        }
        Closure::Zip => {
            let top = if cut.hooded() { 16.0 } else { depth - 7.0 };
            if cut.collar == Collar::FurHood {
                storm_flap(tailor, top);
            } else {
                zip(tailor, (0.0, top), (0.0, low + 4.0));
            }
        }
        Closure::HalfZip => {
            zip(tailor, (0.0, 15.0), (0.0, 56.0));
            let flap = [(-5.0, 54.0), (5.0, 54.0), (5.0, 60.0), (-5.0, 60.0)];
            let fabric = tailor.main();
            tailor.canvas.part(polygon(&flap), &fabric, Puff::FLAT, &[]);
        }
        Closure::BikerZip => {
            zip(tailor, (3.0, depth), (17.0, low - 2.0));
            for sign in [-1.0, 1.0] {
                zip(tailor, (sign * 30.0, 74.0), (sign * 16.0, 88.0));
            }
        }
    }
}

/// A button with a rim, a shine and its holes.
pub fn button(canvas: &mut Canvas, at: P, radius: f32, colour: Rgb) {
    let disc = |r: f32, dx: f32, dy: f32| oval((at.0 + dx, at.1 + dy), r, r).closed();
    canvas.add(disc(radius * 1.12, 0.35, 0.55), [0.0; 3], 0.35);
    canvas.add(disc(radius, 0.0, 0.0), shade(colour, 0.66), 1.0);
    canvas.add(disc(radius * 0.82, -0.1, -0.15), colour, 1.0);
    if radius > 1.4 {
        for dx in [-0.28, 0.28] {
            canvas.add(disc(radius * 0.15, dx * radius, 0.0), shade(colour, 0.4), 0.9);
        }
    }
}

fn row(tailor: &mut Tailor<'_>, x: f32, (from, to): (f32, f32), n: u8) {
    let radius = match tailor.product.cut.texture {
        Texture::Wool | Texture::Knit | Texture::Cable => 2.5,
        _ => 1.7,
    };
    // A flannel shirt is of wool too, but it buttons like a shirt.
    let radius = if tailor.product.cut.collar == Collar::Shirt { 1.7 } else { radius };
    for i in 0..n {
        let y = from + (to - from) * f32::from(i) / f32::from(n.max(2) - 1);
        button(tailor.canvas, (x, y), radius, tailor.product.button);
    }
}

/// The edge of cloth that laps over the other side.
fn fold(tailor: &mut Tailor<'_>, edge: &Outline) {
    tailor.canvas.ink(edge.band(2.6), [0.0; 3], 0.13);
    let seam = tailor.seam();
    tailor.canvas.ink(edge.band(0.9), seam, 0.75);
}

fn blazer_front(tailor: &mut Tailor<'_>, n: u8) {
    let (depth, low) = (tailor.product.cut.neck_depth, tailor.product.cut.length);
    let edge =
        Outline::from((-1.5, depth)).line((-2.0, low - 22.0)).quad((-2.0, low - 4.0), (-12.0, low + 5.0));
    fold(tailor, &edge);
    row(tailor, 1.5, (depth + 4.0, depth + 4.0 + 18.0 * f32::from(n - 1)), n);
}

fn zip(tailor: &mut Tailor<'_>, from: P, to: P) {
    let line = Outline::from(from).line(to);
    let seam = tailor.seam();
    tailor.canvas.ink(line.band(5.4), seam, 0.45);
    tailor.canvas.ink(line.band(2.6), shade(METAL, 0.5), 1.0);
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let length = (dx * dx + dy * dy).sqrt();
    let (ux, uy) = (dx / length, dy / length);
    for i in 0..(length / 1.7) as usize {
        let at = (from.0 + ux * i as f32 * 1.7, from.1 + uy * i as f32 * 1.7);
        let tooth =
            Outline::from((at.0 - uy * 1.1, at.1 + ux * 1.1)).line((at.0 + uy * 1.1, at.1 - ux * 1.1));
        tailor.canvas.ink(tooth.band(0.9), METAL, 1.0);
    }
    let pull =
        Outline::from((from.0 + ux * 4.0, from.1 + uy * 4.0)).line((from.0 + ux * 10.0, from.1 + uy * 10.0));
    tailor.canvas.add(pull.band(2.8), shade(METAL, 0.6), 1.0);
    tailor.canvas.add(pull.band(1.7), [222.0, 220.0, 214.0], 1.0);
}

/// What covers a parka's zip, with press studs.
fn storm_flap(tailor: &mut Tailor<'_>, top: f32) {
    let low = tailor.product.cut.length;
    let flap = [(-6.5, top), (5.0, top), (5.0, low + 4.0), (-6.5, low + 4.0)];
    let fabric = tailor.main();
    tailor.canvas.part(polygon(&flap), &fabric, Puff::FLAT, &[]);
    tailor.stitch(&Outline::from((-5.0, top)).line((-5.0, low + 4.0)));
    for i in 0..6 {
        button(tailor.canvas, (-2.6, top + 9.0 + i as f32 * (low - top - 20.0) / 5.0), 1.4, METAL);
    }
}

/// A metal ring that a cord comes out of.
pub fn eyelet(canvas: &mut Canvas, at: P, colour: Rgb) {
    canvas.ink(oval(at, 1.9, 1.9).closed(), colour, 1.0);
    canvas.ink(oval(at, 1.0, 1.0).closed(), [30.0; 3], 1.0);
}

/// A cord that hangs down, with a stopper.
pub fn cord(canvas: &mut Canvas, at: P, length: f32, colour: Rgb) {
    let end = (at.0 + 1.0, at.1 + length);
    canvas.add(Outline::from(at).quad((at.0 + 3.0, at.1 + length * 0.5), end).band(1.4), colour, 1.0);
}

/// A small bow of thin ribbon.
pub fn bow(canvas: &mut Canvas, at: P, size: f32, colour: Rgb) {
    let fabric = Fabric::plain(colour);
    for sign in [-1.0f32, 1.0] {
        let tail = Outline::from(at)
            .quad((at.0 + sign * 2.0, at.1 + size), (at.0 + sign * size * 0.7, at.1 + size * 3.0));
        canvas.add(tail.band(2.0), shade(colour, 0.85), 1.0);
        let ear = Outline::from(at)
            .cubic(
                (at.0 + sign * size * 0.5, at.1 - size),
                (at.0 + sign * size * 1.5, at.1 - size),
                (at.0 + sign * size * 1.5, at.1),
            )
            .cubic(
                (at.0 + sign * size * 1.5, at.1 + size * 0.8),
                (at.0 + sign * size * 0.5, at.1 + size * 0.5),
                at,
            );
        canvas.part(ear.closed(), &fabric, Puff::FLAT, &[]);
    }
    canvas.add(oval(at, size * 0.3, size * 0.34).closed(), shade(colour, 0.75), 1.0);
}
