//! A table whose shares are bars, as SVG.

use std::fmt::Write;

use crate::chart::{escape, width_of};

const ROW: f64 = 30.0;
const SIZE: f64 = 13.0;
const GAP: f64 = 22.0;

/// What stands in a place of the table.
#[derive(Clone, Debug)]
pub struct Cell {
    /// As it is written.
    pub text: String,
    /// How long its bar is, from 0 to 1; none where it has none.
    pub bar: Option<f64>,
}

impl Cell {
    /// Text alone.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), bar: None }
    }

    /// A share, with its bar.
    pub fn share(share: Option<f64>) -> Self {
        Self { text: share.map_or("–".into(), |s| format!("{:.1} %", 100.0 * s)), bar: share }
    }
}

/// Rows of cells under headings.
#[derive(Clone, Debug)]
pub struct Table {
    /// What it is about.
    pub title: String,
    /// One a column.
    pub headings: Vec<String>,
    /// As many cells each as there are headings.
    pub rows: Vec<Vec<Cell>>,
    /// What must be known to read it.
    pub note: String,
}

impl Table {
    /// For a terminal.
    pub fn text(&self) -> String {
        let cell = |row: usize, column: usize| match row {
            0 => self.headings[column].as_str(),
            row => self.rows[row - 1].get(column).map_or("", |cell| cell.text.as_str()),
        };
        let width = |column: usize| {
            (0..=self.rows.len()).map(|row| cell(row, column).chars().count()).max().unwrap_or(0)
        };
        let mut text = format!("{}\n\n", self.title);
        for row in 0..=self.rows.len() {
            let mut line = String::new();
            for column in 0..self.headings.len() {
                let content = cell(row, column);
                let fill = width(column) - content.chars().count();
                let blank = " ".repeat(fill);
                line +=
                    &if column == 0 { format!("{content}{blank}") } else { format!("  {blank}{content}") };
            }
            text += line.trim_end();
            text.push('\n');
        }
        format!("{text}\n{}\n", self.note)
    }

    /// As a picture, its upper left corner at `top`, and how wide and high it is.
    fn group(&self, top: f64) -> (String, f64, f64) {
        let widths: Vec<f64> = (0..self.headings.len())
            .map(|column| {
                let cells =
                    self.rows.iter().filter_map(|row| row.get(column)).map(|c| width_of(&c.text, SIZE));
                cells.fold(width_of(&self.headings[column], SIZE), f64::max).max(44.0)
            })
            .collect();
        let total = widths.iter().sum::<f64>() + GAP * widths.len() as f64 + GAP;
        let (mut svg, title) = (String::new(), top + 26.0);
        let _ = write!(
            svg,
            r#"<text x="{GAP}" y="{title}" font-size="17" style="fill:var(--ink)">{}</text>"#,
            escape(&self.title)
        );
        let mut x = GAP;
        for (column, width) in widths.iter().enumerate() {
            let (anchor, place) = if column == 0 { ("start", x) } else { ("end", x + width) };
            let heading = top + 56.0;
            let _ = write!(
                svg,
                r#"<text x="{place:.1}" y="{heading}" font-size="{SIZE}" text-anchor="{anchor}" style="fill:var(--muted)">{}</text>"#,
                escape(&self.headings[column])
            );
            for (i, cell) in self.rows.iter().enumerate().filter_map(|(i, row)| Some((i, row.get(column)?))) {
                let y = top + 66.0 + ROW * i as f64;
                if let Some(bar) = cell.bar {
                    let (height, long, line) = (4.0, width * bar.clamp(0.0, 1.0), y + 21.0);
                    let _ = write!(
                        svg,
                        r#"<rect x="{x:.1}" y="{line:.1}" width="{width:.1}" height="{height}" rx="2" style="fill:var(--empty)"/><rect x="{x:.1}" y="{line:.1}" width="{long:.1}" height="{height}" rx="2" style="fill:var(--s1)"/>"#
                    );
                }
                let text = y + 16.0;
                let _ = write!(
                    svg,
                    r#"<text x="{place:.1}" y="{text:.1}" font-size="{SIZE}" text-anchor="{anchor}" style="fill:var(--ink)">{}</text>"#,
                    escape(&cell.text)
                );
            }
            x += width + GAP;
        }
        let end = top + 66.0 + ROW * self.rows.len() as f64;
        let _ = write!(
            svg,
            r#"<text x="{GAP}" y="{:.1}" font-size="11" style="fill:var(--muted)">{}</text>"#,
            end + 16.0,
            escape(&self.note)
        );
        (svg, total.max(width_of(&self.note, 11.0) + 2.0 * GAP), end + 30.0)
    }

    /// Tables below each other, as one picture.
    pub fn svg(tables: &[Self]) -> String {
        let (mut inner, mut width, mut top) = (String::new(), 0.0f64, 0.0);
        for table in tables {
            let (svg, wide, end) = table.group(top);
            inner += &svg;
            (width, top) = (width.max(wide), end);
        }
        format!(r#"<svg viewBox="0 0 {width:.0} {top:.0}" xmlns="http://www.w3.org/2000/svg">{inner}</svg>"#)
    }
}
