//! How a garment ends below.

use crate::garment::{Tailor, closure};
use crate::{
    drawing::{
        canvas::Puff,
        geometry::{Outline, polygon},
    },
    product::{
        cut::{Body, Closure, Hem},
        palette::shade,
    },
};

impl Tailor<'_> {
    pub(crate) fn hem(&mut self) {
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
