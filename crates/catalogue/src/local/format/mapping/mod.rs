//! A file in memory, read-only. Whoever reads it lives on where the file is cut short under it, or where the disk fails: he reads zeros then,
//! and finds out when he [asks](Mapping::check).

#[cfg(target_os = "linux")]
mod faults;
#[cfg(not(target_os = "linux"))]
#[path = "unwatched.rs"]
mod faults;

use std::{
    fs::File,
    hint::black_box,
    io::{self, Read},
    ops::Deref,
    path::{Path, PathBuf},
    sync::atomic::{Ordering, fence},
};

use lookalike_common::HugePages;
use memmap2::Mmap;

use self::faults::Watched;
use crate::contract::CatalogueError;

/// A page has no more bytes than that on any machine.
pub(crate) const PAGE: usize = 64 << 10;

/// The bytes of a file.
#[derive(Debug)]
pub(crate) struct Mapping {
    path: PathBuf,
    bytes: Bytes,
}

#[derive(Debug)]
enum Bytes {
    /// Paged in as they are read. What watches goes first when this is dropped.
    Mapped { watched: Watched, map: Mmap, file: File },
    /// Read once, where nobody watches: nothing can happen to them.
    Copied(HugePages),
}

impl Mapping {
    /// Maps the whole file at this path.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::of(File::open(path)?, path)
    }

    /// Maps the whole file, which is at this path.
    #[allow(unsafe_code)]
    pub fn of(file: File, path: &Path) -> io::Result<Self> {
        let path = path.to_owned();
        // SAFETY: a mapping is sound while nobody changes the file under it. Files of a generation are written under
        // another name, renamed when complete and never opened for writing again; a removed one stays mapped. Where somebody does change
        // it, what is read is bytes and numbers of any value, which lead nowhere: everything that could is copied when it is opened.
        let map = unsafe { Mmap::map(&file) }?;
        let bytes = match Watched::over(&map) {
            Some(watched) => Bytes::Mapped { watched, map, file },
            None => Bytes::Copied(copied(file)?),
        };
        Ok(Self { path, bytes })
    }

    /// The same in memory of its own, to which nothing happens.
    pub fn copied(self) -> io::Result<Self> {
        let Self { path, bytes } = self;
        let bytes = match bytes {
            Bytes::Mapped { file, .. } => Bytes::Copied(copied(file)?),
            bytes => bytes,
        };
        Ok(Self { path, bytes })
    }

    /// Whether all that was read until now was what the file held when it was opened; of its last [`PAGE`] it does not tell. It costs no
    /// call of the system.
    ///
    /// # Errors
    /// [`CatalogueError::Lost`] where it was not: for ever, whatever becomes of the file.
    #[inline]
    pub fn check(&self) -> Result<(), CatalogueError> {
        let Bytes::Mapped { watched, map, .. } = &self.bytes else { return Ok(()) };
        // A file that was cut short lacks its last page. The page where it was cut reads as zeros without a fault, so the last one is looked
        // at: after all that was read, and before the mark that a fault leaves.
        fence(Ordering::SeqCst);
        black_box(map.last().copied());
        fence(Ordering::SeqCst);
        if watched.range().is_damaged() { Err(self.lost()) } else { Ok(()) }
    }

    /// The same, and whether the file is as long as it was: for whoever has time for a call of the system.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_length(&self) -> Result<(), CatalogueError> {
        if let Bytes::Mapped { map, file, .. } = &self.bytes
            && !file.metadata().is_ok_and(|now| now.len() >= map.len() as u64)
        {
            return Err(self.lost());
        }
        self.check()
    }

    /// What could not be understood: lost meanwhile, or damaged from the first.
    pub fn damaged(&self, why: impl Into<String>) -> CatalogueError {
        self.check_length().err().unwrap_or_else(|| CatalogueError::damaged(&self.path, why))
    }

    #[cold]
    fn lost(&self) -> CatalogueError {
        if let Bytes::Mapped { watched, .. } = &self.bytes
            && watched.range().tell()
        {
            tracing::error!(
                file = %self.path.display(),
                "it was cut short while it was served, or cannot be read any more: put the generation back, whole and under a name of its own, and reload it"
            );
        }
        CatalogueError::Lost(self.path.clone())
    }
}

fn copied(mut file: File) -> io::Result<HugePages> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    HugePages::copy(&bytes)
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::Mapped { map, .. } => map,
            Bytes::Copied(bytes) => bytes.bytes(),
        }
    }
}

#[cfg(test)]
mod tests;
