//! Photos after public bug reports of decoders, against Pillow: `tests/golden/reports.txt`, made by
//! `tests/golden/reports_reference.py`.

use lookalike_photo::{Limits, Photo};

use crate::golden;

#[test]
fn photos_after_public_reports_are_read() {
    let table = String::from_utf8(golden("../reports.txt")).unwrap();
    let mut wrong = Vec::new();
    for line in table.lines() {
        let [name, size, means, hexadecimal] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes: Vec<u8> = hexadecimal.as_bytes().chunks_exact(2).map(byte).collect();
        let photo = match Photo::decode(&bytes, &Limits::default()) {
            Ok(photo) => photo,
            Err(e) => {
                wrong.push(format!("{name}: {e}"));
                continue;
            }
        };
        let expected: Vec<f64> = means.split(' ').map(|mean| mean.parse().unwrap()).collect();
        let count = f64::from(photo.width() * photo.height());
        let mean = |c: usize| photo.rgb().pixels().map(|pixel| f64::from(pixel.0[c])).sum::<f64>() / count;
        let means = [mean(0), mean(1), mean(2)];
        let near = means.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 2.0);
        if format!("{}×{}", photo.width(), photo.height()) != size || !near {
            wrong.push(format!(
                "{name}: {}×{} {means:.1?}, not {size} {expected:.1?}",
                photo.width(),
                photo.height()
            ));
        }
    }
    assert!(wrong.is_empty() && table.lines().count() > 45, "{wrong:#?}");
}
