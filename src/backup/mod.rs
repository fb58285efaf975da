//! A state as one tar, and back: what a backup is.
//!
//! ```text
//! snapshot.json        what it is: the formats, the model, the revision, how much there is
//! records/000001       what came in, in pieces of about a megabyte (`catalogue`'s `StateWriter` reads them)
//! photos/ab/ab12….jpg  the kept photos that items show, where they are kept below the state
//! checksums            the sha256 of every entry before it, as `sha256sum` writes and checks it
//! ```
//!
//! May enter: a state (to be written), a tar trusted in nothing (to be read). The base is not in it: the bundle holds it, and
//! compaction makes it again. A tar that ends early, or has a byte that is another, is refused, and leaves nothing behind.

mod read;
mod write;

pub use read::{RestoreError, Restored, restore};
pub use write::write;

use lookalike_catalogue::StateAbout;
use lookalike_items::Dims;
use serde::{Deserialize, Serialize};

/// The format of the tar, raised whenever an old program could not read a new one.
const FORMAT: u32 = 1;

const ABOUT: &str = "snapshot.json";
const RECORDS: &str = "records";
const PHOTOS: &str = "photos";
const CHECKSUMS: &str = "checksums";

/// Bytes of records in one entry, about.
const PIECE: usize = 1 << 20;

/// The first entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct About {
    format: u32,
    state_format: u64,
    model_id: String,
    dims: Dims,
    revision: u64,
    records: u64,
    photos: u64,
    /// Photos that items show and that were not on the disk.
    photos_missing: u64,
    /// The store that photos are kept in, where that is not the state: then the tar holds none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    photos_at: Option<String>,
    created_at: String,
}

impl About {
    fn state(&self) -> StateAbout {
        let (format, model_id) = (self.state_format, self.model_id.clone());
        StateAbout { format, model_id, revision: self.revision, records: self.records }
    }
}

/// The name of the entry that holds this piece of the records, counted from 1.
fn piece_name(number: u64) -> String {
    format!("{RECORDS}/{number:06}")
}

/// A line of the last entry.
fn checksum_line(sha256: &str, name: &str) -> String {
    format!("{sha256}  {name}\n")
}
