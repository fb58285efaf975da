//! The trainer's library against other implementations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

mod colours;
mod losses;
mod network;
#[allow(dead_code)] // other tests use the rest
#[path = "../../../photo/tests/support/pictures.rs"]
mod pictures;
