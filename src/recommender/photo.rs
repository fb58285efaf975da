//! A photo's way to the query: decoded off the runtime, embedded by the pair's model.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::{AskError, Pair, PhotoFacts, answer::predict};
use crate::{
    catalogue::Vectors,
    embedder::EmbedTimes,
    image::{Limits, Photo, PhotoError, Pixels},
};

/// How many predicted categories an answer names.
const CATEGORIES: usize = 3;

/// Decodes and preprocesses photos on threads of their own, no more at once than there are cores.
#[derive(Clone)]
pub(super) struct Studio {
    cores: Arc<Semaphore>,
    limits: Limits,
}

impl Studio {
    pub(super) fn new(limits: Limits) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { cores: Arc::new(Semaphore::new(cores)), limits }
    }

    /// Photo bytes → what the model takes, and what is known of the photo.
    async fn develop(&self, bytes: Bytes, pair: &Pair) -> Result<(Pixels, PhotoFacts), AskError> {
        let permit = Arc::clone(&self.cores).acquire_owned().await.map_err(|_| AskError::ShuttingDown)?;
        let (limits, preprocessing) = (self.limits, pair.embedder.preprocessing().clone());
        let developed = tokio::task::spawn_blocking(move || {
            let _permit = permit; // held by the thread: a caller who left does not free the core
            let photo = Photo::decode(&bytes, &limits)?;
            let facts = PhotoFacts {
                width: photo.width(),
                height: photo.height(),
                format: photo.format(),
                turned: photo.turned(),
                categories: Vec::new(),
            };
            Ok::<_, PhotoError>((preprocessing.apply(&photo), facts))
        });
        Ok(developed.await??)
    }
}

/// A photo as numbers.
pub(super) struct Developed {
    pub(super) vectors: Vectors,
    pub(super) facts: PhotoFacts,
    pub(super) decode: std::time::Duration,
    pub(super) embed: EmbedTimes,
}

/// The whole way of a photo: bytes → pixels → vectors and categories.
pub(super) async fn embed(studio: &Studio, pair: &Pair, bytes: Bytes) -> Result<Developed, AskError> {
    let started = Instant::now();
    let (pixels, mut facts) = studio.develop(bytes, pair).await?;
    let decode = started.elapsed();
    let (embedded, times) = pair.embedder.embed(pixels).await?;
    facts.categories = predict(&embedded.logits, &pair.manifest.categories, CATEGORIES);
    Ok(Developed { vectors: embedded.vectors, facts, decode, embed: times })
}
