//! The lists of DeepFashion Attribute Prediction.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use crate::dataset::{Categories, Dataset, DatasetError, Record, Report, Split};
use lookalike_items::PixelBox;
use lookalike_items::{Item, ItemId};

/// Labels up to this one are upper body.
const UPPER_BODY: usize = 20;

/// Reads the four lists and joins them by photo.
pub(crate) fn read(root: &Path, categories: Categories) -> Result<Dataset, DatasetError> {
    let cloth = List::open(root.join("Anno/list_category_cloth.txt"))?;
    let mut names = Vec::new();
    for row in cloth.rows() {
        // A name may hold blanks; its type is the last word.
        let [name, _type] = row.columns()?;
        names.push(name.to_owned());
    }
    if categories == Categories::UpperBody {
        names.truncate(UPPER_BODY);
    }
    let boxes = read_boxes(root)?;
    let splits = read_splits(root)?;
    let labels = List::open(root.join("Anno/list_category_img.txt"))?;
    let mut report = Report::default();
    let mut records = Vec::new();
    for row in labels.rows() {
        let [image, label] = row.columns()?;
        let label: usize = row.number(label)?;
        if label == 0 || label > cloth.len() {
            return Err(row.malformed(format!("category {label} is not one of 1 to {}", cloth.len())));
        }
        if label > names.len() {
            continue; // not upper body
        }
        let (Some(&bbox), Some(&split)) = (boxes.get(image), splits.get(image)) else {
            report.skip(format!("{image}: not in list_bbox.txt and list_eval_partition.txt both"));
            continue;
        };
        let Ok(id) = ItemId::from_path(image) else {
            report.skip(format!("{image}: its path makes no item id"));
            continue;
        };
        if image.split('/').any(|part| part == "..") || !root.join(image).is_file() {
            report.skip(format!("{image}: listed, but there is no such photo"));
            continue;
        }
        let item = Item { image: image.to_owned(), ..Item::new(id, &names[label - 1]) };
        records.push(Record { item, category: label - 1, bbox: Some(bbox), split });
    }
    Ok(Dataset { root: root.to_owned(), records, categories: names, report })
}

fn read_boxes(root: &Path) -> Result<HashMap<String, PixelBox>, DatasetError> {
    let list = List::open(root.join("Anno/list_bbox.txt"))?;
    let mut boxes = HashMap::with_capacity(list.len());
    for row in list.rows() {
        let [image, x1, y1, x2, y2] = row.columns()?;
        let (x1, y1, x2, y2) = (row.number(x1)?, row.number(y1)?, row.number(x2)?, row.number(y2)?);
        let corners = |x: usize| u32::try_from(x).unwrap_or(u32::MAX);
        let bbox = PixelBox::new(corners(x1), corners(y1), corners(x2), corners(y2))
            .ok_or_else(|| row.malformed("a box is 1-based with x_1 ≤ x_2 and y_1 ≤ y_2".into()))?;
        boxes.insert(image.to_owned(), bbox);
    }
    Ok(boxes)
}

fn read_splits(root: &Path) -> Result<HashMap<String, Split>, DatasetError> {
    let list = List::open(root.join("Eval/list_eval_partition.txt"))?;
    let mut splits = HashMap::with_capacity(list.len());
    for row in list.rows() {
        let [image, name] = row.columns()?;
        let split = Split::parse(name)
            .ok_or_else(|| row.malformed(format!("'{name}' is none of train, val, test")))?;
        splits.insert(image.to_owned(), split);
    }
    Ok(splits)
}

/// A list file: a line with the count, a line with the column names, that many rows.
struct List {
    path: PathBuf,
    text: String,
    count: usize,
}

struct Row<'a> {
    list: &'a List,
    line: usize,
    text: &'a str,
}

impl List {
    fn open(path: PathBuf) -> Result<Self, DatasetError> {
        let text = fs::read_to_string(&path).map_err(DatasetError::io(&path))?;
        let malformed = |line, reason: String| DatasetError::Malformed { path: path.clone(), line, reason };
        let stated = text.lines().next().unwrap_or_default().trim();
        let count: usize = stated
            .parse()
            .map_err(|_| malformed(1, format!("the number of rows must stand here, not '{stated}'")))?;
        let found = text.lines().skip(2).filter(|line| !line.trim().is_empty()).count();
        if found != count {
            return Err(malformed(1, format!("it says {count} rows, the file has {found}: is it cut off?")));
        }
        Ok(Self { path, text, count })
    }

    fn len(&self) -> usize {
        self.count
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let lines = self.text.lines().enumerate().skip(2).filter(|(_, text)| !text.trim().is_empty());
        lines.map(|(i, text)| Row { list: self, line: i + 1, text: text.trim() })
    }
}

impl<'a> Row<'a> {
    /// `N` columns parted by blanks; only the first may hold blanks itself.
    fn columns<const N: usize>(&self) -> Result<[&'a str; N], DatasetError> {
        let mut columns = [""; N];
        let mut rest = self.text;
        for slot in columns.iter_mut().skip(1).rev() {
            let (before, last) = rest
                .rsplit_once(char::is_whitespace)
                .ok_or_else(|| self.malformed(format!("{N} columns are expected")))?;
            *slot = last;
            rest = before.trim_end();
        }
        columns[0] = rest;
        Ok(columns)
    }

    fn number(&self, text: &str) -> Result<usize, DatasetError> {
        text.parse().map_err(|_| self.malformed(format!("'{text}' is not a number")))
    }

    fn malformed(&self, reason: String) -> DatasetError {
        DatasetError::Malformed { path: self.list.path.clone(), line: self.line, reason }
    }
}
