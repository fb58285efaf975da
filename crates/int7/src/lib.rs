//! The quantised network on a CPU, without libtorch: what makes one photo, or a few, fast. Activations are of 7 bits, weights
//! of 8, such that the sums of 16 products fit into 16 bits: where bytes have no multiply-add of their own (AVX2) that saves
//! an instruction for every second product of the usual way, which widens each to 32. Where they have (AVX-512 VNNI) the
//! same numbers are added up in 32 bits at once.
//!
//! May enter: a file that [`Quantised::write`] wrote, and photos as `[S, S, 3]` bytes. What leaves are the model's three
//! answers in f32. Results are the same, bit for bit, whatever the instructions, the batch and the number of threads.

mod arena;
mod bounds;
mod file;
mod head;
mod kernel;
mod layer;
mod network;
mod pass;
mod team;
#[cfg(test)]
mod tests;
mod weights;

pub use file::{Block, Convolution, Form, Linear, Quantised};
pub use pass::Executor;
pub use weights::{ACTIVATION_LEVELS, STEM_LEVELS, quantise};

use std::path::PathBuf;

/// What the network says of one photo.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// D numbers, not normalised; P where the network projects them.
    pub embedding: Vec<f32>,
    /// The colour module's numbers.
    pub colour: Vec<f32>,
    /// K numbers, before softmax.
    pub logits: Vec<f32>,
}

/// Why a quantised network cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ExecutorError {
    /// The file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file holds something else.
    #[error("{}: not a quantised network ({reason}); export the bundle again", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// Its parts do not fit together.
    #[error("not a network that can be run in 7 bits: {0}")]
    Network(String),
    /// A photo that is not of the network's size.
    #[error("a photo of {found} bytes, the network takes {wanted}")]
    Photo {
        /// `S · S · 3`.
        wanted: usize,
        /// What came.
        found: usize,
    },
}

/// Whether this CPU gains by it: it has AVX2.
pub fn has_fast_kernel() -> bool {
    kernel::Kernel::best().is_fast()
}
