//! Photos as files below the state, of which this program is the only writer: on the disk when they are acknowledged, and erased
//! with the last item that shows them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use bytes::Bytes;
use lookalike_common::{create_folder, remove, sync, write_atomically};

use super::name::PhotoName;

/// The folder.
#[derive(Clone)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// Below a state's folder.
    pub(super) fn open(state: &Path) -> io::Result<Self> {
        let folder = Self(state.join("photos"));
        create_folder(&folder.0)?;
        // Left by a write that was cut off.
        for path in folder.files()?.into_iter().filter(|path| path.extension().is_some_and(|e| e == "part")) {
            remove(&path)?;
        }
        Ok(folder)
    }

    pub(super) fn path(&self, name: &PhotoName) -> PathBuf {
        self.0.join(name.relative())
    }

    /// Writes a photo, unless it is there: on the disk when this returns, whoever wrote it. For one thread a photo at a time.
    pub(super) fn keep(&self, name: &PhotoName, jpeg: Option<&[u8]>) -> io::Result<()> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(&self.0);
        create_folder(folder)?;
        match jpeg {
            Some(jpeg) if !path.exists() => write_atomically(&path, jpeg),
            // Its content is on the disk since before it had this name; the name may not be.
            _ => sync(folder),
        }
    }

    /// Its ETag, and its bytes where that makes them `wanted`; none where it is not there.
    pub(super) fn read(
        &self,
        name: &PhotoName,
        wanted: impl FnOnce(&str) -> bool,
    ) -> io::Result<Option<(String, Option<Bytes>)>> {
        let path = self.path(name);
        let read = || {
            let about = path.metadata()?;
            let changed = about.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let etag = format!("\"{:x}-{:x}\"", about.len(), changed.as_nanos());
            let bytes = if wanted(&etag) { Some(fs::read(&path)?.into()) } else { None };
            Ok::<_, io::Error>(Some((etag, bytes)))
        };
        match read() {
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read,
        }
    }

    pub(super) fn erase(&self, name: &PhotoName) -> io::Result<()> {
        remove(&self.path(name))
    }

    pub(super) fn names(&self) -> io::Result<Vec<PhotoName>> {
        let name = |path: PathBuf| {
            let relative = path.strip_prefix(&self.0).ok()?.to_str()?.to_owned();
            PhotoName::from_relative(&relative)
        };
        Ok(self.files()?.into_iter().filter_map(name).collect())
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for folder in fs::read_dir(&self.0)? {
            let folder = folder?.path();
            if folder.is_dir() {
                for file in fs::read_dir(folder)? {
                    files.push(file?.path());
                }
            }
        }
        Ok(files)
    }
}
