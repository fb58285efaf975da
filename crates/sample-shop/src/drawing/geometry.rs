//! Points and outlines in the garment's own units.
//!
//! The origin lies between the shoulders, x to the right, y down; a T-shirt is some 80 units wide and 135 long.

use tiny_skia::{Path, PathBuilder, PathSegment, Point, Stroke, Transform};

/// A point, or a vector.
pub type P = (f32, f32);

/// The point a share `t` of the way from `a` to `b`.
pub fn mix(a: P, b: P, t: f32) -> P {
    (a.0 + (b.0 - a.0) * t, a.1 + (b.1 - a.1) * t)
}

/// A curve made of cubics, still open: often the right half of something symmetrical.
#[derive(Clone)]
pub struct Outline {
    start: P,
    steps: Vec<[P; 3]>,
}

impl Outline {
    pub fn from(start: P) -> Self {
        Self { start, steps: Vec::new() }
    }

    /// A soft curve through all the points.
    pub fn through(points: &[P]) -> Self {
        let at = |i: isize| points[i.clamp(0, points.len() as isize - 1) as usize];
        let mut outline = Self::from(at(0));
        for i in 0..points.len() as isize - 1 {
            let (a, b, c, d) = (at(i - 1), at(i), at(i + 1), at(i + 2));
            let c1 = (b.0 + (c.0 - a.0) / 6.0, b.1 + (c.1 - a.1) / 6.0);
            let c2 = (c.0 - (d.0 - b.0) / 6.0, c.1 - (d.1 - b.1) / 6.0);
            outline.steps.push([c1, c2, c]);
        }
        outline
    }

    /// Where it starts.
    pub fn first(&self) -> P {
        self.start
    }

    fn end(&self) -> P {
        self.steps.last().map_or(self.start, |step| step[2])
    }

    pub fn line(mut self, to: P) -> Self {
        let from = self.end();
        self.steps.push([mix(from, to, 1.0 / 3.0), mix(from, to, 2.0 / 3.0), to]);
        self
    }

    pub fn quad(mut self, control: P, to: P) -> Self {
        let from = self.end();
        self.steps.push([mix(from, control, 2.0 / 3.0), mix(to, control, 2.0 / 3.0), to]);
        self
    }

    pub fn cubic(mut self, c1: P, c2: P, to: P) -> Self {
        self.steps.push([c1, c2, to]);
        self
    }

    /// Goes on with another curve, straight to its start.
    pub fn then(self, next: &Outline) -> Self {
        let mut joined = self.line(next.start);
        joined.steps.extend_from_slice(&next.steps);
        joined
    }

    /// The other way round.
    pub fn reversed(&self) -> Self {
        let mut back = Self::from(self.end());
        for (i, [c1, c2, _]) in self.steps.iter().enumerate().rev() {
            let to = if i == 0 { self.start } else { self.steps[i - 1][2] };
            back.steps.push([*c2, *c1, to]);
        }
        back
    }

    /// On the side of `sign`: 1 as it is, -1 its mirror image.
    pub fn side(&self, sign: f32) -> Self {
        let flip = |p: P| (p.0 * sign, p.1);
        Self { start: flip(self.start), steps: self.steps.iter().map(|s| s.map(flip)).collect() }
    }

    /// This half and its mirror image, as one shape.
    pub fn both(&self) -> Option<Path> {
        self.clone().then(&self.side(-1.0).reversed()).closed()
    }

    /// From the far left end over the start to the far right end, not closed.
    pub fn across(&self) -> Outline {
        self.side(-1.0).reversed().then(self)
    }

    pub fn open(&self) -> Option<Path> {
        self.build(false)
    }

    pub fn closed(&self) -> Option<Path> {
        self.build(true)
    }

    /// The band of this width along the curve.
    pub fn band(&self, width: f32) -> Option<Path> {
        self.open()?.stroke(&Stroke { width, ..Stroke::default() }, 4.0)
    }

    fn build(&self, close: bool) -> Option<Path> {
        let mut pen = PathBuilder::new();
        pen.move_to(self.start.0, self.start.1);
        for [c1, c2, to] in &self.steps {
            pen.cubic_to(c1.0, c1.1, c2.0, c2.1, to.0, to.1);
        }
        if close {
            pen.close();
        }
        pen.finish()
    }
}

