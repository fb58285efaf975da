//! Arms and the sleeves on them.

use tiny_skia::Path;

use crate::{
    drawing::{
        canvas::{Crease, Grain},
        geometry::{Outline, P, mix, sliver},
    },
    garment::torso::Torso,
    product::cut::{Cuff, Cut, Flow},
};

/// An arm on the side of `sign`: from the shoulder to the elbow and on to the wrist.
#[derive(Clone, Copy)]
pub struct Arm {
    start: P,
    upper: P,
    lower: P,
    sign: f32,
}

/// How far the elbow is from the shoulder.
const ELBOW: f32 = 50.0;

impl Arm {
    /// An arm that hangs this many degrees from the body, the elbow bent by `bend`.
    pub fn of(torso: &Torso, degrees: f32, bend: f32, sign: f32) -> Self {
        let start = mix(torso.shoulder, torso.armpit, 0.5);
        let way = |angle: f32| (angle.to_radians().sin(), angle.to_radians().cos());
        Self { start: (start.0 - 5.0, start.1 - 1.0), upper: way(degrees), lower: way(degrees - bend), sign }
    }

    /// The middle of the arm so far down it, on the right side, and the direction there.
    fn at(&self, distance: f32) -> (P, P) {
        let first = distance.min(ELBOW);
        let elbow = (self.start.0 + self.upper.0 * first, self.start.1 + self.upper.1 * first);
        let rest = (distance - ELBOW).max(0.0);
        let along = if rest > 0.0 { self.lower } else { self.upper };
        ((elbow.0 + self.lower.0 * rest, elbow.1 + self.lower.1 * rest), along)
    }

    /// The point on its outer (`aside` over 0) or inner edge, on the right side.
    fn edge(&self, distance: f32, aside: f32) -> P {
        let (p, along) = self.at(distance);
        (p.0 + along.1 * aside, p.1 - along.0 * aside)
    }

    /// A tube around it: `widths` at distances, in order.
    pub fn tube(&self, widths: &[(f32, f32)]) -> Option<Path> {
        let outer: Vec<P> = widths.iter().map(|&(d, w)| self.edge(d, w / 2.0)).collect();
        let inner: Vec<P> = widths.iter().rev().map(|&(d, w)| self.edge(d, -w / 2.0)).collect();
        Outline::through(&outer).then(&Outline::through(&inner)).side(self.sign).closed()
    }

    /// A line across it.
    pub fn ring(&self, distance: f32, width: f32) -> Outline {
        let (a, b) = (self.edge(distance, width / 2.0), self.edge(distance, -width / 2.0));
        let low = self.edge(distance + 1.8, 0.0);
        Outline::from(a).quad(low, b).side(self.sign)
    }

    /// The point so far down it, so far aside.
    pub fn point(&self, distance: f32, aside: f32) -> P {
        let p = self.edge(distance, aside);
        (p.0 * self.sign, p.1)
    }

    /// Cloth that runs along the arm.
    pub fn grain(&self) -> Grain {
        let origin = (self.start.0 * self.sign, self.start.1);
        Grain::along(origin, (self.upper.0 * self.sign, self.upper.1), (0.0, 28.0))
    }

    /// The same for its lower half, where cuffs are.
    pub fn cuff_grain(&self) -> Grain {
        let (p, along) = self.at(ELBOW + 1.0);
        Grain::along((p.0 * self.sign, p.1), (along.0 * self.sign, along.1), (0.0, 80.0))
    }
}

/// How wide a sleeve is so far down it.
pub fn width(cut: &Cut, distance: f32) -> f32 {
    let share = distance / cut.sleeve.reach().max(1.0);
    let base = (33.0 - 0.145 * distance) * cut.sleeve_width;
    match cut.flow {
        Flow::Straight => base,
        Flow::Puff => base * (1.0 + 0.32 * (share * 2.9).sin().max(-0.6)),
        Flow::Bell => base * (0.92 + 0.75 * share * share),
    }
}

/// The sleeve's outline on that arm.
pub fn outline(cut: &Cut, torso: &Torso, arm: &Arm) -> Option<Path> {
    let reach = cut.sleeve.reach();
    let cuff = if cut.cuff == Cuff::Rib { 5.0 } else { 0.0 };
    let end = reach - cuff;
    let steps: Vec<f32> = [0.1, 0.28, 0.5, 0.75, 0.93, 1.0].iter().map(|t| t * end).collect();
    // It begins on the line of the shoulder, or with raglan at the neck; the body covers where it is sewn on.
    let (n, s, a) = (torso.neck, torso.shoulder, torso.armpit);
    let first = if cut.raglan { n } else { mix(s, n, 0.3) };
    let mut outer = vec![first, (s.0, s.1 - 0.2)];
    outer.extend(steps.iter().skip(usize::from(end < 30.0)).map(|&d| arm.edge(d, width(cut, d) / 2.0)));
    let inner_steps = steps.iter().rev().filter(|&&d| d > 24.0 || d >= end * 0.9);
    let mut inner: Vec<P> = inner_steps.map(|&d| arm.edge(d, -width(cut, d) / 2.0)).collect();
    inner.push((a.0 - 5.0, a.1 + 1.0));
    if cut.raglan {
        inner.push((22.0, 24.0));
    }
    let low = arm.edge(end + 3.0, 0.0);
    let (a, b) = (outer[outer.len() - 1], inner[0]);
    let shape = Outline::through(&outer).then(&Outline::from(a).quad(low, b)).then(&Outline::through(&inner));
    shape.side(arm.sign).closed()
}

/// Folds at the elbow, at the armpit and above the cuff; `slack` draws how they fall, in [0, 1).
pub fn creases(cut: &Cut, arm: &Arm, slack: &mut dyn FnMut() -> f32) -> Vec<Crease> {
    let reach = cut.sleeve.reach();
    let mut folds = vec![];
    let mut fold = |a: P, control: P, b: P, w: f32, depth: f32| {
        folds.push(Crease { shape: sliver(a, control, b, w), depth });
    };
    let top = 14.0 + 8.0 * slack();
    let w = width(cut, top) * 0.5;
    fold(arm.point(top + 8.0, -w), arm.point(top + 2.0, 0.0), arm.point(top - 6.0, w * 0.6), 1.4, 0.34);
    if reach > 60.0 {
        for _ in 0..3 {
            let d = ELBOW - 7.0 + 17.0 * slack();
            let w = width(cut, d) * 0.5;
            let rise = 10.0 * (slack() - 0.4);
            let far = 0.9 * slack();
            fold(arm.point(d, -w), arm.point(d + 3.0, 0.0), arm.point(d + rise, w * far), 1.5, 0.4);
            fold(
                arm.point(d + 3.0, -w),
                arm.point(d + 6.0, 0.0),
                arm.point(d + 3.0 + rise, w * far),
                1.2,
                -0.2,
            );
        }
    }
    if reach > 70.0 {
        for _ in 0..2 {
            let d = reach - 10.0 - 14.0 * slack();
            let w = width(cut, d) * 0.5;
            fold(arm.point(d, w), arm.point(d + 4.0, 0.0), arm.point(d + 1.0, -w * 0.7), 1.3, 0.34);
        }
    }
    folds
}
