//! A part of a data set, as many as there are machines.

use std::{fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::extraction::run::BLOCK;

/// The `number`-th of `of` parts, from 1; written `3/16`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    number: usize,
    of: usize,
}

impl Shard {
    /// All of it.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// `None` unless `1 ≤ number ≤ of`.
    pub fn new(number: usize, of: usize) -> Option<Self> {
        (number >= 1 && number <= of && of <= 100_000).then_some(Self { number, of })
    }

    /// Which part, from 1.
    pub fn number(&self) -> usize {
        self.number
    }

    /// Of how many.
    pub fn of(&self) -> usize {
        self.of
    }

    /// Its records of so many: parts follow each other without a gap and differ by a block at most.
    pub fn range(&self, photos: usize) -> Range<usize> {
        let blocks = photos.div_ceil(BLOCK);
        let start = |part: usize| (blocks * part / self.of * BLOCK).min(photos);
        start(self.number - 1)..start(self.number)
    }

    /// Its file's name, without an ending.
    pub(crate) fn name(&self) -> String {
        format!("{}-of-{}", self.number, self.of)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('/').and_then(|(n, of)| Self::new(n.parse().ok()?, of.parse().ok()?));
        parsed.ok_or_else(|| format!("a shard is 1/N to N/N, e.g. 3/16; not '{text}'"))
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn shards_tile_the_records_in_whole_blocks(photos in 0usize..5_000, of in 1usize..40) {
            let mut next = 0;
            for number in 1..=of {
                let range = Shard::new(number, of).unwrap().range(photos);
                prop_assert_eq!(range.start, next);
                prop_assert!(range.start.is_multiple_of(BLOCK) || range.is_empty());
                prop_assert!(range.len() <= photos.div_ceil(BLOCK).div_ceil(of) * BLOCK);
                next = range.end;
            }
            prop_assert_eq!(next, photos);
        }
    }

    #[test]
    fn shards_are_read_as_they_are_written() {
        assert_eq!("3/16".parse::<Shard>().unwrap().to_string(), "3/16");
        for bad in ["0/16", "17/16", "3", "3/", "/3", "a/b", "-1/3", "1/0", "1/2/3"] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }
}
