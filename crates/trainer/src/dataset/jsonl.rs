//! `items.jsonl` beside a set: what the layout does not know of its photos, one item an image. Products, categories, attributes,
//! titles, addresses, numbers and payloads go from here into the catalogue as they are.

use std::{collections::HashMap, fs};

use crate::dataset::{Dataset, DatasetError};
use lookalike_items::Item;

/// Takes over what the file says of the photos that the set has; lines about other photos are passed over.
pub(crate) fn apply(set: &mut Dataset) -> Result<(), DatasetError> {
    let path = set.root.join("items.jsonl");
    if !path.is_file() {
        return Ok(());
    }
    let text = fs::read_to_string(&path).map_err(DatasetError::io(&path))?;
    let mut items: HashMap<String, Item> = HashMap::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let malformed = |reason: String| DatasetError::Malformed { path: path.clone(), line: i + 1, reason };
        let item: Item = serde_json::from_str(line).map_err(|e| malformed(e.to_string()))?;
        if items.contains_key(&item.image) {
            return Err(malformed(format!("{} stands here a second time", item.image)));
        }
        items.insert(item.image.clone(), item);
    }
    for record in &mut set.records {
        if let Some(item) = items.remove(&record.item.image) {
            // The category that is trained on stays the layout's: a shop may name its own for the same photo.
            record.item = item;
        }
    }
    Ok(())
}
