//! The cloth, flat: the pattern painted once, before it is cut and sewn.

use tiny_skia::{Color, FillRule, Paint, Path, Pixmap, Rect, Transform};

use super::{
    dice::Dice,
    geometry::{Outline, P, oval, placed, polygon},
    glyph,
    motif::Motif,
    noise,
    palette::{Rgb, blend, luminance, shade},
    pattern::{Pattern, Weave},
    product::{Emblem, Product},
};

const LEFT: f32 = -115.0;
const TOP: f32 = -75.0;
const WIDTH: f32 = 230.0;
const HEIGHT: f32 = 285.0;
/// Pixels a garment unit.
const FINE: f32 = 1.6;

/// A painted piece of cloth, large enough for any garment.
pub(super) struct Cloth(Pixmap);

impl Cloth {
    /// The cloth with its all-over pattern; `None` where it is of one colour throughout.
    pub fn patterned(product: &Product) -> Option<Self> {
        (product.pattern != Pattern::Plain).then(|| Self::dyed(product.dyes[0].rgb))?.map(|mut cloth| {
            cloth.weave(product);
            cloth
        })
    }

    /// The cloth of the front: with what is printed on the chest.
    pub fn front(product: &Product) -> Option<Self> {
        let emblem = product.emblem.as_ref()?;
        let mut cloth = Self::dyed(product.dyes[0].rgb)?;
        cloth.weave(product);
        cloth.print(emblem, product);
        Some(cloth)
    }

    fn dyed(colour: Rgb) -> Option<Self> {
        let mut pixmap = Pixmap::new((WIDTH * FINE) as u32, (HEIGHT * FINE) as u32)?;
        pixmap.fill(opaque(colour));
        Some(Self(pixmap))
    }

    /// Its colour at a point, softly between pixels.
    pub fn at(&self, (u, v): P) -> Rgb {
        let (w, h) = (self.0.width() as usize, self.0.height() as usize);
        let x = ((u - LEFT) * FINE - 0.5).clamp(0.0, (w - 2) as f32);
        let y = ((v - TOP) * FINE - 0.5).clamp(0.0, (h - 2) as f32);
        let (left, top) = (x as usize, y as usize);
        let (s, t) = (x - left as f32, y - top as f32);
        let data = self.0.data();
        let (a, b) = ((top * w + left) * 4, ((top + 1) * w + left) * 4);
        [0, 1, 2].map(|i| {
            let (p, q) = (f32::from(data[a + i]), f32::from(data[a + 4 + i]));
            let (r, z) = (f32::from(data[b + i]), f32::from(data[b + 4 + i]));
            let (upper, lower) = (p + (q - p) * s, r + (z - r) * s);
            upper + (lower - upper) * t
        })
    }

    fn fill(&mut self, path: Option<Path>, colour: Rgb, alpha: f32) {
        let Some(path) = path else { return };
        let mut paint = Paint::default();
        paint.set_color(faint(colour, alpha));
        let place = Transform::from_scale(FINE, FINE).pre_translate(-LEFT, -TOP);
        self.0.fill_path(&path, &paint, FillRule::Winding, place, None);
    }

    fn bar(&mut self, from: P, to: P, colour: Rgb, alpha: f32) {
        let Some(rect) = Rect::from_ltrb(from.0, from.1, to.0, to.1) else { return };
        let mut paint = Paint::default();
        paint.set_color(faint(colour, alpha));
        let place = Transform::from_scale(FINE, FINE).pre_translate(-LEFT, -TOP);
        self.0.fill_rect(rect, &paint, place, None);
    }

    fn weave(&mut self, product: &Product) {
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

    fn print(&mut self, emblem: &Emblem, product: &Product) {
        let [main, second, third] = product.dyes.map(|dye| dye.rgb);
        let (y, size) = product.chest_room();
        if size < 1.0 {
            let shape = match emblem {
                Emblem::Picture { motif, .. } => placed(motif.path(), (20.0, y), 6.0, 0.0),
                Emblem::Words(words) | Emblem::Number { words: Some(words), .. } => {
                    glyph::text(words, (20.0, y), 4.0, 0.2)
                }
                Emblem::Number { .. } => None,
            };
            return self.fill(shape, second, 1.0);
        }
        match emblem {
            Emblem::Words(words) => {
                let height = (62.0 / words.len() as f32).min(16.0);
                self.fill(glyph::text(words, (0.0, y), height, 0.2), second, 1.0);
                self.bar((-26.0, y + height * 0.8), (26.0, y + height * 0.8 + 2.0), third, 1.0);
            }
            Emblem::Number { number, words } => {
                let digits = number.to_string();
                let height = size * 1.75;
                let at = (0.0, y + size * 0.45);
                let rim = if luminance(main) > 120.0 {
                    shade(second, 0.45)
                } else {
                    blend(second, [255.0; 3], 0.75)
                };
                self.fill(glyph::text(&digits, at, height, 0.27), rim, 1.0);
                self.fill(glyph::text(&digits, at, height, 0.17), second, 1.0);
                if let Some(words) = words {
                    self.fill(glyph::text(words, (0.0, y - size * 0.85), 7.0, 0.2), second, 1.0);
                }
            }
            Emblem::Picture { motif, words, badge } => {
                let inner = if *badge { size * 0.62 } else { size * 0.95 };
                if *badge {
                    self.fill(oval((0.0, y), size, size).closed(), second, 1.0);
                    self.fill(oval((0.0, y), size * 0.88, size * 0.88).band(1.0), main, 1.0);
                }
                self.fill(
                    placed(motif.path(), (0.0, y), inner, 0.0),
                    if *badge { third } else { second },
                    1.0,
                );
                if let Some(words) = words {
                    self.fill(glyph::text(words, (0.0, y + size + 8.0), 8.0, 0.2), third, 1.0);
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

fn bytes(c: Rgb) -> [u8; 3] {
    c.map(|v| v.clamp(0.0, 255.0) as u8)
}

/// The colour, as tiny-skia takes it.
pub(super) fn opaque(c: Rgb) -> Color {
    let [r, g, b] = bytes(c);
    Color::from_rgba8(r, g, b, 255)
}

fn faint(c: Rgb, alpha: f32) -> Color {
    let [r, g, b] = bytes(c);
    Color::from_rgba8(r, g, b, (alpha * 255.0) as u8)
}
