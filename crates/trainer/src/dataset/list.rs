//! A list file of DeepFashion: a line with the count, a line with the column names, that many rows. Its newer lists
//! are rows alone.

use std::path::PathBuf;

use crate::dataset::{DatasetError, text};
use lookalike_items::PixelBox;

/// A list, read.
pub(crate) struct List {
    path: PathBuf,
    text: String,
    /// How many lines come before the rows.
    head: usize,
    count: usize,
}

/// One row of it.
pub(crate) struct Row<'a> {
    list: &'a List,
    line: usize,
    text: &'a str,
}

impl List {
    /// Reads a list that says how many rows it has.
    ///
    /// # Errors
    /// Where it cannot be read, or has another number of rows than it says.
    pub fn open(path: PathBuf) -> Result<Self, DatasetError> {
        let mut list = Self { text: text::read(&path)?, path, head: 2, count: 0 };
        let stated = list.text.lines().next().unwrap_or_default().trim();
        let count: usize = stated
            .parse()
            .map_err(|_| list.malformed(1, format!("the number of rows must stand here, not '{stated}'")))?;
        let found = list.rows().count();
        if found != count {
            return Err(
                list.malformed(1, format!("it says {count} rows, the file has {found}: is it cut off?"))
            );
        }
        list.count = count;
        Ok(list)
    }

    /// Reads a list of rows alone.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn bare(path: PathBuf) -> Result<Self, DatasetError> {
        let mut list = Self { text: text::read(&path)?, path, head: 0, count: 0 };
        list.count = list.rows().count();
        Ok(list)
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.count
    }

    /// The rows, empty lines left out.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let lines = self.text.lines().enumerate().skip(self.head).filter(|(_, text)| !text.trim().is_empty());
        lines.map(|(i, text)| Row { list: self, line: i + 1, text: text.trim() })
    }

    /// Refuses a list that goes row by row with another and has not as many.
    ///
    /// # Errors
    /// Where the numbers differ.
    pub fn beside(self, other: &Self) -> Result<Self, DatasetError> {
        if self.count == other.count {
            return Ok(self);
        }
        let (ours, theirs, name) = (self.count, other.count, other.path.display());
        Err(self.malformed(ours, format!("it has {ours} rows, {name} has {theirs}: is one of them cut off?")))
    }

    fn malformed(&self, line: usize, reason: String) -> DatasetError {
        DatasetError::Malformed { path: self.path.clone(), line, reason }
    }
}

impl<'a> Row<'a> {
    /// The row as it stands, trimmed.
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// `N` columns parted by blanks; only the first may hold blanks itself.
    pub fn columns<const N: usize>(&self) -> Result<[&'a str; N], DatasetError> {
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

    /// A label from 1 to `most`.
    pub fn label(&self, text: &str, most: usize) -> Result<usize, DatasetError> {
        match self.number(text)? {
            label if (1..=most).contains(&label) => Ok(label),
            label => Err(self.malformed(format!("category {label} is not one of 1 to {most}"))),
        }
    }

    /// The box of these corners.
    pub fn pixel_box(&self, corners: [&str; 4]) -> Result<PixelBox, DatasetError> {
        let mut numbers = [0; 4];
        for (number, text) in numbers.iter_mut().zip(corners) {
            *number = u32::try_from(self.number(text)?).unwrap_or(u32::MAX);
        }
        let [x1, y1, x2, y2] = numbers;
        PixelBox::new(x1, y1, x2, y2)
            .ok_or_else(|| self.malformed("a box is 1-based with x_1 ≤ x_2 and y_1 ≤ y_2".into()))
    }

    fn number(&self, text: &str) -> Result<usize, DatasetError> {
        text.parse().map_err(|_| self.malformed(format!("'{text}' is not a number")))
    }

    /// Says what is wrong with this row.
    pub fn malformed(&self, reason: String) -> DatasetError {
        self.list.malformed(self.line, reason)
    }
}
