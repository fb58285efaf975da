//! The little pictures that are printed on shirts, drawn about the origin, some 2 units across.

use tiny_skia::{Path, PathBuilder};

use crate::{
    dice::Dice,
    drawing::geometry::{Outline, P, blob, oval, polygon},
};

/// What is pictured.
#[derive(Clone, Copy, PartialEq)]
pub enum Motif {
    Star,
    Flower,
    Daisy,
    Heart,
    Leaf,
    Diamond,
    Triangle,
    Moon,
    Bolt,
    Cat,
    Fish,
    Bird,
    Mountain,
    Sun,
    Wave,
    Tree,
    Cross,
    Cherry,
    Anchor,
    Paw,
}

/// All of them.
pub const MOTIFS: [Motif; 20] = [
    Motif::Star,
    Motif::Flower,
    Motif::Daisy,
    Motif::Heart,
    Motif::Leaf,
    Motif::Diamond,
    Motif::Triangle,
    Motif::Moon,
    Motif::Bolt,
    Motif::Cat,
    Motif::Fish,
    Motif::Bird,
    Motif::Mountain,
    Motif::Sun,
    Motif::Wave,
    Motif::Tree,
    Motif::Cross,
    Motif::Cherry,
    Motif::Anchor,
    Motif::Paw,
];

impl Motif {
    pub fn any(dice: &mut Dice) -> Self {
        MOTIFS[dice.below(MOTIFS.len())]
    }

