//! The photos that came in online: kept by the sha256 of the bytes that came, re-encoded, so that neither EXIF nor GPS nor
//! anything else that a camera writes is served or stored; erased when no item shows them any more.
//!
//! They lie below the state, or in a place that several servers write to. Whoever asks for them need not know which.

mod address;
mod bucket;
mod error;
mod folder;
mod http;
mod name;
mod reason;

pub use address::{AwsSettings, PhotosAddress};
pub use error::PhotosError;
pub use name::PhotoName;

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::TryStreamExt;
use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};
use lookalike_items::Vectors;
use lookalike_photo::Photo;
use tokio::{sync::OnceCell, task::spawn_blocking};

use crate::pools::FILES;
use bucket::Bucket;
use folder::Folder;

/// Of the JPEGs that are kept: what is lost is not seen.
const QUALITY: u8 = 90;

/// Where photos are kept.
#[derive(Clone)]
pub struct PhotoStore {
    place: Place,
    /// Photos of writes under way: they are not erased, whoever shows them no more.
    held: Arc<Mutex<HashMap<PhotoName, Holders>>>,
}

#[derive(Clone)]
enum Place {
    Folder(Folder),
    Bucket(Bucket),
}

/// Writes under way of one photo.
#[derive(Default)]
struct Holders {
    count: usize,
    /// Held by the one of them that writes the file.
    writing: Arc<Mutex<()>>,
    /// What the first of them that embeds it finds.
    vectors: Arc<OnceCell<Vectors>>,
}

/// A photo of a write under way.
pub struct HeldPhoto {
    name: PhotoName,
    store: PhotoStore,
    writing: Arc<Mutex<()>>,
    vectors: Arc<OnceCell<Vectors>>,
}

/// A photo as it is kept.
pub struct Jpeg(Option<Bytes>);

/// A photo that is there.
pub struct Kept {
    /// Another one where the photo is another.
    pub etag: String,
    /// Where they are wanted.
    pub bytes: Option<Bytes>,
}

impl HeldPhoto {
    /// What it is called.
    pub fn name(&self) -> &PhotoName {
        &self.name
    }

    /// Its file, where photos lie below the state.
    pub fn file(&self) -> Option<PathBuf> {
        match &self.store.place {
            Place::Folder(folder) => Some(folder.path(&self.name)),
            Place::Bucket(_) => None,
        }
    }

    /// Its vectors: embedded once, however many writes under way show it. The others wait for the first.
    ///
    /// # Errors
    /// What `embed` says; another write tries again then.
    pub async fn vectors<E>(&self, embed: impl Future<Output = Result<Vectors, E>>) -> Result<Vectors, E> {
        self.vectors.get_or_try_init(|| embed).await.cloned()
    }
}

impl Drop for HeldPhoto {
    fn drop(&mut self) {
        let mut held = self.store.held();
        if let Some(holders) = held.get_mut(&self.name) {
            holders.count -= 1;
            if holders.count == 0 {
                held.remove(&self.name);
            }
        }
    }
}

impl PhotoStore {
    /// Below a state's folder.
    ///
    /// # Errors
    /// Where the folder cannot be made.
    pub fn open(state: &Path) -> io::Result<Self> {
        Ok(Self { place: Place::Folder(Folder::open(state)?), held: Arc::default() })
    }

    /// In a place that several servers write to, which is looked at.
    ///
    /// # Errors
    /// Where it cannot be used: what is wrong, and what to do.
    pub async fn shared(address: &PhotosAddress, aws: &AwsSettings) -> Result<Self, PhotosError> {
        Ok(Self { place: Place::Bucket(Bucket::open(address, aws).await?), held: Arc::default() })
    }

    /// The address of the place, where that is not below the state.
    pub fn elsewhere(&self) -> Option<&str> {
        match &self.place {
            Place::Folder(_) => None,
            Place::Bucket(bucket) => Some(bucket.address()),
        }
    }

    /// Takes hold of a name, so that its photo stays while a write is under way.
    pub fn hold(&self, name: PhotoName) -> HeldPhoto {
        let mut held = self.held();
        let holders = held.entry(name.clone()).or_default();
        holders.count += 1;
        let (writing, vectors) = (Arc::clone(&holders.writing), Arc::clone(&holders.vectors));
        HeldPhoto { name, store: self.clone(), writing, vectors }
    }

