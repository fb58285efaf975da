//! Tracing: what is logged, and how.

use std::io::IsTerminal;

use tracing_subscriber::{EnvFilter, fmt};

/// Logs of the trainer's commands: warnings and notes for a person, on standard error.
pub fn init_for_commands() {
    let filter = EnvFilter::try_from_env("LOOKALIKE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let _ = fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .without_time()
        .try_init();
}
