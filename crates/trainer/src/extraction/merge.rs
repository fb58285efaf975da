//! Shards → the whole: refused unless they are all there, once, and of one kind.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use crate::extraction::{
    ExtractionError, Shard, check_skipped,
    frames::{Entry, Header, Reader},
};
use lookalike_items::{Item, Vectors};

/// How many missing shards are named.
const NAMED: usize = 8;

/// What all shards come to.
#[derive(Debug, Default)]
pub struct Merged {
    /// Items and embeddings, in the data set's order.
    pub items: Vec<(Item, Vectors)>,
    /// Photos that could not be used, each with its reason.
    pub skipped: Vec<String>,
}

/// Reads the shards that lie in `folders`.
pub fn merge(folders: &[PathBuf], model_id: &str) -> Result<Merged, ExtractionError> {
    let shards = gather(folders, model_id)?;
    let mut merged = Merged::default();
    for path in shards {
        let mut reader = Reader::open(&path)?;
        let mut found = 0;
        for entries in reader.by_ref() {
            for entry in entries? {
                found += 1;
                match entry {
                    Entry::Item(item, vectors) => merged.items.push((item, vectors)),
                    Entry::Skipped(reason) => merged.skipped.push(reason),
                }
            }
        }
        let wanted = reader.header.shard.range(reader.header.photos).len();
        if found != wanted {
            return Err(ExtractionError::damaged(&path, format!("it has {found} of {wanted} photos")));
        }
    }
    let total = merged.items.len() + merged.skipped.len();
    check_skipped(merged.skipped.len(), total, merged.skipped.first())?;
    Ok(merged)
}

/// The files of all shards, in order.
fn gather(folders: &[PathBuf], model_id: &str) -> Result<Vec<PathBuf>, ExtractionError> {
    let refuse = |why: String| Err(ExtractionError::Shards(why));
    let mut found: BTreeMap<Shard, (PathBuf, Header)> = BTreeMap::new();
    let mut begun = Vec::new();
    for path in files(folders)? {
        match path.extension().and_then(|e| e.to_str()) {
            Some("part") => begun.push(path),
            Some("shard") => {
                let header = Reader::open(&path)?.header;
                if header.model_id != model_id {
                    let (path, theirs) = (path.display(), header.model_id);
                    return refuse(format!(
                        "{path} was made with model {theirs:.12}, the bundle's is {model_id:.12}: make it again with this bundle"
                    ));
                }
                let shard = header.shard;
                if let Some((other, _)) = found.insert(shard, (path.clone(), header)) {
                    let (a, b) = (other.display(), path.display());
                    return refuse(format!("shard {shard} is there twice, {a} and {b}: remove one of them"));
                }
            }
            _ => {}
        }
    }
    let Some((_, (first_path, first))) = found.first_key_value() else {
        let names: Vec<String> = folders.iter().map(|f| f.display().to_string()).collect();
        return refuse(format!(
            "there is no finished shard in {}: make them with `index --shard`",
            names.join(", ")
        ));
    };
    for (path, header) in found.values() {
        let (a, b) = (first_path.display(), path.display());
        if header.shard.of() != first.shard.of() {
            return refuse(format!(
                "{a} and {b} overlap: they are of different divisions; remove those of one"
            ));
        }
        if (&header.records, header.photos) != (&first.records, first.photos) {
            return refuse(format!("{a} and {b} are of different photos: make both from one data set"));
        }
    }
    let all = first.shard.of();
    let there = |number: &usize| Shard::new(*number, all).is_some_and(|shard| found.contains_key(&shard));
    let missing: Vec<usize> = (1..=all).filter(|number| !there(number)).collect();
    if !missing.is_empty() {
        let more = if missing.len() > NAMED { ", …" } else { "" };
        let names: Vec<String> = missing.iter().take(NAMED).map(|number| format!("{number}/{all}")).collect();
        let begun = if begun.is_empty() { "" } else { " (some have begun: run them again, they go on)" };
        return refuse(format!("{} shards are missing: {}{more}{begun}", missing.len(), names.join(", ")));
    }
    Ok(found.into_values().map(|(path, _)| path).collect())
}

/// All files of the folders, by name.
fn files(folders: &[PathBuf]) -> Result<Vec<PathBuf>, ExtractionError> {
    let mut paths = Vec::new();
    for folder in folders {
        let read = |folder: &Path| -> std::io::Result<Vec<PathBuf>> {
            fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect()
        };
        paths.extend(read(folder).map_err(ExtractionError::io(folder))?);
    }
    paths.sort();
    Ok(paths)
}
