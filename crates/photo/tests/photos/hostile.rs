//! Files that ask for more than their pixels account for: a few bytes that would cost gigabytes.

use lookalike_photo::{Limits, Photo, PhotoError, PhotoFormat};

use super::golden;
use crate::pictures::{gif_with_frame, png_header, png_with_profile, webp_extended};

fn decode(bytes: &[u8]) -> Result<Photo, PhotoError> {
    Photo::decode(bytes, &Limits::default())
}

#[test]
fn a_huge_header_is_refused_before_memory_is_taken() {
    let refused = decode(&png_header(30_000, 30_000)).unwrap_err();
    assert!(matches!(refused, PhotoError::TooManyPixels { width: 30_000, height: 30_000, .. }), "{refused}");
}

#[test]
fn a_gifs_frame_takes_no_more_than_its_screen() {
    for (screen, frame) in [((1, 1), (65_535, 65_535)), ((100, 80), (101, 80)), ((10, 10), (8_000, 8_000))] {
        let refused = decode(&gif_with_frame(screen, frame)).unwrap_err();
        assert!(matches!(refused, PhotoError::TooMuchMemory { format: PhotoFormat::Gif, .. }), "{refused}");
    }
    let photo = decode(&gif_with_frame((7, 5), (1, 1))).unwrap();
    assert_eq!((photo.width(), photo.height()), (7, 5));
}

#[test]
fn a_pngs_profile_is_not_unpacked_without_end() {
    let picture = image::RgbImage::new(20, 10);
    for unpacked in [100 << 20, (16 << 20) + 1] {
        let refused = decode(&png_with_profile(&picture, unpacked)).unwrap_err();
        assert!(matches!(refused, PhotoError::TooMuchMemory { format: PhotoFormat::Png, .. }), "{refused}");
        assert!(refused.to_string().contains("colour profile"), "{refused}");
    }
    for unpacked in [0, 3_000, 4 << 20, 16 << 20] {
        assert_eq!(decode(&png_with_profile(&picture, unpacked)).unwrap().width(), 20, "{unpacked}");
    }
    // A profile that is no zlib stream is the decoder's to leave out.
    let mut broken = png_with_profile(&picture, 3_000);
    broken[8 + 25 + 8 + 7] ^= 0xFF;
    assert_eq!(decode(&broken).unwrap().width(), 20);
}

#[test]
fn a_webps_chunks_are_what_they_claim() {
    let whole = golden("lossy.webp");
    let frame = &whole[20..];
    let (width, height) = (31, 21);
    let sound = webp_extended((width, height), &[(b"VP8 ", frame)], None);
    assert_eq!(decode(&sound).unwrap().width(), width);
    // Decoded first, its size would be found out afterwards.
    let refused = decode(&webp_extended((2, 2), &[(b"VP8 ", frame)], None)).unwrap_err().to_string();
    assert!(refused.contains("a frame of 31×21 where 2×2 is claimed"), "{refused}");
    let part = |name: &[u8; 4], data: &[u8]| {
        [&name[..], &(data.len() as u32).to_le_bytes(), data, &vec![0; data.len() % 2]].concat()
    };
    let head = |(w, h): (u8, u8)| [0, 0, 0, 0, 0, 0, w - 1, 0, 0, h - 1, 0, 0, 9, 0, 0, 0];
    let animated = |size: (u8, u8), parts: &[u8]| [&head(size)[..], parts].concat();
    let small = animated((3, 3), &part(b"VP8 ", frame));
    // Its colours under another name, behind its transparency.
    let renamed = animated((3, 3), &[part(b"ALPH", &[0; 10]), part(b"NONE", frame)].concat());
    // A frame that keeps its word does not speak for another, whichever comes first.
    for chunks in [
        vec![(b"ANIM", &[0; 6][..]), (b"ANMF", &small)],
        vec![(b"ANIM", &[0; 6]), (b"ANMF", &renamed)],
        vec![(b"VP8 ", frame), (b"ANIM", &[0; 6]), (b"ANMF", &small)],
    ] {
        let refused = decode(&webp_extended((width, height), &chunks, None)).unwrap_err().to_string();
        assert!(refused.contains("a frame of 31×21 where 3×3 is claimed"), "{refused}");
    }
    let sound = animated((31, 21), &part(b"VP8 ", frame));
    let hidden = webp_extended((2, 2), &[(b"ANIM", &[0; 6]), (b"ANMF", &sound), (b"VP8 ", frame)], None);
    let refused = decode(&hidden).unwrap_err().to_string();
    assert!(refused.contains("a frame of 31×21 where 2×2 is claimed"), "{refused}");
    // A block of EXIF that claims 4 GB is not taken memory for, and no reason to refuse the picture.
    let exif = webp_extended((width, height), &[(b"VP8 ", frame), (b"EXIF", b"II*\0")], Some(u32::MAX - 8));
    let photo = decode(&exif).unwrap();
    assert!((photo.width(), photo.turned()) == (width, false));
}
