//! Pictures of figures, as SVG by hand: inlined into a report, or drawn as PNG.
//!
//! Colours are named `var(--…)`: a report's style sheet gives them, light or dark; [`png`] puts the light ones in.

mod lines;
mod matrix;
mod raster;
mod table;

pub use lines::{Lines, Series};
pub use matrix::confusion_matrix;
pub use raster::png;
pub use table::{Cell, Table};

/// Text as it may stand in SVG and HTML.
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // What XML cannot hold at all.
            c if c.is_control() && c != '\n' && c != '\t' => {}
            c => safe.push(c),
        }
    }
    safe
}

/// Marks on an axis: round numbers, `count` or so, from the first at or below `low` to the first at or above `high`.
fn ticks(low: f64, high: f64, count: usize) -> Vec<f64> {
    let span = (high - low).max(1e-9);
    let rough = span / count.max(1) as f64;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= rough * 0.999);
    let step = step.unwrap_or(rough);
    let (first, last) = ((low / step + 1e-9).floor() as i64, (high / step - 1e-9).ceil() as i64);
    (first..=last).map(|i| i as f64 * step).collect()
}

/// A number with as many digits as it needs.
fn short(x: f64) -> String {
    let text = match x.abs() {
        0.0 => return "0".into(),
        a if a < 0.001 => return format!("{x:.0e}"),
        a if a < 1.0 => format!("{x:.4}"),
        a if a < 100.0 => format!("{x:.2}"),
        _ => format!("{x:.0}"),
    };
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// How wide a text of this size is, or so.
fn width_of(text: &str, size: f64) -> f64 {
    text.chars().count() as f64 * size * 0.55
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_enclose() {
        assert_eq!(ticks(0.0, 1.0, 4), [0.0, 0.25, 0.5, 0.75, 1.0]);
        assert_eq!(ticks(1.0, 8.0, 5), [0.0, 2.0, 4.0, 6.0, 8.0]);
        let odd = ticks(1.53, 3.91, 5);
        assert!(odd[0] <= 1.53 && *odd.last().unwrap() >= 3.91 && odd.len() < 9, "{odd:?}");
        assert!(ticks(2.0, 2.0, 5).len() < 20);
    }

    #[test]
    fn neighbouring_marks_read_differently() {
        let marks: Vec<String> = ticks(0.0, 0.002, 4).into_iter().map(short).collect();
        assert_eq!(marks, ["0", "5e-4", "0.001", "0.0015", "0.002"]);
    }

    #[test]
    fn what_others_wrote_stays_text() {
        assert_eq!(escape("<b a='1'>&\"\u{0}"), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;");
    }
}
