//! `items.jsonl` beside a set: what the layout does not know of its photos, one item an image. Products, categories, attributes,
//! titles, addresses, numbers and payloads go from here into the catalogue as they are.

use std::collections::HashMap;

use icu_normalizer::ComposingNormalizerBorrowed;

use crate::dataset::{Dataset, DatasetError, text};
use lookalike_items::Item;

/// Takes over what the file says of the photos that the set has. A line whose photo is not there, and a photo without a line, are
/// counted; a line about a photo that is there and was not taken is passed over.
pub(crate) fn apply(set: &mut Dataset) -> Result<(), DatasetError> {
    let path = set.root.join("items.jsonl");
    if !path.is_file() {
        return Ok(());
    }
    let text = text::read(&path)?;
    let places = Places::of(set);
    let mut taken: Vec<bool> = vec![false; set.records.len()];
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let malformed = |reason: String| DatasetError::Malformed { path: path.clone(), line: i + 1, reason };
        let item: Item = serde_json::from_str(line).map_err(|e| malformed(e.to_string()))?;
        match places.find(&item.image) {
            Some(at) if taken[at] => {
                return Err(malformed(format!("{} stands here a second time", item.image)));
            }
            Some(at) => {
                taken[at] = true;
                // The category that is trained on stays the layout's: a shop may name its own for the same photo.
                let there = std::mem::take(&mut set.records[at].item.image);
                set.records[at].item = Item { image: there, ..item };
            }
            None if set.root.join(plain(&item.image)).is_file() => {}
            None => set.report.lines_without_photo.add(format!("{} (line {})", item.image, i + 1)),
        }
    }
    for (record, _) in set.records.iter().zip(taken).filter(|(_, taken)| !taken) {
        set.report.photos_without_line.add(&record.item.image);
    }
    Ok(())
}

/// The records by their photos' paths.
struct Places {
    exact: HashMap<String, usize>,
    /// None where two photos come to one.
    alike: HashMap<String, Option<usize>>,
}

impl Places {
    fn of(set: &Dataset) -> Self {
        let (mut exact, mut alike) = (HashMap::new(), HashMap::new());
        for (at, record) in set.records.iter().enumerate() {
            let image = &record.item.image;
            exact.insert(image.clone(), at);
            // DeepFashion's lists, and a file made after them, say `img/…` where the photos lie in `Img/img/…`.
            let listed = image.strip_prefix("Img/").unwrap_or(image);
            alike.entry(plain(listed)).and_modify(|both| *both = None).or_insert(Some(at));
        }
        Self { exact, alike }
    }

    fn find(&self, image: &str) -> Option<usize> {
        let exact = self.exact.get(image).copied();
        exact.or_else(|| self.alike.get(&plain(image)).copied().flatten())
    }
}

/// A path as another program may have meant it: `\` is `/`, a leading `./` is nothing, and an accent is part of its letter, which
/// macOS' file systems have apart.
fn plain(image: &str) -> String {
    let path = image.replace('\\', "/");
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    ComposingNormalizerBorrowed::new_nfc().normalize(&parts.join("/")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn other_programs_paths_are_understood() {
        for (image, meant) in [
            ("img/a.jpg", "img/a.jpg"),
            ("./img/a.jpg", "img/a.jpg"),
            (".\\img\\a b.jpg", "img/a b.jpg"),
            ("img//x/./a.jpg", "img/x/a.jpg"),
            ("img/e\u{301}te\u{301}.jpg", "img/\u{e9}t\u{e9}.jpg"),
            ("img/../a.jpg", "img/../a.jpg"),
        ] {
            assert_eq!(plain(image), meant);
        }
    }
}
