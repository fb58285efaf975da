//! Logs, traces and metrics: where log lines go and which are written, to whom spans are sent, and every metric's name.
//! Lines go to standard error; standard output stays a program's own.

mod metrics;
mod traces;

pub use metrics::{
    OpenConnection, Stage, answered, batch, connection_refused, connection_timed_out, expect_route,
    init_metrics, looked_up, queued, render_metrics, settle_metrics, took,
};
pub use traces::{TraceParent, Tracer, adopt, finished};

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

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
    /// Traces cannot be sent.
    #[error("traces cannot be sent to {endpoint}: {reason}")]
    Traces {
        /// As it was given.
        endpoint: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Something logs already.
    #[error("logging is set up already")]
    Twice,
}

/// A layer of the subscriber, whatever it does.
type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

/// Sets up logging for the whole process; to be called once, first. Spans go to `tracer` too, if there is one.
pub fn init(filter: &str, format: LogFormat, tracer: Option<&Tracer>) -> Result<(), TelemetryError> {
    let mut layers = vec![lines(filter, format)?];
    layers.extend(tracer.map(Tracer::layer));
    tracing_subscriber::registry().with(layers).try_init().map_err(|_| TelemetryError::Twice)
}

/// Checks a filter without setting anything up.
pub fn check(filter: &str) -> Result<(), TelemetryError> {
    parsed(filter).map(drop)
}

fn lines(filter: &str, format: LogFormat) -> Result<Boxed, TelemetryError> {
    let filter = parsed(filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    Ok(match format {
        LogFormat::Text => lines.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
    })
}

fn parsed(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|e| TelemetryError::Filter { filter: filter.to_owned(), reason: e.to_string() })
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
