//! Photos as they stand in the page: small JPEGs, within it.

use base64::{Engine, engine::general_purpose::STANDARD};
use image::{RgbImage, codecs::jpeg::JpegEncoder, imageops};

use crate::{chart::escape, evaluation::Inspection};
use lookalike_photo::Photo;

/// The shorter side of a thumbnail, in pixels.
pub(crate) const SHORT: u32 = 176;

/// The picture as a `data:` URL; empty where it cannot be encoded.
pub(crate) fn data_url(picture: &RgbImage) -> String {
    let mut bytes = Vec::new();
    match picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, 82)) {
        Ok(()) => format!("data:image/jpeg;base64,{}", STANDARD.encode(bytes)),
        Err(_) => String::new(),
    }
}

fn shrink(photo: &Photo) -> RgbImage {
    let rgb = photo.rgb();
    let (w, h) = (f64::from(rgb.width()), f64::from(rgb.height()));
    let scale = (f64::from(SHORT) / w.min(h)).min(1.0);
    // A panorama is cut by the style sheet; it need not be carried whole.
    let side = |x: f64| (x * scale).round().clamp(1.0, f64::from(4 * SHORT)) as u32;
    imageops::resize(rgb, side(w), side(h), imageops::FilterType::Triangle)
}

/// One of the photos with a line below it: `kind` is `query`, `right`, `wrong` or nothing.
pub(crate) fn figure(inspection: &Inspection, photo: usize, kind: &str, caption: &str) -> String {
    let url = inspection.photo(photo, SHORT).map(|p| data_url(&shrink(&p))).unwrap_or_default();
    let alt = escape(&inspection.scored[photo].item.image);
    format!(
        r#"<figure class="{kind}"><img src="{url}" alt="{alt}" title="{alt}"><figcaption>{caption}</figcaption></figure>"#
    )
}
