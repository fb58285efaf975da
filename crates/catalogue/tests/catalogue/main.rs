//! The catalogue from outside: what it is asked and what it answers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

mod came_in;
mod conforms;
mod crashes;
mod formats;
mod golden;
mod handover;
mod lists;
mod live;
mod lost;
mod mutated;
mod nearest;
mod persistence;
mod power_loss;
mod rate;
mod samples;
mod work;
