//! What came in as of one revision: read beside the writes, and written into a new state.
//!
//! Records travel in pieces. A piece is records by rising id, each as the length of its id (4 bytes, little-endian), its id, the length of
//! the record, and the record as it lies in the state's file, whose format [`StateAbout`] names.

use std::{path::Path, sync::Arc};

use lookalike_items::{Dims, ItemId};

use crate::{
    contract::{Catalogue, CatalogueError},
    local::live::{
        record::Record,
        store::{Reader, StateAbout, Store, is_read},
        view::View,
    },
};

/// A state as it was at one revision.
pub struct Snapshot {
    reader: Reader,
    view: Arc<View>,
    about: StateAbout,
}

impl Snapshot {
    pub(crate) fn new(reader: Reader, view: Arc<View>) -> Result<Self, CatalogueError> {
        let about = reader.about()?;
        Ok(Self { reader, view, about })
    }

    /// What the state said of itself.
    pub fn about(&self) -> &StateAbout {
        &self.about
    }

    /// The lengths of its vectors.
    pub fn dims(&self) -> Dims {
        self.view.dims()
    }

    /// The kept photos that its items show: `photo:` and the name of each, by rising name.
    pub fn photos(&self) -> impl Iterator<Item = &str> {
        self.view.photos()
    }

    /// Hands over all records, in pieces of about this many bytes: while one is taken, the state is not held up.
    ///
    /// # Errors
    /// What `take` says; where the state cannot be read, or a write failed meanwhile.
    pub fn pieces<E: From<CatalogueError>>(
        &self,
        size: usize,
        mut take: impl FnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut last: Option<String> = None;
        loop {
            let rows = self.reader.after(last.as_deref(), size)?;
            let mut piece = Vec::new();
            for (id, record) in &rows {
                for part in [id.as_bytes(), record] {
                    piece.extend((part.len() as u32).to_le_bytes());
                    piece.extend(part);
                }
            }
            match rows.into_iter().next_back() {
                None => return Ok(()),
                Some((id, _)) => last = Some(id),
            }
            take(piece)?;
        }
    }
}

/// Why a piece is not taken.
#[derive(Debug, thiserror::Error)]
pub enum PieceError {
    /// It is not as it was written.
    #[error("{0}")]
    Damaged(String),
    /// The state's file.
    #[error(transparent)]
    State(#[from] CatalogueError),
}

/// A state that is made of the pieces of another one.
pub struct StateWriter {
    store: Store,
    dims: Dims,
    expected: u64,
    records: u64,
    last: Option<ItemId>,
}

impl StateWriter {
    /// Begins a state in a folder that holds none, for vectors of `dims`.
    ///
    /// # Errors
    /// Where the file cannot be written; where its records are of a format that this program does not read.
    pub fn create(folder: &Path, about: &StateAbout, dims: Dims) -> Result<Self, PieceError> {
        if !is_read(about.format) {
            let why = format!(
                "its records are of format {}, which this program does not read: restore it with the program that wrote it",
                about.format
            );
            return Err(PieceError::Damaged(why));
        }
        let store = Store::restored(folder, about)?;
        Ok(Self { store, dims, expected: about.records, records: 0, last: None })
    }

    /// Writes the records of a piece: each is read first, and they must go on by rising id.
    ///
    /// # Errors
    /// Where the piece is not as it was written; where the file cannot be written.
    pub fn add(&mut self, piece: &[u8]) -> Result<(), PieceError> {
        let (mut rest, mut rows) = (piece, Vec::new());
        while !rest.is_empty() {
            let (id, record) = row(&mut rest).map_err(PieceError::Damaged)?;
            if self.last.as_ref().is_some_and(|last| *last >= id) {
                return Err(PieceError::Damaged(format!("item '{id}' is out of its order")));
            }
            let read = Record::decode(record)
                .map_err(|why| PieceError::Damaged(format!("the record of item '{id}' is damaged: {why}")))?;
            if let Record::Whole(row) = &read
                && row.vectors.dims() != self.dims
            {
                return Err(PieceError::Damaged(format!("item '{id}' has vectors of another length")));
            }
            self.last = Some(id.clone());
            rows.push((id, record));
        }
        self.records += rows.len() as u64;
        Ok(self.store.write_lying(&rows)?)
    }

    /// All of it is on the disk.
    ///
    /// # Errors
    /// Where records are missing.
    pub fn finish(self) -> Result<u64, PieceError> {
        let Self { records, expected, .. } = self;
        if records != expected {
            return Err(PieceError::Damaged(format!("it holds {records} records of {expected}")));
        }
        Ok(records)
    }
}

fn row<'a>(rest: &mut &'a [u8]) -> Result<(ItemId, &'a [u8]), String> {
    let mut part = || -> Option<&'a [u8]> {
        let length: [u8; 4] = rest.split_off(..4)?.try_into().ok()?;
        rest.split_off(..u32::from_le_bytes(length) as usize)
    };
    let (id, record) = part().zip(part()).ok_or("it ends within a record")?;
    let id = std::str::from_utf8(id).ok().and_then(|id| ItemId::parse(id).ok());
    Ok((id.ok_or("a record is of no item's id")?, record))
}
