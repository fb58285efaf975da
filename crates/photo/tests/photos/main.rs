//! Photos against Pillow and torchvision: `tests/golden/photos`, made by `tests/golden/preprocess_reference.py`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

mod colours;
mod hostile;
mod orientations;
#[allow(dead_code)] // other tests use the rest
#[path = "../support/pictures.rs"]
mod pictures;
mod reports;
mod small;

use std::path::Path;

use lookalike_photo::{
    Augmentation, Limits, Photo, PhotoError, PhotoFormat, Preprocessing, View, Wanted, resize_short_side,
};
use proptest::prelude::*;

const SIZE: u32 = 128;

fn golden(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/photos").join(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// How far our pixels are from the reference's, of 255: the mean and the worst.
fn strays(name: &str) -> (f64, f64) {
    let stem = name.rsplit_once('.').unwrap().0;
    let expected = image::load_from_memory(&golden(&format!("{stem}.expected.png"))).unwrap().into_rgb8();
    assert_eq!(expected.dimensions(), (SIZE, SIZE));
    let rule = Preprocessing::imagenet(SIZE).unwrap();
    let pixels = rule.apply(&Photo::decode(&golden(name), &Limits::default()).unwrap());
    assert_eq!(pixels.bytes().len(), expected.as_raw().len());
    let off = pixels.bytes().iter().zip(expected.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b)));
    let (sum, worst) = off.fold((0.0, 0f64), |(sum, worst), x| (sum + x, worst.max(x)));
    (sum / pixels.bytes().len() as f64, worst)
}

#[test]
fn lossless_photos_come_out_as_torchvision_makes_them() {
    for name in ["wide.png", "tall.png", "small.png", "grey.png", "palette.png", "alpha.png", "lossless.webp"]
    {
        let (mean, worst) = strays(name);
        assert!(worst < 0.01, "{name}: mean {mean:.4}, worst {worst:.2} of 255");
    }
}

#[test]
fn sixteen_bits_are_brought_to_eight() {
    let (mean, worst) = strays("sixteen.png");
    assert!(worst < 0.01, "mean {mean:.4}, worst {worst:.2} of 255");
}

#[test]
fn jpegs_differ_only_as_decoders_do() {
    for name in ["photo.jpg", "subsampled.jpg", "turned3.jpg", "turned6.jpg", "turned8.jpg", "cmyk.jpg"] {
        let (mean, worst) = strays(name);
        assert!(mean < 1.0 && worst < 24.0, "{name}: mean {mean:.4}, worst {worst:.2} of 255");
    }
}

#[test]
fn a_photo_that_is_all_length_takes_no_more_memory_than_its_square() {
    let photo = Photo::from_rgb(image::RgbImage::new(1, 40_000_000)).unwrap();
    assert_eq!(Preprocessing::imagenet(SIZE).unwrap().apply(&photo).size(), SIZE);
}

#[test]
fn a_turned_photo_says_so() {
    let photo = |name| Photo::decode(&golden(name), &Limits::default()).unwrap();
    assert!(photo("turned6.jpg").turned() && !photo("photo.jpg").turned());
    assert_eq!((photo("turned6.jpg").width(), photo("turned6.jpg").height()), (190, 310));
    assert_eq!(photo("lossless.webp").format(), PhotoFormat::WebP);
}

#[test]
fn what_is_no_photo_is_refused_with_its_reason() {
    let refused = |bytes: &[u8]| Photo::decode(bytes, &Limits::default()).unwrap_err();
    assert!(matches!(refused(b""), PhotoError::Empty));
    assert!(matches!(refused(b"hello, I am a text"), PhotoError::UnknownFormat(None)));
    let heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic";
    assert!(matches!(refused(heic), PhotoError::UnknownFormat(Some("HEIC"))), "{}", refused(heic));
    let avif = b"\0\0\0\x1cftypavif\0\0\0\0avifmif1";
    assert!(matches!(refused(avif), PhotoError::UnknownFormat(Some("AVIF"))));
    let jpeg = golden("photo.jpg");
    assert!(matches!(refused(&jpeg[..200]), PhotoError::Undecodable { .. }));
    let mut png = golden("wide.png");
    png.truncate(png.len() / 2);
    assert!(matches!(refused(&png), PhotoError::Undecodable { .. }));
}

