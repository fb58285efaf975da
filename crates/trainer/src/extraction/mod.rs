//! A whole data set through a bundle's model → embeddings: in memory for a split, into files for a set of any size.
//!
//! May enter: [`Dataset`](crate::dataset::Dataset) records and a loaded model. What leaves are [`Extracted`] vectors in the records' order,
//! or a [`Shard`]'s file, which an interrupted run goes on with; and the names of the photos that could not be used.
//!
//! Photos go through the model in batches that depend on the records alone, not on shards or on where a run was
//! interrupted: so many shards give the same numbers as one.

mod frames;
mod merge;
mod run;
mod shard;

pub use merge::{Merged, merge};
pub use run::{Done, Extraction};
pub use shard::Shard;

use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, Record};
use lookalike_model::{Embedded, EmbedderError, Model};

/// What came of a data set.
#[derive(Debug, Default)]
pub struct Extracted {
    /// Record and embedding, in the order asked for.
    pub embedded: Vec<(Record, Embedded)>,
    /// Photos that could not be used, each with its reason.
    pub skipped: Vec<String>,
}

/// Why nothing was extracted.
#[derive(Debug, thiserror::Error)]
pub enum ExtractionError {
    /// The model failed.
    #[error(transparent)]
    Embedder(#[from] EmbedderError),
    /// Too many photos cannot be used.
    #[error("{bad} of {total} photos cannot be used, more than one in twenty: {first}")]
    TooManyBad {
        /// How many.
        bad: usize,
        /// Of how many.
        total: usize,
        /// The first of them.
        first: String,
    },
    /// A shard's file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A shard's file is not as it was written.
    #[error("{}: {reason}; remove it and run `index --shard` for it again", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Shards that make no whole, or are in each other's way.
    #[error("{0}")]
    Shards(String),
}

impl ExtractionError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    fn damaged(path: &Path, reason: impl ToString) -> Self {
        Self::Damaged { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// How many of a set may be unusable: more than one in twenty are an error.
fn check_skipped(bad: usize, total: usize, first: Option<&String>) -> Result<(), ExtractionError> {
    match first {
        Some(first) if bad * 20 > total => {
            Err(ExtractionError::TooManyBad { bad, total, first: first.clone() })
        }
        _ => Ok(()),
    }
}

/// Embeds the records' photos, decoding on `workers` threads. A photo that cannot be used is skipped and named; more than
/// one in twenty is an error. `progress` is called with the number of photos done.
pub fn extract(
    model: &Model,
    set: &Dataset,
    records: Vec<Record>,
    (boxes, workers): (bool, usize),
    mut progress: impl FnMut(u64),
) -> Result<Extracted, ExtractionError> {
    let total = records.len();
    let mut extracted = Extracted::default();
    let extraction = Extraction::new(model, set, records, (boxes, workers));
    extraction.each_batch(0..total, &mut |batch| {
        progress(batch.len() as u64);
        for (record, outcome) in batch {
            match outcome {
                Ok(embedded) => extracted.embedded.push((record, embedded)),
                Err(reason) => extracted.skipped.push(reason),
            }
        }
        Ok(())
    })?;
    check_skipped(extracted.skipped.len(), total, extracted.skipped.first())?;
    Ok(extracted)
}
