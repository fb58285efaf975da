//! Patterns, painted all over the cloth.

use crate::cloth::{Cloth, FINE, HEIGHT, LEFT, TOP, WIDTH, bytes, motif::Motif};
use crate::{
    dice::Dice,
    drawing::{
        geometry::{Outline, P, oval, placed, polygon},
        noise,
    },
    product::{
        Product,
        palette::{Rgb, blend, shade},
        pattern::{Pattern, Weave},
    },
};

impl Cloth {
    /// Paints the product's pattern.
    pub(crate) fn weave(&mut self, product: &Product) {
        let dice = &mut Dice::new(u64::from(product.salt), [1, 1]);
        let [main, second, third] = product.dyes.map(|dye| dye.rgb);
        match product.pattern {
            Pattern::Plain => {}
            Pattern::Stripe { period, share, degrees, third: with } => {
                self.stripes(period, share, degrees, second);
                if with {
                    self.stripes(period, (share * 0.35).max(0.08), degrees, third);
                }
            }
            Pattern::Check { weave, period } => self.check(weave, period, [second, third]),
            Pattern::Dots { period, radius } => {
                scatter(period, |at, _| self.fill(oval(at, radius, radius).closed(), second, 1.0));
            }
            Pattern::Print { motif, period, size } => {
                let shape = motif.path();
                let accent = blend(second, third, 0.75);
                scatter(period, |at, k| {
                    let colour = if k % 3 == 0 { accent } else { second };
                    self.fill(placed(shape.clone(), at, size, dice.around(28.0)), colour, 1.0);
                    if matches!(motif, Motif::Flower | Motif::Daisy) {
                        self.fill(oval(at, size * 0.28, size * 0.28).closed(), main, 1.0);
                    }
                });
            }
            Pattern::Chevron { period } => self.chevron(period, [second, third]),
            Pattern::Argyle { period } => self.argyle(period, [second, third]),
            Pattern::Bands { motif, period, until } => self.bands(motif, period, until, [second, third]),
            Pattern::Block { at, third: with } => {
                self.bar((LEFT, at), (LEFT + WIDTH, TOP + HEIGHT), second, 1.0);
                if with {
                    self.bar((LEFT, at - 4.0), (LEFT + WIDTH, at + 5.0), third, 1.0);
                }
            }
            Pattern::Camouflage => self.camouflage(main, dice),
            Pattern::Ombre => self.ombre(main, second),
        }
    }

    fn ombre(&mut self, main: Rgb, second: Rgb) {
        let w = self.0.width() as usize;
        for (row, pixels) in self.0.data_mut().chunks_exact_mut(w * 4).enumerate() {
            let t = ((TOP + row as f32 / FINE - 25.0) / 90.0).clamp(0.0, 1.0);
            let tone = bytes(blend(main, second, t * t * (3.0 - 2.0 * t)));
            pixels.chunks_exact_mut(4).for_each(|pixel| pixel[..3].copy_from_slice(&tone));
        }
    }

    fn stripes(&mut self, period: f32, share: f32, degrees: f32, colour: Rgb) {
        let half = period * share / 2.0;
        let (sin, cos) = degrees.to_radians().sin_cos();
        let turn = |x: f32, y: f32| (x * cos - y * sin, 60.0 + x * sin + y * cos);
        let n = (240.0 / period) as i32;
        for i in -n..=n {
            let y = (i as f32 + 0.5) * period;
            let corners = [(-260.0, y - half), (260.0, y - half), (260.0, y + half), (-260.0, y + half)];
            self.fill(polygon(&corners.map(|(x, y)| turn(x, y))), colour, 1.0);
        }
    }

    fn check(&mut self, weave: Weave, period: f32, [second, third]: [Rgb; 2]) {
        // Where in a period a band begins and ends, its colour, how much of it shows.
        let bands: &[(f32, f32, Rgb, f32)] = match weave {
            Weave::Gingham => &[(0.0, 0.5, second, 0.5)],
            Weave::Windowpane => &[(0.0, 1.3 / period, second, 0.75)],
            Weave::Plaid => &[
                (0.0, 0.42, second, 0.55),
                (0.48, 0.54, second, 0.5),
                (0.18, 0.23, third, 0.6),
                (0.72, 0.76, third, 0.65),
            ],
        };
        let n = (WIDTH / period) as i32;
        for i in -n..=n {
            for &(from, to, colour, alpha) in bands {
                let (a, b) = ((i as f32 + from) * period, (i as f32 + to) * period);
                self.bar((a, TOP), (b, TOP + HEIGHT), colour, alpha);
                self.bar((LEFT, 60.0 + a), (LEFT + WIDTH, 60.0 + b), colour, alpha);
            }
        }
    }

