//! `lookalike-server`: see `--help`.

use std::process::ExitCode;

use lookalike::{config::ServerConfig, http};

#[allow(clippy::print_stdout)] // what --check found is what it is for
fn main() -> ExitCode {
    let config = ServerConfig::of_program();
    let outcome = if config.healthcheck {
        http::healthcheck(config.listen).map_err(|e| format!("{} is not ready: {e}", config.listen))
    } else if config.check {
        http::check(&config).map(|told| println!("{told}")).map_err(|e| e.to_string())
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