/// A closed shape with straight sides.
pub fn polygon(points: &[P]) -> Option<Path> {
    let mut pen = PathBuilder::new();
    for (i, p) in points.iter().enumerate() {
        if i == 0 { pen.move_to(p.0, p.1) } else { pen.line_to(p.0, p.1) }
    }
    pen.close();
    pen.finish()
}

/// A closed shape with soft sides.
pub fn blob(points: &[P]) -> Option<Path> {
    let n = points.len();
    let ring: Vec<P> = (0..n + 3).map(|i| points[i % n]).collect();
    let curve = Outline::through(&ring);
    // The first and the last stretch lack a neighbour: the ring is closed by the ones between.
    let inner = Outline { start: ring[1], steps: curve.steps[1..=n].to_vec() };
    inner.closed()
}

pub fn oval(centre: P, rx: f32, ry: f32) -> Outline {
    let (x, y) = centre;
    let (kx, ky) = (rx * 0.5523, ry * 0.5523);
    Outline::from((x, y - ry))
        .cubic((x + kx, y - ry), (x + rx, y - ky), (x + rx, y))
        .cubic((x + rx, y + ky), (x + kx, y + ry), (x, y + ry))
        .cubic((x - kx, y + ry), (x - rx, y + ky), (x - rx, y))
        .cubic((x - rx, y - ky), (x - kx, y - ry), (x, y - ry))
}

/// A crease: a sliver between two curves, sharp at its ends.
pub fn sliver(a: P, control: P, b: P, width: f32) -> Option<Path> {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let length = (dx * dx + dy * dy).sqrt().max(1e-3);
    let other = (control.0 - dy / length * width * 2.0, control.1 + dx / length * width * 2.0);
    Outline::from(a).quad(control, b).quad(other, a).closed()
}

/// The same shape elsewhere.
pub fn placed(path: Option<Path>, at: P, size: f32, degrees: f32) -> Option<Path> {
    path?.transform(Transform::from_translate(at.0, at.1).pre_rotate(degrees).pre_scale(size, size))
}

/// How garment units become pixels: a soft sideways bend of the body, then an affine map.
pub struct Map {
    affine: Transform,
    inverse: Transform,
    bend: f32,
    /// Pixels a unit.
    pub scale: f32,
}

impl Map {
    pub fn new(affine: Transform, scale: f32, bend: f32) -> Self {
        Self { affine, inverse: affine.invert().unwrap_or_default(), bend, scale }
    }

    fn lean(&self, y: f32) -> f32 {
        let far = (y - 50.0) / 60.0;
        self.bend * far * far
    }

    fn pixel(&self, p: Point) -> Point {
        let mut moved = Point::from_xy(p.x + self.lean(p.y), p.y);
        self.affine.map_point(&mut moved);
        moved
    }

    /// Where in the garment the pixel lies.
    pub fn unit(&self, x: f32, y: f32) -> P {
        // Written out: it is asked for every pixel of every part.
        let t = &self.inverse;
        let (u, v) = (t.sx * x + t.kx * y + t.tx, t.ky * x + t.sy * y + t.ty);
        (u - self.lean(v), v)
    }

    pub fn path(&self, path: &Path) -> Option<Path> {
        let mut pen = PathBuilder::new();
        for segment in path.segments() {
            match segment {
                PathSegment::MoveTo(p) => {
                    let p = self.pixel(p);
                    pen.move_to(p.x, p.y);
                }
                PathSegment::LineTo(p) => {
                    let p = self.pixel(p);
                    pen.line_to(p.x, p.y);
                }
                PathSegment::QuadTo(a, p) => {
                    let (a, p) = (self.pixel(a), self.pixel(p));
                    pen.quad_to(a.x, a.y, p.x, p.y);
                }
                PathSegment::CubicTo(a, b, p) => {
                    let (a, b, p) = (self.pixel(a), self.pixel(b), self.pixel(p));
                    pen.cubic_to(a.x, a.y, b.x, b.y, p.x, p.y);
                }
                PathSegment::Close => pen.close(),
            }
        }
        pen.finish()
    }
}

/// A shape with a hole in it; the hole must run the other way round than the shape.
pub fn with_hole(shape: Option<Path>, hole: Option<Path>) -> Option<Path> {
    let mut pen = PathBuilder::new();
    pen.push_path(&shape?);
    pen.push_path(&hole?);
    pen.finish()
}
