//! Words for a person, on standard error.

use std::{fmt::Arguments, io::Write};

/// Writes a line to standard error. Where it cannot be written (the disk of a log is full, a pipe is closed), the line is lost and the work
/// goes on: `eprintln!` would end it with a panic.
pub fn say(line: Arguments<'_>) {
    // One write, so that lines of several threads stay apart.
    let _ = std::io::stderr().lock().write_all(format!("{line}\n").as_bytes());
}

/// [`say()`] with a format, as `eprintln!` takes it.
#[macro_export]
macro_rules! say {
    ($($line:tt)*) => {
        $crate::say(format_args!($($line)*))
    };
}
