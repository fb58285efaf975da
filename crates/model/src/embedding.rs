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
    /// libtorch failed on the way.
    #[error("libtorch: {0}")]
    Torch(String),
}

impl EmbedderError {
    /// Whether the device had no memory for the batch: a smaller one may do.
    pub fn is_out_of_memory(&self) -> bool {
        let words = ["out of memory", "can't allocate memory"];
        matches!(self, Self::Torch(text) if words.iter().any(|w| text.contains(w)))
    }
}

impl From<tch::TchError> for EmbedderError {
    fn from(e: tch::TchError) -> Self {
        Self::Torch(first_line(&e))
    }
}

/// libtorch's errors come with a C++ stack; the first line says what happened.
pub(crate) fn first_line(e: &tch::TchError) -> String {
    let text = e.to_string();
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown").trim().chars().take(300).collect()
}
