//! Every place and type in which photos say how they are to be turned, against Pillow: `tests/golden/orientations.txt`, made by
//! `tests/golden/orientation_reference.py`.

use image::{DynamicImage, metadata::Orientation};
use lookalike_photo::{Limits, Photo};

use crate::golden;

#[test]
fn photos_are_turned_as_pillow_turns_them() {
    let table = String::from_utf8(golden("../orientations.txt")).unwrap();
    let mut bare = std::collections::HashMap::new();
    let mut wrong = Vec::new();
    for line in table.lines() {
        let [name, taken, hexadecimal] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        let bytes: Vec<u8> = hexadecimal.as_bytes().chunks_exact(2).map(byte).collect();
        let photo = Photo::decode(&bytes, &Limits::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let (format, rest) = name.split_once(", ").unwrap();
        if rest == "nothing" {
            bare.insert(format, photo.rgb().clone());
        }
        let mut expected = DynamicImage::from(bare[format].clone());
        expected.apply_orientation(Orientation::from_exif(taken.parse().unwrap()).unwrap());
        if photo.rgb() != expected.as_rgb8().unwrap() || photo.turned() != (taken != "1") {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty() && table.lines().count() > 80, "{wrong:#?}");
}
