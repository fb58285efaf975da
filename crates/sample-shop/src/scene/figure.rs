//! What the garment is shown on.

use crate::{
    dice::Dice,
    drawing::{
        canvas::{Canvas, Fabric, Puff},
        geometry::{Outline, oval, polygon},
    },
    garment::sleeve::Arm,
    product::{
        cut::{Body, Closure, Collar, Cut, Sleeve},
        palette::{Rgb, shade},
    },
};

/// Who or what wears it.
#[derive(Clone, Copy, PartialEq)]
pub enum Figure {
    /// Nobody: laid flat, or the mannequin cut out of the photo.
    Nobody,
    Hanger {
        wood: Rgb,
    },
    /// A person without a face, or a mannequin.
    Model {
        skin: Rgb,
        hair: Option<Rgb>,
        trousers: Rgb,
    },
}

const SKINS: [Rgb; 5] = [
    [240.0, 205.0, 180.0],
    [222.0, 176.0, 144.0],
    [186.0, 134.0, 100.0],
    [138.0, 92.0, 66.0],
    [92.0, 62.0, 48.0],
];
const MANNEQUINS: [Rgb; 3] = [[232.0, 230.0, 226.0], [214.0, 196.0, 168.0], [62.0, 60.0, 62.0]];
const HAIRS: [Rgb; 4] = [[44.0, 34.0, 30.0], [96.0, 64.0, 40.0], [190.0, 150.0, 96.0], [24.0, 22.0, 24.0]];
const TROUSERS: [Rgb; 5] = [
    [58.0, 76.0, 108.0],
    [40.0, 42.0, 48.0],
    [198.0, 188.0, 168.0],
    [226.0, 224.0, 218.0],
    [104.0, 112.0, 124.0],
];

impl Figure {
    pub fn draw(cut: &Cut, dice: &mut Dice) -> Self {
        let no_hanger = cut.hooded() || matches!(cut.body, Body::Cape { .. } | Body::Halter);
        match dice.below(10) {
            0..=2 => Figure::Nobody,
            3..=4 if no_hanger => Figure::Nobody,
            3..=4 => {
                Figure::Hanger { wood: dice.pick([[172.0, 126.0, 82.0], [92.0, 64.0, 46.0], [60.0; 3]]) }
            }
            kind => {
                let alive = kind < 9;
                let skin = if alive { dice.pick(SKINS) } else { dice.pick(MANNEQUINS) };
                Figure::Model { skin, hair: alive.then(|| dice.pick(HAIRS)), trousers: dice.pick(TROUSERS) }
            }
        }
    }

    /// Draws it, as it stands between the garment's back and its front.
    pub fn stand(self, canvas: &mut Canvas, cut: &Cut, arms: &[Arm; 2]) {
        match self {
            Figure::Nobody => {}
            Figure::Hanger { wood } => {
                hanger(canvas, wood, if cut.sleeve == Sleeve::None { 25.0 } else { 38.0 })
            }
            Figure::Model { skin, hair, trousers } => {
                legs(canvas, cut, trousers);
                let skin = Fabric::plain(skin);
                if !matches!(cut.body, Body::Cape { .. }) {
                    bust(canvas, cut, &skin, arms);
                }
                head(canvas, &skin, hair, cut.hooded());
                if cut.closure == Closure::Open || matches!(cut.collar, Collar::Lapel(_) | Collar::Band) {
                    vest(canvas, cut, trousers);
                }
            }
        }
    }
}

fn hanger(canvas: &mut Canvas, wood: Rgb, reach: f32) {
    let hook = Outline::from((0.0, -4.0))
        .line((0.0, -19.0))
        .cubic((0.0, -23.0), (9.0, -24.0), (9.0, -31.0))
        .cubic((9.0, -40.0), (-7.0, -41.0), (-8.0, -32.0));
    canvas.add(hook.band(2.2), [120.0, 120.0, 122.0], 1.0);
    canvas.add(hook.band(0.8), [214.0, 214.0, 214.0], 1.0);
    let bar = Outline::from((0.0, -5.0)).cubic((9.0, -5.0), (15.0, 5.0), (reach, 13.0));
    canvas.part(bar.across().band(5.6), &Fabric::plain(wood), Puff::TRIM, &[]);
}

fn legs(canvas: &mut Canvas, cut: &Cut, colour: Rgb) {
    let hip = cut.hem_width.min(38.0) - 2.0;
    let top = (cut.length - 40.0).min(96.0);
    let cloth = Fabric::plain(colour);
    for sign in [-1.0, 1.0] {
        let leg = [
            (0.0, top),
            (sign * (hip - 3.0), top),
            (sign * hip, 136.0),
            (sign * 27.0, 300.0),
            (sign * 3.0, 300.0),
        ];
        canvas.part(polygon(&leg), &cloth, Puff::BODY, &[]);
    }
    canvas.ink(Outline::from((0.0, top)).line((0.0, 152.0)).band(0.9), shade(colour, 0.5), 0.6);
}

