//! A number from 0 to 1.

use std::str::FromStr;

/// A number from 0 to 1: a score, a weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Unit(f32);

/// Why a value is not a [`Unit`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a number from 0 to 1")]
pub struct BadUnit;

impl Unit {
    /// Takes the number, if it is in range.
    pub fn new(number: f32) -> Result<Self, BadUnit> {
        if (0.0..=1.0).contains(&number) { Ok(Self(number)) } else { Err(BadUnit) }
    }

    /// The number.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl FromStr for Unit {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        number(text).ok_or(BadUnit).and_then(|number| Self::new(number as f32))
    }
}

/// A finite number as JSON writes it: no `inf`, no `+1`, no space.
pub(crate) fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"-+.eE".contains(&b));
    let starts = text.starts_with(|c: char| c.is_ascii_digit() || c == '-');
    text.parse().ok().filter(|number: &f64| plain && starts && number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_numbers_in_range_are_taken() {
        for (text, number) in
            [("0", 0.0), ("1", 1.0), ("0.25", 0.25), ("1e-1", 0.1), ("-0", 0.0), ("1.0", 1.0)]
        {
            assert_eq!(text.parse::<Unit>().map(Unit::get), Ok(number), "{text}");
        }
        for bad in ["", "-0.1", "1.01", "NaN", "inf", "+0.5", " 0.5", "0,5", "1e-400000x", "٠.٥", ".5"] {
            assert_eq!(bad.parse::<Unit>(), Err(BadUnit), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_yields_a_unit_out_of_range(text in "[-+.eE0-9infaN]{0,8}") {
            if let Ok(unit) = text.parse::<Unit>() {
                prop_assert!((0.0..=1.0).contains(&unit.get()));
            }
        }
    }
}
