//! What can be asked for: values that were checked when they were made.

use std::{fmt, str::FromStr};

/// How many results are wanted: 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct K(u8);

/// Why a value is not a [`K`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a whole number from {} to {}", K::MIN, K::MAX)]
pub struct BadK;

impl K {
    /// The fewest results that can be asked for.
    pub const MIN: usize = 1;
    /// The most.
    pub const MAX: usize = 100;

    /// Takes the number, if it is in range.
    pub fn new(k: usize) -> Result<Self, BadK> {
        match u8::try_from(k) {
            Ok(small) if (Self::MIN..=Self::MAX).contains(&k) => Ok(Self(small)),
            _ => Err(BadK),
        }
    }

    /// The number.
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for K {
    fn default() -> Self {
        Self(10)
    }
}

impl FromStr for K {
    type Err = BadK;

    /// Digits alone: no sign, no space, no fraction.
    fn from_str(text: &str) -> Result<Self, BadK> {
        if !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(BadK);
        }
        text.parse().map_err(|_| BadK).and_then(Self::new)
    }
}

impl fmt::Display for K {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The parameters of a question, apart from what it is about.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// How many results.
    pub k: K,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_plain_numbers_in_range_are_taken() {
        assert_eq!("1".parse().map(K::get), Ok(1));
        assert_eq!("100".parse().map(K::get), Ok(100));
        for bad in ["", "0", "101", "256", "357", "-1", "+5", " 5", "5 ", "1.0", "abc", "1e1", "٣"] {
            assert_eq!(bad.parse::<K>(), Err(BadK), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn a_text_is_taken_exactly_when_it_names_a_number_in_range(n in 0usize..100_000) {
            prop_assert_eq!(n.to_string().parse::<K>().is_ok(), (K::MIN..=K::MAX).contains(&n));
        }

        #[test]
        fn no_text_yields_a_k_out_of_range(text in ".*") {
            if let Ok(k) = text.parse::<K>() {
                prop_assert!((K::MIN..=K::MAX).contains(&k.get()));
            }
        }
    }
}
