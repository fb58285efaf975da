//! Colours against Pillow's ImageCms: `tests/golden/colours`, made by `tests/golden/colour_reference.py`.

use std::path::Path;

use image::RgbImage;
use lookalike_photo::{Colour, Limits, Photo, Preprocessing, Wanted};

use crate::{golden, pictures};

const AS_IS: Wanted = Wanted { short_side: u32::MAX, colour: Colour::AsIs };

fn file(name: &str) -> Vec<u8> {
    golden(&format!("../colours/{name}"))
}

fn decoded(bytes: &[u8], wanted: Wanted) -> RgbImage {
    Photo::decode_for(bytes, &Limits::default(), wanted).unwrap().rgb().clone()
}

/// How far two pictures are from each other, of 255: the mean and the worst.
fn apart(a: &RgbImage, b: &RgbImage) -> (f64, u8) {
    assert_eq!(a.dimensions(), b.dimensions());
    let off = || a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| a.abs_diff(*b));
    (off().map(f64::from).sum::<f64>() / off().count() as f64, off().max().unwrap())
}

#[test]
fn colours_come_out_as_pillow_makes_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/colours");
    let names =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.contains(".expected.")).collect();
    names.sort();
    let mut table = String::new();
    let mut far = Vec::new();
    for name in &names {
        let expected = image::load_from_memory(&file(&format!("{name}.expected.png"))).unwrap().into_rgb8();
        let bytes = file(name);
        let (mean, worst) = apart(&decoded(&bytes, Wanted::WHOLE), &expected);
        let before = apart(&decoded(&bytes, AS_IS), &expected);
        table += &format!("{name:24} mean {mean:6.3} worst {worst:3}, as is {before:?}\n");
        // What is in a profile's table is looked up in a coarser one.
        let most = if ["inks.jpg", "table.png"].contains(&name.as_str()) { (0.6, 8) } else { (0.3, 2) };
        if mean > most.0 || worst > most.1 {
            far.push(name);
        }
    }
    eprintln!("{table}");
    assert!(names.len() > 30 && far.is_empty(), "{far:?} in\n{table}");
}

#[test]
fn a_profile_that_cannot_be_used_counts_as_srgb() {
    let p3 = file("p3.jpg");
    let as_is = decoded(&p3, AS_IS);
    let at = p3.windows(12).position(|part| part == b"ICC_PROFILE\0").unwrap();
    let (place, profile) = (at + 12, at + 14);
    let changed = |at: usize, to: &[u8]| {
        let mut bytes = p3.clone();
        bytes[at..at + to.len()].copy_from_slice(to);
        bytes
    };
    let broken = [
        ("its signature", changed(profile + 36, b"none")),
        ("another space", changed(profile + 16, b"GRAY")),
        ("four inks of three", changed(profile + 16, b"CMYK")),
        ("a link between devices", changed(profile + 12, b"link")),
        ("no table", changed(profile + 128, &[0; 4])),
        ("a table without end", changed(profile + 128, &[0xFF; 4])),
        ("its red outside", changed(profile + 132 + 2 * 12 + 4, &[0x7F; 4])),
        ("curves without end", changed(profile + 132 + 5 * 12 + 8, &[0xFF; 4])),
        ("part 2 of 1", changed(place, &[2, 1])),
        ("part 1 of 2", changed(place, &[1, 2])),
        ("part 0", changed(place, &[0, 1])),
        ("no parts at all", changed(place, &[1, 0])),
        ("twice", pictures::with_profile(&p3, &p3)),
    ];
    assert!(apart(&decoded(&p3, Wanted::WHOLE), &as_is).0 > 10.0);
    for (what, bytes) in broken {
        // Another decoder may take its turn where parts contradict each other.
        let (mean, worst) = apart(&decoded(&bytes, Wanted::WHOLE), &as_is);
        assert!(mean < 0.5 && worst <= 3, "{what}: mean {mean}, worst {worst}");
    }
    // Of colours, where the picture is grey, and the other way round.
    let grey = file("grey.jpg");
    let at = grey.windows(12).position(|part| part == b"ICC_PROFILE\0").unwrap();
    let end = at - 2 + usize::from(u16::from_be_bytes([grey[at - 2], grey[at - 1]]));
    let other = [&grey[..at - 4], &pictures::profile_segments(&p3), &grey[end..]].concat();
    assert_eq!(apart(&decoded(&other, Wanted::WHOLE), &decoded(&grey, AS_IS)), (0.0, 0));
}

#[test]
fn a_photo_decoded_small_has_the_same_colours() {
    let picture = pictures::shape("circle", [220, 30, 60], 0);
    let large = image::imageops::resize(&picture, 1600, 2000, image::imageops::FilterType::Triangle);
    let plain = pictures::jpeg(&large);
    let jpeg = pictures::with_profile(&plain, &file("p3.jpg"));
    let rule = Preprocessing::imagenet(128).unwrap().in_colour(Colour::Srgb);
    let pixels = |bytes: &[u8], wanted| {
        let photo = Photo::decode_for(bytes, &Limits::default(), wanted).unwrap();
        rule.apply(&photo).into_photo().unwrap().rgb().clone()
    };
    let (small, whole) = (pixels(&jpeg, rule.wanted()), pixels(&jpeg, Wanted::WHOLE));
    let (mean, _) = apart(&small, &whole);
    let (from_as_is, _) = apart(&whole, &pixels(&plain, Wanted::WHOLE));
    assert!(mean < 0.5 && from_as_is > 3.0, "{mean} {from_as_is}");
}

/// Not a test of its own: how long a photo's colours take at best, so that other work on the machine does not count. `--ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn how_long_colours_take() {
    let picture = pictures::shape("stripes", [220, 30, 60], 0);
    let large = image::imageops::resize(&picture, 400, 533, image::imageops::FilterType::Triangle);
    let plain = pictures::jpeg(&large);
    for name in ["p3.jpg", "srgb.jpg", "prophoto.jpg"] {
        let jpeg = pictures::with_profile(&plain, &file(name));
        let time = |wanted: Wanted| {
            let once = || {
                let started = std::time::Instant::now();
                std::hint::black_box(Photo::decode_for(&jpeg, &Limits::default(), wanted).unwrap());
                started.elapsed().as_secs_f64() * 1e3
            };
            let mut times: Vec<f64> = (0..500).map(|_| once()).collect();
            times.sort_by(f64::total_cmp);
            times[0]
        };
        let (with, without) = (time(Wanted::WHOLE), time(AS_IS));
        eprintln!("{name}: {with:.3} ms, as is {without:.3} ms: {:.3} ms", with - without);
    }
}
