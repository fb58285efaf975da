//! The sleeves, sewn on.

use crate::garment::{
    Tailor, closure,
    sleeve::{self, Arm},
};
use crate::{
    drawing::canvas::{Fabric, Puff},
    product::cut::{Cuff, Flow, Sleeve},
};

impl Tailor<'_> {
    pub(crate) fn sleeves(&mut self) {
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
}
