//! Tracing: where log lines go and which are written. They go to standard error; standard output stays a program's own.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{self, LogFormat};

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("'{filter}' is no log filter ({reason}): info, or lookalike=debug,warn are")]
    Filter {
        /// As it was given.
        filter: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something logs already.
    #[error("logging is set up already")]
    Twice,
}

/// Sets up logging for the whole process; to be called once, first.
pub fn init(filter: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let refuse = |e: tracing_subscriber::filter::ParseError| TelemetryError::Filter {
        filter: filter.to_owned(),
        reason: e.to_string(),
    };
    let filter = EnvFilter::builder().parse(filter).map_err(refuse)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    }
    .map_err(|_| TelemetryError::Twice)
}

/// Logs of the trainer's commands: warnings and notes for a person, on standard error.
pub fn init_for_commands() {
    let filter = config::log_filter()
        .and_then(|f| f.parse().ok())
        .unwrap_or_else(|| EnvFilter::new("warn,lookalike=info"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .try_init();
}
