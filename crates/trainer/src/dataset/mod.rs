//! Photos on disk as a set: the DeepFashion layout, the folder-per-class layout, the generated sample catalogue; splits,
//! the triplet sampler, and the loader that reads in parallel.
//!
//! May enter: a folder. What leaves are [`Record`]s whose ids are unique and whose categories exist, and a [`Report`] of
//! everything that was passed over: nothing is dropped silently.
//!
//! The rules: a list that is missing or malformed is refused, by file and line. A photo that is listed but not there, or
//! that cannot be an item (a name that is not UTF-8, an id that is too long), is skipped, named and counted. What systems and programs
//! leave beside photos is left out and counted (`litter.rs`). A box that reaches out of its photo is cut to it; one that
//! holds no pixel makes the photo a skipped one.

mod deepfashion;
mod duplicates;
mod folders;
mod groups;
mod jsonl;
mod list;
mod litter;
mod loader;
mod place;
mod report;
mod split;
mod text;
mod triplets;
mod walk;

pub use duplicates::Duplicates;
pub use groups::{Groups, PkSampler, shuffled};
pub use loader::{Load, ordered};
pub use report::{Report, Tally};
pub use split::Split;
pub use triplets::{Triplet, TripletSampler};

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use lookalike_items::{Item, PixelBox};
use lookalike_photo::{Limits, Photo, PhotoError, Wanted};

/// How a folder of photos says what is what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// DeepFashion's Attribute Prediction: `list_category_cloth.txt`, `list_category_img.txt` and `list_bbox.txt` in `Anno/` or
    /// `Anno_coarse/`, `Eval/list_eval_partition.txt`; where these are not there, the lists of `Anno_fine/` (`train.txt`, `train_cate.txt`,
    /// `train_bbox.txt`, …). Photos in `img/` or `Img/img/`.
    Deepfashion,
    /// `img/<class>/**/*.jpg`, or `<class>/**/*.jpg`.
    Folders,
}

/// Which categories of the DeepFashion lists are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Categories {
    /// Labels 1 to 20, the upper body: 139,709 photos of the real set.
    #[default]
    UpperBody,
    /// All of them.
    All,
}

/// One photo of a data set.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id, product, category, attributes; `image` is its path under the set's folder.
    pub item: Item,
    /// An index into [`Dataset::categories`].
    pub category: usize,
    /// Where the garment is, where the set says so.
    pub bbox: Option<PixelBox>,
    /// Which part of the set it belongs to.
    pub split: Split,
}

/// A folder of photos, read.
#[derive(Clone, Debug)]
pub struct Dataset {
    root: PathBuf,
    records: Vec<Record>,
    categories: Vec<String>,
    report: Report,
}

/// Why a folder is no data set.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// A file or folder cannot be read.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A list does not have the form it must have.
    #[error("{}, line {line}: {reason}", path.display())]
    Malformed {
        /// Which list.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder fits no layout, or both.
    #[error("{}: {reason}", path.display())]
    Layout {
        /// Which folder.
        path: PathBuf,
        /// What to do.
        reason: String,
    },
    /// Two photos come to one id.
    #[error(
        "the photos {first} and {second} come to the same item id '{id}'; rename one, or name ids in items.jsonl"
    )]
    SameId {
        /// The id.
        id: String,
        /// A photo.
        first: String,
        /// Another.
        second: String,
    },
    /// Nothing is left to work on.
    #[error("{}: {reason}", path.display())]
    Empty {
        /// Which folder.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// One photo cannot be loaded.
    #[error("{image}: {source}")]
    Photo {
        /// Its path under the folder.
        image: String,
        /// Why not.
        source: PhotoError,
    },
}

impl DatasetError {
    fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}

