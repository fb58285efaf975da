//! What an open catalogue takes.

/// How much memory an open catalogue takes, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Footprint {
    /// The codes of all points.
    pub codes: usize,
    /// Their neighbours on level 0.
    pub graph: usize,
    /// The f32 vectors: mapped, paged in as hits are compared.
    pub mapped: usize,
}
