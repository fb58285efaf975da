//! A garment sewn together on a canvas: its parts, back to front.

use super::{
    canvas::{Canvas, Crease, Fabric, Grain, Puff},
    closure,
    cloth::Cloth,
    collar,
    cut::{Body, Closure, Collar, Cuff, Flow, Hem, Sleeve, Texture},
    dice::Dice,
    geometry::{Outline, mix, polygon, sliver},
    palette::{Rgb, shade},
    pattern::Pattern,
    pocket,
    product::{Emblem, Product},
    sleeve::{self, Arm},
    torso::Torso,
};

/// What one garment is sewn from, and onto what.
pub(super) struct Tailor<'a> {
    pub canvas: &'a mut Canvas,
    pub product: &'a Product,
    pub torso: Torso,
    /// The left and the right arm.
    pub arms: [Arm; 2],
    /// How the folds fall on this photo.
    pub dice: Dice,
    pub pieces: Pieces<'a>,
}

/// The pieces of cloth.
pub(super) struct Pieces<'a> {
    pub all_over: Option<&'a Cloth>,
    pub front: Option<&'a Cloth>,
}

impl<'a> Tailor<'a> {
    /// The cloth most of it is made of.
    pub fn main(&self) -> Fabric<'a> {
        let texture = Some(self.product.cut.texture);
        let colour = self.product.dyes[0].rgb;
        Fabric { cloth: self.pieces.all_over, colour, texture, grain: Grain::STRAIGHT, shade: 1.0 }
    }

    /// Collar, cuffs and hem, as knitted ribbing or of the main cloth.
    pub fn trim(&self, ribbed: bool) -> Fabric<'a> {
        let product = self.product;
        let texture = Some(if ribbed { Texture::Rib } else { product.cut.texture });
        if product.trim == product.dyes[0] && !ribbed {
            return Fabric { texture, ..self.main() };
        }
        let quiet = if product.trim == product.dyes[0] { 0.93 } else { 1.0 };
        Fabric { texture, ..Fabric::plain(shade(product.trim.rgb, quiet)) }
    }

    pub fn lining(&self) -> Fabric<'a> {
        Fabric { shade: 0.8, ..Fabric::plain(self.product.lining) }
    }

    /// The colour of a seam.
    pub fn seam(&self) -> Rgb {
        shade(self.product.dyes[0].rgb, 0.45)
    }

    pub fn stitch(&mut self, line: &Outline) {
        let seam = self.seam();
        self.canvas.ink(line.band(0.7), seam, 0.5);
    }

    /// What lies behind the wearer's neck.
    pub fn back(&mut self) {
        let cut = &self.product.cut;
        let (n, lining) = (self.torso.neck, self.lining());
        match cut.body {
            Body::Halter => {
                let strap = Outline::from((0.0, -15.0)).quad((n.0 + 3.0, -15.0), (n.0 + 5.0, -8.0));
                let under = Outline::from((n.0, -8.0)).quad((n.0 - 2.0, -11.5), (0.0, -11.5));
                let main = self.main();
                self.canvas.part(strap.then(&under).both(), &Fabric { shade: 0.8, ..main }, Puff::FLAT, &[]);
                let low = Outline::from((0.0, 47.0)).line((self.torso.armpit.0 - 3.0, 52.0));
                let inside = low.line((self.torso.armpit.0 - 4.0, 70.0)).line((0.0, 70.0));
                self.canvas.part(inside.both(), &lining, Puff::FLAT, &[]);
                return;
            }
            Body::Straps(_) => {
                let back =
                    Outline::from((0.0, cut.neck_depth * 0.36)).quad((n.0 * 0.9, cut.neck_depth * 0.3), n);
                let back = back.line((n.0 + 3.0, 3.0)).line((n.0 + 3.0, 60.0)).line((0.0, 60.0));
                self.canvas.part(back.both(), &lining, Puff::FLAT, &[]);
            }
            _ => {
                let low = if cut.closure == Closure::Open { cut.length + 2.0 } else { cut.neck_depth + 6.0 };
                let rise = if cut.collar == Collar::None { 2.5 } else { -2.0 };
                let width = if cut.closure == Closure::Open { cut.chest * 0.8 } else { n.0 };
                let inside = Outline::from((0.0, n.1 + rise)).quad((n.0 * 0.6, n.1 + rise), n);
                let inside = inside.line((n.0, 12.0)).line((width, 30.0f32.min(low))).line((width, low));
                self.canvas.part(inside.line((0.0, low)).both(), &lining, Puff::FLAT, &[]);
            }
        }
        let (x, y) = (4.0, n.1 + 4.5);
        if !cut.hooded() && !matches!(cut.collar, Collar::Turtle) {
            let label = [(-x, y), (x, y), (x, y + 4.5), (-x, y + 4.5)];
            self.canvas.ink(polygon(&label), [225.0, 222.0, 214.0], 0.85);
        }
        collar::behind(self);
    }

    /// All the rest.
    pub fn front(&mut self) {
        self.sleeves();
        self.body();
        self.hem();
        pocket::sew(self);
        collar::sew(self);
        closure::sew(self);
    }

    fn sleeves(&mut self) {
        let cut = &self.product.cut;
        if cut.sleeve == Sleeve::None {
            return;
        }
        for arm in self.arms {
            let main = Fabric { grain: arm.grain(), ..self.main() };
            let fabric = if self.product.sleeves == self.product.dyes[0] {
                main
            } else {
                Fabric { cloth: None, colour: self.product.sleeves.rgb, ..main }
            };
            let reach = cut.sleeve.reach();
            let w = sleeve::width(cut, reach);
            let folds = sleeve::creases(cut, &arm, &mut || self.dice.unit());
            self.canvas.part(
                arm.tube(&[(reach - 5.0, w * 0.8), (reach + 1.0, w * 0.86)]),
                &self.lining(),
                Puff::FLAT,
                &[],
            );
            if cut.cuff == Cuff::Rib {
                self.rib_cuff(&arm, reach, w);
            }
            self.canvas.part(sleeve::outline(cut, &self.torso, &arm), &fabric, Puff::SLEEVE, &folds);
            self.sleeve_end(&arm, reach, w);
        }
    }

    fn rib_cuff(&mut self, arm: &Arm, reach: f32, w: f32) {
        let tight = if reach > 60.0 { 0.74 } else { 0.94 };
        let trim = Fabric { grain: arm.cuff_grain(), ..self.trim(true) };
        let tube = arm.tube(&[(reach - 8.0, w * 0.9), (reach - 3.0, w * tight), (reach + 4.0, w * tight)]);
        self.canvas.part(tube, &trim, Puff::TRIM, &[]);
        if self.product.trim != self.product.dyes[0] && reach > 60.0 {
            let second = self.product.dyes[2].rgb;
            self.canvas.ink(arm.ring(reach - 1.0, w).band(1.5), second, 0.9);
        }
    }

    fn sleeve_end(&mut self, arm: &Arm, reach: f32, w: f32) {
        match self.product.cut.cuff {
            Cuff::Rib => {}
            Cuff::Plain => {
                self.stitch(&arm.ring(reach - 4.0, w * 1.1));
                if self.product.trim != self.product.dyes[0] {
                    let trim = self.product.trim.rgb;
                    self.canvas.ink(arm.ring(reach - 0.6, w * 1.3).band(3.6), trim, 0.95);
                }
            }
            Cuff::Button => {
                let wide = if self.product.cut.flow == Flow::Straight { 1.0 } else { 0.72 };
                let trim = Fabric { grain: arm.cuff_grain(), ..self.trim(false) };
                let tube = arm.tube(&[(reach - 9.0, w * wide * 1.02), (reach + 3.0, w * wide)]);
                self.canvas.part(tube, &trim, Puff::TRIM, &[]);
                self.stitch(&arm.ring(reach - 7.5, w * wide));
                let button = self.product.button;
                closure::button(self.canvas, arm.point(reach - 3.0, w * 0.25), 1.3, button);
            }
            Cuff::Rolled => {
                let inside = Fabric { shade: 0.9, grain: arm.cuff_grain(), ..self.main() };
                let tube =
                    arm.tube(&[(reach - 10.0, w * 1.12), (reach - 4.0, w * 1.18), (reach + 2.0, w * 1.1)]);
                self.canvas.part(tube, &inside, Puff::TRIM, &[]);
                self.stitch(&arm.ring(reach - 4.0, w * 1.2));
            }
        }
    }

    fn body(&mut self) {
        let cut = &self.product.cut;
        let cloth = self.pieces.front.or(self.pieces.all_over);
        let fabric = Fabric { cloth, ..self.main() };
        let folds = self.body_folds();
        if cut.closure == Closure::Open {
            let gap = [self.dice.between(5.0, 9.0), self.dice.between(5.0, 9.0)];
            for (sign, gap) in [(-1.0, gap[0]), (1.0, gap[1])] {
                let panel = self.torso.panel(gap, cut.neck_depth).side(sign);
                self.canvas.part(panel.closed(), &fabric, Puff::BODY, &folds);
            }
        } else {
            let gathered = cut.hem == Hem::Flounce;
            self.canvas.part(self.torso.front().both(), &fabric, Puff::BODY, &folds);
            if gathered {
                self.flounce(&fabric);
            }
        }
        if cut.body == Body::Torso && !cut.raglan {
            self.side_stripes();
        }
        if cut.yoke {
            let y = 34.0;
            let (a, s) = (self.torso.armpit, self.torso.shoulder);
            let line = Outline::from((0.0, y)).line((mix(s, a, 0.7).0, y - 1.0));
            if cut.closure == Closure::HalfZip && self.product.pattern == Pattern::Plain {
                let edge = Outline::from((0.0, y)).line((60.0, y)).line((60.0, -4.0)).line((0.0, -4.0));
                self.canvas.ink(edge.both(), self.product.dyes[1].rgb, 0.16);
            }
            self.stitch(&line.across());
        }
    }

    /// A jersey's stripes from the armpit to the hem.
    fn side_stripes(&mut self) {
        if !matches!(self.product.emblem, Some(Emblem::Number { .. }))
            || self.product.cut.texture != Texture::Mesh
        {
            return;
        }
        let [_, second, third] = self.product.dyes.map(|dye| dye.rgb);
        for sign in [-1.0, 1.0] {
            let line = self.torso.side.side(sign);
            self.canvas.ink(line.band(11.0), second, 0.95);
            self.canvas.ink(line.band(3.0), third, 0.95);
        }
    }

    fn body_folds(&mut self) -> Vec<Crease> {
        let cut = &self.product.cut;
        let dice = &mut self.dice;
        let mut folds = vec![];
        let (a, low) = (self.torso.armpit, cut.length);
        let cape = matches!(cut.body, Body::Cape { .. });
        for sign in [-1.0, 1.0] {
            if !cape {
                let to = (sign * dice.between(10.0, 24.0), a.1 + dice.between(14.0, 34.0));
                let from = (sign * (a.0 - 1.0), a.1 + 1.0);
                let control = (sign * (a.0 - 12.0), a.1 + 5.0);
                folds.push(Crease { shape: sliver(from, control, to, 1.4), depth: 0.3 });
            }
            for _ in 0..2 {
                let x = sign * cut.hem_width.max(if cape { 64.0 } else { 0.0 }) * dice.between(0.1, 0.86);
                let from = (x * dice.between(0.45, 0.8), low * dice.between(0.45, 0.75));
                let to = (x, if cape { 112.0 } else { low - 3.0 });
                let control = (x * 0.9 + dice.around(5.0), (from.1 + to.1) / 2.0);
                folds.push(Crease { shape: sliver(from, control, to, 2.0), depth: dice.between(0.1, 0.22) });
                let beside = (from.0 + 4.0, from.1);
                folds.push(Crease { shape: sliver(beside, control, (to.0 + 4.0, to.1), 2.4), depth: -0.12 });
            }
            if !cape {
                let y = dice.between(78.0, 98.0);
                let from = (sign * (cut.waist - 1.0), y);
                let to = (sign * dice.between(12.0, 22.0), y + dice.around(9.0));
                let shape = sliver(from, (sign * cut.waist * 0.7, y + 5.0), to, 1.3);
                folds.push(Crease { shape, depth: 0.24 });
            }
        }
        folds
    }

    fn flounce(&mut self, fabric: &Fabric<'_>) {
        let cut = &self.product.cut;
        let (top, low) = (cut.length - 34.0, cut.length + 5.0);
        let flare = cut.hem_width + 6.0;
        let waves: Vec<_> = (0..=8)
            .map(|i| (flare * (1.0 - i as f32 / 8.0), low + if i % 2 == 0 { -2.0 } else { 2.0 }))
            .collect();
        let skirt = Outline::from((0.0, top))
            .line((cut.waist + 1.0, top))
            .quad((cut.waist + 2.0, top + 14.0), waves[0]);
        let folds: Vec<Crease> = (-4..=4)
            .map(|i| {
                let (x, y) = (i as f32 * flare / 4.6, if i % 2 == 0 { low } else { low - 6.0 });
                let shape = sliver((x * 0.8, top), (x * 0.86, top + 16.0), (x, y), 2.0);
                Crease { shape, depth: if i % 2 == 0 { 0.32 } else { -0.14 } }
            })
            .collect();
        self.canvas.part(skirt.then(&Outline::through(&waves)).both(), fabric, Puff::TRIM, &folds);
    }

    fn hem(&mut self) {
        let cut = &self.product.cut;
        let (w, low, open) = (cut.hem_width, cut.length, cut.closure == Closure::Open);
        let run = |height: f32, inset: f32| {
            Outline::from((0.0, height + 4.0)).quad((w * 0.5, height + 4.0), (w - inset, height))
        };
        match cut.hem {
            Hem::Rib | Hem::Band => {
                let ribbed = cut.hem == Hem::Rib;
                let (tall, inset) = if ribbed { (11.0, 2.0) } else { (9.0, 0.0) };
                let upper = run(low - tall, 0.0);
                let ring = run(low + 1.0, inset).reversed();
                let trim = self.trim(ribbed);
                if open {
                    for sign in [-1.0, 1.0] {
                        let (x, y) = (8.5, low + 3.5);
                        let panel = [
                            (x, y - tall - 1.0),
                            (w + 0.3, low - tall),
                            (w - inset, low + 1.0),
                            (x + 1.0, y),
                        ];
                        self.canvas.part(polygon(&panel.map(|p| (p.0 * sign, p.1))), &trim, Puff::FLAT, &[]);
                    }
                } else {
                    self.canvas.part(upper.then(&ring).both(), &trim, Puff::TRIM, &[]);
                    if ribbed && self.product.trim != self.product.dyes[0] {
                        self.canvas.ink(
                            run(low - 4.0, 0.0).across().band(1.5),
                            self.product.dyes[2].rgb,
                            0.9,
                        );
                    }
                }
            }
            Hem::Straight | Hem::Tail | Hem::Cord | Hem::Flounce => {
                if !matches!(cut.body, Body::Cape { .. }) && !open && cut.hem == Hem::Straight {
                    self.stitch(&run(low - 4.0, 0.0).across());
                }
                if cut.hem == Hem::Tail {
                    let rim = self.torso.hem.clone();
                    let seam = self.seam();
                    self.canvas.ink(rim.reversed().across().band(3.0), seam, 0.16);
                }
                if cut.hem == Hem::Cord {
                    self.stitch(&run(low - 6.0, 0.0).across());
                    closure::cord(self.canvas, (-w * 0.55, low + 1.0), 13.0, self.product.dyes[1].rgb);
                }
            }
            Hem::Fringe => self.fringe(),
        }
        if cut.waist_cord {
            let y = 90.0;
            let line = Outline::from((0.0, y + 1.0)).line((60.0, y));
            let seam = self.seam();
            self.canvas.ink(line.across().band(3.4), seam, 0.35);
            self.canvas.ink(
                Outline::from((0.0, y - 1.4)).line((60.0, y - 2.4)).across().band(0.8),
                [255.0; 3],
                0.16,
            );
            if cut.closure == Closure::Pullover {
                closure::bow(self.canvas, (12.0, y + 1.0), 5.0, shade(self.product.dyes[0].rgb, 0.85));
            }
        }
    }

    fn fringe(&mut self) {
        let colours = [self.product.dyes[0].rgb, self.product.dyes[1].rgb];
        let pointed = matches!(self.product.cut.body, Body::Cape { pointed: true });
        let low = self.product.cut.length;
        for i in 0..=40 {
            let t = i as f32 / 40.0;
            let along = (1.0 - t) * (1.0 - t);
            let (x, y) = if pointed {
                let b = 2.0 * t * (1.0 - t);
                (87.0 * along + 46.0 * b, 99.0 * along + 112.0 * b + (low + 8.0) * t * t)
            } else {
                let (s, b, c) = (1.0 - t, 3.0 * t * along, 3.0 * t * t * (1.0 - t));
                (
                    83.0 * s * along + 70.0 * b + 30.0 * c,
                    107.0 * s * along + (low - 8.0) * b + low * (c + t * t * t),
                )
            };
            for sign in [-1.0, 1.0] {
                let sway = self.dice.around(1.6);
                let strand =
                    Outline::from((sign * x, y - 2.0)).quad((sign * x, y + 6.0), (sign * x + sway, y + 11.0));
                let colour = shade(colours[usize::from(i % 4 == 0)], self.dice.between(0.72, 1.02));
                self.canvas.add(strand.band(1.7), colour, 0.95);
            }
        }
    }
}
