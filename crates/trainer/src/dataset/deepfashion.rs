//! The lists of DeepFashion Attribute Prediction, as they were first given out (`Anno/`) and as they are today: `Anno_coarse/`, of all
//! photos, and `Anno_fine/`, of 20,000.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use crate::dataset::{Categories, Dataset, DatasetError, Record, Report, Split, list::List, place::Place};
use lookalike_items::PixelBox;
use lookalike_items::{Item, ItemId};

/// Labels up to this one are upper body.
const UPPER_BODY: usize = 20;
/// Where lists are looked for, in this order.
const FOLDERS: [&str; 3] = ["Anno", "Anno_coarse", "Anno_fine"];
const CATEGORIES: &str = "list_category_cloth.txt";
const LABELS: &str = "list_category_img.txt";
const BOXES: &str = "list_bbox.txt";
const SPLITS: &str = "list_eval_partition.txt";

/// A photo as the lists have it; its label from 1.
struct Listed {
    image: String,
    label: usize,
    bbox: PixelBox,
    split: Split,
}

/// Whether a folder of lists is there.
pub(crate) fn has_lists(root: &Path) -> bool {
    FOLDERS.iter().any(|folder| root.join(folder).is_dir())
}

/// The folder of `root` that has lists in it, where `root` itself has none: a set is often unpacked into one more.
pub(crate) fn deeper(root: &Path) -> Option<PathBuf> {
    let entries = std::fs::read_dir(root).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    entries.filter(|path| has_lists(path)).min()
}

/// Reads the lists and joins them by photo.
pub(crate) fn read(root: &Path, categories: Categories) -> Result<Dataset, DatasetError> {
    let (folder, parted) = find(root)?;
    let cloth = List::open(folder.join(CATEGORIES))?;
    let mut names = Vec::new();
    for row in cloth.rows() {
        // A name may hold blanks; its type is the last word.
        let [name, _type] = row.columns()?;
        names.push(name.to_owned());
    }
    if categories == Categories::UpperBody {
        names.truncate(UPPER_BODY);
    }
    let mut report = Report::default();
    let mut listed = if parted {
        parted_lists(&folder, cloth.len())?
    } else {
        joined_lists(root, &folder, cloth.len(), names.len(), &mut report)?
    };
    listed.retain(|photo| photo.label <= names.len());
    let place = Place::of(root, listed.iter().map(|photo| photo.image.as_str()))?;
    let mut records = Vec::new();
    for Listed { image, label, bbox, split } in listed {
        let Ok(id) = ItemId::from_path(&image) else {
            report.skip(format!("{image}: its path makes no item id"));
            continue;
        };
        let Some(there) = place.path(&image).filter(|there| root.join(there).is_file()) else {
            report.skip(format!("{image}: listed, but there is no such photo"));
            continue;
        };
        let item = Item { image: there, ..Item::new(id, &names[label - 1]) };
        records.push(Record { item, category: label - 1, bbox: Some(bbox), split });
    }
    Ok(Dataset { root: root.to_owned(), records, categories: names, report })
}

/// The folder of the lists, and whether they are parted by split. What is looked for is said where it is not there.
fn find(root: &Path) -> Result<(PathBuf, bool), DatasetError> {
    let refuse = |reason: String| Err(DatasetError::Layout { path: root.to_owned(), reason });
    let has = |folder: &str, names: &[&str]| names.iter().any(|name| root.join(folder).join(name).is_file());
    let whole = FOLDERS.iter().find(|folder| has(folder, &[LABELS, BOXES])).map(|folder| (folder, false));
    let parted =
        || FOLDERS.iter().find(|folder| has(folder, &["train_cate.txt"])).map(|folder| (folder, true));
    let Some((folder, parted)) = whole.or_else(parted) else {
        let hint = match deeper(root) {
            Some(path) => format!("; {} looks like it", path.display()),
            None => String::new(),
        };
        return refuse(format!(
            "no lists of DeepFashion: {LABELS} or train_cate.txt was looked for in {}{hint}",
            FOLDERS.join("/, ") + "/"
        ));
    };
    let mut wanted = vec![format!("{folder}/{CATEGORIES}")];
    if parted {
        let lists = |split| ["", "_cate", "_bbox"].map(|kind| format!("{folder}/{split}{kind}.txt"));
        wanted.extend(["train", "val", "test"].into_iter().flat_map(lists));
    } else {
        wanted.extend([LABELS, BOXES].map(|name| format!("{folder}/{name}")));
        wanted.push(format!("Eval/{SPLITS}"));
    }
    wanted.retain(|list| !root.join(list).is_file());
    if wanted.is_empty() {
        Ok((root.join(folder), parted))
    } else {
        refuse(format!("no {}", wanted.join(", no ")))
    }
}

/// `list_category_img.txt` with `list_bbox.txt` and `list_eval_partition.txt`. `categories` is how many there are, `taken` how
/// many of them are taken: of others nothing is said.
fn joined_lists(
    root: &Path,
    folder: &Path,
    categories: usize,
    taken: usize,
    report: &mut Report,
) -> Result<Vec<Listed>, DatasetError> {
    let boxes = read_boxes(folder)?;
    let splits = read_splits(root)?;
    let labels = List::open(folder.join(LABELS))?;
    let mut listed = Vec::new();
    for row in labels.rows() {
        let [image, label] = row.columns()?;
        let label = row.label(label, categories)?;
        match (boxes.get(image), splits.get(image)) {
            (Some(&bbox), Some(&split)) => {
                listed.push(Listed { image: image.to_owned(), label, bbox, split })
            }
            _ if label > taken => {}
            _ => report.skip(format!("{image}: not in {BOXES} and {SPLITS} both")),
        }
    }
    Ok(listed)
}

/// `train.txt`, `train_cate.txt` and `train_bbox.txt`, which go row by row together; then those of `val` and `test`.
fn parted_lists(folder: &Path, categories: usize) -> Result<Vec<Listed>, DatasetError> {
    let mut listed = Vec::new();
    for (name, split) in [("train", Split::Train), ("val", Split::Val), ("test", Split::Test)] {
        let list = |kind: &str| List::bare(folder.join(format!("{name}{kind}.txt")));
        let images = list("")?;
        let (labels, boxes) = (list("_cate")?.beside(&images)?, list("_bbox")?.beside(&images)?);
        for ((image, label), corners) in images.rows().zip(labels.rows()).zip(boxes.rows()) {
            let (image, label) = (image.text().to_owned(), label.label(label.text(), categories)?);
            listed.push(Listed { image, label, bbox: corners.pixel_box(corners.columns()?)?, split });
        }
    }
    Ok(listed)
}

fn read_boxes(folder: &Path) -> Result<HashMap<String, PixelBox>, DatasetError> {
    let list = List::open(folder.join(BOXES))?;
    let mut boxes = HashMap::with_capacity(list.len());
    for row in list.rows() {
        let [image, x1, y1, x2, y2] = row.columns()?;
        boxes.insert(image.to_owned(), row.pixel_box([x1, y1, x2, y2])?);
    }
    Ok(boxes)
}

fn read_splits(root: &Path) -> Result<HashMap<String, Split>, DatasetError> {
    let list = List::open(root.join("Eval").join(SPLITS))?;
    let mut splits = HashMap::with_capacity(list.len());
    for row in list.rows() {
        let [image, name] = row.columns()?;
        let split = Split::parse(name)
            .ok_or_else(|| row.malformed(format!("'{name}' is none of train, val, test")))?;
        splits.insert(image.to_owned(), split);
    }
    Ok(splits)
}
