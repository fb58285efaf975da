//! Steps over all parameters at once: momentum, AdamW, clipping, averages. The state is the caller's own tensors, so that it
//! can be written down and read again.

use std::ffi::c_char;

use tch::{TchError, Tensor};

use crate::{RawTensor, check};

type List = *const RawTensor;

unsafe extern "C" {
    fn lookalike_forget_gradients(parameters: List, n: usize) -> *mut c_char;
    fn lookalike_clip_gradients(parameters: List, n: usize, most: f64) -> *mut c_char;
    fn lookalike_sgd(parameters: List, momenta: List, n: usize, lr: f64, decay: f64) -> *mut c_char;
    fn lookalike_adamw(
        parameters: List,
        first: List,
        second: List,
        n: usize,
        steps: f64,
        lr: f64,
        decay: f64,
    ) -> *mut c_char;
    fn lookalike_lerp(targets: List, sources: List, n: usize, weight: f64) -> *mut c_char;
}

fn raw(tensors: &[Tensor]) -> Vec<RawTensor> {
    tensors.iter().map(|t| t.as_ptr().cast()).collect()
}

fn same_length(a: &[Tensor], b: &[Tensor]) -> Result<(), TchError> {
    if a.len() == b.len() {
        return Ok(());
    }
    Err(TchError::Torch(format!("{} parameters with the state of {}", a.len(), b.len())))
}

/// Forgets the parameters' gradients.
pub fn forget_gradients(parameters: &[Tensor]) -> Result<(), TchError> {
    let p = raw(parameters);
    // SAFETY: the pointers are of tensors that live for the call, here and below; libtorch's errors come back in words.
    check(unsafe { lookalike_forget_gradients(p.as_ptr(), p.len()) })
}

/// Scales the gradients so that the norm over all of them is `most` or less.
pub fn clip_gradients(parameters: &[Tensor], most: f64) -> Result<(), TchError> {
    if parameters.is_empty() {
        return Ok(());
    }
    let p = raw(parameters);
    // SAFETY: as above.
    check(unsafe { lookalike_clip_gradients(p.as_ptr(), p.len(), most) })
}

/// One step of SGD with Nesterov momentum 0.9. A gradient that is not there is zero.
pub fn sgd(parameters: &[Tensor], momenta: &[Tensor], lr: f64, decay: f64) -> Result<(), TchError> {
    same_length(parameters, momenta)?;
    let (p, m) = (raw(parameters), raw(momenta));
    // SAFETY: as above; both lists are of one length.
    check(unsafe { lookalike_sgd(p.as_ptr(), m.as_ptr(), p.len(), lr, decay) })
}

/// One step of AdamW (0.9, 0.999); `steps` were made before it.
pub fn adamw(
    parameters: &[Tensor],
    (first, second): (&[Tensor], &[Tensor]),
    steps: u64,
    lr: f64,
    decay: f64,
) -> Result<(), TchError> {
    same_length(parameters, first)?;
    same_length(parameters, second)?;
    let (p, m, v) = (raw(parameters), raw(first), raw(second));
    // SAFETY: as above; the three lists are of one length.
    check(unsafe { lookalike_adamw(p.as_ptr(), m.as_ptr(), v.as_ptr(), p.len(), steps as f64, lr, decay) })
}

/// Moves every target by `weight` of its way to its source.
pub fn lerp(targets: &[Tensor], sources: &[Tensor], weight: f64) -> Result<(), TchError> {
    same_length(targets, sources)?;
    let (t, s) = (raw(targets), raw(sources));
    // SAFETY: as above; both lists are of one length.
    check(unsafe { lookalike_lerp(t.as_ptr(), s.as_ptr(), t.len(), weight) })
}
