//! The only place that reads the environment: what a program is told by flags and `LOOKALIKE_…` variables.
//!
//! A flag goes before the environment, that before the default. Nothing leaves this room unchecked: every field is of a
//! type that holds valid values alone.

use std::{str::FromStr, time::Duration};

#[cfg(feature = "tch")]
pub use server::ServerConfig;

/// What the commands of the trainer log: `LOOKALIKE_LOG`, if it is set.
pub fn log_filter() -> Option<String> {
    std::env::var("LOOKALIKE_LOG").ok()
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

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
#[cfg_attr(not(feature = "tch"), allow(dead_code))]
fn size_or_off(text: &str) -> Result<OptionalSize, String> {
    if text == "off" {
        return Ok(OptionalSize(None));
    }
    text.parse().map(|size| OptionalSize(Some(size))).map_err(|e: String| format!("{e}; off keeps none"))
}

/// Seconds, fractions allowed: `30`, `0.5`.
#[cfg_attr(not(feature = "tch"), allow(dead_code))]
fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| format!("'{text}' is no number of seconds"))?;
    Duration::try_from_secs_f64(number).map_err(|_| format!("'{text}' is no number of seconds"))
}

/// A web origin as browsers send it: scheme, host and perhaps a port, nothing after.
#[cfg_attr(not(feature = "tch"), allow(dead_code))]
fn origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._:[]".contains(c);
    match host {
        Some(host) if !host.is_empty() && host.chars().all(plain) => Ok(text.to_ascii_lowercase()),
        _ => Err(format!("'{text}' is no web origin: https://shop.example is, without a path")),
    }
}

#[cfg(feature = "tch")]
mod server {
    use std::{
        net::SocketAddr,
        num::{NonZeroU64, NonZeroUsize},
        path::PathBuf,
        time::Duration,
    };

    use clap::Parser;

    use super::{ByteSize, LogFormat, OptionalSize, origin, seconds, size_or_off};
    use crate::embedder::{DeviceChoice, PrecisionChoice};

    /// Answers "which of our items look like this photo?" over HTTP.
    #[derive(Clone, Debug, Parser)]
    #[command(name = "lookalike-server", version, about, max_term_width = 100)]
    pub struct ServerConfig {
        /// The folder made by `lookalike-trainer`: a model and its catalogue.
        #[arg(long, env = "LOOKALIKE_BUNDLE", value_name = "DIR", required_unless_present = "healthcheck")]
        pub bundle: Option<PathBuf>,
        /// Where to listen; port 0 takes a free one and says which.
        #[arg(long, env = "LOOKALIKE_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080")]
        pub listen: SocketAddr,
        /// The folder the items' photos are under; without it only photos with an https URL are shown.
        #[arg(long, env = "LOOKALIKE_IMAGES", value_name = "DIR")]
        pub images: Option<PathBuf>,
        /// Where the model runs: auto, cpu, cuda:0 …
        #[arg(long, env = "LOOKALIKE_DEVICE", value_name = "DEVICE", default_value = "auto")]
        pub device: DeviceChoice,
        /// What the model computes in: auto (the fastest that the bundle holds and the device has instructions for), f32,
        /// bf16, f16, int7 or int8.
        #[arg(long, env = "LOOKALIKE_PRECISION", value_name = "PRECISION", default_value = "auto")]
        pub precision: PrecisionChoice,
        /// Cores the model may use on a CPU; 0 is all.
        #[arg(long, env = "LOOKALIKE_THREADS", value_name = "N", default_value = "0")]
        pub threads: usize,
        /// Memory for the embeddings of photos seen lately, e.g. 64MiB; off keeps none.
        #[arg(long, env = "LOOKALIKE_EMBEDDING_CACHE", value_name = "SIZE", default_value = "64MiB", value_parser = size_or_off)]
        pub embedding_cache: OptionalSize,
        /// The largest request body, e.g. 20MB.
        #[arg(long, env = "LOOKALIKE_MAX_BODY", value_name = "SIZE", default_value = "20MB")]
        pub max_body: ByteSize,
        /// The most pixels a photo may have.
        #[arg(long, env = "LOOKALIKE_MAX_PIXELS", value_name = "N", default_value = "64000000")]
        pub max_pixels: NonZeroU64,
        /// Photos that may wait for the model; one more is answered 429.
        #[arg(long, env = "LOOKALIKE_QUEUE", value_name = "N", default_value = "64")]
        pub queue: NonZeroUsize,
        /// Photos in one pass of the model at most; 0 is what suits the device: 4 on a CPU, 32 on a GPU.
        #[arg(long, env = "LOOKALIKE_MAX_BATCH", value_name = "N", default_value = "0")]
        pub max_batch: usize,
        /// Seconds an answer may take once the request is here (504 past that).
        #[arg(long, env = "LOOKALIKE_REQUEST_TIMEOUT", value_name = "SECONDS", default_value = "30", value_parser = seconds)]
        pub request_timeout: Duration,
        /// Seconds a request body may take to come in (408 past that).
        #[arg(long, env = "LOOKALIKE_UPLOAD_TIMEOUT", value_name = "SECONDS", default_value = "60", value_parser = seconds)]
        pub upload_timeout: Duration,
        /// Seconds to go on serving after SIGTERM with /readyz at 503, so that a load balancer notices.
        #[arg(long, env = "LOOKALIKE_SHUTDOWN_DELAY", value_name = "SECONDS", default_value = "0", value_parser = seconds)]
        pub shutdown_delay: Duration,
        /// Seconds that requests under way may then take to end.
        #[arg(long, env = "LOOKALIKE_DRAIN_TIMEOUT", value_name = "SECONDS", default_value = "20", value_parser = seconds)]
        pub drain_timeout: Duration,
        /// Web pages of these origins may call the API, e.g. https://shop.example; all may where none is named.
        #[arg(long = "cors-origin", env = "LOOKALIKE_CORS_ORIGIN", value_name = "ORIGIN", value_delimiter = ',', value_parser = origin)]
        pub cors_origins: Vec<String>,
        /// How log lines are written.
        #[arg(long, env = "LOOKALIKE_LOG_FORMAT", value_enum, default_value_t)]
        pub log_format: LogFormat,
        /// What is logged, e.g. info, or lookalike=debug,warn.
        #[arg(long = "log", env = "LOOKALIKE_LOG", value_name = "FILTER", default_value = "info")]
        pub log_filter: String,
        /// Ask the server at --listen whether it is ready, and exit with 0 or 1.
        #[arg(long)]
        pub healthcheck: bool,
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
        for bad in ["", "*", "shop.example", "https://", "https://shop.example/", "https://a b"] {
            assert!(origin(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_breaks_a_parser(text in ".*") {
            let _ = (text.parse::<ByteSize>(), seconds(&text), origin(&text));
        }
    }
}
