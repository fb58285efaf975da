//! A file that is there whole or not at all, whatever ends the process or the power.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use crate::file_steps::{FileStep, told};

/// Writes a file beside its place, brings it to the disk, and gives it its name. After an error the file of before is still
/// there, and nothing beside it.
///
/// # Errors
/// What the file system says.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_atomically_with(path, |beside| fs::write(beside, bytes))
}

/// The same for a writer that wants a path: `fill` writes the file at the path it is given.
///
/// # Errors
/// What `fill` or the file system says.
pub fn write_atomically_with<E: From<io::Error>>(
    path: &Path,
    fill: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let beside = beside(path);
    let written = fill(&beside).and_then(|()| {
        told(FileStep::Written(&beside));
        sync(&beside)?;
        Ok(rename_durably(&beside, path)?)
    });
    if written.is_err() {
        let _ = remove(&beside); // the first error is the one to tell
    }
    written
}

/// Renames a file or a folder whose content is on the disk already, and brings the new name there too.
///
/// # Errors
/// What the file system says.
pub fn rename_durably(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    told(FileStep::Renamed(from, to));
    sync(above(to))
}

/// Makes a folder and those above it, where they are missing, and brings their names to the disk. The name of a folder that is
/// there goes to the disk too: who made it may not have come so far yet.
///
/// # Errors
/// What the file system says.
pub fn create_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return match sync(above(path)) {
            // In a folder that this user cannot read, it was made by another, long ago.
            Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Ok(()),
            synced => synced,
        };
    }
    if !above(path).is_dir() {
        create_folder(above(path))?;
    }
    match fs::create_dir(path) {
        Ok(()) => told(FileStep::Folder(path)),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        Err(e) => return Err(e),
    }
    sync(above(path))
}

/// Removes a file, or a folder with all that is in it; what is not there is no error. Its name is gone from the disk once the
/// folder it was in is synced.
///
/// # Errors
/// What the file system says.
pub fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(e) => Err(e),
    };
    match removed {
        Ok(()) => told(FileStep::Removed(path)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    Ok(())
}

/// Brings a file's content, or the names in a folder, to the disk.
///
/// # Errors
/// What the file system says.
pub fn sync(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    told(FileStep::Synced(path));
    Ok(())
}

/// The folder that a name is in.
fn above(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// `NAME.part`, in the same folder.
fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".part");
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_or_stays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.json");
        write_atomically(&path, b"one").unwrap();
        write_atomically(&path, b"two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        let failed = write_atomically_with(&path, |beside| {
            fs::write(beside, "half of thr")?;
            Err(io::Error::other("the disk is full"))
        });
        assert!(failed.unwrap_err().to_string().contains("full"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn folders_are_made_and_go_with_what_is_in_them() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        create_folder(&deep).unwrap();
        create_folder(&deep).unwrap();
        fs::write(deep.join("file"), "x").unwrap();
        assert!(create_folder(&deep.join("file/d")).is_err(), "a file is no folder");
        remove(&deep.join("file")).unwrap();
        remove(&folder.path().join("a")).unwrap();
        remove(&folder.path().join("a")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write_atomically(&folder.path().join("none/file"), b"").is_err());
    }
}
