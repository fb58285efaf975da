//! Photos that a data set holds more than once: figures on them flatter.

use std::{fmt, fmt::Write, path::Path};

use anyhow::{Context, Result};
use lookalike_trainer::dataset::{Dataset, Split};
use serde::Serialize;
use serde_json::{Value, json};

/// How many groups a warning names.
const NAMED: usize = 5;

/// How many there are.
#[derive(Serialize)]
pub struct Twice {
    /// Groups of photos that are byte for byte the same, whatever their splits.
    pub duplicate_groups: usize,
    /// Those whose photos are in more than one split.
    pub duplicate_groups_across_splits: usize,
    /// Photos asked with that were trained on too.
    pub photos_also_in_train: usize,
}

impl Twice {
    /// Looks at all files of the set; names the groups across splits on standard error, writes all to `file`.
    pub fn of(set: &Dataset, split: Option<Split>, file: Option<&Path>) -> Result<Self> {
        let (found, records) = (set.duplicates(), set.records());
        let photo = |at: &usize| (records[*at].item.image.as_str(), records[*at].split);
        for group in found.across_splits(records).take(NAMED) {
            let names: Vec<String> =
                group.iter().map(photo).map(|(image, split)| format!("{image} ({split:?})")).collect();
            tracing::warn!("the same photo in more than one split: {}", names.join(", "));
        }
        if let Some(path) = file {
            let mut lines = String::new();
            for group in found.groups() {
                let photo = |at| -> Value {
                    let (image, split) = photo(at);
                    json!({ "image": image, "split": split })
                };
                writeln!(lines, "{}", json!(group.iter().map(photo).collect::<Vec<_>>()))?;
            }
            std::fs::write(path, lines).with_context(|| path.display().to_string())?;
        }
        Ok(Self {
            duplicate_groups: found.groups().len(),
            duplicate_groups_across_splits: found.across_splits(records).count(),
            photos_also_in_train: found.leaked(records, split),
        })
    }
}

impl fmt::Display for Twice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (groups, across, leaked) =
            (self.duplicate_groups, self.duplicate_groups_across_splits, self.photos_also_in_train);
        write!(
            f,
            "{groups} groups of photos that are byte for byte the same, {across} of them across splits; {leaked} of the photos asked with were trained on too"
        )
    }
}
