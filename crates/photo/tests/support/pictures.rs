//! Photos made for the tests: coloured shapes, encoded, turned, damaged.

use std::io::{Cursor, Write};

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, codecs::jpeg::JpegEncoder};

/// What a tiny shop sells.
pub const SHAPES: [&str; 4] = ["circle", "square", "triangle", "stripes"];

/// In these colours.
pub const COLOURS: [(&str, [u8; 3]); 5] = [
    ("red", [200, 40, 40]),
    ("green", [40, 150, 60]),
    ("blue", [40, 70, 190]),
    ("yellow", [230, 200, 40]),
    ("black", [25, 25, 30]),
];

/// A shape on a light ground; `view` moves and scales it.
pub fn shape(name: &str, colour: [u8; 3], view: u32) -> RgbImage {
    let (width, height) = (160, 200);
    let (cx, cy) = (74.0 + 6.0 * view as f32, 92.0 + 8.0 * view as f32);
    let r = 46.0 + 4.0 * view as f32;
    RgbImage::from_fn(width, height, |px, py| {
        let (x, y) = (px as f32 - cx, py as f32 - cy);
        let inside = match name {
            "circle" => x * x + y * y < r * r,
            "square" => x.abs() < r * 0.9 && y.abs() < r * 0.9,
            "triangle" => y < r && y > -r && x.abs() < (y + r) * 0.5,
            _ => x.abs() < r && y.abs() < r && (y / 9.0).floor() as i32 % 2 == 0,
        };
        let shade = (py / 10) as u8;
        if inside { Rgb(colour) } else { Rgb([238 - shade, 236 - shade, 230 - shade]) }
    })
}

/// Lossless.
pub fn png(picture: &RgbImage) -> Vec<u8> {
    encoded(picture, ImageFormat::Png)
}

/// In any format that is written here.
pub fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture.clone()).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// Nearly lossless.
pub fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 97).encode_image(picture).unwrap();
    bytes
}

/// A JPEG with an EXIF block that states this orientation, 1 to 8.
pub fn with_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut exif = b"\xFF\xE1\x00\x22Exif\0\0II*\0\x08\0\0\0\x01\0".to_vec();
    exif.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]);
    [&jpeg[..2], &exif, &jpeg[2..]].concat()
}

/// The segments of a JPEG that hold parts of its colour profile.
pub fn profile_segments(jpeg: &[u8]) -> Vec<u8> {
    let places = jpeg.windows(12).enumerate().filter(|(_, part)| *part == b"ICC_PROFILE\0").map(|(at, _)| at);
    let segment =
        |at: usize| &jpeg[at - 4..at - 2 + usize::from(u16::from_be_bytes([jpeg[at - 2], jpeg[at - 1]]))];
    places.flat_map(segment).copied().collect()
}

/// A JPEG with the colour profile of another.
pub fn with_profile(jpeg: &[u8], of: &[u8]) -> Vec<u8> {
    [&jpeg[..2], &profile_segments(of), &jpeg[2..]].concat()
}

/// A PNG with the chunk of this name that another has, behind its header.
pub fn with_png_chunk(png: &[u8], name: &[u8; 4], of: &[u8]) -> Vec<u8> {
    let at = of.windows(4).position(|part| part == name).unwrap();
    let length = u32::from_be_bytes(*of[at - 4..].first_chunk().unwrap()) as usize;
    [&png[..33], &of[at - 4..at + 8 + length], &png[33..]].concat()
}

/// The first bytes of a PNG of this size: a header and the beginning of nothing.
pub fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let ihdr = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    for (name, data) in [(b"IHDR", &ihdr[..]), (b"IDAT", b"\x78\x9c\x00")] {
        png.extend((data.len() as u32).to_be_bytes());
        let chunk = [&name[..], data].concat();
        png.extend(&chunk);
        png.extend(crc(&chunk).to_be_bytes());
    }
    png
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &b| {
        (0..8).fold(crc ^ u32::from(b), |c, _| if c & 1 == 1 { (c >> 1) ^ 0xEDB8_8320 } else { c >> 1 })
    })
}

/// A GIF of some 35 bytes: a screen of this size, and a frame of that one, of no pixels.
pub fn gif_with_frame(screen: (u16, u16), frame: (u16, u16)) -> Vec<u8> {
    let size = |(width, height): (u16, u16)| [width.to_le_bytes(), height.to_le_bytes()].concat();
    let palette = [0, 0, 0, 255, 255, 255];
    [
        &b"GIF89a"[..],
        &size(screen),
        &[0x80, 0, 0],
        &palette,
        &[0x2C, 0, 0, 0, 0],
        &size(frame),
        &[0, 2, 2, 0x4C, 0x01, 0, 0x3B],
    ]
    .concat()
}

/// A PNG whose colour profile unpacks to this many bytes.
pub fn png_with_profile(picture: &RgbImage, unpacked: usize) -> Vec<u8> {
    let mut profile = b"named\0\0".to_vec();
    let mut encoder = flate2::write::ZlibEncoder::new(&mut profile, flate2::Compression::best());
    let block = vec![0; 1 << 20];
    for begin in (0..unpacked).step_by(block.len()) {
        encoder.write_all(&block[..block.len().min(unpacked - begin)]).unwrap();
    }
    encoder.finish().unwrap();
    let mut chunk = (profile.len() as u32).to_be_bytes().to_vec();
    let named = [&b"iCCP"[..], &profile].concat();
    chunk.extend(&named);
    chunk.extend(crc(&named).to_be_bytes());
    let png = png(picture);
    let after_header = 8 + 25; // magic bytes, IHDR
    [&png[..after_header], &chunk, &png[after_header..]].concat()
}

/// A lossy WebP in the extended form, with chunks of these names and data; `length` is what the last one claims to have.
pub fn webp_extended(canvas: (u32, u32), chunks: &[(&[u8; 4], &[u8])], length: Option<u32>) -> Vec<u8> {
    let u24 = |x: u32| [x as u8, (x >> 8) as u8, (x >> 16) as u8];
    let flags = chunks.iter().map(|(name, _)| if *name == b"EXIF" { 8 } else { 0 }).sum::<u8>();
    let header = [&[flags, 0, 0, 0][..], &u24(canvas.0 - 1), &u24(canvas.1 - 1)].concat();
    let mut body = b"WEBP".to_vec();
    let all = [(b"VP8X", &header[..])].into_iter().chain(chunks.iter().copied());
    for (i, (name, data)) in all.enumerate() {
        let claimed = length.filter(|_| i == chunks.len()).unwrap_or(data.len() as u32);
        body.extend([name, &claimed.to_le_bytes()[..], data, &vec![0; data.len() % 2]].concat());
    }
    [&b"RIFF"[..], &(body.len() as u32).to_le_bytes(), &body].concat()
}
