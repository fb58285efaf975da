//! `lookalike-trainer` from outside: its commands on real, small data.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

mod brought;
mod compare;
mod evaluate;
mod folders_as_they_come;
mod frozen;
mod hostile;
mod hub;
mod import;
mod layouts;
mod minutes;
mod pca;
#[allow(dead_code)] // other tests use the rest
#[path = "../../../photo/tests/support/pictures.rs"]
mod pictures;
mod precisions;
mod report;
mod resume;
mod shards;
mod study;
mod whole_way;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The repository's root.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The trainer with these arguments, parted by blanks.
fn command(dir: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lookalike-trainer"));
    command.args(arguments.split_whitespace()).current_dir(dir).env("OMP_NUM_THREADS", "1");
    command
}

/// Runs it.
fn trainer(dir: &Path, arguments: &str) -> Output {
    command(dir, arguments).output().unwrap()
}

/// The same, which must succeed; its standard output.
fn done(dir: &Path, arguments: &str) -> String {
    let output = trainer(dir, arguments);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments}\n{errors}");
    String::from_utf8(output.stdout).unwrap()
}

/// The same, which must be refused in a sentence; that sentence.
fn refused(dir: &Path, arguments: &str) -> String {
    let output = trainer(dir, arguments);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{arguments}\n{errors}");
    assert!(errors.contains("error: ") && !errors.contains("panicked"), "{errors}");
    errors
}
