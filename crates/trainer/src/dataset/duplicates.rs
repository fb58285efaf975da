//! The same photo twice: told by its bytes.

use std::{collections::HashMap, fs};

use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::dataset::{Dataset, Record, Split};

/// Photos of a set that are byte for byte the same.
#[derive(Clone, Debug, Default)]
pub struct Duplicates(Vec<Vec<usize>>);

impl Dataset {
    /// Finds photos whose files are the same. Only files of one length are read; one that cannot be is passed over here.
    pub fn duplicates(&self) -> Duplicates {
        let path = |at: &usize| self.root().join(&self.records()[*at].item.image);
        let all: Vec<usize> = (0..self.records().len()).collect();
        let length = |at: &usize| fs::metadata(path(at)).map(|file| file.len()).ok();
        let digest =
            |at: &usize| fs::read(path(at)).map(|bytes| <[u8; 32]>::from(Sha256::digest(bytes))).ok();
        let alike = groups(vec![all], &length);
        let mut same = groups(alike, &digest);
        same.sort();
        Duplicates(same)
    }
}

/// Parts each group by a key; those that are alone are left out.
fn groups<K: Eq + std::hash::Hash + Send>(
    given: Vec<Vec<usize>>,
    key: &(dyn Fn(&usize) -> Option<K> + Sync),
) -> Vec<Vec<usize>> {
    let mut parted = Vec::new();
    for group in given {
        let keys: Vec<Option<K>> = group.par_iter().map(key).collect();
        let mut found: HashMap<K, Vec<usize>> = HashMap::new();
        for (at, key) in group.into_iter().zip(keys) {
            if let Some(key) = key {
                found.entry(key).or_default().push(at);
            }
        }
        parted.extend(found.into_values().filter(|group| group.len() > 1));
    }
    parted
}

impl Duplicates {
    /// Groups of photos that are the same, as places among the set's records.
    pub fn groups(&self) -> &[Vec<usize>] {
        &self.0
    }

    /// Those that are in more than one split: what is trained on is there asked with.
    pub fn across_splits<'a>(&'a self, records: &'a [Record]) -> impl Iterator<Item = &'a Vec<usize>> {
        let splits = |group: &&Vec<usize>| {
            let first = group.first().map(|at| records[*at].split);
            group.iter().any(|at| Some(records[*at].split) != first)
        };
        self.0.iter().filter(splits)
    }

    /// How many photos of `split` (of all but `train` where it is not said) are in `train` too.
    pub fn leaked(&self, records: &[Record], split: Option<Split>) -> usize {
        let asked = |at: &&usize| {
            let own = records[**at].split;
            own != Split::Train && split.is_none_or(|split| split == own)
        };
        let trained = |group: &&Vec<usize>| group.iter().any(|at| records[*at].split == Split::Train);
        self.0.iter().filter(trained).map(|group| group.iter().filter(asked).count()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::{Categories, Layout};

    #[test]
    fn the_same_bytes_are_found_wherever_they_are() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, grey: u8| {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            image::RgbImage::from_pixel(8, 8, image::Rgb([grey; 3])).save(path).unwrap();
        };
        (0..40).for_each(|i| write(&format!("coat/{i:02}.png"), i));
        (0..40).for_each(|i| write(&format!("dress/{i:02}.png"), 200 - i % 3));
        write("shirt/00.png", 7);
        let set = Dataset::open(dir.path(), Some(Layout::Folders), Categories::All, 0).unwrap();
        let (found, records) = (set.duplicates(), set.records());
        let images = |group: &Vec<usize>| -> Vec<&str> {
            group.iter().map(|at| records[*at].item.image.as_str()).collect()
        };
        assert_eq!(images(&found.groups()[0]), ["coat/07.png", "shirt/00.png"]);
        let sizes: Vec<usize> = found.groups().iter().map(Vec::len).collect();
        assert_eq!(sizes, [2, 14, 13, 13]);
        let split = |at: &usize| records[*at].split;
        let dresses = records.iter().filter(|r| r.item.category == "dress");
        let leaked = dresses.filter(|r| r.split == Split::Test).count();
        assert!(leaked > 0 && found.across_splits(records).count() >= 3);
        let coat = found.groups()[0].iter().filter(|at| split(at) == Split::Test).count();
        let both = found.groups()[0].iter().any(|at| split(at) == Split::Train);
        assert_eq!(found.leaked(records, Some(Split::Test)), leaked + if both { coat } else { 0 });
    }
}
