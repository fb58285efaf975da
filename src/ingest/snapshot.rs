//! A state held as it is at one revision: its records by a transaction of their own, its photos against erasure.

use std::sync::Arc;

use lookalike_catalogue as catalogue;
use tokio::sync::OwnedSemaphorePermit;

use crate::ingest::{
    Ingest, IngestError,
    photos::{HeldPhoto, PhotoName},
};

/// How often it is begun again where a photo was erased between the records and the hold on it.
const TRIES: usize = 3;

/// A state as of one revision. To be given back with [`Ingest::let_go`].
pub struct Snapshot {
    records: catalogue::Snapshot,
    photos: Vec<HeldPhoto>,
    missing: u64,
    photos_at: Option<String>,
    _alone: OwnedSemaphorePermit,
}

impl Snapshot {
    /// What came in.
    pub fn records(&self) -> &catalogue::Snapshot {
        &self.records
    }

    /// The photos that its items show, by rising name: they stay on the disk while this is held. None where photos are not kept
    /// below the state.
    pub fn photos(&self) -> &[HeldPhoto] {
        &self.photos
    }

    /// How many photos its items show that are not on the disk.
    pub fn missing(&self) -> u64 {
        self.missing
    }

    /// The address of the store that the photos are in, where they are not kept below the state.
    pub fn photos_at(&self) -> Option<&str> {
        self.photos_at.as_deref()
    }
}

impl Ingest {
    /// Holds the state as it is now; one at a time.
    ///
    /// # Errors
    /// [`IngestError::SnapshotRunning`] while another one is held; where the state cannot be read.
    pub async fn snapshot(&self) -> Result<Snapshot, IngestError> {
        let alone =
            Arc::clone(&self.snapshots).try_acquire_owned().map_err(|_| IngestError::SnapshotRunning)?;
        let mut tries = 0;
        loop {
            tries += 1;
            let records = self.live()?.snapshot().await?;
            if let Some(at) = self.photos.elsewhere() {
                let photos_at = Some(at.to_owned());
                return Ok(Snapshot { records, photos: Vec::new(), missing: 0, photos_at, _alone: alone });
            }
            let names = records.photos().filter_map(PhotoName::from_image);
            let held: Vec<HeldPhoto> = names.map(|name| self.photos.hold(name)).collect();
            let looking = tokio::task::spawn_blocking(move || {
                let there = |photo: &HeldPhoto| photo.file().is_some_and(|file| file.is_file());
                held.into_iter().partition::<Vec<_>, _>(there)
            });
            let (photos, missing) = looking.await?;
            // Erased by a write after the records were read, and before it was held: the records are read again.
            if !missing.is_empty() && tries < TRIES {
                drop(missing);
                self.erase_unshown(photos);
                continue;
            }
            if !missing.is_empty() {
                tracing::warn!(photos = missing.len(), "items show photos that are not on the disk");
            }
            let missing = missing.len() as u64;
            return Ok(Snapshot { records, photos, missing, photos_at: None, _alone: alone });
        }
    }

    /// The end of a snapshot: photos that no item shows any more are erased now.
    pub fn let_go(&self, snapshot: Snapshot) {
        self.erase_unshown(snapshot.photos);
    }

    fn erase_unshown(&self, held: Vec<HeldPhoto>) {
        let names: Vec<PhotoName> = held.iter().map(|photo| photo.name().clone()).collect();
        drop(held);
        names.iter().for_each(|name| self.sweep(name));
    }
}
