//! How often a key may ask.

use std::{num::NonZeroU32, str::FromStr, time::Duration};

/// So many requests in a second, a minute or an hour: `20/s`, `600/min`, `5000/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many.
    pub requests: NonZeroU32,
    /// In how long.
    pub period: Duration,
}

impl FromStr for RateLimit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("'{text}' is no rate: 20/s, 600/min and 5000/h are");
        let (number, unit) = text.split_once('/').ok_or_else(refuse)?;
        let seconds = match unit.trim() {
            "s" => 1,
            "min" => 60,
            "h" => 3600,
            _ => return Err(refuse()),
        };
        let requests = number.trim().parse().map_err(|_| refuse())?;
        Ok(Self { requests, period: Duration::from_secs(seconds) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_a_number_and_a_unit() {
        let rate: RateLimit = "600/min".parse().unwrap();
        assert_eq!((rate.requests.get(), rate.period.as_secs()), (600, 60));
        for bad in ["", "20", "0/s", "-1/s", "20/d", "/s", "1.5/s", "99999999999/s"] {
            assert!(bad.parse::<RateLimit>().is_err(), "{bad}");
        }
    }
}
