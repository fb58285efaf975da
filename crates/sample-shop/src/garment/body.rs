//! The body: front and panels, with their folds.

use crate::garment::Tailor;
use crate::{
    drawing::{
        canvas::{Crease, Fabric, Puff},
        geometry::{Outline, mix, sliver},
    },
    product::{
        Emblem,
        cut::{Body, Closure, Hem, Texture},
        pattern::Pattern,
    },
};

impl Tailor<'_> {
    pub(crate) fn body(&mut self) {
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
}
