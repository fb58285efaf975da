//! What was taken for what.

use std::fmt::Write;

use crate::chart::{escape, width_of};

/// So many classes or fewer have their counts written into the cells.
const NUMBERED: usize = 20;

/// Rows are what a photo shows, columns what it is taken for; a cell's depth is its share of the row. `None` without classes.
pub fn confusion_matrix(names: &[String], counts: &[Vec<usize>]) -> Option<String> {
    let k = names.len();
    if k == 0 || counts.len() != k || counts.iter().any(|row| row.len() != k) {
        return None;
    }
    let cell = (560.0 / k as f64).clamp(13.0, 40.0);
    let size = (cell * 0.62).clamp(9.0, 12.0);
    let margin = names.iter().map(|n| width_of(n, size)).fold(40.0, f64::max) + 14.0;
    let side = margin + cell * k as f64 + 4.0;
    let mut svg = format!(
        r#"<svg class="matrix" viewBox="0 0 {side:.0} {side:.0}" style="max-width:{side:.0}px" xmlns="http://www.w3.org/2000/svg" role="img"><title>Confusion matrix</title>"#
    );
    for (i, name) in names.iter().enumerate() {
        let (name, middle) = (escape(name), margin + cell * (i as f64 + 0.5));
        let (x, y, low) = (margin - 6.0, middle + size * 0.35, margin - 6.0);
        let _ = write!(
            svg,
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size:.1}" text-anchor="end" style="fill:var(--ink)">{name}</text><text transform="translate({y:.1} {low:.1}) rotate(-90)" font-size="{size:.1}" style="fill:var(--ink)">{name}</text>"#
        );
    }
    for (i, row) in counts.iter().enumerate() {
        let all = row.iter().sum::<usize>();
        for (j, &n) in row.iter().enumerate() {
            let (x, y) = (margin + cell * j as f64, margin + cell * i as f64);
            let share = if all > 0 { n as f64 / all as f64 } else { 0.0 };
            let (inner, colour) = (cell - 1.0, if i == j { "var(--right)" } else { "var(--wrong)" });
            let depth = if n > 0 { 0.12 + 0.88 * share } else { 0.0 };
            let (shown, taken) = (escape(&names[i]), escape(&names[j]));
            let _ = write!(
                svg,
                r#"<rect x="{x:.1}" y="{y:.1}" width="{inner:.1}" height="{inner:.1}" rx="2" style="fill:var(--empty)"/><rect x="{x:.1}" y="{y:.1}" width="{inner:.1}" height="{inner:.1}" rx="2" style="fill:{colour};fill-opacity:{depth:.3}"><title>{shown}, taken for {taken}: {n} of {all}</title></rect>"#
            );
            if n > 0 && k <= NUMBERED {
                let ink = if depth > 0.6 { "var(--on)" } else { "var(--ink)" };
                let (x, y) = (x + inner / 2.0, y + inner / 2.0 + size * 0.35);
                let _ = write!(
                    svg,
                    r#"<text x="{x:.1}" y="{y:.1}" font-size="{size:.1}" text-anchor="middle" pointer-events="none" style="fill:{ink}">{n}</text>"#
                );
            }
        }
    }
    svg.push_str("</svg>");
    Some(svg)
}
