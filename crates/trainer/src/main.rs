//! `lookalike-trainer`: everything that happens before a shopper comes. Arguments → one call of the library each.

mod commands;

use std::{env, process::ExitCode};

use clap::Parser;
use commands::recipe;

/// Photos → trained network → bundle → catalogue.
#[derive(Parser)]
#[command(version, about, args_override_self = true)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
}

/// An error and what it came from, each once: many say in their own words what their source says.
fn told(error: &anyhow::Error) -> String {
    let mut told = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !told.contains(&cause) {
            told = format!("{told}: {cause}");
        }
    }
    told
}

fn main() -> ExitCode {
    lookalike_telemetry::init_for_commands(env::var("LOOKALIKE_LOG").ok().as_deref());
    let run = || Cli::parse_from(recipe::expand(env::args_os().collect())?).command.run();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            lookalike_common::say!("error: {}", told(&e));
            ExitCode::FAILURE
        }
    }
}
