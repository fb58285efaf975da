//! Memory for all layers' weights together, in huge pages where the system has them: a pass reads every weight, and small
//! pages of so many are more than a core remembers.

use lookalike_common::HugePages;

use crate::{ExecutorError, weights::Line};

/// Lines that do not move.
pub(crate) struct Arena(HugePages);

impl Arena {
    /// Copies lines into it.
    ///
    /// # Errors
    /// [`ExecutorError::Network`] where there is no such memory.
    pub fn new(lines: &[Line]) -> Result<Self, ExecutorError> {
        let bytes: &[u8] = bytemuck::cast_slice(lines);
        let none = |e| ExecutorError::Network(format!("no {} bytes for its weights: {e}", bytes.len()));
        HugePages::copy(bytes).map(Self).map_err(none)
    }

    /// All of them.
    pub fn lines(&self) -> &[Line] {
        bytemuck::cast_slice(self.0.bytes())
    }
}
