//! `lookalike-server`: see `--help`.

use std::{fmt::Display, io::Write};

use lookalike::{backup, config::ServerConfig, http};

fn main() {
    let config = ServerConfig::of_program();
    let outcome = if let (Some(tar), Some(state)) = (&config.restore, &config.state) {
        backup::restore(tar, state).map(|restored| tell(&restored)).map_err(|e| e.to_string())
    } else if config.healthcheck {
        http::healthcheck(config.listen).map_err(|e| format!("{} is not ready: {e}", config.listen))
    } else if config.check {
        http::check(&config).map(|told| tell(&told)).map_err(|e| e.to_string())
    } else {
        http::run(&config).map_err(|e| e.to_string())
    };
    if let Err(reason) = &outcome {
        lookalike_common::say!("lookalike-server: {reason}");
    }
    let _ = std::io::stdout().flush(); // nobody may be listening any more
    // At once, without the destructors of C++: a thread may still be loading a model, or running one.
    signal_hook::low_level::exit(i32::from(outcome.is_err()));
}

/// What --check found, or what --restore made. Who does not listen any more has the exit code.
fn tell(text: &dyn Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
