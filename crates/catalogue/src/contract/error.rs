//! Every way a catalogue can fail, each as one sentence that says what to do.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use lookalike_items::{Dims, InvalidValue, ItemId};

/// Why a catalogue could not be built, opened or asked.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// A weight or a vector that is none.
    #[error(transparent)]
    Value(#[from] InvalidValue),
    /// Vectors of another model.
    #[error("the catalogue holds vectors of {holds}, this photo gave {given}")]
    Dims {
        /// What the catalogue holds.
        holds: Dims,
        /// What it was given.
        given: Dims,
    },
    /// Two items of one name.
    #[error("'{first}' and '{second}' would both be the item '{id}': give one of them an id of its own")]
    Duplicate {
        /// The name both have.
        id: ItemId,
        /// The photo of one.
        first: String,
        /// The photo of the other.
        second: String,
    },
    /// What came in online cannot be kept.
    #[error("the state in {}: {why}", .path.display())]
    State {
        /// The folder of the state.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// There is no room on the disk for a write; what was there before is whole, and searches go on.
    #[error("the disk of {} is full: nothing was written; make room and send it again", .0.display())]
    Full(PathBuf),
    /// A base that was named and is not on the disk.
    #[error("there is no base '{0}' here: GET /admin/generations lists those that could be served")]
    NoBase(String),
    /// Build settings that make no graph.
    #[error("{0}")]
    Options(String),
    /// The graph fell apart while it was built.
    #[error(
        "{repaired} of {count} points were cut off in the new graph, too many to repair: build it with a larger M or ef_construction"
    )]
    CutOff {
        /// Points (or groups of them) that nothing led to.
        repaired: usize,
        /// All points.
        count: usize,
    },
    /// No catalogue where one was expected.
    #[error("{} is not there: build a catalogue with `lookalike-trainer index`", .0.display())]
    Missing(PathBuf),
    /// A file that is not as it was written.
    #[error("{} is damaged: {why}; build it again with `lookalike-trainer index`", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What gave it away.
        why: String,
    },
    /// A file that was whole when it was opened, and is not any more.
    #[error("{} was cut short while it was served, or cannot be read any more: put the generation back, whole and under a name of its own, and reload it", .0.display())]
    Lost(PathBuf),
    /// A file of another format version.
    #[error("{} has format {found}, this program reads {known}: build it again with `lookalike-trainer index`", .path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The version read here.
        known: u32,
    },
    /// A catalogue embedded by another model.
    #[error("{} belongs to model {belongs_to}, but the model here is {expected}: run `lookalike-trainer index` with this model", .path.display())]
    Model {
        /// The catalogue's generation.
        path: PathBuf,
        /// The model it was embedded by.
        belongs_to: String,
        /// The model that is to query it.
        expected: String,
    },
    /// The file system refused.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// What was tried: a verb.
        doing: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The engine, elsewhere, cannot be asked now.
    #[error("the catalogue cannot be asked at the moment: {why}")]
    Unavailable {
        /// What is wrong.
        why: String,
        /// When to try again.
        retry_after: Duration,
    },
    /// The engine, elsewhere, took longer than it may.
    #[error("the catalogue took too long: {0}")]
    Timeout(String),
    /// The engine cannot do this.
    #[error("{0}")]
    NotSupported(String),
    /// The engine, elsewhere, refused what it should not, or answered with what is no answer.
    #[error("the catalogue's engine: {0}")]
    Engine(String),
    /// More searches are under way than are taken on.
    #[error("more searches are under way than are taken on at once; try again in a moment")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The search was given up because the program is stopping.
    #[error("the search was stopped before it was done")]
    Stopped,
}

impl CatalogueError {
    /// For `map_err`: what was tried with which path.
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { doing, path: path.to_owned(), source }
    }

    /// The same for everyone whose write was in one transaction: the same kind where a client is told it, and the same words.
    pub fn told_again(&self) -> Self {
        match self {
            Self::Full(path) => Self::Full(path.clone()),
            Self::State { path, why } => Self::State { path: path.clone(), why: why.clone() },
            Self::Lost(path) => Self::Lost(path.clone()),
            Self::Unavailable { why, retry_after } => {
                Self::Unavailable { why: why.clone(), retry_after: *retry_after }
            }
            Self::Timeout(why) => Self::Timeout(why.clone()),
            Self::NotSupported(why) => Self::NotSupported(why.clone()),
            Self::Engine(why) => Self::Engine(why.clone()),
            other => Self::State { path: PathBuf::new(), why: other.to_string() },
        }
    }

    pub(crate) fn damaged(path: &Path, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), why: why.into() }
    }
}
