//! Curves over an axis, with their intervals.

use std::fmt::Write;

use crate::chart::{escape, short, ticks, width_of};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 34.0;
/// A further row of the legend.
const ROW: f64 = 18.0;
const BOTTOM: f64 = 42.0;
/// Colours there are; a further curve takes the first again.
const COLOURS: usize = 6;
/// More points than this are a line without dots.
const DOTS: usize = 60;

/// One curve.
pub struct Series {
    /// For the legend.
    pub name: String,
    /// x and y, by rising x.
    pub points: Vec<[f64; 2]>,
    /// x, lower and upper end, where there are intervals.
    pub band: Vec<[f64; 3]>,
}

/// Curves in one frame.
pub struct Lines {
    /// What the picture shows, for those who do not see it.
    pub title: String,
    /// What is to the right.
    pub x: String,
    /// The curves; those without points are left out.
    pub series: Vec<Series>,
    /// Whether y is a share: the axis then goes from 0 to 1, in percent.
    pub share: bool,
}

/// From numbers to places.
struct Frame {
    x: [f64; 2],
    y: [f64; 2],
}

impl Frame {
    fn at(&self, [x, y]: [f64; 2]) -> (f64, f64) {
        let across = |v: f64, [low, high]: [f64; 2]| (v - low) / (high - low).max(1e-12);
        let left = LEFT + across(x, self.x) * (WIDTH - LEFT - RIGHT);
        (left, HEIGHT - BOTTOM - across(y, self.y) * (HEIGHT - TOP - BOTTOM))
    }
}

impl Lines {
    /// The picture; `None` where there is no point.
    pub fn svg(&self) -> Option<String> {
        let series: Vec<&Series> = self.series.iter().filter(|s| !s.points.is_empty()).collect();
        let all = || series.iter().flat_map(|s| &s.points);
        let range = |axis: usize| {
            let values = all().map(|p| p[axis]).filter(|v| v.is_finite());
            values.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], v| [low.min(v), high.max(v)])
        };
        let (x, y) = (range(0), range(1));
        if !(x[0] <= x[1] && y[0] <= y[1]) {
            return None;
        }
        let marks = if self.share { ticks(0.0, 1.0, 4) } else { ticks(y[0].min(0.0), y[1], 5) };
        let (first, last) = (marks.first().copied()?, marks.last().copied()?);
        let around = if x[0] == x[1] { [x[0] - 0.5, x[0] + 0.5] } else { x };
        let frame = Frame { x: around, y: [first, if last > first { last } else { first + 1.0 }] };
        let (legend, above) = legend(&series);
        let high = HEIGHT + above;
        let mut svg = format!(
            r#"<svg class="chart" viewBox="0 -{above} {WIDTH} {high}" xmlns="http://www.w3.org/2000/svg" role="img"><title>{}</title>"#,
            escape(&self.title)
        );
        self.grid(&mut svg, &frame, &marks);
        svg.push_str(&legend);
        for (i, series) in series.iter().enumerate() {
            draw(&mut svg, &frame, series, &format!("var(--s{})", i % COLOURS + 1));
        }
        svg.push_str("</svg>");
        Some(svg)
    }

    fn grid(&self, svg: &mut String, frame: &Frame, marks: &[f64]) {
        let (right, bottom) = (WIDTH - RIGHT, HEIGHT - BOTTOM);
        for mark in marks {
            let (_, y) = frame.at([frame.x[0], *mark]);
            let label = if self.share { format!("{:.0} %", mark * 100.0) } else { short(*mark) };
            let (text, line) = (LEFT - 6.0, y + 4.0);
            let _ = write!(
                svg,
                r#"<line x1="{LEFT}" x2="{right}" y1="{y:.1}" y2="{y:.1}" style="stroke:var(--grid)"/><text x="{text}" y="{line:.1}" font-size="11" text-anchor="end" style="fill:var(--muted)">{label}</text>"#
            );
        }
        let marks = ticks(frame.x[0], frame.x[1], 8);
        let whole = frame.x[1] - frame.x[0] > 3.0;
        for mark in marks.into_iter().filter(|m| (frame.x[0]..=frame.x[1]).contains(m)) {
            if whole && mark.fract() != 0.0 {
                continue;
            }
            let (x, _) = frame.at([mark, frame.y[0]]);
            let y = bottom + 16.0;
            let _ = write!(
                svg,
                r#"<text x="{x:.1}" y="{y}" font-size="11" text-anchor="middle" style="fill:var(--muted)">{}</text>"#,
                short(mark)
            );
        }
        let (x, y) = (f64::midpoint(LEFT, right), HEIGHT - 6.0);
        let _ = write!(
            svg,
            r#"<line x1="{LEFT}" x2="{right}" y1="{bottom}" y2="{bottom}" style="stroke:var(--muted)"/><text x="{x}" y="{y}" font-size="12" text-anchor="middle" style="fill:var(--muted)">{}</text>"#,
            escape(&self.x)
        );
    }
}

/// Names by colour, in as many rows as they need; and how far these reach above the frame.
fn legend(series: &[&Series]) -> (String, f64) {
    let (mut places, mut x, mut row) = (Vec::new(), LEFT, 0.0);
    for series in series {
        let long = 20.0 + width_of(&series.name, 12.0);
        if x > LEFT && x + long > WIDTH - RIGHT {
            (x, row) = (LEFT, row + 1.0);
        }
        places.push((x, row));
        x += long + 16.0;
    }
    let (mut svg, above) = (String::new(), ROW * row);
    for (i, (series, (x, row))) in series.iter().zip(places).enumerate() {
        let y = 14.0 - above + ROW * row;
        let (colour, text, end, line) = (i % COLOURS + 1, x + 20.0, x + 14.0, y + 4.0);
        let _ = write!(
            svg,
            r#"<line x1="{x:.1}" x2="{end:.1}" y1="{y}" y2="{y}" stroke-width="3" style="stroke:var(--s{colour})"/><text x="{text:.1}" y="{line}" font-size="12" style="fill:var(--ink)">{}</text>"#,
            escape(&series.name)
        );
    }
    (svg, above)
}

fn draw(svg: &mut String, frame: &Frame, series: &Series, colour: &str) {
    let place = |p: [f64; 2]| {
        let (x, y) = frame.at(p);
        format!("{x:.1},{y:.1}")
    };
    if series.band.len() > 1 {
        let upper = series.band.iter().map(|b| place([b[0], b[2]]));
        let lower = series.band.iter().rev().map(|b| place([b[0], b[1]]));
        let points: Vec<String> = upper.chain(lower).collect();
        let _ = write!(
            svg,
            r#"<polygon points="{}" style="fill:{colour};fill-opacity:0.14"/>"#,
            points.join(" ")
        );
    }
    let points: Vec<[f64; 2]> = series.points.iter().copied().filter(|p| p[1].is_finite()).collect();
    let line: Vec<String> = points.iter().map(|p| place(*p)).collect();
    let _ = write!(
        svg,
        r#"<polyline points="{}" fill="none" stroke-width="2" stroke-linejoin="round" style="stroke:{colour}"/>"#,
        line.join(" ")
    );
    if points.len() > DOTS {
        return;
    }
    for p in points {
        let (x, y) = frame.at(p);
        let _ = write!(
            svg,
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="3" style="fill:{colour}"><title>{}: {} at {}</title></circle>"#,
            escape(&series.name),
            short(p[1]),
            short(p[0])
        );
    }
}
