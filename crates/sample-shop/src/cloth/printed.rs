//! What is printed on the chest.

use crate::cloth::{Cloth, glyph};
use crate::{
    drawing::geometry::{P, oval, placed},
    product::{
        Emblem, Product,
        palette::{Rgb, luminance},
        pattern::Pattern,
    },
};

const WHITE: Rgb = [242.0, 241.0, 236.0];
const BLACK: Rgb = [36.0, 36.0, 40.0];

impl Cloth {
    /// Prints it on the front.
    pub(crate) fn print(&mut self, emblem: &Emblem, product: &Product) {
        let [main, mut second, third] = product.dyes.map(|dye| dye.rgb);
        if product.pattern != Pattern::Plain {
            // On cloth of two colours neither of them would show.
            second = if luminance(main) + luminance(second) < 270.0 { WHITE } else { BLACK };
        }
        let (y, size) = product.chest_room();
        if size < 1.0 {
            return self.badge(emblem, (20.0, y), second);
        }
        match emblem {
            Emblem::Words(words) => {
                let height = (62.0 / words.len() as f32).min(16.0);
                self.fill(glyph::text(words, (0.0, y), height, 0.2), second, 1.0);
                self.bar((-26.0, y + height * 0.8), (26.0, y + height * 0.8 + 2.0), third, 1.0);
            }
            Emblem::Number { number, words } => {
                let (digits, height, at) = (number.to_string(), size * 1.75, (0.0, y + size * 0.45));
                let rim = if luminance(second) > 130.0 { BLACK } else { WHITE };
                self.fill(glyph::text(&digits, at, height, 0.27), rim, 1.0);
                self.fill(glyph::text(&digits, at, height, 0.17), second, 1.0);
                if let Some(words) = words {
                    self.fill(glyph::text(words, (0.0, y - size * 0.85), 7.0, 0.2), second, 1.0);
                }
            }
            Emblem::Picture { motif, words, badge } => {
                let (inner, ink) = if *badge { (size * 0.62, third) } else { (size * 0.95, second) };
                if *badge {
                    self.fill(oval((0.0, y), size, size).closed(), second, 1.0);
                    self.fill(oval((0.0, y), size * 0.88, size * 0.88).band(1.0), main, 1.0);
                }
                self.fill(placed(motif.path(), (0.0, y), inner, 0.0), ink, 1.0);
                if let Some(words) = words {
                    self.fill(glyph::text(words, (0.0, y + size + 8.0), 8.0, 0.2), third, 1.0);
                }
            }
        }
    }

    /// A small one beside the zip, where there is no room for more.
    fn badge(&mut self, emblem: &Emblem, at: P, colour: Rgb) {
        let shape = match emblem {
            Emblem::Picture { motif, .. } => placed(motif.path(), at, 6.0, 0.0),
            Emblem::Words(words) | Emblem::Number { words: Some(words), .. } => {
                glyph::text(words, at, 4.0, 0.2)
            }
            Emblem::Number { .. } => None,
        };
        self.fill(shape, colour, 1.0);
    }
}
