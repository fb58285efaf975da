//! The outline of the body, from the neckline round to the hem.

use crate::{
    drawing::geometry::{Outline, P},
    product::cut::{Body, Cut, Hem, Neck},
};

/// The right half of a garment's body; the left one mirrors it.
pub struct Torso {
    /// From the middle of the front up to the neck.
    pub neckline: Outline,
    /// Where the neckline meets the shoulder, where that ends, and the armpit.
    pub neck: P,
    pub shoulder: P,
    pub armpit: P,
    /// From the armpit down.
    pub side: Outline,
    /// From the side to the middle of the front.
    pub hem: Outline,
    /// From the shoulder, with raglan sleeves from the neck, to the armpit.
    armhole: Outline,
    raglan: bool,
}

impl Torso {
    pub fn of(cut: &Cut) -> Self {
        let (nw, nd) = (cut.neck_width, cut.neck_depth);
        let neck = match cut.body {
            Body::Halter => (nw, -10.0),
            _ => (nw, ((nw - 15.0) * 0.33).max(0.0)),
        };
        let shoulder = match cut.body {
            Body::Torso => (cut.shoulder, 9.0),
            Body::Straps(width) => (nw + width, neck.1 + width * 0.3),
            Body::Halter => (nw + 5.5, -9.0),
            Body::Cape { .. } => (36.0, 7.0),
        };
        let armpit = match cut.body {
            Body::Torso => (cut.chest, 46.0),
            Body::Straps(_) => (cut.chest, 50.0),
            Body::Halter => (cut.chest - 2.0, 55.0),
            Body::Cape { pointed: true } => (88.0, 96.0),
            Body::Cape { pointed: false } => (84.0, 104.0),
        };
        let (s, a) = (shoulder, armpit);
        let armhole = match cut.body {
            Body::Torso if cut.raglan => Outline::from(neck).cubic((24.0, 14.0), (a.0 - 10.0, 30.0), a),
            Body::Torso => Outline::from(s).cubic((s.0 - 3.0, 22.0), (a.0 - 4.0, 34.0), a),
            Body::Straps(_) => Outline::from(s).cubic((s.0 + 1.0, 26.0), (a.0 - 11.0, 44.0), a),
            Body::Halter => Outline::from(s).cubic((s.0 + 1.0, 16.0), (a.0 - 10.0, 46.0), a),
            Body::Cape { .. } => Outline::from(s).cubic((58.0, 15.0), (76.0, 56.0), a),
        };
        let foot = match cut.hem {
            Hem::Tail => cut.length - 15.0,
            _ => cut.length,
        };
        let side = match cut.body {
            Body::Cape { .. } => Outline::from(a).line((a.0 - 1.0, a.1 + 3.0)),
            _ => Outline::through(&[a, (cut.waist, 88.0), (cut.hem_width, foot)]),
        };
        let hem = hem(cut, (cut.hem_width, foot), a);
        Self {
            neckline: neckline(cut.neck, neck, nd),
            neck,
            shoulder,
            armpit,
            side,
            hem,
            armhole,
            raglan: cut.raglan,
        }
    }

    /// The whole front as one piece.
    pub fn front(&self) -> Outline {
        let neckline = self.neckline.clone();
        let shoulders = if self.raglan { neckline } else { neckline.line(self.shoulder) };
        shoulders.then(&self.armhole).then(&self.side).then(&self.hem)
    }

    /// One half of an open front: `edge` is the run of its inner edge from the hem up to the neck.
    pub fn panel(&self, gap: f32, depth: f32) -> Outline {
        let start = Outline::from(self.neck).line(self.shoulder);
        let round = start.then(&self.armhole).then(&self.side);
        let foot = self.hem_at(gap + 3.0);
        round.line(foot).line((gap + 1.0, depth + 12.0)).quad((gap, depth * 0.6), self.neck)
    }

    fn hem_at(&self, x: f32) -> P {
        let side = self.hem.first();
        (x, side.1 + 4.0 * (1.0 - x / side.0.max(1.0)))
    }
}

fn neckline(neck: Neck, n: P, depth: f32) -> Outline {
    let start = Outline::from((0.0, depth));
    let (x, y) = n;
    match neck {
        Neck::Crew => start.cubic((x * 0.62, depth), (x * 0.98, depth * 0.5 + y), n),
        Neck::Scoop => start.cubic((x * 0.75, depth), (x * 0.98, depth * 0.6), n),
        Neck::V => start.quad((x * 0.6, depth * 0.42), n),
        Neck::Boat => start.cubic((x * 0.5, depth), (x * 0.9, depth * 0.6 + y * 0.4), n),
        Neck::Square => start.line((x * 0.86, depth * 0.96)).line(n),
    }
}

fn hem(cut: &Cut, foot: P, cape: P) -> Outline {
    let (x, y) = foot;
    let low = cut.length;
    match (cut.body, cut.hem) {
        (Body::Cape { pointed: true }, _) => {
            Outline::from((cape.0 - 1.0, cape.1 + 3.0)).quad((46.0, 112.0), (0.0, low + 8.0))
        }
        (Body::Cape { pointed: false }, _) => {
            Outline::from((cape.0 - 1.0, cape.1 + 3.0)).cubic((70.0, low - 8.0), (30.0, low), (0.0, low))
        }
        (_, Hem::Tail) => {
            Outline::from(foot).cubic((x - 5.0, y + 12.0), (x * 0.5, low + 5.0), (0.0, low + 5.0))
        }
        _ => Outline::from(foot).quad((x * 0.5, y + 4.0), (0.0, y + 4.0)),
    }
}
