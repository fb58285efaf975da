//! dataset

pub mod sample;
