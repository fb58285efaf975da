//! Collars, hoods and necklines.

use crate::garment::{Tailor, hood};
use crate::{
    drawing::{
        canvas::{Crease, Fabric, Puff},
        geometry::{Outline, P, mix, oval, polygon, sliver},
    },
    product::cut::{Closure, Collar, Texture},
};

/// What of the collar lies behind the neck.
pub fn behind(tailor: &mut Tailor<'_>) {
    let cut = &tailor.product.cut;
    let (x, main) = (cut.neck_width, tailor.trim(false));
    let band = |high: f32, low: f32| {
        Outline::from((0.0, high))
            .quad((x * 0.7, high), (x, high + 2.0))
            .line((x + 1.0, low))
            .line((0.0, low + 3.0))
    };
    let inside = Fabric { shade: 0.72, ..main };
    match cut.collar {
        Collar::Shirt | Collar::PeterPan => {
            tailor.canvas.part(band(-8.0, 3.0).both(), &inside, Puff::TRIM, &[])
        }
        Collar::Lapel(_) => tailor.canvas.part(band(-7.0, 2.0).both(), &inside, Puff::TRIM, &[]),
        Collar::Stand => {
            let rib = Fabric { shade: 0.72, ..tailor.trim(true) };
            tailor.canvas.part(band(-7.0, 4.0).both(), &rib, Puff::TRIM, &[]);
        }
        Collar::Rib | Collar::Band => {
            let (n, rib) = (tailor.torso.neck, Fabric { shade: 0.78, ..tailor.trim(true) });
            let arc = Outline::from((0.0, n.1 + 0.5)).quad((n.0 * 0.6, n.1 + 0.5), (n.0 + 1.0, n.1 - 2.0));
            tailor.canvas.part(arc.across().band(4.6), &rib, Puff::FLAT, &[]);
        }
        Collar::Turtle => {
            let rib = Fabric { shade: 0.6, ..tailor.trim(true) };
            tailor.canvas.part(oval((0.0, -20.0), x - 1.0, 4.0).closed(), &rib, Puff::TRIM, &[]);
        }
        Collar::Hood | Collar::FurHood => {
            let lining = Fabric { shade: 0.72, ..tailor.lining() };
            tailor.canvas.part(
                hood::opening(21.0, 31.0).closed(),
                &lining,
                Puff { edge: 0.6, ..Puff::BODY },
                &[],
            );
            let seam = tailor.seam();
            tailor.canvas.ink(Outline::from((0.0, -60.0)).line((0.0, -4.0)).band(1.0), seam, 0.5);
            tailor.canvas.ink(
                Outline::from((0.0, -3.0)).quad((9.0, -4.0), (20.0, -9.0)).across().band(1.0),
                seam,
                0.5,
            );
            tailor.canvas.ink(
                polygon(&[(-4.0, -2.0), (4.0, -2.0), (4.0, 3.0), (-4.0, 3.0)]),
                [225.0, 222.0, 214.0],
                0.8,
            );
        }
        Collar::None | Collar::Bow => {}
    }
}

/// What of it lies in front.
pub fn sew(tailor: &mut Tailor<'_>) {
    let cut = &tailor.product.cut;
    match cut.collar {
        Collar::None => {
            let line = tailor.torso.neckline.across();
            let seam = tailor.seam();
            tailor.canvas.ink(line.band(3.4), seam, 0.14);
        }
        Collar::Rib => {
            let rib = tailor.trim(true);
            let line = tailor.torso.neckline.across();
            tailor.canvas.part(line.band(5.2), &rib, Puff::FLAT, &[]);
        }
        Collar::Band => band(tailor),
        Collar::Shirt => shirt(tailor),
        Collar::PeterPan => peter_pan(tailor),
        Collar::Lapel(wide) => lapels(tailor, wide),
        Collar::Stand => stand(tailor),
        Collar::Turtle => turtle(tailor),
        Collar::Hood | Collar::FurHood => hood::sew(tailor),
        Collar::Bow => bow(tailor),
    }
}

