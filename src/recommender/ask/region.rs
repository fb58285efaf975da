//! The part of a photo that is asked with.

use std::{fmt, str::FromStr};

use crate::recommender::ask::unit::number;

/// A box in a photo, as fractions of its upright width and height: 0 ≤ x1, x2, y1, y2 ≤ 1. It may hold nothing: whether a
/// pixel lies in it shows when there is a photo.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Region {
    corners: [f64; 4],
}

/// Why a text is not a [`Region`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be x1,y1,x2,y2: four numbers from 0 to 1, fractions of the upright photo's width and height")]
pub struct BadRegion;

impl Region {
    /// Takes the corners `x1, y1, x2, y2`, if they are in the photo.
    pub fn new(corners: [f64; 4]) -> Result<Self, BadRegion> {
        let within = corners.iter().all(|corner| (0.0..=1.0).contains(corner));
        if within { Ok(Self { corners }) } else { Err(BadRegion) }
    }

    /// `x1, y1, x2, y2`.
    pub fn corners(self) -> [f64; 4] {
        self.corners
    }

    /// The shorter of its sides, as a fraction of the photo's; 0 where it is empty.
    pub fn smallest(self) -> f64 {
        let [x1, y1, x2, y2] = self.corners;
        (x2 - x1).min(y2 - y1).max(0.0)
    }

    /// `x, y, width, height` in a photo of this size, to the nearest pixel; a width or height of 0 where it holds none.
    pub fn pixels(self, (width, height): (u32, u32)) -> [u32; 4] {
        let [x1, y1, x2, y2] = self.corners;
        let at = |fraction: f64, of: u32| (fraction * f64::from(of)).round() as u32;
        let (left, top) = (at(x1, width), at(y1, height));
        [left, top, at(x2, width).saturating_sub(left), at(y2, height).saturating_sub(top)]
    }
}

impl FromStr for Region {
    type Err = BadRegion;

    fn from_str(text: &str) -> Result<Self, BadRegion> {
        let numbers: Option<Vec<f64>> = text.split(',').map(number).collect();
        let corners = numbers.and_then(|numbers| numbers.try_into().ok()).ok_or(BadRegion)?;
        Self::new(corners)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [x1, y1, x2, y2] = self.corners;
        write!(f, "{x1},{y1},{x2},{y2}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn four_numbers_within_the_photo_are_a_box() {
        let whole: Region = "0,0,1,1".parse().unwrap();
        assert_eq!(whole.pixels((640, 480)), [0, 0, 640, 480]);
        let part: Region = "0.25,0.5,0.75,1".parse().unwrap();
        assert_eq!((part.pixels((640, 480)), part.smallest()), ([160, 240, 320, 240], 0.5));
        for bad in ["", "0,0,1", "0,0,1,1,1", "0,0,1,1.1", "-0.1,0,1,1", "a,b,c,d", "0,0,1,NaN", "0, 0,1,1"] {
            assert_eq!(bad.parse::<Region>(), Err(BadRegion), "{bad}");
        }
    }

    #[test]
    fn a_box_the_wrong_way_round_or_too_thin_holds_nothing() {
        for empty in ["0.5,0,0.5,1", "0.9,0,0.1,1", "0,0.7,1,0.2", "0.5,0.5,0.500001,0.500001"] {
            let [.., width, height] = empty.parse::<Region>().unwrap().pixels((100, 100));
            assert!(width == 0 || height == 0, "{empty}");
        }
    }

    proptest! {
        #[test]
        fn a_box_never_leads_out_of_the_photo(c in prop::array::uniform4(0.0f64..=1.0), w in 1u32..5000, h in 1u32..5000) {
            let [x, y, width, height] = Region::new(c).unwrap().pixels((w, h));
            prop_assert!(x + width <= w && y + height <= h);
        }
    }
}
