//! What the numbers of a photo's pixels mean: which colours its file says they are, and what they are in sRGB.
//!
//! A profile is read within bounds of size and time, after the pixels; one that is broken, huge or of another kind than the pixels
//! counts as sRGB, as in browsers.

mod icc;
mod matrix;
mod stated;
mod to_srgb;

use serde::{Deserialize, Serialize};

pub(crate) use stated::{has_cmyk_profile, jpeg_profile_length, room};
pub(crate) use to_srgb::{CmykToSrgb, ToSrgb};

/// Whether colours are brought to sRGB before anything else is done to a photo.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    /// As the photo's profile says.
    Srgb,
    /// The numbers are taken as they are, whatever they mean. What models were trained with whose manifest says nothing.
    #[default]
    AsIs,
}

/// What is wanted of a photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The shorter side that the photo is to be resized to, in pixels: what a resize to it would only average away need not be
    /// decoded. A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where that leaves at least twice the side.
    pub short_side: u32,
    /// In which colours.
    pub colour: Colour,
}

impl Wanted {
    /// Every pixel, in sRGB.
    pub const WHOLE: Self = Self { short_side: u32::MAX, colour: Colour::Srgb };

    /// The same colours, enough pixels for this shorter side.
    #[must_use]
    pub fn at_side(self, short_side: u32) -> Self {
        Self { short_side, ..self }
    }
}
