//! A garment sewn together on a canvas: its parts, back to front.

mod arms;
mod body;
mod closure;
mod collar;
mod hem;
mod hood;
mod pocket;
pub mod sleeve;
pub mod torso;

use crate::{
    cloth::Cloth,
    dice::Dice,
    drawing::{
        canvas::{Canvas, Fabric, Grain, Puff},
        geometry::{Outline, polygon},
    },
    product::{
        Product,
        cut::{Body, Closure, Collar, Texture},
        palette::{Rgb, shade},
    },
};
use sleeve::Arm;
use torso::Torso;

/// What one garment is sewn from, and onto what.
pub struct Tailor<'a> {
    pub canvas: &'a mut Canvas,
    pub product: &'a Product,
    pub torso: Torso,
    /// The left and the right arm.
    pub arms: [Arm; 2],
    /// How the folds fall on this photo.
    pub dice: &'a mut Dice,
    pub pieces: Pieces<'a>,
}

/// The pieces of cloth.
pub struct Pieces<'a> {
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
}
