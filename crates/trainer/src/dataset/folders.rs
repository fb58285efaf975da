//! A folder a class.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::dataset::{Dataset, DatasetError, Record, Report, Split};
use lookalike_items::{Item, ItemId};

/// Photos are told by these endings; other files are counted as skipped.
const ENDINGS: [&str; 6] = ["jpg", "jpeg", "png", "webp", "gif", "bmp"];

/// Whether there is at least one folder that could be a class.
pub(crate) fn has_classes(root: &Path) -> bool {
    classes(root).is_ok_and(|(_, classes)| !classes.is_empty())
}

/// Reads `img/<class>/…`, or `<class>/…` where there is no `img`. Classes are sorted by name, photos by path.
pub(crate) fn read(root: &Path, seed: u64) -> Result<Dataset, DatasetError> {
    let (prefix, classes) = classes(root)?;
    if classes.is_empty() {
        let reason = "there is no folder with photos in it: one a class is expected".to_owned();
        return Err(DatasetError::Empty { path: root.to_owned(), reason });
    }
    let mut report = Report::default();
    let mut records = Vec::new();
    for (category, class) in classes.iter().enumerate() {
        for name in sorted(&root.join(prefix).join(class))? {
            let image = format!("{prefix}{class}/{name}");
            let ending = name.rsplit_once('.').map(|(_, e)| e.to_ascii_lowercase()).unwrap_or_default();
            if !ENDINGS.contains(&ending.as_str()) {
                report.skip(format!("{image}: not a photo by its ending"));
                continue;
            }
            let Ok(id) = ItemId::from_path(&image) else {
                report.skip(format!("{image}: its path makes no item id"));
                continue;
            };
            let split = Split::draw(seed, &image);
            let item = Item { image, ..Item::new(id, class) };
            records.push(Record { item, category, bbox: None, split });
        }
    }
    Ok(Dataset { root: root.to_owned(), records, categories: classes, report })
}

/// Where the class folders are below the root (`img/` or nothing), and their names, sorted.
fn classes(root: &Path) -> Result<(&'static str, Vec<String>), DatasetError> {
    let (prefix, dir): (_, PathBuf) =
        if root.join("img").is_dir() { ("img/", root.join("img")) } else { ("", root.to_owned()) };
    let folders = sorted(&dir)?.into_iter().filter(|name| {
        let lists = prefix.is_empty() && ["Anno", "Eval"].contains(&name.as_str());
        !lists && !name.starts_with('.') && dir.join(name).is_dir()
    });
    Ok((prefix, folders.collect()))
}

fn sorted(dir: &Path) -> Result<Vec<String>, DatasetError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir).map_err(DatasetError::io(dir))? {
        let name = entry.map_err(DatasetError::io(dir))?.file_name();
        names.push(name.into_string().map_err(|name| DatasetError::Layout {
            path: dir.join(name),
            reason: "the name is not UTF-8; rename it".into(),
        })?);
    }
    names.sort();
    Ok(names)
}