/// What shows where a jacket is open.
fn vest(canvas: &mut Canvas, cut: &Cut, trousers: Rgb) {
    let white = if trousers[0] > 190.0 { [66.0, 70.0, 80.0] } else { [238.0, 237.0, 233.0] };
    let low = (cut.length - 20.0).min(104.0);
    let shape = Outline::from((0.0, 15.0)).cubic((9.0, 15.0), (13.0, 8.0), (15.0, 0.0)).line((28.0, 8.0));
    canvas.part(shape.line((30.0, low)).line((0.0, low)).both(), &Fabric::plain(white), Puff::TRIM, &[]);
    let line = Outline::from((0.0, 17.5)).cubic((9.5, 17.5), (14.5, 10.0), (17.0, 1.0));
    canvas.ink(line.across().band(0.8), shade(white, 0.7), 0.7);
}

fn bust(canvas: &mut Canvas, cut: &Cut, skin: &Fabric<'_>, arms: &[Arm; 2]) {
    let slim = if cut.sleeve == Sleeve::None { 1.0 } else { 0.86 };
    let hand = 111.0;
    for arm in arms {
        let widths = [(-4.0, 21.0), (10.0, 23.0), (34.0, 18.5), (52.0, 15.0), (70.0, 14.5), (98.0, 9.6)];
        // What the sleeve hides is not drawn.
        let bare = widths.iter().filter(|(d, _)| *d > cut.sleeve.reach() - 40.0);
        let bare: Vec<(f32, f32)> = bare.map(|(d, w)| (*d, w * slim)).collect();
        canvas.part(arm.tube(&bare), skin, Puff::SLEEVE, &[]);
        let palm = [(95.0, 8.0), (101.0, 9.6), (hand, 12.0), (hand + 9.0, 9.0), (hand + 14.0, 4.0)];
        canvas.part(arm.tube(&palm), skin, Puff::TRIM, &[]);
        let finger = Outline::from(arm.point(hand + 3.0, 1.5)).line(arm.point(hand + 12.0, 1.0));
        canvas.ink(finger.band(0.8), shade(skin.colour, 0.7), 0.7);
    }
    let low = if cut.sleeve == Sleeve::None { cut.length - 22.0 } else { 62.0 };
    let chest = Outline::from((0.0, -4.0))
        .line((9.0, -6.0))
        .cubic((13.0, 3.0), (26.0, 4.0), (36.0 * slim.max(0.94), 12.0))
        .cubic((39.0, 24.0), (33.0, 40.0), (32.0, 60.0))
        .line((30.0, low))
        .line((0.0, low));
    canvas.part(chest.both(), skin, Puff::BODY, &[]);
    for sign in [-1.0, 1.0] {
        let bone = Outline::from((sign * 3.0, 8.5)).quad((sign * 14.0, 5.0), (sign * 25.0, 8.0));
        canvas.ink(bone.band(1.4), shade(skin.colour, 0.72), 0.3);
    }
}

fn head(canvas: &mut Canvas, skin: &Fabric<'_>, hair: Option<Rgb>, hooded: bool) {
    // Inside a hood the face sits lower.
    let (y, size) = if hooded { (-29.0, 0.84) } else { (-39.0, 1.0) };
    let neck =
        Outline::from((0.0, y + 14.0)).line((9.5, y + 12.0)).cubic((9.5, -10.0), (11.0, -2.0), (18.0, 5.0));
    canvas.part(neck.line((0.0, 12.0)).both(), skin, Puff { edge: 0.3, ..Puff::SLEEVE }, &[]);
    if let (Some(hair), false) = (hair, hooded) {
        canvas.part(oval((0.0, y - 8.0), 20.0, 23.0).closed(), &Fabric::plain(hair), Puff::SLEEVE, &[]);
    }
    let face = Outline::from((0.0, y - 24.0 * size))
        .cubic((12.0 * size, y - 24.0 * size), (17.0 * size, y - 12.0 * size), (16.5 * size, y - 2.0))
        .cubic((16.0 * size, y + 12.0 * size), (8.0 * size, y + 24.0 * size), (0.0, y + 24.0 * size));
    canvas.part(face.both(), skin, Puff { shadow: 0.22, edge: 0.26, ..Puff::SLEEVE }, &[]);
    if let Some(hair) = hair {
        let fringe = Outline::from((0.0, y - 27.0 * size))
            .cubic((14.0 * size, y - 27.0 * size), (20.0 * size, y - 14.0 * size), (18.0 * size, y + 1.0))
            .quad((14.0 * size, y - 12.0 * size), (0.0, y - 14.0 * size));
        canvas.part(fringe.both(), &Fabric::plain(hair), Puff::TRIM, &[]);
        let lips =
            Outline::from((-4.5, y + 13.0 * size)).quad((0.0, y + 14.6 * size), (4.5, y + 13.0 * size));
        canvas.ink(lips.band(1.6), [150.0, 70.0, 66.0], 0.5);
    }
}
