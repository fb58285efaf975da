//! Memory for tensors on the CPU that is kept for the next of its size.

use std::ffi::c_char;

use tch::TchError;

use super::check;

unsafe extern "C" {
    fn lookalike_keep_memory(forget: bool) -> *mut c_char;
}

/// From now on, in the whole process, memory of large tensors is kept for the next tensor of its size, up to what was once in
/// use; a training step asks for the same sizes over and over.
pub fn keep_memory() -> Result<(), TchError> {
    // SAFETY: sets libtorch's allocator once; tensors made before keep their own way to be freed.
    check(unsafe { lookalike_keep_memory(false) })
}

/// Gives back what is kept and not in use: the sizes that come next are others.
pub fn release_memory() -> Result<(), TchError> {
    // SAFETY: as above; memory in use is not touched.
    check(unsafe { lookalike_keep_memory(true) })
}
