//! `lookalike-server`: see `--help`.

use std::process::ExitCode;

use clap::Parser;
use lookalike::{config::ServerConfig, http};

fn main() -> ExitCode {
    let config = ServerConfig::parse();
    let outcome = if config.healthcheck {
        http::healthcheck(config.listen).map_err(|e| format!("{} is not ready: {e}", config.listen))
    } else {
        http::run(&config).map_err(|e| e.to_string())
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("lookalike-server: {reason}");
            ExitCode::FAILURE
        }
    }
}
