//! Photos seen lately: their vectors by what they are made of, so that a page of results, a slider or a retry costs no
//! second pass of the model.

use std::sync::Arc;

use moka::sync::Cache;
use sha2::{Digest, Sha256};

use crate::recommender::{Pair, PhotoFacts, Region};
use lookalike_items::Vectors;
use lookalike_telemetry as telemetry;

/// What a photo came to.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub vectors: Vectors,
    pub facts: PhotoFacts,
}

/// The hash of model, precision, box and photo: the same bytes give the same vectors.
pub(crate) type Fingerprint = [u8; 32];

/// At most so many bytes of what photos came to, the least used going first. None where it is off.
#[derive(Clone)]
pub(crate) struct EmbeddingCache(Option<Cache<Fingerprint, Arc<Known>>>);

impl EmbeddingCache {
    /// 0 is off.
    pub fn new(bytes: u64) -> Self {
        let weigh = |_: &Fingerprint, known: &Arc<Known>| u32::try_from(known.bytes()).unwrap_or(u32::MAX);
        Self((bytes > 0).then(|| Cache::builder().max_capacity(bytes).weigher(weigh).build()))
    }

    /// Names a photo, or the part of it that is asked with, if anything is kept at all.
    pub fn fingerprint(&self, pair: &Pair, photo: &[u8], region: Option<Region>) -> Option<Fingerprint> {
        self.0.as_ref()?;
        let mut hash = Sha256::new();
        hash.update(pair.manifest.model_id.as_bytes());
        hash.update(pair.embedder.precision().name().as_bytes());
        hash.update([u8::from(region.is_some())]);
        region
            .iter()
            .flat_map(|region| region.corners())
            .for_each(|corner| hash.update(corner.to_le_bytes()));
        hash.update(photo);
        Some(hash.finalize().into())
    }

    /// What the photo came to, if it is known.
    pub fn get(&self, photo: Option<Fingerprint>) -> Option<Arc<Known>> {
        let (cache, photo) = (self.0.as_ref()?, photo?);
        let known = cache.get(&photo);
        telemetry::looked_up(known.is_some(), cache.weighted_size());
        known
    }

    /// Keeps what a photo came to.
    pub fn put(&self, photo: Option<Fingerprint>, known: &Arc<Known>) {
        if let (Some(cache), Some(photo)) = (&self.0, photo) {
            cache.insert(photo, Arc::clone(known));
        }
    }
}

impl Known {
    /// Roughly what it takes, its place in the cache included.
    fn bytes(&self) -> usize {
        let numbers = self.vectors.deep().len() + self.vectors.colour().len();
        let names: usize = self.facts.categories.iter().map(|c| c.name.len() + size_of_val(c)).sum();
        size_of::<Self>() + 4 * numbers + names + 256
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_photo::PhotoFormat;

    fn known(length: usize) -> Arc<Known> {
        let facts = PhotoFacts {
            width: 1,
            height: 1,
            format: PhotoFormat::Png,
            turned: false,
            categories: Vec::new(),
        };
        Arc::new(Known { vectors: Vectors::new(vec![1.0; length], vec![]).unwrap(), facts })
    }

    #[test]
    fn it_keeps_within_its_bytes() {
        let cache = EmbeddingCache::new(100_000);
        for i in 0..200u8 {
            cache.put(Some([i; 32]), &known(512));
        }
        let held = cache.0.as_ref().unwrap();
        held.run_pending_tasks();
        assert!(held.weighted_size() <= 100_000 && held.entry_count() > 20, "{}", held.weighted_size());
    }

    #[test]
    fn what_was_put_comes_back_and_off_is_off() {
        let (on, off) = (EmbeddingCache::new(1 << 20), EmbeddingCache::new(0));
        for cache in [&on, &off] {
            cache.put(Some([1; 32]), &known(4));
        }
        assert_eq!(on.get(Some([1; 32])).unwrap().vectors.deep().len(), 4);
        assert!(
            on.get(Some([2; 32])).is_none() && on.get(None).is_none() && off.get(Some([1; 32])).is_none()
        );
    }
}
