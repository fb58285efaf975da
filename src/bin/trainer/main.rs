//! `lookalike-trainer`: everything that happens before a shopper comes. Arguments → one call of the library each.

mod commands;
mod compare;
mod data;
mod embed;
mod evaluate;
mod index;
mod recipe;
mod report;
mod twice;

use std::{env, process::ExitCode};

use clap::Parser;

/// Photos → trained network → bundle → catalogue.
#[derive(Parser)]
#[command(version, about, args_override_self = true)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> ExitCode {
    lookalike::telemetry::init_for_commands();
    let run = || Cli::parse_from(recipe::expand(env::args_os().collect())?).command.run();
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            ExitCode::FAILURE
        }
    }
}
