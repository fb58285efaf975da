//! The only place that reads the environment: what a program is told by flags, `LOOKALIKE_…` variables and a file.
//!
//! A flag goes before the environment, that before the file, that before the default. Nothing leaves this room unchecked:
//! every field is of a type that holds valid values alone.

mod callers;
mod engine;
mod file;
mod keys;
mod memory;
mod rate;
mod server;

use std::{str::FromStr, time::Duration};

pub(crate) use callers::first_bits;
pub use callers::{BasePath, CallersConfig, HostName, Network};
pub use engine::{CatalogueAddress, Credentials, EngineConfig};
pub use keys::{ApiKeys, BadKeys, Role};
pub use lookalike_telemetry::LogFormat;
pub use memory::MemoryConfig;
pub use rate::RateLimit;
pub use server::{Reads, ServerConfig};

/// A number of bytes: `500000`, `20MB`, `16MiB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSize(pub usize);

impl FromStr for ByteSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = || format!("'{text}' is no size: 500000, 500kB, 20MB or 16MiB are");
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let unit: usize = match text[digits..].trim_start() {
            "" | "B" => 1,
            "kB" | "KB" => 1_000,
            "MB" => 1_000_000,
            "GB" => 1_000_000_000,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(refuse()),
        };
        let number: usize = text[..digits].parse().map_err(|_| refuse())?;
        match number.checked_mul(unit) {
            Some(size) if size > 0 => Ok(Self(size)),
            _ => Err(refuse()),
        }
    }
}

/// A number of bytes, or none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionalSize(pub Option<ByteSize>);

/// `64MiB`, or `off`.
fn size_or_off(text: &str) -> Result<OptionalSize, String> {
    if text == "off" {
        return Ok(OptionalSize(None));
    }
    text.parse().map(|size| OptionalSize(Some(size))).map_err(|e: String| format!("{e}; off keeps none"))
}

/// A share of something, above 0 and at most 1, or none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OptionalShare(pub Option<f64>);

/// `20%`, `0.5%`, or `off`.
fn share_or_off(text: &str) -> Result<OptionalShare, String> {
    if text == "off" {
        return Ok(OptionalShare(None));
    }
    let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match percent {
        Some(percent) if percent > 0.0 && percent <= 100.0 => Ok(OptionalShare(Some(percent / 100.0))),
        _ => Err(format!("'{text}' is no share: 20% is, and off")),
    }
}

/// Seconds, fractions allowed: `30`, `0.5`.
fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| format!("'{text}' is no number of seconds"))?;
    Duration::try_from_secs_f64(number).map_err(|_| format!("'{text}' is no number of seconds"))
}

/// `true` or `false`.
fn yes_or_no(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("'{text}' is neither true nor false"))
}

/// A web origin as browsers send it: scheme, host and perhaps a port, nothing after; or `*`, which is every origin.
fn origin(text: &str) -> Result<String, String> {
    if text == "*" {
        return Ok(text.to_owned());
    }
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    match host {
        Some(host) if !host.is_empty() && host.chars().all(plain) => Ok(text.to_ascii_lowercase()),
        _ => {
            Err(format!("'{text}' is no web origin: https://shop.example is, without a path, and * for all"))
        }
    }
}

/// The address of a collector: plain HTTP, to one nearby.
fn collector(text: &str) -> Result<String, String> {
    match text.strip_prefix("http://").map(|rest| rest.split('/').next().unwrap_or_default()) {
        Some(host) if !host.is_empty() && !text.contains(char::is_whitespace) => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err(format!(
            "'{text}' is no address of a collector: http://127.0.0.1:4318 is (TLS is the collector's to do)"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_have_units() {
        let size = |text: &str| text.parse::<ByteSize>().ok().map(|s| s.0);
        assert_eq!(size("20MB"), Some(20_000_000));
        assert_eq!(size("16 MiB"), Some(16 << 20));
        assert_eq!(size("512"), Some(512));
        for bad in ["", "MB", "0", "-1", "1.5MB", "20mb", "99999999999GB", "18446744073709551616"] {
            assert_eq!(size(bad), None, "{bad}");
        }
    }

    #[test]
    fn origins_end_at_the_port() {
        assert_eq!(origin("https://Shop.example:8443").as_deref(), Ok("https://shop.example:8443"));
        assert_eq!(origin("*").as_deref(), Ok("*"));
        for bad in [
            "",
            "**",
            "https://*",
            "null",
            "shop.example",
            "https://",
            "https://shop.example/",
            "https://a b",
        ] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_are_per_cent() {
        assert_eq!(share_or_off("20%"), Ok(OptionalShare(Some(0.2))));
        assert_eq!(share_or_off("off"), Ok(OptionalShare(None)));
        for bad in ["", "20", "0%", "-1%", "101%", "NaN%", "inf%", "%", "on"] {
            assert!(share_or_off(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_parser(text in ".*") {
            let _ = (text.parse::<ByteSize>(), seconds(&text), origin(&text), share_or_off(&text));
        }
    }
}
