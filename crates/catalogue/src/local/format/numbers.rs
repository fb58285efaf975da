//! The numbers of all points, a column a key: what a range is tested on, while a graph is walked or points are gone through.
//!
//! The file: magic · version · number of points · number of keys, then of each key a length and the text, and its column: one f64 a
//! point, in the points' order, NaN for a point without the number. All is little-endian.

use std::{collections::BTreeMap, io::Write, path::Path, sync::Arc};

use crate::{
    contract::CatalogueError,
    local::format::{
        column::{Bound, Column},
        generation,
    },
};
use lookalike_common::{FileSeal, SealedFile};
use lookalike_items::{Item, NumberRange};

const MAGIC: &[u8; 8] = b"LKLKNMBR";
const VERSION: u32 = 1;

/// The columns of a set of points. Cloning it is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    count: usize,
    columns: BTreeMap<String, Arc<Column>>,
}

impl Numbers {
    /// Of so many points, none of which has a number yet.
    pub fn none(count: usize) -> Self {
        Self { count, columns: BTreeMap::new() }
    }

    /// The numbers of all points; `items` in the points' order.
    pub fn gather<'a>(items: impl ExactSizeIterator<Item = &'a Item>) -> Self {
        let mut numbers = Self::none(items.len());
        for (point, item) in (0..).zip(items) {
            numbers.add(point, &item.numbers);
        }
        numbers.columns.values_mut().for_each(|column| Arc::make_mut(column).fit());
        numbers
    }

    /// Whether no point has a number.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The point has these numbers and no others.
    pub fn set(&mut self, point: u32, numbers: &BTreeMap<String, f64>) {
        for (key, column) in &mut self.columns {
            if !numbers.contains_key(key) && !column.get(point).is_nan() {
                Arc::make_mut(column).set(point, f64::NAN);
            }
        }
        self.add(point, numbers);
    }

    fn add(&mut self, point: u32, numbers: &BTreeMap<String, f64>) {
        for (key, &number) in numbers {
            let column = match self.columns.get_mut(key) {
                Some(column) => column,
                None => {
                    let none = Arc::new(Column::none(self.count));
                    self.columns.entry(key.clone()).or_insert(none)
                }
            };
            if column.get(point).to_bits() != number.to_bits() {
                Arc::make_mut(column).set(point, number);
            }
        }
    }

    /// The point has the numbers that it has there.
    pub fn restore(&mut self, point: u32, written: &Self) {
        for (key, column) in &mut self.columns {
            let number = written.columns.get(key).map_or(f64::NAN, |column| column.get(point));
            if column.get(point).to_bits() != number.to_bits() {
                Arc::make_mut(column).set(point, number);
            }
        }
    }

    /// What these ranges are tested on; none where a key of theirs is no point's.
    pub fn bounds(&self, ranges: &BTreeMap<String, NumberRange>) -> Option<Vec<Bound>> {
        ranges
            .iter()
            .map(|(key, range)| Some(Bound::new(Arc::clone(self.columns.get(key)?), *range)))
            .collect()
    }

    /// The column of a key, where a point has or had a number of it.
    pub fn column(&self, key: &str) -> Option<&Column> {
        self.columns.get(key).map(|column| &**column)
    }

    /// Writes them; the same numbers give the same bytes.
    pub fn write(&self, path: &Path) -> std::io::Result<FileSeal> {
        let mut file = SealedFile::create(path)?;
        file.write_all(MAGIC)?;
        for number in [VERSION, self.count as u32, self.columns.len() as u32] {
            file.write_all(&number.to_le_bytes())?;
        }
        for (key, column) in &self.columns {
            file.write_all(&(key.len() as u32).to_le_bytes())?;
            file.write_all(key.as_bytes())?;
            for number in column.numbers().take(self.count) {
                file.write_all(&number.to_le_bytes())?;
            }
        }
        file.seal()
    }

    /// Reads the numbers of `count` points.
    pub fn read(path: &Path, count: usize) -> Result<Self, CatalogueError> {
        let bytes = generation::read(path)?;
        let mut rest = bytes.as_slice();
        if rest.split_off(..MAGIC.len()) != Some(MAGIC) {
            return Err(CatalogueError::damaged(path, "it does not start as a file of numbers does"));
        }
        match number(&mut rest) {
            Some(VERSION) => {}
            Some(found) => {
                return Err(CatalogueError::Version { path: path.to_owned(), found, known: VERSION });
            }
            None => return Err(CatalogueError::damaged(path, "it ends before its version")),
        }
        let numbers = Self::parse(&mut rest, count).filter(|_| rest.is_empty());
        numbers.ok_or_else(|| CatalogueError::damaged(path, "it ends early, late, or in what is no number"))
    }

    fn parse(rest: &mut &[u8], count: usize) -> Option<Self> {
        let (counted, keys) = (number(rest)?, number(rest)?);
        if counted as usize != count {
            return None;
        }
        let mut columns = BTreeMap::new();
        for _ in 0..keys {
            let length = number(rest)? as usize;
            let key = std::str::from_utf8(rest.split_off(..length)?).ok()?;
            let (numbers, odd) = rest.split_off(..count.checked_mul(8)?)?.as_chunks::<8>();
            let column = Column::of(numbers.iter().map(|bytes| f64::from_le_bytes(*bytes)));
            let infinite = column.numbers().any(f64::is_infinite);
            if !odd.is_empty() || infinite || columns.insert(key.to_owned(), Arc::new(column)).is_some() {
                return None;
            }
        }
        Some(Self { count, columns })
    }
}

