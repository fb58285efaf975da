//! Thumbnails: upright, of pixels alone, never larger than the photo.

use image::{Rgb, RgbImage, imageops};
use lookalike_photo::{Limits, PhotoError, Undecoded, Wanted};

use crate::pictures::{jpeg, png, png_header, shape, with_orientation};

fn thumbnail(bytes: &[u8], width: u32) -> Result<Vec<u8>, PhotoError> {
    lookalike_photo::thumbnail(
        &Undecoded::read(bytes, &Limits::default(), Wanted::WHOLE.at_side(width))?,
        width,
    )
}

fn small(bytes: &[u8], width: u32) -> RgbImage {
    let made = thumbnail(bytes, width).unwrap();
    assert!(made.starts_with(&[0xFF, 0xD8, 0xFF]) && !made.windows(4).any(|four| four == b"Exif"));
    image::load_from_memory(&made).unwrap().into_rgb8()
}

/// How far the pixels are from those, of 255, in the mean.
fn off(made: &RgbImage, expected: &RgbImage) -> f64 {
    assert_eq!(made.dimensions(), expected.dimensions());
    let pairs = made.as_raw().iter().zip(expected.as_raw());
    pairs.map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / made.as_raw().len() as f64
}

/// Large enough to be decoded at an eighth of its size.
fn large(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, if x * 3 < width { 220 } else { 40 }])
    })
}

#[test]
fn they_are_the_photo_made_smaller() {
    for (width, height, to) in [(1600, 2000, (64, 80)), (2000, 1000, (64, 32)), (3000, 40, (64, 1))] {
        let photo = large(width, height);
        let expected = imageops::resize(&photo, to.0, to.1, imageops::FilterType::Triangle);
        for bytes in [png(&photo), jpeg(&photo)] {
            let mean = off(&small(&bytes, 64), &expected);
            assert!(mean < 4.0, "{width}×{height}: {mean:.2} of 255");
        }
    }
}

#[test]
fn they_are_upright() {
    let upright = shape("triangle", [10, 200, 150], 1);
    let expected = small(&jpeg(&upright), 64);
    let turned = with_orientation(&jpeg(&imageops::rotate270(&upright)), 6);
    assert!(off(&small(&turned, 64), &expected) < 4.0);
}

#[test]
fn none_is_larger_than_its_photo() {
    let photo = shape("circle", [200, 10, 90], 0);
    for bytes in [png(&photo), jpeg(&photo)] {
        assert!(off(&small(&bytes, 2048), &photo) < 4.0);
    }
    assert_eq!(small(&png(&RgbImage::new(1, 900)), 64).dimensions(), (1, 900));
}

#[test]
fn limits_hold_for_them_too() {
    let many = thumbnail(&png_header(60_000, 60_000), 64);
    assert!(matches!(many, Err(PhotoError::TooManyPixels { .. })));
    assert!(matches!(thumbnail(b"", 64), Err(PhotoError::Empty)));
}