/// The ribbing that runs down both sides of a cardigan's front.
fn band(tailor: &mut Tailor<'_>) {
    let cut = &tailor.product.cut;
    let rib = tailor.trim(true);
    let (n, depth, low) = (tailor.torso.neck, cut.neck_depth, cut.length + 3.0);
    if cut.closure == Closure::Open {
        for sign in [-1.0, 1.0] {
            let edge = Outline::from((n.0, n.1 - 2.0))
                .quad((8.0, depth * 0.6), (9.0, depth + 12.0))
                .line((11.0, low));
            tailor.canvas.part(edge.side(sign).band(6.4), &rib, Puff::FLAT, &[]);
        }
        return;
    }
    for sign in [-1.0, 1.0] {
        let edge =
            Outline::from((n.0, n.1 - 2.0)).quad((n.0 * 0.6, depth * 0.42), (0.0, depth)).line((0.0, low));
        tailor.canvas.part(edge.side(sign).band(6.8), &rib, Puff::FLAT, &[]);
    }
}

fn shirt(tailor: &mut Tailor<'_>) {
    let (x, fabric) = (tailor.product.cut.neck_width, tailor.trim(false));
    let gap = tailor.product.cut.neck_depth;
    let stand =
        Outline::from((0.0, gap + 1.0)).quad((x * 0.7, gap - 1.0), (x + 0.5, -2.0)).line((x - 2.0, -5.0));
    let stand = stand.quad((x * 0.5, gap - 5.0), (0.0, gap - 3.5));
    tailor.canvas.part(stand.both(), &fabric, Puff::FLAT, &[]);
    for sign in [-1.0, 1.0] {
        let leaf = Outline::from((1.0, gap - 2.0))
            .quad((x * 0.6, 1.0), (x - 2.5, -9.0))
            .quad((x + 5.0, -6.0), (x + 8.0, 4.5))
            .line((x * 0.5 + 4.0, gap + 14.0))
            .quad((5.0, gap + 7.0), (1.0, gap - 2.0));
        tailor.canvas.part(leaf.side(sign).closed(), &fabric, Puff::FLAT, &[]);
        let rim = Outline::from((x + 6.6, 5.0))
            .line((x * 0.5 + 3.6, gap + 12.2))
            .quad((5.6, gap + 6.4), (2.4, gap));
        tailor.stitch(&rim.side(sign));
    }
}

fn peter_pan(tailor: &mut Tailor<'_>) {
    let (n, depth) = (tailor.torso.neck, tailor.product.cut.neck_depth);
    let product = tailor.product;
    let fabric = if product.trim == product.dyes[0] {
        Fabric::plain([243.0, 240.0, 232.0])
    } else {
        Fabric::plain(product.trim.rgb)
    };
    for sign in [-1.0, 1.0] {
        let leaf = Outline::from((0.5, depth))
            .cubic((n.0 * 0.62, depth - 1.0), (n.0, depth * 0.5), (n.0 - 1.0, n.1 - 5.0))
            .quad((n.0 + 8.0, -1.0), (n.0 + 9.0, 8.0))
            .cubic((n.0 + 7.0, depth + 15.0), (3.0, depth + 18.0), (0.5, depth));
        tailor.canvas.part(leaf.side(sign).closed(), &fabric, Puff::TRIM, &[]);
    }
}

/// Lapels lie on cloth of their own pattern: only their shadow tells them apart.
const LAPEL: Puff = Puff { radius: 2.6, edge: 0.34, shadow: 0.5 };

fn lapels(tailor: &mut Tailor<'_>, wide: f32) {
    let (n, depth) = (tailor.torso.neck, tailor.product.cut.neck_depth);
    let (fabric, double) = (tailor.main(), matches!(tailor.product.cut.closure, Closure::DoubleBreasted(_)));
    let (tip, notch) = ((n.0 + 13.0 * wide, 25.0 + 5.0 * wide), (n.0 + 4.5 * wide, 21.0 + 5.0 * wide));
    for sign in [-1.0, 1.0] {
        // The right side laps over the left one.
        let low = (if double { -6.0 * sign } else { 0.0 }, depth + 1.0);
        let side = |p: P| (p.0 * sign, p.1);
        let middle = mix(low, side(tip), 0.6);
        let belly = (middle.0 + 2.5 * sign, middle.1 + 3.0);
        let lapel = Outline::from((low.0, low.1))
            .quad(belly, side(tip))
            .line(side(notch))
            .line(side((n.0 - 1.0, 6.0)))
            .quad(side((n.0 * 0.6, depth * 0.42)), (low.0, low.1));
        tailor.canvas.part(lapel.closed(), &fabric, LAPEL, &[]);
        let upper = Outline::from((n.0 - 2.5, -8.0))
            .quad((n.0 + 5.0, -5.0), (n.0 + 8.0, 5.0))
            .line((n.0 + 10.5 * wide, 17.0 + 3.0 * wide))
            .line(notch)
            .quad((n.0 - 1.0, 12.0), (n.0 - 2.5, -8.0));
        tailor.canvas.part(upper.side(sign).closed(), &fabric, LAPEL, &[]);
        let rim = [low, belly, side(tip), side(notch), side((n.0 + 10.5 * wide, 17.0 + 3.0 * wide))];
        let line = Outline::from(rim[0]).quad(rim[1], rim[2]).line(rim[3]).line(rim[4]);
        let seam = tailor.seam();
        tailor.canvas.ink(line.band(0.9), seam, 0.6);
    }
}

