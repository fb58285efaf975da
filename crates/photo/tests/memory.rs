//! What decoding takes, as the operating system counts it, held against what was said before.
//!
//! Each photo is decoded by a process of its own: memory that an earlier one gave back would hide what the next one takes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

#[allow(dead_code)] // shared with other tests
#[path = "support/hostile.rs"]
mod hostile;
#[allow(dead_code)] // shared with other tests
#[path = "support/pictures.rs"]
mod pictures;

use std::{
    env, fs,
    hint::black_box,
    io::Cursor,
    path::Path,
    process::{Command, Stdio},
};

use image::{DynamicImage, ImageFormat};
use lookalike_photo::{Limits, Photo, PhotoError, Undecoded, Wanted, is_large};

const SIZE: (u32, u32) = (3000, 2000);

/// Photos within the limits. The second number is a shorter side to decode for.
const SOUND: [(&str, u32); 27] = [
    ("rgb.png", u32::MAX),
    ("rgba.png", u32::MAX),
    ("rgb16.png", u32::MAX),
    ("rgba16.png", u32::MAX),
    ("grey.png", u32::MAX),
    ("interlaced.png", u32::MAX),
    ("profile.png", u32::MAX),
    ("table.png", u32::MAX),
    ("p3.png", u32::MAX),
    ("p3.jpg", u32::MAX),
    ("inks.jpg", u32::MAX),
    ("inks.jpg", 250),
    ("thin.png", u32::MAX),
    ("rgb.bmp", u32::MAX),
    ("rgba.bmp", u32::MAX),
    ("whole.gif", u32::MAX),
    ("part.gif", u32::MAX),
    ("lossless.webp", u32::MAX),
    ("lossless_transparent.webp", u32::MAX),
    ("baseline.jpg", u32::MAX),
    ("baseline.jpg", 250),
    ("progressive.jpg", u32::MAX),
    ("progressive.jpg", 250),
    ("lying.jpg", u32::MAX),
    ("lying_progressive.jpg", 250),
    ("grey_progressive.jpg", u32::MAX),
    ("damaged_progressive.jpg", 250),
];

fn made(name: &str) -> Vec<u8> {
    let picture = || {
        image::RgbImage::from_fn(SIZE.0, SIZE.1, |x, y| image::Rgb([(x / 300) as u8, (y / 300) as u8, 90]))
    };
    let encoded = |image: DynamicImage, format| {
        let mut bytes = Cursor::new(Vec::new());
        image.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    let all = DynamicImage::ImageRgb8(picture());
    let jpeg = || pictures::jpeg(&picture());
    let progressive = |jpeg: &[u8]| {
        let mut rule = turbojpeg::Transform::default();
        rule.progressive = true;
        turbojpeg::transform(&rule, jpeg).unwrap().to_vec()
    };
    match name {
        "rgb.png" => encoded(all, ImageFormat::Png),
        "rgba.png" => encoded(all.into_rgba8().into(), ImageFormat::Png),
        "rgb16.png" => encoded(all.into_rgb16().into(), ImageFormat::Png),
        "rgba16.png" => encoded(all.into_rgba16().into(), ImageFormat::Png),
        "grey.png" => encoded(all.into_luma8().into(), ImageFormat::Png),
        "interlaced.png" => hostile::interlaced_png(SIZE),
        "profile.png" => pictures::png_with_profile(&picture(), 12 << 20),
        "thin.png" => encoded(DynamicImage::ImageRgb8(image::RgbImage::new(1_000_000, 6)), ImageFormat::Png),
        "rgb.bmp" => encoded(all, ImageFormat::Bmp),
        "rgba.bmp" => encoded(all.into_rgba8().into(), ImageFormat::Bmp),
        "whole.gif" => encoded(all, ImageFormat::Gif),
        "part.gif" => {
            let mut bytes = encoded(all, ImageFormat::Gif);
            bytes[6..8].copy_from_slice(&3001u16.to_le_bytes()); // the screen is wider than its frame
            bytes
        }
        "lossless.webp" => encoded(all, ImageFormat::WebP),
        "lossless_transparent.webp" => {
            let mut glass = all.into_rgba8();
            glass.pixels_mut().for_each(|pixel| pixel.0[3] = 99);
            encoded(glass.into(), ImageFormat::WebP)
        }
        "baseline.jpg" => jpeg(),
        "progressive.jpg" => progressive(&jpeg()),
        "lying.jpg" => pictures::with_orientation(&jpeg(), 6),
        "lying_progressive.jpg" => pictures::with_orientation(&progressive(&jpeg()), 7),
        "grey_progressive.jpg" => progressive(&encoded(all.into_luma8().into(), ImageFormat::Jpeg)),
        "damaged_progressive.jpg" => {
            let mut bytes = progressive(&jpeg());
            bytes.truncate(bytes.len() / 2);
            bytes
        }
        // The profile of a small photo, in a large one.
        "table.png" => {
            pictures::with_png_chunk(&encoded(all, ImageFormat::Png), b"iCCP", &colours("table.png"))
        }
        "p3.png" => pictures::with_png_chunk(&encoded(all, ImageFormat::Png), b"iCCP", &colours("p3.png")),
        "p3.jpg" => pictures::with_profile(&jpeg(), &colours("p3.jpg")),
        "inks.jpg" => {
            let cmyk =
                fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/large/cmyk.jpg")).unwrap();
            pictures::with_profile(&cmyk, &colours("inks.jpg"))
        }
        "codes.webp" => hostile::webp_of_many_codes(65_536),
        name => {
            fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/large").join(name)).unwrap()
        }
    }
}

fn colours(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/colours").join(name)).unwrap()
}

/// In bytes: `VmRSS` or `VmHWM`, its largest value since it was reset.
fn resident(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// Not a test of its own: a process that decodes one photo and says what it took.
#[test]
#[ignore = "is run by the tests below, in a process of its own"]
fn a_photo_in_a_process_of_its_own() {
    let (path, side) = (env::var("PHOTO").unwrap(), env::var("SIDE").unwrap().parse().unwrap());
    let wanted = Wanted::WHOLE.at_side(side);
    let bytes = fs::read(path).unwrap();
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = resident("VmRSS");
    let promised = Undecoded::read(&bytes, &Limits::default(), wanted).map_or(0, |photo| photo.memory());
    let decoded = black_box(Photo::decode_for(&bytes, &Limits::default(), wanted));
    let taken = resident("VmHWM").saturating_sub(before);
    eprintln!("TOLD {promised} {taken} {}", decoded.map_or_else(|e| e.to_string(), |_| "decoded".into()));
}

/// Promised, taken, and what came of it.
fn told(bytes: &[u8], side: u32) -> (u64, u64, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), bytes).unwrap();
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "a_photo_in_a_process_of_its_own"]);
    command.env("PHOTO", file.path()).env("SIDE", side.to_string());
    let output = command.stdout(Stdio::null()).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    let line = text.lines().find_map(|line| line.split_once("TOLD ")).unwrap().1;
    let parts: Vec<&str> = line.splitn(3, ' ').collect();
    (parts[0].parse().unwrap(), parts[1].parse().unwrap(), parts[2].to_owned())
}

