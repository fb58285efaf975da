//! Letters and figures as strokes, for what is printed on shirts.

use tiny_skia::{LineCap, LineJoin, Path, PathBuilder, Stroke};

use crate::drawing::geometry::P;

/// The strokes of a letter on a grid 4 wide and 6 high: points `xy`, strokes apart by a space.
fn strokes(letter: char) -> &'static str {
    match letter {
        '0' | 'O' => "10304145361605011030",
        '1' => "102026 1636",
        '2' => "01103041420646",
        '3' => "01103041423313 334445361605",
        '4' => "36300444",
        '5' => "4000033344453606",
        '6' => "30100105163645443303",
        '7' => "00404126",
        '8' => "103041423313020110 1304051636454433",
        '9' => "43130201103041453616",
        'A' => "062046 1434",
        'B' => "00063645443303 0030414233",
        'C' => "4130100105163645",
        'D' => "00062644422000",
        'E' => "40000646 0333",
        'F' => "400006 0333",
        'G' => "41301001051636454323",
        'H' => "0006 4046 0343",
        'I' => "2026 1030 1636",
        'K' => "0006 400346",
        'L' => "000646",
        'M' => "0600234046",
        'N' => "06004640",
        'P' => "060030414233 3303",
        'R' => "060030414233 3303 2346",
        'S' => "41301001024445361605",
        'T' => "0040 2026",
        'U' => "000516364540",
        'V' => "002640",
        'W' => "0016223640",
        'X' => "0046 4006",
        'Y' => "002340 2326",
        _ => "",
    }
}

/// The text in capitals, centred on `at`, `height` high; `weight` is the stroke's share of the height.
pub fn text(words: &str, at: P, height: f32, weight: f32) -> Option<Path> {
    let unit = height / 6.0;
    let advance = unit * 5.6;
    let left = at.0 - (words.chars().count() as f32 * advance - unit * 1.6) / 2.0;
    let mut pen = PathBuilder::new();
    for (i, letter) in words.chars().enumerate() {
        for stroke in strokes(letter).split(' ') {
            for (k, xy) in stroke.as_bytes().chunks_exact(2).enumerate() {
                let (x, y) = (f32::from(xy[0] - b'0'), f32::from(xy[1] - b'0'));
                let p = (left + i as f32 * advance + x * unit, at.1 + (y - 3.0) * unit);
                if k == 0 { pen.move_to(p.0, p.1) } else { pen.line_to(p.0, p.1) }
            }
        }
    }
    let (line_join, line_cap) = (LineJoin::Miter, LineCap::Square);
    pen.finish()?.stroke(&Stroke { width: height * weight, line_join, line_cap, ..Stroke::default() }, 4.0)
}
