//! SVG → PNG, without a font of the system's.

use std::{path::Path, sync::Arc};

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Options, Tree, fontdb},
};

use crate::TrainingError;

/// The style sheet's light colours.
const LIGHT: [(&str, &str); 15] = [
    ("ink", "#1c1b1a"),
    ("muted", "#6b6966"),
    ("grid", "#e4e2de"),
    ("surface", "#ffffff"),
    ("empty", "#f1efec"),
    ("on", "#ffffff"),
    ("right", "#1a7f4b"),
    ("wrong", "#c2452d"),
    ("s1", "#2563c9"),
    ("s2", "#d1631b"),
    ("s3", "#128a73"),
    ("s4", "#8a4fc4"),
    ("s5", "#b3316f"),
    ("s6", "#6f7a1e"),
    ("accent", "#2563c9"),
];

/// How many pixels one of the picture's units is.
const SCALE: f32 = 2.0;

/// Draws a picture of this room as a PNG file.
pub fn png(svg: &str, path: &Path) -> Result<(), TrainingError> {
    let failed = |reason: String| TrainingError::Run { path: path.to_owned(), reason };
    let mut painted = svg.to_owned();
    for (name, colour) in LIGHT {
        painted = painted.replace(&format!("var(--{name})"), colour);
    }
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(epaint_default_fonts::UBUNTU_LIGHT.to_vec());
    let family = fonts.faces().next().and_then(|face| face.families.first()).map(|(name, _)| name.clone());
    let options =
        Options { fontdb: Arc::new(fonts), font_family: family.unwrap_or_default(), ..Options::default() };
    let tree = Tree::from_str(&painted, &options).map_err(|e| failed(e.to_string()))?;
    let size = tree.size().to_int_size().scale_by(SCALE);
    let mut picture = size
        .and_then(|size| Pixmap::new(size.width(), size.height()))
        .ok_or_else(|| failed("the picture has no size".into()))?;
    picture.fill(resvg::tiny_skia::Color::WHITE);
    resvg::render(&tree, Transform::from_scale(SCALE, SCALE), &mut picture.as_mut());
    picture.save_png(path).map_err(|e| failed(e.to_string()))
}
