//! A moment, as JSON tells it.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

/// A moment of this era, to the millisecond. Text is RFC 3339 in UTC: `2026-11-26T16:30:25.123Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(SystemTime);

/// Why a text is not a [`Timestamp`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not a moment like 2026-11-26T16:30:25.123Z")]
pub struct BadTimestamp(String);

impl Timestamp {
    /// The last second that text has four digits for the year of.
    const LAST: u64 = 253_402_300_799;

    /// This moment.
    pub fn now() -> Self {
        Self::at(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
    }

    /// So long after the beginning of 1970; the last moment there is where that is later.
    pub fn at(since_1970: Duration) -> Self {
        let whole = Duration::from_millis(since_1970.as_millis().try_into().unwrap_or(u64::MAX));
        Self(UNIX_EPOCH + whole.min(Duration::from_secs(Self::LAST)))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_millis(self.0).fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = BadTimestamp;

    fn from_str(text: &str) -> Result<Self, BadTimestamp> {
        let parsed = humantime::parse_rfc3339(text).ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        parsed.map(Self::at).ok_or_else(|| BadTimestamp(text.chars().take(40).collect()))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = BadTimestamp;

    fn try_from(text: String) -> Result<Self, BadTimestamp> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(at: Timestamp) -> String {
        at.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn text_is_as_the_rfc_has_it() {
        let at = Timestamp::at(Duration::from_millis(1_795_710_625_123));
        assert_eq!(at.to_string(), "2026-11-26T16:30:25.123Z");
        assert_eq!("2026-11-26T16:30:25.123Z".parse(), Ok(at));
        assert!("yesterday".parse::<Timestamp>().is_err() && "".parse::<Timestamp>().is_err());
        assert!(Timestamp::at(Duration::MAX).to_string().starts_with("9999-12-31T23:59:59"));
    }

    proptest! {
        #[test]
        fn every_moment_is_read_as_it_was_written(millis: u64) {
            let at = Timestamp::at(Duration::from_millis(millis));
            prop_assert_eq!(at.to_string().parse(), Ok(at));
        }

        #[test]
        fn no_text_panics(text in ".{0,30}") {
            let _ = text.parse::<Timestamp>();
        }
    }
}
