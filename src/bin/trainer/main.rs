//! `lookalike-trainer`: everything that happens before a shopper comes. Arguments → one call of the library each.

mod commands;
mod compare;
mod data;
mod embed;
mod evaluate;
mod index;
mod report;
mod twice;

use clap::Parser;

/// Photos → trained network → bundle → catalogue.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: commands::Command,
}

fn main() -> std::process::ExitCode {
    lookalike::telemetry::init_for_commands();
    match Cli::parse().command.run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e:#}");
            std::process::ExitCode::FAILURE
        }
    }
}
