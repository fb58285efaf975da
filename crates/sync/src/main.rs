//! `lookalike-sync`: arguments → one call of the library.

use std::{
    env,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;
use lookalike_sync::{Options, run};

fn main() -> ExitCode {
    let mut options = Options::parse();
    options.key = env::var("LOOKALIKE_ADMIN_KEY").ok().filter(|key| !key.is_empty());
    match run(&options) {
        Ok(summary) => {
            // Whoever closed the pipe has read enough.
            let _ = write!(io::stdout(), "{summary}");
            ExitCode::from(summary.exit_code)
        }
        Err(e) => {
            lookalike_common::say!("error: {e}");
            ExitCode::from(e.exit_code())
        }
    }
}
