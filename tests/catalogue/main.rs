//! The catalogue from outside: what it is asked and what it answers.

// Clippy takes only `#[test]` functions for tests, not what they call.
#![allow(clippy::expect_used)]

mod golden;
mod nearest;
mod persistence;
mod samples;
