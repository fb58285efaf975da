//! Logs and metrics: where log lines go and which are written, and every metric's name.
//!
//! May enter: events and figures of any crate. Lines go to standard error; standard output stays a program's own. Where
//! spans are sent beside the log is the program's to say ([`init`]).

mod metrics;

pub use metrics::{
    Ended, OpenConnection, Question, Stage, answered, base_changed, batch, body_refused, catalogue,
    catalogue_damaged, connection_refused, connection_timed_out, expect_route, init_metrics, key_failed,
    looked_up, memory_budget, memory_held, model_restarted, pool, queued, recalled, render_metrics,
    settle_metrics, took, written,
};

use std::io::IsTerminal;

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::{EnvFilter, Layer, Registry, layer::SubscriberExt, util::SubscriberInitExt};

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

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// A layer of the subscriber, whatever it does.
pub type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Log lines that may wait for whoever reads them. Where more would, lines are lost instead of time.
const LINES_WAITING: usize = 10_000;

/// Lines are written to standard error by a thread of its own, until this is dropped: then what waits is written, within a second.
#[must_use]
#[derive(Debug)]
pub struct Logging(#[allow(dead_code, reason = "held until the end")] WorkerGuard);

/// Sets up logging for the whole process; to be called once, first. Spans and events go to `more` too, if it is given.
///
/// # Errors
/// [`TelemetryError`]
pub fn init(filter: &str, format: LogFormat, more: Option<BoxedLayer>) -> Result<Logging, TelemetryError> {
    let waiting = NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES_WAITING);
    let (writer, guard) = waiting.finish(std::io::stderr());
    let mut layers = vec![lines(filter, format, writer)?];
    layers.extend(more);
    tracing_subscriber::registry().with(layers).try_init().map_err(|_| TelemetryError::Twice)?;
    Ok(Logging(guard))
}

/// Checks a filter without setting anything up.
pub fn check(filter: &str) -> Result<(), TelemetryError> {
    parsed(filter).map(drop)
}

fn lines(filter: &str, format: LogFormat, writer: NonBlocking) -> Result<BoxedLayer, TelemetryError> {
    let filter = parsed(filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
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

/// Logs of a program of commands: warnings and notes for a person, on standard error. `filter` goes before the usual one,
/// if it is one.
pub fn init_for_commands(filter: Option<&str>) {
    let filter = filter.and_then(|f| f.parse().ok()).unwrap_or_else(|| EnvFilter::new("warn,lookalike=info"));
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .try_init();
}
