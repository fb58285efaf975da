//! The network as TorchScript: batch-norm folded, traced on one image, the batch left open.

use std::path::Path;

use tch::{Device, Kind, Tensor};

use crate::network::{ColourModule, Network, NetworkError};
use lookalike_libtorch::Trace;
use lookalike_photo::Preprocessing;

/// Folds the network, brings its convolutions to `kind`, and saves `forward(images [N,3,S,S])` → `(embedding [N,D],
/// colour [N,C], logits [N,K])`. Images and answers are f32 whatever the kind within.
pub fn trace(
    mut network: Network,
    preprocessing: &Preprocessing,
    kind: Kind,
    path: &Path,
) -> Result<(), NetworkError> {
    network.fold();
    if kind != Kind::Float {
        network.convert(kind);
    }
    let _guard = tch::no_grad_guard();
    let side = i64::from(preprocessing.size());
    // Any photo does: a trace records what is done, not with what.
    let image = Tensor::f_rand([1, 3, side, side], (Kind::Float, Device::Cpu))?;
    let colour = ColourModule::new(preprocessing, Device::Cpu);
    let trace = Trace::begin(&image)?;
    let outputs = network.answer(&image, &colour);
    trace.save(&outputs, path)?;
    Ok(())
}
