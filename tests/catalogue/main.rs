//! The catalogue from outside: what it is asked and what it answers.

mod golden;
mod nearest;
mod persistence;
mod samples;
