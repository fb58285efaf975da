//! Memory for all layers' weights together, in large pages where the system has them: a pass reads every weight, and small
//! pages of so many are more than a core remembers.

use memmap2::MmapMut;

use super::{ExecutorError, weights::Line};

/// A large page.
const PAGE: usize = 2 << 20;

/// Lines that do not move.
pub(super) struct Arena {
    memory: MmapMut,
    /// Where the first line begins, in bytes: at a large page.
    first: usize,
}

impl Arena {
    /// Copies lines into it.
    ///
    /// # Errors
    /// [`ExecutorError::Network`] where there is no such memory.
    pub fn new(lines: &[Line]) -> Result<Self, ExecutorError> {
        let bytes: &[u8] = bytemuck::cast_slice(lines);
        let none = |e| ExecutorError::Network(format!("no {} bytes for its weights: {e}", bytes.len()));
        let mut memory = MmapMut::map_anon(bytes.len().next_multiple_of(PAGE) + PAGE).map_err(none)?;
        #[cfg(target_os = "linux")]
        if let Err(e) = memory.advise(memmap2::Advice::HugePage) {
            tracing::debug!(error = %e, "weights stay in small pages");
        }
        let first = memory.as_ptr().align_offset(PAGE).min(PAGE);
        memory[first..first + bytes.len()].copy_from_slice(bytes);
        Ok(Self { memory, first })
    }

    /// All of them, and zeros behind.
    pub fn lines(&self) -> &[Line] {
        bytemuck::cast_slice(&self.memory[self.first..self.first + (self.memory.len() - PAGE)])
    }
}
