//! Where the network looks: its activation map over photos, as it sees them.

use image::{ImageBuffer, Luma, Rgb, RgbImage, imageops};

use crate::chart::escape;
use crate::report::{Judged, page::Section, picture::data_url};

/// Photos shown.
const SHOWN: usize = 9;
/// The side of one picture, in pixels.
const SIDE: u32 = 168;
/// From where nothing is seen to where most is: dark blue, violet, orange, yellow.
const RAMP: [[f32; 3]; 5] = [
    [13.0, 8.0, 60.0],
    [98.0, 20.0, 140.0],
    [200.0, 62.0, 92.0],
    [248.0, 150.0, 50.0],
    [250.0, 240.0, 110.0],
];

pub(crate) fn section(judged: &Judged<'_>) -> Section {
    let inspection = judged.inspection;
    let count = inspection.scored.len();
    let shown = count.min(SHOWN);
    let mut body = String::from(r#"<div class="gallery">"#);
    for i in (0..shown).map(|i| i * count / shown) {
        let Ok(photo) = inspection.photo(i, inspection.config.preprocessing.short_side()) else { continue };
        let pixels = inspection.config.preprocessing.apply(&photo);
        let Some(seen) = RgbImage::from_raw(pixels.size(), pixels.size(), pixels.bytes().to_vec()) else {
            continue;
        };
        let seen = imageops::resize(&seen, SIDE, SIDE, imageops::FilterType::Triangle);
        let both = beside(&seen, &heat(&seen, &inspection.maps[i], inspection.side));
        let item = &inspection.scored[i].item;
        let (url, alt, caption) = (data_url(&both), escape(&item.image), escape(&item.category));
        body += &format!(
            r#"<figure class="map"><img src="{url}" alt="{alt}" title="{alt}"><figcaption>{caption}</figcaption></figure>"#
        );
    }
    body += "</div>";
    let lead = "To the left the photo as the network sees it, to the right with its activation map over it: the mean of the last \
        feature map's channels, yellow where it responds most. It should be on the garment. Light on the floor or in the \
        corners tells of a background that gives the answer away."
        .into();
    Section { title: "Where it looks", lead, body }
}

/// The map over the photo, from its least to its largest value.
fn heat(photo: &RgbImage, map: &[f32], side: usize) -> RgbImage {
    let (low, high) = map.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(l, h), x| (l.min(*x), h.max(*x)));
    let span = (high - low).max(1e-12);
    let cells: ImageBuffer<Luma<f32>, Vec<f32>> = ImageBuffer::from_fn(side as u32, side as u32, |x, y| {
        let at = map.get(y as usize * side + x as usize).copied().unwrap_or(low);
        Luma([(at - low) / span])
    });
    let smooth = imageops::resize(&cells, photo.width(), photo.height(), imageops::FilterType::Triangle);
    RgbImage::from_fn(photo.width(), photo.height(), |x, y| {
        let Luma([value]) = *smooth.get_pixel(x, y);
        let colour = ramp(value);
        let grey = photo.get_pixel(x, y).0.map(f32::from).iter().sum::<f32>() / 3.0;
        Rgb([0, 1, 2].map(|c| (0.45 * grey + 0.55 * colour[c]).clamp(0.0, 255.0) as u8))
    })
}

fn ramp(value: f32) -> [f32; 3] {
    let place = value.clamp(0.0, 1.0) * (RAMP.len() - 1) as f32;
    let at = (place as usize).min(RAMP.len() - 2);
    let within = place - at as f32;
    [0, 1, 2].map(|c| RAMP[at][c] + (RAMP[at + 1][c] - RAMP[at][c]) * within)
}

fn beside(left: &RgbImage, right: &RgbImage) -> RgbImage {
    let mut both = RgbImage::new(left.width() + right.width(), left.height());
    imageops::replace(&mut both, left, 0, 0);
    imageops::replace(&mut both, right, i64::from(left.width()), 0);
    both
}
