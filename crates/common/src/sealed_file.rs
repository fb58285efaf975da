//! A file that is written once and known by its digest ever after.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    file_steps::{FileStep, told},
    hex,
};

/// How a file was when it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSeal {
    /// Its length.
    pub bytes: u64,
    /// Its digest, in hexadecimal.
    pub sha256: String,
}

impl FileSeal {
    /// Reads a whole file.
    ///
    /// # Errors
    /// What the file system says.
    pub fn of(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let (mut digest, mut buffer, mut bytes) = (Sha256::new(), vec![0; 1 << 16], 0);
        loop {
            match io::Read::read(&mut file, &mut buffer)? {
                0 => return Ok(Self { bytes, sha256: hex(&digest.finalize()) }),
                n => {
                    digest.update(&buffer[..n]);
                    bytes += n as u64;
                }
            }
        }
    }
}

/// Writes a file once, from start to end, and seals it.
pub struct SealedFile {
    path: PathBuf,
    file: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
}

impl SealedFile {
    /// A new file; it must not be there yet.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
        told(FileStep::Written(path));
        Ok(Self { path: path.to_owned(), file, digest: Sha256::new(), bytes: 0 })
    }

    /// How many bytes were written so far.
    #[allow(clippy::len_without_is_empty)] // a length in bytes, of a file that is being written
    pub fn len(&self) -> u64 {
        self.bytes
    }

    /// Everything on the disk; what the file came to.
    ///
    /// # Errors
    /// What the file system says.
    pub fn seal(self) -> io::Result<FileSeal> {
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        told(FileStep::Written(&self.path));
        file.sync_all()?;
        told(FileStep::Synced(&self.path));
        Ok(FileSeal { bytes: self.bytes, sha256: hex(&self.digest.finalize()) })
    }

    /// Writes numbers, little-endian.
    pub fn numbers(&mut self, numbers: impl Iterator<Item = u32>) -> io::Result<()> {
        numbers.map(u32::to_le_bytes).try_for_each(|bytes| self.write_all(&bytes))
    }

    /// Writes zeros up to this offset from the start.
    pub fn pad_to(&mut self, offset: usize) -> io::Result<()> {
        while self.bytes < offset as u64 {
            self.write_all(&[0])?;
        }
        Ok(())
    }
}

impl Write for SealedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut file = SealedFile::create(&path).unwrap();
        file.numbers([1, 2].into_iter()).unwrap();
        file.pad_to(70_000).unwrap();
        let sealed = file.seal().unwrap();
        assert_eq!((sealed.bytes, &sealed), (70_000, &FileSeal::of(&path).unwrap()));
        assert!(SealedFile::create(&path).is_err(), "a file that is there is not written over");
    }
}