fn stand(tailor: &mut Tailor<'_>) {
    let (x, depth) = (tailor.product.cut.neck_width, tailor.product.cut.neck_depth);
    let ribbed = tailor.product.cut.texture != Texture::Quilt;
    let rib = tailor.trim(ribbed);
    for sign in [-1.0, 1.0] {
        let half = Outline::from((0.4, depth + 3.0))
            .cubic((x * 0.6, depth + 2.0), (x + 2.0, depth * 0.6), (x + 3.0, 2.0))
            .line((x - 0.5, -8.0))
            .cubic((x * 0.9, -3.0), (x * 0.6, depth - 9.0), (0.4, depth - 8.0));
        tailor.canvas.part(half.side(sign).closed(), &rib, Puff::TRIM, &[]);
    }
}

fn turtle(tailor: &mut Tailor<'_>) {
    let (x, rib) = (tailor.product.cut.neck_width, tailor.trim(true));
    let lower =
        Outline::from((0.0, 7.0)).quad((x * 0.8, 6.0), (x + 2.0, 0.0)).line((x, -10.0)).line((0.0, -8.0));
    tailor.canvas.part(lower.both(), &rib, Puff::TRIM, &[]);
    let fold = Outline::from((0.0, -1.5))
        .quad((x * 0.8, -2.0), (x + 1.5, -6.0))
        .quad((x + 1.0, -14.0), (x - 0.5, -20.0));
    let fold = fold.quad((x * 0.6, -16.5), (0.0, -16.5));
    let creases: Vec<Crease> = [-0.4, 0.35]
        .map(|t| Crease {
            shape: sliver((x * t, -14.0), (x * t * 1.3, -9.0), (x * t * 1.8, -4.0), 1.2),
            depth: 0.22,
        })
        .into();
    tailor.canvas.part(fold.both(), &rib, Puff::TRIM, &creases);
}

fn bow(tailor: &mut Tailor<'_>) {
    let trim = tailor.trim(false);
    let line = tailor.torso.neckline.across();
    tailor.canvas.part(line.band(4.6), &trim, Puff::FLAT, &[]);
    let y = tailor.product.cut.neck_depth + 1.0;
    for sign in [-1.0f32, 1.0] {
        let sway = tailor.dice.around(2.0);
        let tail =
            [(0.0, y), (sign * 5.0, y + 1.0), (sign * 11.0 + sway, y + 33.0), (sign * 3.5 + sway, y + 35.0)];
        tailor.canvas.part(polygon(&tail), &trim, Puff::FLAT, &[]);
        let loop_ = Outline::from((0.0, y))
            .cubic((sign * 6.0, y - 9.0), (sign * 18.0, y - 10.0), (sign * 18.0, y - 1.0))
            .cubic((sign * 18.0, y + 8.0), (sign * 6.0, y + 5.0), (0.0, y));
        let crease = Crease {
            shape: sliver((0.0, y), (sign * 6.0, y - 1.5), (sign * 13.0, y - 2.0), 1.4),
            depth: 0.4,
        };
        tailor.canvas.part(loop_.closed(), &trim, Puff::TRIM, &[crease]);
    }
    tailor.canvas.part(oval((0.0, y), 3.2, 3.6).closed(), &trim, Puff::FLAT, &[]);
}