/// A large photo with edges, textures and gradients: a small one, enlarged, with stripes over it.
fn large_jpeg(width: u32, height: u32) -> Vec<u8> {
    let small = image::load_from_memory(&golden("photo.jpg")).unwrap().into_rgb8();
    let mut large = image::imageops::resize(&small, width, height, image::imageops::FilterType::CatmullRom);
    for (x, y, pixel) in large.enumerate_pixels_mut() {
        if (x / 3 + y / 5) % 2 == 0 {
            pixel.0 = pixel.0.map(|c| c.saturating_add(12));
        }
    }
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 92).encode_image(&large).unwrap();
    bytes
}

/// Cosine of two photos' bytes, each less its mean.
fn centred_cosine(a: &[u8], b: &[u8]) -> f64 {
    let centred = |v: &[u8]| -> Vec<f64> {
        let mean = v.iter().map(|x| f64::from(*x)).sum::<f64>() / v.len() as f64;
        v.iter().map(|x| f64::from(*x) - mean).collect()
    };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let (a, b) = (centred(a), centred(b));
    dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
}

#[test]
fn a_large_jpeg_is_decoded_small_and_comes_out_as_if_it_had_not_been() {
    let rule = Preprocessing::imagenet(SIZE).unwrap();
    for ((width, height), decoded) in
        [((2400, 1803), 1803 / 4), ((1203, 1600), 1203 / 4), ((640, 520), 260), ((300, 255), 255)]
    {
        let bytes = large_jpeg(width, height);
        let full = Photo::decode(&bytes, &Limits::default()).unwrap();
        let small = Photo::decode_for(&bytes, &Limits::default(), Wanted::WHOLE.at_side(SIZE)).unwrap();
        assert_eq!((small.width(), small.height()), (width, height), "its size is told as it was sent");
        let short = small.rgb().width().min(small.rgb().height());
        assert!(
            short.abs_diff(decoded) <= 1 && short >= 2 * SIZE.min(decoded / 2),
            "{width}×{height}: {short}"
        );
        let (full, small) = (rule.apply(&full), rule.apply(&small));
        let off = full.bytes().iter().zip(small.bytes()).map(|(a, b)| f64::from(a.abs_diff(*b)));
        let mean = off.sum::<f64>() / full.bytes().len() as f64;
        let cosine = centred_cosine(full.bytes(), small.bytes());
        assert!(cosine >= 0.995 && mean < 3.0, "{width}×{height}: cosine {cosine:.5}, mean {mean:.2} of 255");
    }
}

#[test]
fn a_part_of_a_photo_decoded_small_is_the_same_part() {
    let bytes = large_jpeg(2400, 1800);
    let rule = Preprocessing::imagenet(SIZE).unwrap();
    let part = |photo: Photo| rule.apply(&photo.crop(400, 300, 1500, 1200).unwrap());
    let full = part(Photo::decode(&bytes, &Limits::default()).unwrap());
    let small = part(Photo::decode_for(&bytes, &Limits::default(), Wanted::WHOLE.at_side(SIZE)).unwrap());
    let cosine = centred_cosine(full.bytes(), small.bytes());
    assert!(cosine > 0.98, "{cosine}");
}