    /// What is to be kept of a photo. It blocks.
    ///
    /// # Errors
    /// Where no JPEG can be made of it.
    pub fn jpeg(&self, held: &HeldPhoto, photo: &Photo) -> Result<Jpeg, PhotosError> {
        // It stays there while it is held.
        if held.file().is_some_and(|file| file.exists()) {
            return Ok(Jpeg(None));
        }
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, QUALITY)
            .write_image(photo.rgb().as_raw(), photo.width(), photo.height(), ExtendedColorType::Rgb8)
            .map_err(io::Error::other)?;
        Ok(Jpeg(Some(bytes.into())))
    }

    /// Writes a photo, unless it is there: to stay when this returns, whoever wrote it.
    ///
    /// # Errors
    /// What the disk says; where the store cannot be asked.
    pub async fn keep(&self, held: &HeldPhoto, jpeg: Jpeg) -> Result<(), PhotosError> {
        match &self.place {
            Place::Bucket(bucket) => match jpeg.0 {
                Some(jpeg) => bucket.keep(&held.name, jpeg).await,
                None => Ok(()),
            },
            Place::Folder(folder) => {
                // It ends, and the photo is held so long, whether or not whoever asked waits for it.
                let (folder, held) = (folder.clone(), self.hold(held.name.clone()));
                let keep = move || {
                    let _alone = held.writing.lock().unwrap_or_else(PoisonError::into_inner);
                    folder.keep(&held.name, jpeg.0.as_deref())
                };
                Ok(spawn_blocking(keep).await??)
            }
        }
    }

    /// Whether a photo that an item shows already stays until the write under way is made, without being kept again.
    ///
    /// # Errors
    /// Where the store cannot be asked.
    pub async fn stays(&self, held: &HeldPhoto) -> Result<bool, PhotosError> {
        match &self.place {
            Place::Folder(_) => Ok(true),
            Place::Bucket(bucket) => bucket.is_young(&held.name).await,
        }
    }

    /// A photo, its bytes where its ETag makes them `wanted`; none where it is not there.
    ///
    /// # Errors
    /// What the disk says; where the store cannot be asked.
    pub async fn read(
        &self,
        name: &PhotoName,
        wanted: impl FnOnce(&str) -> bool + Send + 'static,
    ) -> Result<Option<Kept>, PhotosError> {
        match &self.place {
            Place::Folder(folder) => {
                let (folder, name) = (folder.clone(), name.clone());
                let read = FILES.run(1, move |_| folder.read(&name, wanted)).await;
                let read = read.map_err(|e| PhotosError::Unavailable(e.to_string()))??;
                Ok(read.map(|(etag, bytes)| Kept { etag, bytes }))
            }
            Place::Bucket(bucket) => {
                // The name says what it shows: who has it, or what was made of it, need not ask the store.
                let etag = format!("\"{}\"", name.hex());
                if !wanted(&etag) {
                    return Ok(Some(Kept { etag, bytes: None }));
                }
                let bytes = bucket.read(name).await?;
                Ok(bytes.map(|bytes| Kept { etag, bytes: Some(bytes) }))
            }
        }
    }

    /// Erases a photo, unless an item shows it or a write under way holds it. Where several servers write, that is left to
    /// [`PhotoStore::sweep`].
    pub fn erase_unless(&self, name: &PhotoName, shown: impl FnOnce() -> bool) {
        let Place::Folder(folder) = &self.place else { return };
        // Locked to the end: nobody takes hold of it in between, and who has let go of it has made it shown, if at all.
        let held = self.held();
        if held.contains_key(name) || shown() {
            return;
        }
        if let Err(e) = folder.erase(name) {
            tracing::warn!(photo = name.hex(), error = %e, "a photo that no item shows cannot be erased");
        }
    }

    /// At the start: erases photos that no item shows, which a write that was cut off left. Where several servers write, that is
    /// left to [`PhotoStore::sweep`].
    ///
    /// # Errors
    /// What the disk says.
    pub fn erase_left(&self, shown: impl Fn(&PhotoName) -> bool) -> io::Result<()> {
        let Place::Folder(folder) = &self.place else { return Ok(()) };
        for name in folder.names()? {
            self.erase_unless(&name, || shown(&name));
        }
        Ok(())
    }

    /// Erases photos that are older than this and that no item shows, where several servers write; how many. Below a state there are
    /// none. `shown` is asked of an item's `image` right before it is erased.
    ///
    /// # Errors
    /// What `shown` says; where the store cannot be asked. Then the rest is left for another time.
    pub async fn sweep<E, F>(&self, older_than: Duration, shown: impl Fn(String) -> F) -> Result<usize, E>
    where
        E: From<PhotosError>,
        F: Future<Output = Result<bool, E>>,
    {
        let Place::Bucket(bucket) = &self.place else { return Ok(0) };
        let (mut ages, mut erased) = (bucket.ages(), 0);
        while let Some((name, age)) = ages.try_next().await? {
            let held = || self.held().contains_key(&name);
            if age >= older_than && !held() && !shown(name.image()).await? {
                erased += usize::from(bucket.erase(&name, older_than).await?);
            }
        }
        Ok(erased)
    }

    /// The names of all photos that are kept.
    ///
    /// # Errors
    /// What the disk says; where the store cannot be asked.
    pub async fn names(&self) -> Result<Vec<PhotoName>, PhotosError> {
        match &self.place {
            Place::Folder(folder) => {
                let folder = folder.clone();
                Ok(spawn_blocking(move || folder.names()).await??)
            }
            Place::Bucket(bucket) => bucket.ages().map_ok(|(name, _)| name).try_collect().await,
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<PhotoName, Holders>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_photo_is_kept_without_what_a_camera_wrote_and_erased_when_nobody_holds_it() {
        let state = tempfile::tempdir().unwrap();
        let store = PhotoStore::open(state.path()).unwrap();
        let rgb = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 6, y as u8 * 8, 90]));
        let photo = Photo::from_rgb(rgb.clone()).unwrap();
        let name = PhotoName::of(b"as it came");
        let held = store.hold(name.clone());
        assert!(store.read(&name, |_| true).await.unwrap().is_none());
        for _ in 0..2 {
            store.keep(&held, store.jpeg(&held, &photo).unwrap()).await.unwrap();
        }
        let bytes = store.read(&name, |_| true).await.unwrap().unwrap().bytes.unwrap();
        assert_eq!(std::fs::read(held.file().unwrap()).unwrap(), bytes);
        let read = image::load_from_memory(&bytes).unwrap().into_rgb8();
        assert_eq!(read.dimensions(), (40, 30));
        assert!(!bytes.windows(4).any(|four| four == b"Exif"));
        store.erase_unless(&name, || false);
        assert_eq!(store.names().await.unwrap(), std::slice::from_ref(&name), "a write under way holds it");
        drop(held);
        store.erase_unless(&name, || true);
        assert_eq!(store.names().await.unwrap(), std::slice::from_ref(&name), "an item shows it");
        store.erase_unless(&name, || false);
        store.erase_unless(&name, || false);
        assert!(store.names().await.unwrap().is_empty());
    }
}