impl Dataset {
    /// Reads a folder. `layout` must be said where both fit; `seed` splits a set that has no lists of its own.
    pub fn open(
        root: &Path,
        layout: Option<Layout>,
        categories: Categories,
        seed: u64,
    ) -> Result<Self, DatasetError> {
        let layout = match layout {
            Some(layout) => layout,
            None => detect(root)?,
        };
        let mut set = match layout {
            Layout::Deepfashion => deepfashion::read(root, categories)?,
            Layout::Folders => folders::read(root, seed)?,
        };
        jsonl::apply(&mut set)?;
        set.check_ids()?;
        if set.records.is_empty() {
            let reason = "no photo of it can be used".to_owned();
            return Err(DatasetError::Empty { path: root.to_owned(), reason });
        }
        Ok(set)
    }

    fn check_ids(&self) -> Result<(), DatasetError> {
        let mut seen: HashMap<&str, &Item> = HashMap::new();
        for Record { item, .. } in &self.records {
            if let Some(first) = seen.insert(item.id.as_str(), item) {
                let (id, first) = (item.id.to_string(), first.image.clone());
                return Err(DatasetError::SameId { id, first, second: item.image.clone() });
            }
        }
        Ok(())
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// All photos that can be used, in the set's own order.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The names of the categories; [`Record::category`] points in here.
    pub fn categories(&self) -> &[String] {
        &self.categories
    }

    /// What was passed over.
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Reads and decodes one photo, in sRGB, cut to its box where `boxes` asks for it and the set has one.
    pub fn photo(&self, record: &Record, boxes: bool) -> Result<Photo, DatasetError> {
        self.photo_for(record, boxes, Wanted::WHOLE)
    }

    /// The same, but what is wanted of it alone: perhaps fewer pixels, perhaps colours as they are.
    pub fn photo_for(&self, record: &Record, boxes: bool, wanted: Wanted) -> Result<Photo, DatasetError> {
        let path = self.root.join(&record.item.image);
        let bytes = std::fs::read(&path).map_err(DatasetError::io(&path))?;
        let named = |source| DatasetError::Photo { image: record.item.image.clone(), source };
        match record.bbox {
            // A box may be small: its photo is decoded whole.
            Some(bbox) if boxes => {
                let whole = wanted.at_side(u32::MAX);
                let photo = Photo::decode_for(&bytes, &Limits::default(), whole).map_err(named)?;
                cut(&photo, bbox).map_err(named)
            }
            _ => Photo::decode_for(&bytes, &Limits::default(), wanted).map_err(named),
        }
    }

    /// The folder alone, to read photos from: what holds its records elsewhere need not hold them twice.
    pub fn without_records(&self) -> Self {
        let (root, categories) = (self.root.clone(), self.categories.clone());
        Self { root, records: Vec::new(), categories, report: Report::default() }
    }

    /// Its records, and what is left of it without them: a large set's list is held once.
    pub fn into_records(self) -> (Vec<Record>, Self) {
        let left = self.without_records();
        (self.records, left)
    }
}

/// What of the photo the box holds.
fn cut(photo: &Photo, bbox: PixelBox) -> Result<Photo, PhotoError> {
    let [x1, y1, x2, y2] = bbox.corners();
    photo.crop(x1 - 1, y1 - 1, x2 - x1 + 1, y2 - y1 + 1)
}

fn detect(root: &Path) -> Result<Layout, DatasetError> {
    let lists = deepfashion::has_lists(root);
    let folders = folders::has_classes(root);
    let refuse = |reason: &str| Err(DatasetError::Layout { path: root.to_owned(), reason: reason.into() });
    match (lists, folders) {
        (true, true) => refuse(
            "both layouts fit: say --layout deepfashion (its lists) or --layout folders (a class a folder)",
        ),
        (true, false) => Ok(Layout::Deepfashion),
        (false, true) => match deepfashion::deeper(root) {
            Some(deeper) => refuse(&format!(
                "DeepFashion's lists are a folder deeper, in {}: say that one, or --layout folders",
                deeper.display()
            )),
            None => Ok(Layout::Folders),
        },
        (false, false) if !root.is_dir() => refuse("there is no such folder"),
        (false, false) => refuse(
            "neither DeepFashion's lists (Anno/, Anno_coarse/ or Anno_fine/, and Eval/) nor a folder a class (img/<class>/) are in it",
        ),
    }
}