    pub fn name(self) -> &'static str {
        match self {
            Motif::Star => "star",
            Motif::Flower => "flower",
            Motif::Daisy => "daisy",
            Motif::Heart => "heart",
            Motif::Leaf => "leaf",
            Motif::Diamond => "diamond",
            Motif::Triangle => "triangle",
            Motif::Moon => "moon",
            Motif::Bolt => "bolt",
            Motif::Cat => "cat",
            Motif::Fish => "fish",
            Motif::Bird => "bird",
            Motif::Mountain => "mountain",
            Motif::Sun => "sun",
            Motif::Wave => "wave",
            Motif::Tree => "tree",
            Motif::Cross => "cross",
            Motif::Cherry => "cherry",
            Motif::Anchor => "anchor",
            Motif::Paw => "paw",
        }
    }

    /// Its shape.
    pub fn path(self) -> Option<Path> {
        match self {
            Motif::Star => polygon(&wheel(5, &[1.0, 0.42])),
            Motif::Flower => blob(&wheel(5, &[1.0, 0.95, 0.4, 0.95])),
            Motif::Daisy => blob(&wheel(9, &[1.0, 0.92, 0.45, 0.92])),
            Motif::Heart => Outline::from((0.0, -0.5))
                .cubic((0.3, -1.1), (1.1, -0.9), (1.0, -0.2))
                .cubic((0.95, 0.3), (0.4, 0.6), (0.0, 1.0))
                .both(),
            Motif::Leaf => union([
                Outline::from((0.0, -1.0)).cubic((0.75, -0.5), (0.6, 0.5), (0.0, 0.75)).both(),
                polygon(&[(-0.07, 0.6), (0.07, 0.6), (0.1, 1.1), (-0.03, 1.1)]),
            ]),
            Motif::Diamond => polygon(&[(0.0, -1.0), (0.65, 0.0), (0.0, 1.0), (-0.65, 0.0)]),
            Motif::Triangle => polygon(&[(0.0, -0.9), (1.0, 0.8), (-1.0, 0.8)]),
            Motif::Moon => Outline::from((0.3, -1.0))
                .cubic((-1.4, -0.9), (-1.4, 0.9), (0.3, 1.0))
                .cubic((-0.5, 0.5), (-0.5, -0.5), (0.3, -1.0))
                .closed(),
            Motif::Bolt => {
                polygon(&[(0.25, -1.0), (-0.6, 0.15), (-0.05, 0.15), (-0.25, 1.0), (0.6, -0.2), (0.05, -0.2)])
            }
            Motif::Mountain => polygon(&[(-1.1, 0.7), (-0.35, -0.8), (0.1, 0.0), (0.4, -0.4), (1.1, 0.7)]),
            Motif::Sun => union([oval((0.0, 0.0), 0.5, 0.5).closed(), polygon(&wheel(12, &[1.05, 0.55]))]),
            Motif::Tree => polygon(&[
                (0.0, -1.0),
                (0.5, -0.3),
                (0.25, -0.3),
                (0.75, 0.4),
                (0.12, 0.4),
                (0.12, 1.0),
                (-0.12, 1.0),
                (-0.12, 0.4),
                (-0.75, 0.4),
                (-0.25, -0.3),
                (-0.5, -0.3),
            ]),
            Motif::Cross => {
                let (a, b) = (0.3, 0.95);
                polygon(&[
                    (-a, -b),
                    (a, -b),
                    (a, -a),
                    (b, -a),
                    (b, a),
                    (a, a),
                    (a, b),
                    (-a, b),
                    (-a, a),
                    (-b, a),
                    (-b, -a),
                    (-a, -a),
                ])
            }
            _ => self.creature(),
        }
    }

    fn creature(self) -> Option<Path> {
        match self {
            Motif::Cat => Outline::from((0.0, -0.5))
                .line((0.45, -0.55))
                .line((0.85, -1.0))
                .quad((1.05, -0.1), (0.9, 0.25))
                .cubic((0.75, 0.8), (0.3, 0.9), (0.0, 0.9))
                .both(),
            Motif::Fish => Outline::from((1.0, 0.0))
                .cubic((0.6, -0.7), (-0.2, -0.6), (-0.55, -0.1))
                .line((-1.05, -0.55))
                .line((-0.9, 0.0))
                .line((-1.05, 0.55))
                .line((-0.55, 0.1))
                .cubic((-0.2, 0.6), (0.6, 0.7), (1.0, 0.0))
                .closed(),
            Motif::Bird => Outline::from((0.0, 0.1))
                .cubic((0.25, -0.6), (0.7, -0.7), (1.1, -0.45))
                .cubic((0.7, -0.4), (0.5, -0.1), (0.1, 0.5))
                .quad((0.0, 0.4), (0.0, 0.4))
                .both(),
            Motif::Wave => {
                let crest = |y: f32| -> Vec<P> {
                    (0..=8).map(|i| (i as f32 / 4.0 - 1.0, y + 0.22 * [0.0, -1.0, 0.0, 1.0][i % 4])).collect()
                };
                union([-0.55f32, 0.0, 0.55].map(|y| Outline::through(&crest(y)).band(0.24)))
            }
            Motif::Cherry => union([
                oval((-0.5, 0.5), 0.42, 0.42).closed(),
                oval((0.5, 0.6), 0.42, 0.42).closed(),
                Outline::from((-0.5, 0.2)).quad((-0.2, -0.6), (0.3, -0.9)).band(0.12),
                Outline::from((0.5, 0.3)).quad((0.4, -0.5), (0.3, -0.9)).band(0.12),
                oval((0.65, -0.85), 0.38, 0.17).closed(),
            ]),
            Motif::Anchor => union([
                polygon(&[(-0.12, -0.7), (0.12, -0.7), (0.12, 0.9), (-0.12, 0.9)]),
                polygon(&[(-0.5, -0.5), (0.5, -0.5), (0.5, -0.28), (-0.5, -0.28)]),
                oval((0.0, -0.85), 0.2, 0.2).band(0.14),
                Outline::from((-0.85, 0.2)).cubic((-0.7, 1.1), (0.7, 1.1), (0.85, 0.2)).band(0.24),
            ]),
            _ => union([
                oval((0.0, 0.4), 0.55, 0.45).closed(),
                oval((-0.75, -0.1), 0.22, 0.3).closed(),
                oval((-0.28, -0.6), 0.23, 0.32).closed(),
                oval((0.28, -0.6), 0.23, 0.32).closed(),
                oval((0.75, -0.1), 0.22, 0.3).closed(),
            ]),
        }
    }
}

/// The points of a wheel of `n` spokes; `radii` are gone through between one spoke and the next.
fn wheel(n: usize, radii: &[f32]) -> Vec<P> {
    let all = n * radii.len();
    let at = |i: usize| {
        let angle = (i as f32 / all as f32 - 0.25) * std::f32::consts::TAU;
        let r = radii[i % radii.len()];
        (angle.cos() * r, angle.sin() * r)
    };
    (0..all).map(at).collect()
}

fn union<const N: usize>(paths: [Option<Path>; N]) -> Option<Path> {
    let mut pen = PathBuilder::new();
    paths.iter().flatten().for_each(|path| pen.push_path(path));
    pen.finish()
}