fn number(rest: &mut &[u8]) -> Option<u32> {
    rest.split_off(..4)?.try_into().ok().map(u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use lookalike_items::ItemId;
    use proptest::{collection::vec, prelude::*, sample::select};

    fn numbers() -> impl Strategy<Value = BTreeMap<String, f64>> {
        let key = select(&["price", "stock", "size"]).prop_map(String::from);
        prop::collection::btree_map(key, -10.0..10.0f64, 0..3)
    }

    fn items(most: usize) -> impl Strategy<Value = Vec<Item>> {
        let item = |(n, numbers): (usize, _)| {
            let id = ItemId::parse(&format!("i{n}")).expect("an id");
            Item { numbers, ..Item::new(id, "Tee") }
        };
        vec(numbers(), 0..most).prop_map(move |all| all.into_iter().enumerate().map(item).collect())
    }

    fn agrees(held: &Numbers, plain: &[BTreeMap<String, f64>]) -> Result<(), TestCaseError> {
        for (point, numbers) in (0..).zip(plain) {
            for key in ["price", "stock", "size"] {
                let number = held.columns.get(key).map_or(f64::NAN, |column| column.get(point));
                prop_assert_eq!(number.to_bits(), numbers.get(key).copied().unwrap_or(f64::NAN).to_bits());
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn columns_are_what_items_say(
            items in items(3_000),
            changes in vec((0usize..3_000, prop::option::of(numbers())), 0..40),
        ) {
            let written = Numbers::gather(items.iter());
            let mut plain: Vec<BTreeMap<String, f64>> = items.iter().map(|item| item.numbers.clone()).collect();
            let mut held = written.clone();
            for (point, change) in changes.into_iter().filter(|(point, _)| *point < items.len()) {
                plain[point] = change.clone().unwrap_or_else(|| items[point].numbers.clone());
                match change {
                    Some(numbers) => held.set(point as u32, &numbers),
                    None => held.restore(point as u32, &written),
                }
            }
            agrees(&held, &plain)?;
            let before: Vec<_> = items.iter().map(|item| item.numbers.clone()).collect();
            agrees(&written, &before)?;
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("numbers.bin");
            written.write(&path).expect("written");
            agrees(&Numbers::read(&path, items.len()).expect("read"), &before)?;
            prop_assert!(Numbers::read(&path, items.len() + 1).is_err());
        }

        #[test]
        fn no_file_panics(mut bytes in vec(any::<u8>(), 0..200), whole in any::<bool>()) {
            if whole {
                bytes.splice(0..0, [&MAGIC[..], &VERSION.to_le_bytes(), &3u32.to_le_bytes()].concat());
            }
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("numbers.bin");
            std::fs::write(&path, bytes).expect("written");
            let _ = Numbers::read(&path, 3);
        }
    }
}
