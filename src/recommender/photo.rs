//! A photo's way to the query: decoded off the runtime, embedded by the pair's model, unless it was lately.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use tracing::{Instrument, debug_span};

use crate::{
    budget::PhotoRoom,
    pools,
    recommender::{
        AskError, Pair, PhotoFacts, Region, Timings,
        answer::predict,
        cache::{EmbeddingCache, Fingerprint, Known},
    },
};
use lookalike_photo::{Photo, PhotoError, Pixels};

/// How many predicted categories an answer names.
const CATEGORIES: usize = 3;

/// Decodes and preprocesses photos on [threads of their own](crate::pools), and remembers what photos came to.
#[derive(Clone)]
pub(crate) struct Studio {
    room: PhotoRoom,
    cache: EmbeddingCache,
}

/// What was done with a photo's bytes.
enum Seen {
    Before(Arc<Known>),
    New(Pixels, PhotoFacts, Option<Fingerprint>),
}

impl Studio {
    /// `cache` is in bytes, 0 is none.
    pub(crate) fn new(room: PhotoRoom, cache: u64) -> Self {
        Self { room, cache: EmbeddingCache::new(cache) }
    }

    /// Photo bytes → what the model takes and what is known of the photo; or what it came to before.
    async fn look(&self, bytes: Bytes, region: Option<Region>, pair: &Arc<Pair>) -> Result<Seen, AskError> {
        let (room, cache, pair) = (self.room.clone(), self.cache.clone(), Arc::clone(pair));
        let looked = pools::decode(&bytes).run(1, move |_| {
            let fingerprint = cache.fingerprint(&pair, &bytes, region);
            if let Some(known) = cache.get(fingerprint) {
                return Ok(Seen::Before(known));
            }
            let rule = pair.embedder.preprocessing();
            let wanted = rule.wanted().at_side(side_for(rule.short_side(), region));
            let admitted = room.admit(&bytes, wanted, |_| 0)?;
            let photo = admitted.photo.decode()?;
            let facts = PhotoFacts {
                width: photo.width(),
                height: photo.height(),
                format: photo.format(),
                turned: photo.turned(),
                categories: Vec::new(),
            };
            let pixels = match region {
                None => rule.apply(&photo),
                Some(region) => rule.apply(&cropped(&photo, region)?),
            };
            Ok::<_, PhotoError>(Seen::New(pixels, facts, fingerprint))
        });
        Ok(looked.await??)
    }

    /// The whole way of a photo: bytes → pixels → vectors and categories. `timings` learns how long each step took.
    pub(crate) async fn embed(
        &self,
        pair: &Arc<Pair>,
        (bytes, region): (Bytes, Option<Region>),
        timings: &mut Timings,
    ) -> Result<Arc<Known>, AskError> {
        let started = Instant::now();
        let looked = self.look(bytes, region, pair).instrument(debug_span!("decode")).await;
        if !matches!(looked, Ok(Seen::Before(_))) {
            timings.decode = Some(started.elapsed()); // of what cannot be decoded, too
        }
        let (pixels, mut facts, fingerprint) = match looked? {
            Seen::Before(known) => return Ok(known),
            Seen::New(pixels, facts, fingerprint) => (pixels, facts, fingerprint),
        };
        let (embedded, times) = pair.embedder.embed(pixels).instrument(debug_span!("model")).await?;
        timings.queue = Some(times.queue);
        timings.model = Some(times.model);
        facts.categories = predict(&embedded.logits, &pair.manifest.categories, CATEGORIES);
        let known = Arc::new(Known { vectors: embedded.vectors, facts });
        self.cache.put(fingerprint, &known);
        Ok(known)
    }
}

/// The shorter side a photo must be decoded for, so that the part asked with still has the model's.
fn side_for(side: u32, region: Option<Region>) -> u32 {
    // Float to integer saturates: a box of next to nothing asks for every pixel.
    region.map_or(side, |region| (f64::from(side) / region.smallest()).ceil() as u32)
}

fn cropped(photo: &Photo, region: Region) -> Result<Photo, PhotoError> {
    let [x, y, width, height] = region.pixels((photo.width(), photo.height()));
    photo.crop(x, y, width, height).map_err(|e| match e {
        PhotoError::EmptyBox(_) => PhotoError::EmptyBox(region.to_string()),
        other => other,
    })
}
