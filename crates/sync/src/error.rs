//! Every way a run can fail.

use std::path::PathBuf;

/// Why a run could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Options that do not go together, or a key that is none.
    #[error("{0}")]
    Usage(String),
    /// The feed cannot be opened, or is not what it should be.
    #[error("the feed {feed} cannot be read: {why}; nothing was changed")]
    Feed {
        /// Its file or address.
        feed: String,
        /// What is wrong, and where.
        why: String,
    },
    /// The feed's host did not give it now.
    #[error("the feed {feed} was not fetched: {why}; nothing was changed, run again")]
    FeedAway {
        /// Its address.
        feed: String,
        /// What happened.
        why: String,
    },
    /// A file of the user's cannot be read or written.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The run was made, and cannot be told of.
    #[error("the run was made, but its report {} cannot be written: {why}", path.display())]
    Report {
        /// Where it was to be.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// The server refuses the key, or has no way in.
    #[error("{server} refuses: {why}")]
    Refused {
        /// Its address.
        server: String,
        /// In its own words.
        why: String,
    },
    /// The server was not reached, or had no answer.
    #[error("{server} did not answer: {why}; what was sent holds, run again for the rest")]
    Away {
        /// Its address.
        server: String,
        /// What happened last.
        why: String,
    },
}

impl SyncError {
    /// What the program exits with: 1 where another run may succeed, 2 where somebody must change something first.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::FeedAway { .. } | Self::Away { .. } | Self::Report { .. } => 1,
            Self::Usage(_) | Self::Feed { .. } | Self::File { .. } | Self::Refused { .. } => 2,
        }
    }
}
