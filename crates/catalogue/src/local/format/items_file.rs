//! The items' file, mapped: a line is read when its item is asked for, so that opening a large catalogue takes no time
//! and its items no memory.

use std::path::Path;

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    contract::CatalogueError,
    local::format::{generation, mapping::Mapping},
};
use lookalike_items::Item;

/// Items by rising id, one JSON object a line.
#[derive(Debug)]
pub(crate) struct Lines {
    file: Mapping,
    starts: Vec<u64>,
}

impl Lines {
    /// Maps the file, whose lines start at `starts`.
    pub fn open(path: &Path, starts: Vec<u64>) -> Result<Self, CatalogueError> {
        let file = Mapping::of(generation::open(path)?, path).map_err(CatalogueError::io("open", path))?;
        let damaged = |why: &str| file.damaged(why);
        if file.last().is_some_and(|&last| last != b'\n') {
            return Err(damaged("its last line has no end"));
        }
        let ends_before = |start: usize| start == 0 || file.get(start - 1) == Some(&b'\n');
        let there = |&start: &u64| start < file.len() as u64 && ends_before(start as usize);
        let from_start = starts.first().copied().unwrap_or(file.len() as u64) == 0;
        if !from_start || !starts.is_sorted_by(|a, b| a < b) || !starts.iter().all(there) {
            return Err(damaged("its lines are not where the graph file has them"));
        }
        file.check_length()?;
        Ok(Self { file, starts })
    }

    /// Whether the file is still what it was.
    ///
    /// # Errors
    /// [`CatalogueError::Lost`] where it is not.
    pub fn check(&self) -> Result<(), CatalogueError> {
        self.file.check_length()
    }

    /// How many items there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// An item by its place.
    pub fn item(&self, place: usize) -> Result<Item, CatalogueError> {
        self.read(place)
    }

    /// The place of an item by its id.
    pub fn find(&self, id: &str) -> Result<Option<usize>, CatalogueError> {
        self.search(id).map(Result::ok)
    }

    /// The first place of an id above this one.
    pub fn after(&self, id: &str) -> Result<usize, CatalogueError> {
        Ok(self.search(id)?.map_or_else(|place| place, |place| place + 1))
    }

    /// The place of an id, or the one it would have.
    fn search(&self, id: &str) -> Result<Result<usize, usize>, CatalogueError> {
        /// The field that lines are ordered by.
        #[derive(Deserialize)]
        struct Named {
            id: String,
        }
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low.midpoint(high);
            let named: Named = self.read(middle)?;
            match named.id.as_str().cmp(id) {
                std::cmp::Ordering::Equal => return Ok(Ok(middle)),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Ok(Err(low))
    }

    fn read<T: DeserializeOwned>(&self, place: usize) -> Result<T, CatalogueError> {
        let start = self.starts.get(place).map_or(self.file.len(), |&start| start as usize);
        let end = self.starts.get(place + 1).map_or(self.file.len(), |&next| next as usize);
        // A copy: what is looked at twice must be the same twice, whoever cuts the file short in between.
        let line = self.file.get(start..end).unwrap_or_default().to_vec();
        let not_an_item = |e| self.file.damaged(format!("line {} is not an item: {e}", place + 1));
        serde_json::from_slice(&line).map_err(not_an_item)
    }
}