#[test]
fn a_photo_takes_no_more_than_was_said() {
    let files = [
        "lossy.webp",
        "transparent.webp",
        "animated.webp",
        "animated_lossless.webp",
        "cmyk.jpg",
        "cmyk_progressive.jpg",
    ];
    let mut table = String::new();
    let mut worst = 0.0f64;
    for (name, side) in SOUND.into_iter().chain(files.map(|name| (name, u32::MAX))) {
        let (promised, taken, came) = told(&made(name), side);
        let share = taken as f64 / promised as f64;
        table +=
            &format!("{name:28} {side:10} promised {promised:>10} taken {taken:>10} {share:5.2} {came}\n");
        worst = worst.max(share);
        assert!(came == "decoded" || name.starts_with("damaged"), "{table}");
        // A promise that is far too high would refuse what could be decoded. Where a JPEG is made small, the decoder of the whole
        // picture is promised as well.
        assert!(side < u32::MAX || promised < 3 * taken + (4 << 20), "{table}");
    }
    eprintln!("{table}");
    assert!(worst <= 1.0, "{table}");
}

#[test]
fn what_is_large_is_told_by_its_first_bytes() {
    let sized = |format| {
        let mut bytes = Cursor::new(Vec::new());
        image::RgbImage::new(4001, 4000).write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::WebP]
    {
        assert!(is_large(&sized(format)), "{format:?}");
    }
    let names = SOUND.map(|(name, _)| name);
    for name in names.into_iter().chain(["lossy.webp", "transparent.webp", "animated.webp"]) {
        assert!(!is_large(&made(name)), "{name}");
    }
    assert!(!is_large(b"") && !is_large(b"BM") && !is_large(b"GIF89a") && !is_large(b"RIFF\0\0\0\0WEBPVP8X"));
}

#[test]
fn code_tables_that_the_pixels_do_not_account_for_are_given_up() {
    let bytes = made("codes.webp");
    assert!(bytes.len() < 4 << 20);
    let (promised, taken, came) = told(&bytes, u32::MAX);
    assert!(came.contains("asks for too much memory"), "{came}");
    assert!(taken <= promised && promised < 80 << 20, "promised {promised}, taken {taken}");
}

#[test]
fn what_is_too_dear_is_refused_before_it_is_decoded() {
    let (_, taken, came) = told(&hostile::flat_png((8000, 8000), 6, 16), u32::MAX);
    assert!(came.contains("takes 518 MB of memory; at most 400 MB are given"), "{came}");
    assert!(taken < 4 << 20, "{taken}");
    let limits = Limits { max_memory: 20_000_000, ..Limits::default() };
    let refused = Photo::decode(&made("progressive.jpg"), &limits).unwrap_err();
    assert!(matches!(refused, PhotoError::TooDear { width: 3000, height: 2000, most: 20, .. }), "{refused}");
}
