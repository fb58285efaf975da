//! What Milvus' failures mean: which may be tried again, and what a caller is told.

use std::{path::PathBuf, time::Duration};

use lookalike_catalogue::CatalogueError;
use milvus::v2::error::Error;

/// Why one request failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Milvus does not answer, or is not ready: it may be tried again.
    Away(String),
    /// Milvus has too much to do: it may be tried again, later.
    Busy(String),
    /// It is known to be away, and was not asked.
    Open {
        /// What was wrong when it was asked last.
        why: String,
        /// When it is asked again.
        retry_after: Duration,
    },
    /// There was no answer in time.
    Slow(String),
    /// Milvus has no room, and takes no writes until somebody makes some.
    Full(String),
    /// There is no such collection or alias.
    Missing(String),
    /// The answer is larger than a message may be: a part of it can be asked for.
    TooLarge,
    /// Milvus refused the request, or its answer is none.
    Wrong(String),
}

impl Fault {
    /// Whether the same request may succeed when it is made again.
    pub fn passes(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Busy(_))
    }

    /// Whether it shows that Milvus itself is not well.
    pub fn is_an_outage(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Slow(_))
    }

    /// What it says.
    pub fn why(&self) -> String {
        match self {
            Self::Away(why) | Self::Busy(why) | Self::Slow(why) | Self::Full(why) => why.clone(),
            Self::Open { why, .. } | Self::Missing(why) | Self::Wrong(why) => why.clone(),
            Self::TooLarge => "an answer is larger than a message may be".into(),
        }
    }
}

impl From<Fault> for CatalogueError {
    fn from(fault: Fault) -> Self {
        let seconds = |s| Duration::from_secs(s);
        match fault {
            Fault::Away(why) => Self::Unavailable { why, retry_after: seconds(1) },
            Fault::Busy(why) => Self::Unavailable { why, retry_after: seconds(2) },
            Fault::Open { why, retry_after } => Self::Unavailable { why, retry_after },
            Fault::Slow(why) => Self::Timeout(why),
            Fault::Full(why) if why.contains("disk") => Self::Full(PathBuf::from("Milvus")),
            Fault::Full(why) => Self::Unavailable { why, retry_after: seconds(30) },
            // The generation that was served is gone: the next look at the alias finds another.
            Fault::Missing(why) => Self::Unavailable { why, retry_after: seconds(5) },
            other => Self::Engine(other.why()),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::Grpc(status) => of_transport(i32::from(status.code()), status.message()),
            Error::Server(server) => of_server(server.code(), server.legacy_code(), server.reason()),
            Error::Timeout(why) => Self::Slow(format!("Milvus did not answer in time: {why}")),
            Error::RetryExhausted { source, .. } => Self::from(*source),
            Error::Cancelled(why) => Self::Away(why),
            other => Self::Wrong(other.to_string()),
        }
    }
}

/// By gRPC's own codes.
fn of_transport(code: i32, message: &str) -> Fault {
    let why = format!("Milvus: {message}");
    match code {
        1 if message == "Timeout expired" => Fault::Slow(why),
        // Cancelled, unknown, aborted, internal, unavailable: the connection, or the server behind it, went away.
        1 | 2 | 10 | 13 | 14 => Fault::Away(why),
        4 => Fault::Slow(why),
        8 | 11 if message.contains("message length too large") || message.contains("larger than max") => {
            Fault::TooLarge
        }
        8 => Fault::Busy(why),
        7 | 16 => Fault::Wrong(format!("Milvus does not know who asks, or lets them not do this: {message}")),
        _ => Fault::Wrong(why),
    }
}

/// By Milvus' codes, those of 2.3 and later first, and the older ones that it sends beside them.
fn of_server(code: i32, legacy: i32, reason: &str) -> Fault {
    let why = format!("Milvus: {}", reason.chars().take(400).collect::<String>());
    match (code, legacy) {
        (9, _) | (10, _) | (_, 48 | 54) if reason.contains("disk") => Fault::Full(why),
        (3, _) | (9, _) | (_, 48 | 53) => Fault::Full(why),
        (10, _) | (_, 54) => Fault::Full(format!("{why} (disk)")),
        (4 | 8, _) | (_, 49) => Fault::Busy(why),
        // Not ready, no memory to load yet, a segment or a channel that moves, a node that went, a time tick that lags.
        (1 | 2 | 6 | 7 | 101..=106 | 200..=299 | 400..=699 | 901..=999, _) if code != 100 => Fault::Away(why),
        (_, 45..=47 | 50 | 52 | 55..=57 | 100) => Fault::Away(why),
        (100 | 1600, _) | (_, 4 | 28) => Fault::Missing(why),
        _ if reason.contains("not found") && (reason.contains("collection") || reason.contains("alias")) => {
            Fault::Missing(why)
        }
        _ if reason.contains("larger than max") || reason.contains("message length too large") => {
            Fault::TooLarge
        }
        _ => Fault::Wrong(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart() {
        let down = of_transport(14, "tcp connect error");
        assert!(down.passes() && down.is_an_outage());
        assert!(matches!(CatalogueError::from(down), CatalogueError::Unavailable { .. }));
        assert!(!of_transport(16, "auth check failure").passes());
        assert_eq!(of_transport(11, "Error, decoded message length too large: found 9"), Fault::TooLarge);
        assert!(matches!(of_transport(1, "Timeout expired"), Fault::Slow(_)));
        let slow = of_transport(4, "deadline");
        assert!(!slow.passes() && slow.is_an_outage());
        assert!(matches!(CatalogueError::from(slow), CatalogueError::Timeout(_)));
        let busy = of_server(8, 49, "rate limit exceeded");
        assert!(busy.passes() && !busy.is_an_outage());
        let full = of_server(9, 48, "disk quota exceeded");
        assert!(!full.passes());
        assert!(matches!(CatalogueError::from(full), CatalogueError::Full(_)));
        let full = of_server(9, 48, "memory quota exceeded");
        assert!(matches!(CatalogueError::from(full), CatalogueError::Unavailable { .. }));
        assert!(of_server(101, 1, "collection not loaded").passes());
        assert!(matches!(of_server(100, 4, "collection not found"), Fault::Missing(_)));
        assert!(matches!(of_server(1100, 5, "invalid parameter"), Fault::Wrong(_)));
    }
}
