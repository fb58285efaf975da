//! Pockets.

use crate::garment::{Tailor, closure::button};
use crate::{
    drawing::{
        canvas::{Fabric, Puff},
        geometry::{Outline, P, polygon},
    },
    product::{
        cut::{Closure, Collar, Pocket},
        palette::shade,
    },
};

/// All the pockets of the cut.
pub fn sew(tailor: &mut Tailor<'_>) {
    let cut = &tailor.product.cut;
    let (w, low) = (cut.waist, cut.length);
    for pocket in &cut.pockets {
        match *pocket {
            Pocket::Kangaroo => kangaroo(tailor),
            Pocket::Chest { flap, pair } => {
                let sides: &[f32] = if pair { &[-1.0, 1.0] } else { &[1.0] };
                for &sign in sides {
                    chest(tailor, sign, flap);
                }
            }
            Pocket::Patch => both(tailor, |t, sign| patch(t, (sign * w * 0.55, low - 40.0), (10.5, 23.0))),
            Pocket::Flap => both(tailor, |t, sign| flap(t, (sign * w * 0.56, low - 46.0), 11.5)),
            Pocket::Slanted => both(tailor, |t, sign| {
                let (x, y) = (sign * w * 0.66, low - 44.0);
                welt(t, (x, y), (x + sign * 7.0, y + 22.0));
            }),
            Pocket::Breast => {
                let (x, y) = (w * 0.42, 50.0);
                welt(tailor, (x, y + 1.0), (x + 13.0, y - 1.0));
            }
        }
    }
}

fn both(tailor: &mut Tailor<'_>, sew: impl Fn(&mut Tailor<'_>, f32)) {
    sew(tailor, -1.0);
    sew(tailor, 1.0);
}

/// The pouch of a hoodie; a zip parts it in two.
fn kangaroo(tailor: &mut Tailor<'_>) {
    let (low, fabric) = (tailor.product.cut.length, tailor.main());
    let (top, foot) = (low - 46.0, low - 12.0);
    let half = Outline::from((0.0, top))
        .line((15.0, top))
        .quad((20.0, top + 12.0), (29.0, top + 20.0))
        .line((29.0, foot));
    let half = half.line((0.0, foot + 2.0));
    if tailor.product.cut.closure == Closure::Zip {
        for sign in [-1.0, 1.0] {
            tailor.canvas.part(half.side(sign).closed(), &fabric, Puff::TRIM, &[]);
        }
    } else {
        tailor.canvas.part(half.both(), &fabric, Puff::TRIM, &[]);
    }
    for sign in [-1.0, 1.0] {
        let mouth = Outline::from((13.4, top + 1.0)).quad((18.0, top + 13.0), (27.0, top + 21.5));
        tailor.stitch(&mouth.side(sign));
    }
    if tailor.product.cut.closure == Closure::HalfZip {
        let flap = [(-20.0, top - 3.0), (20.0, top - 3.0), (20.0, top + 7.0), (-20.0, top + 7.0)];
        tailor.canvas.part(polygon(&flap), &fabric, Puff::FLAT, &[]);
        for x in [-15.0, 15.0] {
            button(tailor.canvas, (x, top + 3.6), 1.5, [170.0, 168.0, 162.0]);
        }
    }
}

fn chest(tailor: &mut Tailor<'_>, sign: f32, with_flap: bool) {
    let (x, y) = (sign * tailor.product.cut.chest * 0.52, 46.0);
    patch(tailor, (x, y), (8.6, 20.0));
    if with_flap {
        flap(tailor, (x, y - 2.0), 9.4);
    }
    if tailor.product.cut.collar == Collar::Shirt && tailor.product.cut.yoke {
        for dx in [-5.0, 5.0] {
            let (top, foot) =
                ((x + dx, y + 20.0), (sign * 17.0 + dx * 0.4, tailor.product.cut.length - 10.0));
            tailor.stitch(&Outline::from(top).line(foot));
        }
    }
}

fn patch(tailor: &mut Tailor<'_>, (x, y): P, (half, tall): (f32, f32)) {
    let main = tailor.main();
    let shape = [(-half, 0.0), (half, 0.0), (half, tall - 3.5), (0.0, tall), (-half, tall - 3.5)];
    tailor.canvas.part(polygon(&shape.map(|p| (x + p.0, y + p.1))), &main, Puff::FLAT, &[]);
    tailor.stitch(&Outline::from((x - half, y + 3.0)).line((x + half, y + 3.0)));
    rim(tailor, &shape, (x, y));
}

/// The seam around it: where the pattern runs on, nothing else shows a pocket.
fn rim(tailor: &mut Tailor<'_>, shape: &[P], (x, y): P) {
    let at = |p: &P| (x + p.0, y + p.1);
    let Some(first) = shape.first() else { return };
    let line = shape.iter().skip(1).chain([first]).fold(Outline::from(at(first)), |line, p| line.line(at(p)));
    let seam = tailor.seam();
    tailor.canvas.ink(line.band(0.7), seam, 0.55);
}

fn flap(tailor: &mut Tailor<'_>, (x, y): P, half: f32) {
    let main = tailor.main();
    let shape = [(-half, 0.0), (half, 0.0), (half, 6.0), (0.0, 9.5), (-half, 6.0)];
    tailor.canvas.part(polygon(&shape.map(|p| (x + p.0, y + p.1))), &main, Puff::FLAT, &[]);
    rim(tailor, &shape, (x, y));
    if !matches!(tailor.product.cut.collar, Collar::Lapel(_)) {
        button(tailor.canvas, (x, y + 6.0), 1.4, tailor.product.button);
    }
}

/// A slit with a narrow lip.
fn welt(tailor: &mut Tailor<'_>, from: P, to: P) {
    let line = Outline::from(from).line(to);
    let seam = tailor.seam();
    tailor.canvas.ink(line.band(4.6), seam, 0.5);
    let lip = Fabric::plain(shade(tailor.product.dyes[0].rgb, 0.9));
    tailor.canvas.part(line.band(3.0), &lip, Puff::FLAT, &[]);
}
