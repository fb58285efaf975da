//! What a model says of a photo, and why it may not.

use std::path::PathBuf;

use lookalike_int7::ExecutorError;
use lookalike_items::Vectors;

use crate::precision::Precision;

/// What a model says of one photo.
#[derive(Clone, Debug)]
pub struct Embedded {
    /// The deep embedding, L2-normalised, and the colour feature.
    pub vectors: Vectors,
    /// One number a category, before softmax; empty where the model has no classifier.
    pub logits: Vec<f32>,
}

/// Why a photo could not be embedded.
#[derive(Debug, thiserror::Error)]
pub enum EmbedderError {
    /// The queue is full; nothing was taken on.
    #[error("the model's queue is full; try again in a moment")]
    Busy,
    /// The model thread has ended: the process is shutting down.
    #[error("the model is shutting down")]
    Closed,
    /// The model's threads are being started again; nothing was taken on, or what was is given up.
    #[error("the model is being started again: {0}")]
    Down(String),
    /// The device asked for is not there.
    #[error("device {asked} cannot be used: {reason}")]
    Device {
        /// As it was asked for.
        asked: String,
        /// Why not.
        reason: String,
    },
    /// The precision asked for is not to be had.
    #[error("precision {asked} cannot be used: {reason}")]
    Precision {
        /// As it was asked for.
        asked: Precision,
        /// Why not.
        reason: String,
    },
    /// The file is no TorchScript that runs here.
    #[error("{}: not a TorchScript model that loads here ({reason})", path.display())]
    Load {
        /// Which file.
        path: PathBuf,
        /// What libtorch says.
        reason: String,
    },
    /// The executor's file, or what it was given.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// What came out of the model is not what was agreed.
    #[error("{0}")]
    Output(String),
    /// The device had no memory for the batch: a smaller one may do.
    #[error("the model's device has no memory left: {0}")]
    NoMemory(String),
    /// libtorch failed on the way.
    #[error("libtorch: {0}")]
    Torch(String),
}

impl EmbedderError {
    /// The same for everyone who was in one batch.
    pub(crate) fn told_again(&self) -> Self {
        match self {
            Self::NoMemory(why) => Self::NoMemory(why.clone()),
            Self::Down(why) => Self::Down(why.clone()),
            Self::Torch(why) => Self::Torch(why.clone()),
            other => Self::Torch(other.to_string()),
        }
    }
}

impl From<tch::TchError> for EmbedderError {
    fn from(e: tch::TchError) -> Self {
        let text = e.to_string();
        // How libtorch, cuDNN, cuBLAS and the driver say that there is no memory.
        let words = [
            "out of memory",
            "can't allocate memory",
            "ALLOC_FAILED",
            "CUDNN_STATUS_INTERNAL_ERROR",
            "CUBLAS_STATUS_NOT_INITIALIZED",
            "unable to find an engine",
        ];
        let why = what_happened(&text);
        if words.iter().any(|word| text.contains(word)) { Self::NoMemory(why) } else { Self::Torch(why) }
    }
}

/// libtorch's errors come with a C++ stack, and those of TorchScript with its source before what went wrong: the line that says
/// what happened names the error, or is the first.
pub(crate) fn what_happened(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let names_it =
        |line: &str| line.split_once("Error: ").is_some_and(|(name, _)| !name.contains(char::is_whitespace));
    let first = lines.clone().next().unwrap_or("unknown");
    lines.find(|line| names_it(line)).unwrap_or(first).chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_a_script_says_what_happened_in_it() {
        let script = "Internal torch error: The following operation failed in the TorchScript interpreter.\n\
            Traceback of TorchScript, serialized code (most recent call last):\n  File \"code/__torch__.py\", line 20, in forward\n    \
            _3 = torch._convolution(x)\n         ~~~~ <--- HERE\n\n\
            RuntimeError: CUDA out of memory. Tried to allocate 98.00 MiB. GPU 0 has 79 GiB\nException raised from malloc at x.cpp:1\nframe #0: y";
        let error = EmbedderError::from(tch::TchError::Torch(script.into()));
        let EmbedderError::NoMemory(why) = &error else { panic!("{error:?}") };
        assert!(why.starts_with("RuntimeError: CUDA out of memory. Tried to allocate 98.00 MiB"), "{why}");
        let plain = EmbedderError::from(tch::TchError::Torch("shapes differ\nframe #0: y".into()));
        assert!(matches!(plain, EmbedderError::Torch(why) if why.ends_with("shapes differ")));
    }
}
