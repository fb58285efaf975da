//! A folder a class.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::dataset::{
    Dataset, DatasetError, Record, Report, Split,
    walk::{Walk, is_photo, sorted},
};
use lookalike_items::{Item, ItemId};

/// Folders of DeepFashion's lists: no classes, and beside them `Img` is none.
const LISTS: [&str; 4] = ["Anno", "Anno_coarse", "Anno_fine", "Eval"];
/// Folders of these names are parts of a set; their folders would be the classes.
const PARTS: [&str; 8] = ["train", "training", "val", "valid", "validation", "dev", "test", "testing"];

/// Whether there is at least one folder that could be a class.
pub(crate) fn has_classes(root: &Path) -> bool {
    Classes::below(root, &mut Report::default()).is_ok_and(|classes| !classes.folders.is_empty())
}

/// Reads `img/<class>/**`, or `<class>/**` where there is no `img`. Classes are sorted by name, photos by path. A photo in a deeper
/// folder is its class's; a folder without a photo is no class.
pub(crate) fn read(root: &Path, seed: u64) -> Result<Dataset, DatasetError> {
    let mut report = Report::default();
    let Classes { prefix, dir, folders } = Classes::below(root, &mut report)?;
    let empty = |reason: String| DatasetError::Empty { path: root.to_owned(), reason };
    if folders.is_empty() {
        return Err(empty("there is no folder with photos in it: one a class is expected".to_owned()));
    }
    if folders.len() > 1 && folders.iter().all(|(_, name)| PARTS.contains(&name.to_lowercase().as_str())) {
        let names: Vec<&str> = folders.iter().map(|(_, name)| name.as_str()).collect();
        return Err(empty(format!(
            "{} are parts of a set and no classes: bring their folders together, one a class; photos are parted by --split-seed",
            names.join(", ")
        )));
    }
    let (mut records, mut categories) = (Vec::new(), Vec::new());
    for (name, class) in folders {
        let (path, text) = (dir.join(&name), name.to_str().is_some());
        let photos = Walk::through(&path, (&format!("{prefix}{class}"), text), &mut report)?;
        let before = records.len();
        for image in photos {
            let Ok(id) = ItemId::from_path(&image) else {
                report.skip(format!("{image}: its path makes no item id"));
                continue;
            };
            let split = Split::draw(seed, &image);
            let item = Item { image, ..Item::new(id, &class) };
            records.push(Record { item, category: categories.len(), bbox: None, split });
        }
        if records.len() > before {
            categories.push(class);
        }
    }
    Ok(Dataset { root: root.to_owned(), records, categories, report })
}

/// Where the class folders are.
struct Classes {
    /// `img/`, or nothing.
    prefix: &'static str,
    /// The folder that they are in.
    dir: PathBuf,
    /// Their names, exact and as text, sorted.
    folders: Vec<(OsString, String)>,
}

impl Classes {
    fn below(root: &Path, report: &mut Report) -> Result<Self, DatasetError> {
        let (prefix, dir) =
            if root.join("img").is_dir() { ("img/", root.join("img")) } else { ("", root.to_owned()) };
        let own: &[&str] = if prefix.is_empty() { &LISTS } else { &[] };
        let has_lists = LISTS.iter().any(|name| root.join(name).is_dir());
        let mut folders = Vec::new();
        for entry in sorted(&dir)? {
            if entry.is_litter() {
                report.left_out.add(format!("{prefix}{}", entry.shown));
            } else if entry.folder {
                let photos = prefix.is_empty() && has_lists && entry.shown == "Img";
                if !photos && !own.contains(&entry.shown.as_str()) {
                    folders.push((entry.name, entry.shown));
                }
            } else if is_photo(&entry.shown) {
                report.skip(format!("{prefix}{}: it lies in no class's folder", entry.shown));
            }
        }
        Ok(Self { prefix, dir, folders })
    }
}
