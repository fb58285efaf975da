//! Which of the results are wanted.

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

/// How many results are left out before the first that is wanted: 0 to 499.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offset(u16);

/// Why a value is not an [`Offset`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a whole number from 0 to {}", Page::REACH - 1)]
pub struct BadOffset;

impl FromStr for Offset {
    type Err = BadOffset;

    /// Digits alone.
    fn from_str(text: &str) -> Result<Self, BadOffset> {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse::<u16>().ok().filter(|&n| digits && usize::from(n) < Page::REACH);
        number.map(Self).ok_or(BadOffset)
    }
}

/// `k` results from `offset` on, the 500th at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page {
    k: K,
    offset: Offset,
}

/// Why an [`Offset`] and a [`K`] are no [`Page`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("and k together must not be more than {}", Page::REACH)]
pub struct BadPage;

impl Page {
    /// The last result that can be asked for.
    pub const REACH: usize = 500;

    /// Takes both, if they do not lead too far.
    pub fn new(k: K, offset: Offset) -> Result<Self, BadPage> {
        let page = Self { k, offset };
        if page.end() <= Self::REACH { Ok(page) } else { Err(BadPage) }
    }

    /// How many results are wanted.
    pub fn k(self) -> K {
        self.k
    }

    /// How many are left out before them.
    pub fn offset(self) -> usize {
        usize::from(self.offset.0)
    }

    /// The rank of the last result wanted.
    pub fn end(self) -> usize {
        self.offset() + self.k.get()
    }
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

    #[test]
    fn a_page_ends_at_the_five_hundredth() {
        let page = |k: usize, offset: &str| Page::new(K::new(k).unwrap(), offset.parse().unwrap());
        assert_eq!(page(100, "400").map(Page::end), Ok(500));
        assert_eq!(page(1, "499").map(Page::offset), Ok(499));
        assert_eq!(page(100, "401"), Err(BadPage));
        for bad in ["", "-1", "+1", "500", "1.0", "70000"] {
            assert_eq!(bad.parse::<Offset>(), Err(BadOffset), "{bad}");
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
