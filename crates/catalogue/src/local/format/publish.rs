//! Puts a new generation in place: complete and on the disk before anything names it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use lookalike_common::{create_folder, remove, rename_durably, sync, write_atomically};

use crate::{
    contract::CatalogueError,
    local::format::generation::{
        self, CURRENT, GenerationManifest, MANIFEST, current_line, name, number_in, numbers,
    },
};

/// Where unfinished generations lie.
const PARTIAL: &str = ".partial";

/// A generation being written. Dropped before it is published, it leaves nothing behind.
pub(crate) struct Draft {
    folder: PathBuf,
    partial: PathBuf,
    /// Held until published, so that two builds of one bundle do not take one number. Freed when closed.
    _lock: File,
    /// Its number.
    pub number: u64,
}

impl Draft {
    /// Starts the next generation of a bundle; waits while another build is writing one.
    pub fn start(bundle: &Path) -> Result<Self, CatalogueError> {
        let folder = generation::folder(bundle);
        create_folder(&folder).map_err(CatalogueError::io("create", &folder))?;
        let lock = folder.join(".lock");
        let file = File::create(&lock).map_err(CatalogueError::io("create", &lock))?;
        file.lock().map_err(CatalogueError::io("lock", &lock))?;
        let before = numbers(&folder).map_err(CatalogueError::io("list", &folder))?;
        let partial = folder.join(PARTIAL);
        // Left by a build that was killed: nobody else writes while we hold the lock.
        remove(&partial).map_err(CatalogueError::io("remove", &partial))?;
        create_folder(&partial).map_err(CatalogueError::io("create", &partial))?;
        let number = before.into_iter().max().map_or(1, |last| last.saturating_add(1));
        Ok(Self { folder, partial, _lock: file, number })
    }

    /// Where a file of the generation is to be written, and synced.
    pub fn path(&self, file: &str) -> PathBuf {
        self.partial.join(file)
    }

    /// Adds the manifest, gives the generation its name, lets `CURRENT` name it, and removes all generations but this
    /// and the one in use until now.
    pub fn publish(self, manifest: &GenerationManifest) -> Result<(), CatalogueError> {
        let path = self.path(MANIFEST);
        let mut bytes =
            serde_json::to_vec_pretty(manifest).map_err(|e| CatalogueError::io("write", &path)(e.into()))?;
        bytes.push(b'\n');
        write_atomically(&path, &bytes).map_err(CatalogueError::io("write", &path))?;
        sync(&self.partial).map_err(CatalogueError::io("sync", &self.partial))?;
        let place = self.folder.join(name(self.number));
        rename_durably(&self.partial, &place).map_err(CatalogueError::io("create", &place))?;
        let current = self.folder.join(CURRENT);
        let previous = fs::read_to_string(&current).ok();
        let line = current_line(self.number, &bytes);
        write_atomically(&current, line.as_bytes()).map_err(CatalogueError::io("replace", &current))?;
        let previous = previous.and_then(|line| number_in(&line));
        self.prune(previous)
    }

    fn prune(&self, previous: Option<u64>) -> Result<(), CatalogueError> {
        let all = numbers(&self.folder).map_err(CatalogueError::io("list", &self.folder))?;
        for old in all.into_iter().filter(|&n| n != self.number && Some(n) != previous) {
            let folder = self.folder.join(name(old));
            remove(&folder).map_err(CatalogueError::io("remove", &folder))?;
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After publishing there is nothing of that name; what cannot be removed now, the next build removes.
        let _ = remove(&self.partial);
    }
}
