//! A model for the CPU with its convolutions packed: see `packed.cpp`.

use std::{
    ffi::{CString, c_char, c_void},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use tch::{TchError, Tensor};

use crate::{RawModule, RawTensor, check};

unsafe extern "C" {
    fn lookalike_packed_load(
        path: *const c_char,
        side: i64,
        out: *mut RawModule,
        reason: *mut *mut c_char,
    ) -> *mut c_char;
    fn lookalike_packed_forward(
        m: RawModule,
        images: RawTensor,
        to: *mut c_void,
        put: extern "C" fn(*mut c_void, *mut c_void),
    ) -> *mut c_char;
    fn lookalike_packed_free(module: RawModule);
}

/// A TorchScript model on the CPU, in f32 or bf16. Weights lie as oneDNN reads them, ReLU and residual are taken along by
/// the convolution before them; its answers differ from the file's own by rounding.
pub struct PackedModule(RawModule);

// SAFETY: libtorch's modules may be run by several threads at once; nothing changes this one once it is loaded.
unsafe impl Send for PackedModule {}
// SAFETY: as above.
unsafe impl Sync for PackedModule {}

impl PackedModule {
    /// Loads a model that takes images `[N, 3, S, S]` of this side, and why it is run as it is, if it cannot be packed.
    pub fn load(path: &Path, side: u32) -> Result<(Self, Option<String>), TchError> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        let (mut module, mut reason) = (std::ptr::null_mut(), std::ptr::null_mut());
        // SAFETY: the path lives for the call; `module` and `reason` are written on success only.
        check(unsafe {
            lookalike_packed_load(path.as_ptr(), i64::from(side), &raw mut module, &raw mut reason)
        })?;
        Ok((Self(module), check(reason).err().map(|e| e.to_string())))
    }

    /// What the model says of images `[N, 3, S, S]` in f32: a tensor, or those of its tuple in order.
    pub fn forward(&self, images: &Tensor) -> Result<Vec<Tensor>, TchError> {
        extern "C" fn put(to: *mut c_void, tensor: *mut c_void) {
            // SAFETY: `to` is the vector below; the tensor is new and handed over.
            unsafe { (*to.cast::<Vec<Tensor>>()).push(Tensor::from_ptr(tensor.cast())) }
        }
        let mut answer: Vec<Tensor> = Vec::new();
        // SAFETY: the module lives as long as `self`, the images and the vector for the call.
        check(unsafe {
            lookalike_packed_forward(self.0, images.as_ptr().cast(), (&raw mut answer).cast(), put)
        })?;
        Ok(answer)
    }
}

impl Drop for PackedModule {
    fn drop(&mut self) {
        // SAFETY: the module came from `lookalike_packed_load` and is freed here alone.
        unsafe { lookalike_packed_free(self.0) }
    }
}
