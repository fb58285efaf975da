//! Photos made small for lists: each once, a few at a time, as many kept as fit into their memory.

use std::{str::FromStr, sync::Arc, time::Duration};

use axum::body::Bytes;
use lookalike_common::PoolError;
use moka::sync::Cache;
use tokio::sync::Semaphore;

use crate::http::error::ApiError;
use crate::{budget::PhotoRoom, pools::DECODE, recommender::PhotoError};
use lookalike_photo::{Wanted, thumbnail, thumbnail_memory};

/// Memory for those that were made, in bytes.
const KEPT: u64 = 64 << 20;

/// How long one may wait until it is its turn to be made.
const WAIT: Duration = Duration::from_secs(3);

/// A width that thumbnails are made in. Others are brought to the next one, so that of a photo there are few.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Width(u32);

impl Width {
    const ALL: [u32; 9] = [64, 128, 256, 384, 512, 768, 1024, 1536, 2048];

    pub(crate) fn pixels(self) -> u32 {
        self.0
    }
}

impl FromStr for Width {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let asked = text.parse().ok().filter(|width| (16..=2048).contains(width));
        let made = asked.and_then(|width: u32| Self::ALL.into_iter().find(|one| *one >= width));
        made.map(Self).ok_or("must be a whole number from 16 to 2048")
    }
}

/// Makes them and keeps them.
pub(crate) struct Thumbnails {
    made: Cache<(String, Width), Bytes>,
    room: PhotoRoom,
    /// Anybody may ask for thumbnails: half of the cores are left to those who search.
    cores: Arc<Semaphore>,
    wait: Duration,
}

impl Thumbnails {
    pub(crate) fn new(room: PhotoRoom) -> Self {
        let weight = |(tag, _): &(String, Width), jpeg: &Bytes| (tag.len() + jpeg.len()) as u32;
        let made = Cache::builder().max_capacity(KEPT).weigher(weight).build();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self { made, room, cores: Arc::new(Semaphore::new((cores / 2).max(1))), wait: WAIT }
    }

    /// One of the photo with this tag, whose bytes are read only where it is not there yet.
    pub(crate) async fn of(
        &self,
        tag: &str,
        width: Width,
        photo: impl Future<Output = Result<Bytes, ApiError>>,
    ) -> Result<Bytes, ApiError> {
        let key = (tag.to_owned(), width);
        if let Some(jpeg) = self.made.get(&key) {
            return Ok(jpeg);
        }
        let turn = tokio::time::timeout(self.wait, Arc::clone(&self.cores).acquire_owned()).await;
        let core = turn.ok().and_then(Result::ok).ok_or(ApiError::TooManyThumbnails)?;
        // Perhaps whoever was before has made it.
        if let Some(jpeg) = self.made.get(&key) {
            return Ok(jpeg);
        }
        let (photo, made, room) = (photo.await?, self.made.clone(), self.room.clone());
        let making = DECODE.run(1, move |_| {
            let _core = core;
            let width = width.pixels();
            let make = || {
                let wanted = Wanted::WHOLE.at_side(width);
                let admitted = room.admit(&photo, wanted, |photo| thumbnail_memory(photo, width))?;
                thumbnail(&admitted.photo, width).map(Bytes::from)
            };
            // Two that ask at once get the same one.
            made.try_get_with(key, make)
        });
        match making.await {
            Ok(Ok(jpeg)) => Ok(jpeg),
            Ok(Err(e)) => {
                let e: &PhotoError = &e;
                tracing::warn!(error = %e, "no thumbnail can be made of an item's photo");
                Err(ApiError::NoPhoto("the photo of this item cannot be made small"))
            }
            Err(PoolError::Busy) => Err(ApiError::TooManyThumbnails),
            Err(e) => Err(ApiError::Ask(e.into())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::MemoryBudget;

    fn room() -> PhotoRoom {
        PhotoRoom::new(64_000_000, MemoryBudget::new(1 << 30, 1 << 28, 1 << 20).unwrap())
    }

    #[test]
    fn widths_are_few() {
        let width = |text: &str| text.parse::<Width>().map(Width::pixels).ok();
        for (asked, made) in
            [("16", 64), ("64", 64), ("65", 128), ("300", 384), ("2047", 2048), ("2048", 2048)]
        {
            assert_eq!(width(asked), Some(made));
        }
        for bad in ["", "0", "15", "2049", "-64", "64.5", "99999999999", "auto"] {
            assert_eq!(width(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn one_is_made_once_and_a_photo_that_is_none_is_told_of() {
        let thumbnails = Thumbnails::new(room());
        let width: Width = "64".parse().unwrap();
        let mut bytes = std::io::Cursor::new(Vec::new());
        image::RgbImage::new(100, 50).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        let photo = Bytes::from(bytes.into_inner());
        let first = thumbnails.of("tag", width, async { Ok(photo.clone()) }).await.unwrap();
        let again = async { panic!("it is not read again") };
        assert_eq!(thumbnails.of("tag", width, again).await.unwrap(), first);
        let none = thumbnails.of("other", width, async { Ok(Bytes::from_static(b"Dear shop")) }).await;
        assert!(matches!(none, Err(ApiError::NoPhoto(_))));
    }

    #[tokio::test]
    async fn strangers_cannot_have_every_core() {
        let thumbnails = Thumbnails { wait: Duration::ZERO, ..Thumbnails::new(room()) };
        let all = thumbnails.cores.available_permits() as u32;
        let _taken = Arc::clone(&thumbnails.cores).acquire_many_owned(all).await.unwrap();
        let refused = thumbnails.of("tag", Width(64), async { Ok(Bytes::new()) }).await;
        assert!(matches!(refused, Err(ApiError::TooManyThumbnails)));
    }
}