    fn chevron(&mut self, period: f32, colours: [Rgb; 2]) {
        let n = (HEIGHT / period) as i32;
        for i in -n / 2..n {
            let zigzag: Vec<P> = (-12..=12)
                .map(|k| (k as f32 * 11.0, i as f32 * period + if k % 2 == 0 { 0.0 } else { 8.0 }))
                .collect();
            let line = zigzag.iter().skip(1).fold(Outline::from(zigzag[0]), |line, p| line.line(*p));
            let colour = colours[usize::from(i.rem_euclid(3) == 0)];
            self.fill(line.band(period * 0.4), colour, 1.0);
        }
    }

    fn argyle(&mut self, period: f32, [second, third]: [Rgb; 2]) {
        let (n, tall) = ((WIDTH / period / 2.0) as i32 + 1, period * 1.5);
        for i in -n..=n {
            for k in -3..=(190.0 / tall) as i32 {
                let (x, y) = (i as f32 * period, k as f32 * tall);
                let half = (period * 0.5, tall * 0.5);
                let diamond = [(x, y - half.1), (x + half.0, y), (x, y + half.1), (x - half.0, y)];
                self.fill(
                    polygon(&diamond),
                    if (i + k) % 2 == 0 { second } else { blend(second, third, 0.35) },
                    0.9,
                );
                for sign in [-1.0, 1.0] {
                    let line =
                        Outline::from((x - period * 0.5 * sign, y - tall)).line((x + period * 0.5 * sign, y));
                    self.fill(line.band(0.8), third, 0.9);
                }
            }
        }
    }

    fn bands(&mut self, motif: Motif, period: f32, until: f32, [second, third]: [Rgb; 2]) {
        let shape = motif.path();
        let size = period * 0.2;
        for i in -3..(200.0 / period) as i32 {
            let y = 18.0 + i as f32 * period;
            if y > until {
                break;
            }
            let n = (WIDTH / size / 2.6) as i32 / 2;
            self.bar((LEFT, y - size * 1.7), (LEFT + WIDTH, y - size * 1.4), third, 1.0);
            self.bar((LEFT, y + size * 1.4), (LEFT + WIDTH, y + size * 1.7), third, 1.0);
            for k in -n..=n {
                let x = k as f32 * size * 2.6;
                self.fill(placed(shape.clone(), (x, y), size, 0.0), second, 1.0);
                let dot = |x, y| oval((x, y), size * 0.3, size * 0.3).closed();
                self.fill(dot(x, y + period * 0.5), third, 1.0);
                self.fill(dot(x + size * 1.3, y + period * 0.5), second, 1.0);
            }
        }
    }

    fn camouflage(&mut self, main: Rgb, dice: &mut Dice) {
        let (w, h) = (self.0.width() as usize, self.0.height() as usize);
        let fields = [0, 1].map(|_| noise::field(w, h, (22.0, 14.0), dice));
        let tones = [shade(main, 0.52), blend(main, [226.0, 212.0, 176.0], 0.55)].map(bytes);
        for (i, pixel) in self.0.data_mut().chunks_exact_mut(4).enumerate() {
            for (field, tone) in fields.iter().zip(&tones) {
                if field[i] > 0.16 {
                    pixel[..3].copy_from_slice(tone);
                }
            }
        }
    }
}

/// Goes over a staggered grid of points.
fn scatter(period: f32, mut visit: impl FnMut(P, usize)) {
    let (columns, rows) = ((WIDTH / period) as i32 + 1, (HEIGHT / period * 1.16) as i32 + 1);
    let mut k = 0;
    for row in 0..=rows {
        let shift = if row % 2 == 0 { 0.0 } else { period / 2.0 };
        for column in 0..=columns {
            visit((LEFT + shift + column as f32 * period, TOP + row as f32 * period * 0.866), k);
            k += 1;
        }
    }
}
