//! The trainer's library against other implementations.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

mod losses;
mod network;
