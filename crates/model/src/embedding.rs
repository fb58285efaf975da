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
    /// The model takes one photo and not several.
    #[error("the model takes a photo alone and not two at once: {0}")]
    OneAlone(String),
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
    /// What is said where one photo was embedded and two are not.
    pub(crate) fn of_two(self) -> Self {
        match self {
            Self::Torch(why) | Self::Output(why) => Self::OneAlone(why),
            other => other,
        }
    }

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
/// what happened names the error, or is the first. Where a script cannot be compiled, the call that is meant follows it.
pub(crate) fn what_happened(text: &str) -> String {
    // What tch says of each error that has no kind of its own.
    let text = text.trim_start().strip_prefix("Internal torch error:").unwrap_or(text);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let names_it = |line: &&&str| {
        line.split_once("Error: ").is_some_and(|(name, _)| !name.contains(char::is_whitespace))
    };
    let first = lines.first().unwrap_or(&"unknown");
    let (line, named) = lines.iter().find(names_it).map_or((first, false), |line| (line, true));
    // It ends with advice that is of no use here.
    let advice = [" This is an internal miniz error", " This could be because the operator doesn't exist"];
    let line = advice.iter().filter_map(|advice| line.find(advice)).min().map_or(*line, |end| &line[..end]);
    let pointed = lines.iter().position(|line| line.ends_with("<--- HERE")).filter(|_| !named);
    let call = pointed.and_then(|at| lines.get(at.checked_sub(1)?)).map(|call| format!(" in `{call}`"));
    let short = |text: &str| text.chars().take(300).collect::<String>();
    short(line) + &short(&call.unwrap_or_default())
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
        assert!(matches!(plain, EmbedderError::Torch(why) if why == "shapes differ"));
        let unknown = "\nUnknown builtin op: shop::sharpen.\nCould not find any similar ops to shop::sharpen.\n:\n  \
            File \"code/__torch__.py\", line 14\n    _2 = ops.shop.sharpen(x)\n         ~~~~ <--- HERE\n";
        let unknown = EmbedderError::from(tch::TchError::Torch(unknown.into()));
        let one_line = "Unknown builtin op: shop::sharpen. in `_2 = ops.shop.sharpen(x)`";
        assert!(matches!(&unknown, EmbedderError::Torch(why) if why == one_line), "{unknown}");
    }
}