#[test]
fn limits_hold_before_a_jpeg_is_decoded_small() {
    let limits = Limits { max_pixels: 1_000_000, ..Limits::default() };
    let refused =
        Photo::decode_for(&large_jpeg(1200, 900), &limits, Wanted::WHOLE.at_side(SIZE)).unwrap_err();
    assert!(matches!(refused, PhotoError::TooManyPixels { width: 1200, height: 900, .. }), "{refused}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn damaged_photos_never_panic(which in 0usize..6, at in any::<prop::sample::Index>(), flip in 1u8..=255, cut: bool) {
        let name = ["photo.jpg", "wide.png", "palette.png", "lossless.webp", "turned6.jpg", "sixteen.png"][which];
        let mut bytes = golden(name);
        let place = at.index(bytes.len());
        if cut { bytes.truncate(place) } else { bytes[place] ^= flip }
        let limits = Limits { max_pixels: 1_000_000, ..Limits::default() };
        prop_assert_eq!(Photo::decode(&bytes, &limits).is_ok(), Photo::decode_for(&bytes, &limits, Wanted::WHOLE.at_side(16)).is_ok());
        if let Ok(photo) = Photo::decode_for(&bytes, &limits, Wanted::WHOLE.at_side(16)) {
            prop_assert_eq!(Preprocessing::imagenet(SIZE).unwrap().apply(&photo).size(), SIZE);
        }
    }

    #[test]
    fn every_size_becomes_the_square(w in 1u32..700, h in 1u32..700) {
        let photo = Photo::from_rgb(image::RgbImage::from_pixel(w, h, image::Rgb([9, 130, 250]))).unwrap();
        let rule = Preprocessing::imagenet(SIZE).unwrap();
        let pixels = rule.apply(&photo);
        prop_assert!(pixels.bytes().chunks_exact(3).all(|p| p == [9, 130, 250]));
        prop_assert_eq!(pixels.bytes().len(), 3 * 128 * 128);
        let numbers = rule.normalise(&[pixels.clone(), pixels]).unwrap();
        prop_assert_eq!(numbers.len(), 2 * 3 * 128 * 128);
        for (c, value) in [9.0f32, 130.0, 250.0].into_iter().enumerate() {
            let expected = (value / 255.0 - rule.mean()[c]) / rule.std()[c];
            prop_assert!((numbers[128 * 128 * (3 + c) + 77] - expected).abs() < 1e-6);
        }
    }
}

/// Photo, then left, top, width and height of the crop, and whether it is mirrored: `tests/golden/augment_reference.py`.
const CROPS: [(&str, [u32; 4], bool); 11] = [
    ("wide.png", [31, 12, 140, 121], true),
    ("tall.png", [0, 97, 146, 110], false),
    ("small.png", [60, 0, 97, 129], true),
    ("grey.png", [20, 7, 133, 133], false),
    ("palette.png", [0, 0, 202, 146], true),
    ("alpha.png", [46, 39, 100, 145], false),
    ("sixteen.png", [5, 20, 141, 99], true),
    ("lossless.webp", [11, 11, 120, 120], false),
    ("photo.jpg", [3, 50, 143, 107], true),
    ("cmyk.jpg", [40, 1, 128, 128], false),
    ("turned6.jpg", [6, 80, 110, 90], true),
];

#[test]
fn the_training_transform_is_torchvisions_where_nothing_is_drawn() {
    for (name, part, mirrored) in CROPS {
        let photo = Photo::decode(&golden(name), &Limits::default()).unwrap();
        let small = resize_short_side(&photo, 146).unwrap();
        let ours = View { part, mirrored }.of(&small, SIZE).unwrap();
        let stem = name.rsplit_once('.').unwrap().0;
        let expected = image::load_from_memory(&golden(&format!("{stem}.train.png"))).unwrap().into_rgb8();
        let off = ours.bytes().iter().zip(expected.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b)));
        let (sum, worst) = off.fold((0.0, 0f64), |(sum, worst), x| (sum + x, worst.max(x)));
        let mean = sum / ours.bytes().len() as f64;
        // Lossless photos to ±1 of 255 (two resizes, each rounded); JPEGs as far as their decoders differ.
        let bounds = if name.ends_with(".jpg") { (1.0, 24.0) } else { (0.1, 1.0) };
        assert!(mean <= bounds.0 && worst <= bounds.1, "{name}: mean {mean:.4}, worst {worst} of 255");
    }
}

#[test]
fn random_crops_stay_in_the_photo_and_within_what_is_asked() {
    use rand::SeedableRng;
    let augmentation = Augmentation { scale: (0.3, 0.9), ..Augmentation::default() };
    let mut mirrored = 0;
    for (width, height) in [(200, 300), (640, 100), (31, 900), (1, 1)] {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(7);
        for _ in 0..500 {
            let View { part: [x, y, w, h], mirrored: flip } = augmentation.draw((width, height), &mut rng);
            assert!(
                w > 0 && h > 0 && x + w <= width && y + h <= height,
                "{x},{y} {w}×{h} of {width}×{height}"
            );
            let share = f64::from(w * h) / f64::from(width * height);
            assert!((width, height) != (200, 300) || (0.28..=0.92).contains(&share), "{share}");
            mirrored += u32::from(flip);
        }
    }
    assert!((850..1150).contains(&mirrored), "{mirrored} of 2000 are mirrored");
}
