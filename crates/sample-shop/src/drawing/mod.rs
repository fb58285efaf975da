//! Drawing: outlines, the canvas that lays padded parts over one another, and noise.

pub mod canvas;
pub mod geometry;
pub mod noise;
