//! A whole data set through a bundle's model → embeddings.
//!
//! May enter: [`Dataset`](crate::dataset::Dataset) records and a loaded model. What leaves are [`Extracted`] vectors in the records'
//! order, and the names of the photos that could not be used.

use crate::{
    dataset::{Dataset, DatasetError, Record, ordered},
    embedder::{Embedded, EmbedderError, Model},
    image::Pixels,
};

/// Photos in one forward pass.
const BATCH: usize = 16;

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
    let jobs: Vec<Vec<Record>> = records.chunks(BATCH).map(<[Record]>::to_vec).collect();
    let (set, rule) = (set.clone(), model.preprocessing().clone());
    let prepare = move |job: Vec<Record>| -> Vec<(Record, Result<Pixels, DatasetError>)> {
        let one = |r: &Record| Ok(rule.apply(&set.photo(r, boxes)?));
        job.into_iter().map(|record| (record.clone(), one(&record))).collect()
    };
    let mut extracted = Extracted::default();
    for batch in ordered(jobs, workers, prepare) {
        let done = batch.len() as u64;
        let (mut records, mut pixels) = (Vec::new(), Vec::new());
        for (record, outcome) in batch {
            match outcome {
                Ok(p) => {
                    records.push(record);
                    pixels.push(p);
                }
                Err(e) => extracted.skipped.push(e.to_string()),
            }
        }
        for (record, embedded) in records.into_iter().zip(model.embed(&pixels)?) {
            match embedded {
                Ok(embedded) => extracted.embedded.push((record, embedded)),
                Err(e) => extracted.skipped.push(format!("{}: {e}", record.item.image)),
            }
        }
        progress(done);
    }
    match extracted.skipped.first() {
        Some(first) if extracted.skipped.len() * 20 > total => {
            Err(ExtractionError::TooManyBad { bad: extracted.skipped.len(), total, first: first.clone() })
        }
        _ => Ok(extracted),
    }
}
