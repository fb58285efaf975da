//! The photos that came in online: kept by the sha256 of the bytes that came, re-encoded, so that neither EXIF nor GPS nor
//! anything else that a camera writes is served or stored; erased with the last item that shows them.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};
use lookalike_common::{create_folder, hex, remove, sync, write_atomically};
use lookalike_items::Vectors;
use lookalike_photo::Photo;
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

/// Before the name of a kept photo, where an item says where its photo is.
const SCHEME: &str = "photo:";
/// Of the JPEGs that are kept: what is lost is not seen.
const QUALITY: u8 = 90;

/// What a kept photo is called: the sha256 of the bytes that came, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhotoName(String);

impl PhotoName {
    /// Of the bytes as they came.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hex(&Sha256::digest(bytes)))
    }

    /// From an item's `image`, where that is a kept photo.
    pub fn from_image(image: &str) -> Option<Self> {
        let name = image.strip_prefix(SCHEME)?;
        let is_hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (name.len() == 64 && name.bytes().all(is_hex)).then(|| Self(name.to_owned()))
    }

    /// As an item's `image`.
    pub fn image(&self) -> String {
        format!("{SCHEME}{}", self.0)
    }

    /// Its file, below the folder of photos.
    pub fn relative(&self) -> String {
        format!("{}/{}.jpg", &self.0[..2], self.0)
    }
}

/// The folder of kept photos.
#[derive(Clone)]
pub struct PhotoStore {
    folder: PathBuf,
    /// Photos of writes under way: they are not erased, whoever shows them no more.
    held: Arc<Mutex<HashMap<PhotoName, Holders>>>,
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

impl HeldPhoto {
    /// What it is called.
    pub fn name(&self) -> &PhotoName {
        &self.name
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
        let folder = state.join("photos");
        create_folder(&folder)?;
        let store = Self { folder, held: Arc::default() };
        // Left by a write that was cut off.
        for path in store.files()?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "part")) {
            remove(&path)?;
        }
        Ok(store)
    }

    /// Where the photos are.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes hold of a name, so that its photo stays while a write is under way.
    pub fn hold(&self, name: PhotoName) -> HeldPhoto {
        let mut held = self.held();
        let holders = held.entry(name.clone()).or_default();
        holders.count += 1;
        let (writing, vectors) = (Arc::clone(&holders.writing), Arc::clone(&holders.vectors));
        HeldPhoto { name, store: self.clone(), writing, vectors }
    }

    /// Writes a photo, unless it is there: on the disk when this returns, whoever wrote it.
    ///
    /// # Errors
    /// What the disk says.
    pub fn keep(&self, held: &HeldPhoto, photo: &Photo) -> io::Result<()> {
        let path = self.folder.join(held.name.relative());
        let folder = path.parent().unwrap_or(&self.folder);
        let _alone = held.writing.lock().unwrap_or_else(PoisonError::into_inner);
        create_folder(folder)?;
        if path.exists() {
            // Its content is on the disk since before it had this name; the name may not be.
            return sync(folder);
        }
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, QUALITY)
            .write_image(photo.rgb().as_raw(), photo.width(), photo.height(), ExtendedColorType::Rgb8)
            .map_err(io::Error::other)?;
        write_atomically(&path, &bytes)
    }

    /// Erases a photo, unless an item shows it or a write under way holds it.
    pub fn erase_unless(&self, name: &PhotoName, shown: impl FnOnce() -> bool) {
        // Locked to the end: nobody takes hold of it in between, and who has let go of it has made it shown, if at all.
        let held = self.held();
        if held.contains_key(name) || shown() {
            return;
        }
        if let Err(e) = remove(&self.folder.join(name.relative())) {
            tracing::warn!(photo = name.0, error = %e, "a photo that no item shows cannot be erased");
        }
    }

    /// The names of all photos that are kept.
    ///
    /// # Errors
    /// What the disk says.
    pub fn names(&self) -> io::Result<Vec<PhotoName>> {
        let name = |path: PathBuf| {
            PhotoName::from_image(&format!("{SCHEME}{}", path.file_stem()?.to_string_lossy()))
        };
        Ok(self.files()?.into_iter().filter_map(name).collect())
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for folder in fs::read_dir(&self.folder)? {
            let folder = folder?.path();
            if folder.is_dir() {
                for file in fs::read_dir(folder)? {
                    files.push(file?.path());
                }
            }
        }
        Ok(files)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<PhotoName, Holders>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_photo_is_kept_without_what_a_camera_wrote_and_erased_when_nobody_holds_it() {
        let state = tempfile::tempdir().unwrap();
        let store = PhotoStore::open(state.path()).unwrap();
        let rgb = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8 * 6, y as u8 * 8, 90]));
        let photo = Photo::from_rgb(rgb.clone()).unwrap();
        let name = PhotoName::of(b"as it came");
        assert_eq!(PhotoName::from_image(&name.image()), Some(name.clone()));
        let held = store.hold(name.clone());
        store.keep(&held, &photo).unwrap();
        store.keep(&held, &photo).unwrap();
        let bytes = fs::read(store.folder().join(name.relative())).unwrap();
        let read = image::load_from_memory(&bytes).unwrap().into_rgb8();
        assert_eq!(read.dimensions(), (40, 30));
        assert!(!bytes.windows(4).any(|four| four == b"Exif"));
        store.erase_unless(&name, || false);
        assert_eq!(store.names().unwrap(), std::slice::from_ref(&name), "a write under way holds it");
        drop(held);
        store.erase_unless(&name, || true);
        assert_eq!(store.names().unwrap(), std::slice::from_ref(&name), "an item shows it");
        store.erase_unless(&name, || false);
        store.erase_unless(&name, || false);
        assert!(store.names().unwrap().is_empty());
        for other in ["photo:", "photo:../../etc/passwd", "photo:ABC", "img/a.jpg"] {
            assert_eq!(PhotoName::from_image(other), None);
        }
    }
}
