//! What tch does not reach of libtorch: a trace that returns a tuple, a module of quantised convolutions, autocast in bf16,
//! fused steps over many tensors, models with packed convolutions. The C++ files do it, the Rust files are their safe side.
//!
//! May enter: tensors and paths. What leaves are files that libtorch loads, or its error in words.

mod optimise;
mod packed;

pub use optimise::{adamw, clip_gradients, forget_gradients, lerp, sgd};
pub use packed::PackedModule;

use std::{
    ffi::{CStr, CString, c_char, c_void},
    marker::PhantomData,
    os::unix::ffi::OsStrExt,
    path::Path,
};

use tch::{Device, TchError, Tensor};

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
    fn lookalike_autocast(gpu: bool, on: bool) -> *mut c_char;
    fn lookalike_quantised_engine() -> *mut c_char;
    fn lookalike_script_begin(out: *mut RawModule) -> *mut c_char;
    fn lookalike_script_tensor(m: RawModule, name: *const c_char, tensor: RawTensor) -> *mut c_char;
    fn lookalike_script_convolution(
        m: RawModule,
        name: *const c_char,
        weight: RawTensor,
        bias: RawTensor,
        stride: i64,
        padding: i64,
        groups: i64,
    ) -> *mut c_char;
    fn lookalike_script_save(m: RawModule, source: *const c_char, path: *const c_char) -> *mut c_char;
    fn lookalike_script_abandon(module: RawModule);
    fn lookalike_torch_version() -> *const c_char;
    fn free(text: *mut c_void);
}

/// The version of libtorch this was built with, e.g. `2.11.0`.
pub fn version() -> &'static str {
    // SAFETY: the C side returns a string constant.
    unsafe { CStr::from_ptr(lookalike_torch_version()) }.to_str().unwrap_or("unknown")
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
pub struct Trace {
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

/// Whether the device multiplies bf16 by instructions of its own; of GPUs every one is taken to.
pub fn has_bf16(device: Device) -> bool {
    #[cfg(target_arch = "x86_64")]
    let cpu = is_x86_feature_detected!("avx512bf16");
    #[cfg(not(target_arch = "x86_64"))]
    let cpu = false;
    device.is_cuda() || cpu
}

/// Runs `f` with this thread's convolutions and matrix products in bf16, where the device [has it](has_bf16). Elsewhere in
/// f32: libtorch's own loops over bf16 are many times slower.
pub fn with_bf16<T>(device: Device, f: impl FnOnce() -> T) -> Result<T, TchError> {
    if !has_bf16(device) {
        return Ok(f());
    }
    struct Off(bool);
    impl Drop for Off {
        fn drop(&mut self) {
            // SAFETY: sets thread-local state of libtorch; an error string is taken over by `check`.
            let _ = check(unsafe { lookalike_autocast(self.0, false) });
        }
    }
    let gpu = device.is_cuda();
    // SAFETY: as above.
    check(unsafe { lookalike_autocast(gpu, true) })?;
    let _off = Off(gpu);
    Ok(f())
}

/// Quantised convolutions run through oneDNN from now on, in the whole process. To be called before a module that has some
/// is made or loaded.
pub fn use_quantised_engine() -> Result<(), TchError> {
    // SAFETY: sets an atomic of libtorch's; an error string is taken over by `check`.
    check(unsafe { lookalike_quantised_engine() })
}

/// A TorchScript module in the making: tensors and quantised convolutions by name, then the source that uses them.
pub struct ScriptModule(RawModule);

/// How a convolution moves: the same both ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moves {
    /// Pixels from one output to the next.
    pub stride: i64,
    /// Zeros around the input.
    pub padding: i64,
    /// Parts of the channels that do not see each other.
    pub groups: i64,
}

impl ScriptModule {
    /// An empty one.
    pub fn begin() -> Result<Self, TchError> {
        let mut module = std::ptr::null_mut();
        // SAFETY: `module` is written on success only.
        check(unsafe { lookalike_script_begin(&raw mut module) })?;
        Ok(Self(module))
    }

    /// Adds a tensor, which the source reads as `self.NAME`.
    pub fn tensor(&mut self, name: &str, tensor: &Tensor) -> Result<(), TchError> {
        let name = CString::new(name)?;
        // SAFETY: the module lives until it is saved or dropped; name and tensor live for the call.
        check(unsafe { lookalike_script_tensor(self.0, name.as_ptr(), tensor.as_ptr().cast()) })
    }

    /// Packs a convolution; `weight` is qint8 by output channel. The source hands `self.NAME` to `quantized.conv2d…`.
    pub fn convolution(
        &mut self,
        name: &str,
        (weight, bias): (&Tensor, &Tensor),
        Moves { stride, padding, groups }: Moves,
    ) -> Result<(), TchError> {
        let name = CString::new(name)?;
        let (weight, bias) = (weight.as_ptr().cast(), bias.as_ptr().cast());
        // SAFETY: as above; libtorch checks shapes and kinds and throws, which comes back as an error.
        check(unsafe {
            lookalike_script_convolution(self.0, name.as_ptr(), weight, bias, stride, padding, groups)
        })
    }

    /// Compiles `source`, which defines methods, and saves the module.
    pub fn save(self, source: &str, path: &Path) -> Result<(), TchError> {
        let (source, path) = (CString::new(source)?, CString::new(path.as_os_str().as_bytes())?);
        let module = self.0;
        std::mem::forget(self); // the C side frees the module, whatever comes of it
        // SAFETY: `module` came from `lookalike_script_begin`; both strings live for the call.
        check(unsafe { lookalike_script_save(module, source.as_ptr(), path.as_ptr()) })
    }
}

impl Drop for ScriptModule {
    fn drop(&mut self) {
        // SAFETY: the module came from `lookalike_script_begin` and was not saved.
        unsafe { lookalike_script_abandon(self.0) }
    }
}
