//! The photos below a class's folder, at any depth.

use std::{
    ffi::OsString,
    fs::{self, DirEntry},
    path::{Path, PathBuf},
};

use crate::dataset::{DatasetError, Report, litter};

/// Photos are told by these endings; other files are counted as skipped.
const ENDINGS: [&str; 8] = ["jpg", "jpeg", "jpe", "jfif", "png", "webp", "gif", "bmp"];

/// Whether a file of this name is a photo by its ending.
pub(crate) fn is_photo(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending.to_ascii_lowercase().as_str()))
}

/// A folder's entry: its name, exact and as it is shown, and whether it is a folder, be it through a link.
pub(crate) struct Entry {
    pub name: OsString,
    pub shown: String,
    pub folder: bool,
    pub link: bool,
}

impl Entry {
    fn of(entry: &DirEntry) -> Self {
        let name = entry.file_name();
        let shown = name.to_string_lossy().into_owned();
        // A link that leads nowhere is a file: whoever reads it is told so.
        let kind = entry.file_type().ok();
        let link = kind.is_some_and(|kind| kind.is_symlink());
        let folder = if link { entry.path().is_dir() } else { kind.is_some_and(|kind| kind.is_dir()) };
        Self { name, shown, folder, link }
    }

    /// Whether it is nothing of the shop's.
    pub fn is_litter(&self) -> bool {
        if self.folder {
            litter::is_folder(&self.shown)
        } else {
            litter::is_file(&self.shown, is_photo(&self.shown))
        }
    }

    /// Whether its name can be part of an item's `image`.
    fn is_text(&self) -> bool {
        self.name.to_str().is_some()
    }
}

/// What a folder holds, sorted by name.
pub(crate) fn sorted(dir: &Path) -> Result<Vec<Entry>, DatasetError> {
    let entries = fs::read_dir(dir).map_err(DatasetError::io(dir))?;
    let mut found = entries
        .map(|entry| entry.map(|entry| Entry::of(&entry)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(DatasetError::io(dir))?;
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// A walk through a class's folder.
pub(crate) struct Walk<'a> {
    /// Paths under the set's folder, parted by `/`.
    photos: Vec<String>,
    report: &'a mut Report,
    /// Where links led, and where the walk began, as the system knows them.
    places: Vec<PathBuf>,
}

impl<'a> Walk<'a> {
    /// The photos below `dir`, which is `shown` under the set's folder, in the order of their names. What is none is counted.
    pub fn through(
        dir: &Path,
        (shown, text): (&str, bool),
        report: &'a mut Report,
    ) -> Result<Vec<String>, DatasetError> {
        let places = vec![dir.canonicalize().map_err(DatasetError::io(dir))?];
        let mut walk = Walk { photos: Vec::new(), report, places };
        walk.folder(dir, shown, text)?;
        Ok(walk.photos)
    }

    /// Goes through one folder. `text`: whether its path is UTF-8.
    fn folder(&mut self, dir: &Path, shown: &str, text: bool) -> Result<(), DatasetError> {
        let mut empty = true;
        for entry in sorted(dir)? {
            let (path, below) = (dir.join(&entry.name), format!("{shown}/{}", entry.shown));
            if entry.is_litter() {
                self.report.left_out.add(below);
                continue;
            }
            empty = false;
            let text = text && entry.is_text();
            if entry.folder {
                self.below(&path, &below, (text, entry.link))?;
            } else if !is_photo(&entry.shown) {
                self.report.skip(format!("{below}: not a photo by its ending"));
            } else if text {
                self.photos.push(below);
            } else {
                self.report.skip(format!("{below}: its name is not UTF-8; rename it"));
            }
        }
        if empty {
            self.report.left_out.add(format!("{shown}/ (empty)"));
        }
        Ok(())
    }

    /// Goes into a folder, unless it is a link to one that the walk is in.
    fn below(&mut self, dir: &Path, shown: &str, (text, link): (bool, bool)) -> Result<(), DatasetError> {
        if !link {
            return self.folder(dir, shown, text);
        }
        let io = DatasetError::io;
        let place = dir.canonicalize().map_err(io(dir))?;
        let parent = dir.parent().unwrap_or(dir);
        let parent = parent.canonicalize().map_err(io(parent))?;
        if self.places.iter().chain([&parent]).any(|within| within.starts_with(&place)) {
            self.report.left_out.add(format!("{shown}/ (a link to a folder around it)"));
            return Ok(());
        }
        self.places.push(place);
        let walked = self.folder(dir, shown, text);
        self.places.pop();
        walked
    }
}
