//! The Rust side of `torchscript.cpp`: the only `unsafe` of this room.

use std::{
    ffi::{CStr, CString, c_char, c_void},
    marker::PhantomData,
    os::unix::ffi::OsStrExt,
    path::Path,
};

use tch::{TchError, Tensor};

type RawTensor = *const c_void;
type RawModule = *mut c_void;

unsafe extern "C" {
    fn lookalike_trace_begin(input: RawTensor, out: *mut RawModule) -> *mut c_char;
    fn lookalike_trace_end(
        m: RawModule,
        outputs: *const RawTensor,
        n: usize,
        path: *const c_char,
    ) -> *mut c_char;
    fn lookalike_trace_abandon(module: RawModule);
    fn lookalike_cpu_autocast(on: bool) -> *mut c_char;
    fn free(text: *mut c_void);
}

/// Turns a C error string, which this takes over, into a result.
fn check(error: *mut c_char) -> Result<(), TchError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the C side returns a NUL-terminated string of malloc, or null, and keeps no hold of it.
    let text = unsafe {
        let text = CStr::from_ptr(error).to_string_lossy().into_owned();
        free(error.cast());
        text
    };
    Err(TchError::Torch(text))
}

/// A recording of what this thread does to one tensor. Not `Send`: the record is the thread's.
pub(super) struct Trace {
    module: RawModule,
    thread_bound: PhantomData<*mut ()>,
}

impl Trace {
    /// Begins to record.
    pub fn begin(input: &Tensor) -> Result<Self, TchError> {
        let mut module = std::ptr::null_mut();
        // SAFETY: `as_ptr` gives libtorch's `at::Tensor *`, alive for the call; `module` is written on success only.
        check(unsafe { lookalike_trace_begin(input.as_ptr().cast(), &raw mut module) })?;
        Ok(Self { module, thread_bound: PhantomData })
    }

    /// Ends the record and saves it: `forward` returns these outputs as a tuple.
    pub fn save(self, outputs: &[Tensor], path: &Path) -> Result<(), TchError> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        let outputs: Vec<RawTensor> = outputs.iter().map(|t| t.as_ptr().cast()).collect();
        let module = self.module;
        std::mem::forget(self); // the C side frees the module, whatever comes of it
        // SAFETY: `module` came from `lookalike_trace_begin`; the outputs live until the call returns.
        check(unsafe { lookalike_trace_end(module, outputs.as_ptr(), outputs.len(), path.as_ptr()) })
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // SAFETY: `module` came from `lookalike_trace_begin` and was not given to `lookalike_trace_end`.
        unsafe { lookalike_trace_abandon(self.module) }
    }
}

/// Runs `f` with this thread's convolutions and matrix products in bf16 on the CPU.
pub fn with_cpu_bf16<T>(f: impl FnOnce() -> T) -> Result<T, TchError> {
    struct Off;
    impl Drop for Off {
        fn drop(&mut self) {
            // SAFETY: sets thread-local state of libtorch; an error string is taken over by `check`.
            let _ = check(unsafe { lookalike_cpu_autocast(false) });
        }
    }
    // SAFETY: as above.
    check(unsafe { lookalike_cpu_autocast(true) })?;
    let _off = Off;
    Ok(f())
}
