//! A state, written as a tar while it is served.

use std::{
    fs,
    io::{self, Write},
};

use jiff::Timestamp;
use lookalike_common::{hex, lowest_priority};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::{
    backup::{ABOUT, About, CHECKSUMS, FORMAT, PHOTOS, PIECE, checksum_line, piece_name},
    ingest::Snapshot,
};

/// Writes all of it, entry by entry: no more than a piece of the records or a photo is in memory at once. The thread that calls it gives
/// way to all others from the first photo on.
///
/// # Errors
/// Where the state cannot be read, or the sink takes no more.
pub fn write(snapshot: &Snapshot, sink: impl Write) -> io::Result<()> {
    let now = Timestamp::from_second(Timestamp::now().as_second()).map_err(io::Error::other)?;
    let (state, photos) = (snapshot.records().about(), snapshot.photos());
    let about = About {
        format: FORMAT,
        state_format: state.format,
        model_id: state.model_id.clone(),
        dims: snapshot.records().dims(),
        revision: state.revision,
        records: state.records,
        photos: photos.len() as u64,
        photos_missing: snapshot.missing(),
        photos_at: snapshot.photos_at().map(str::to_owned),
        created_at: now.to_string(),
    };
    let mtime = u64::try_from(now.as_second()).unwrap_or_default();
    let mut entries = Entries { tar: Builder::new(sink), mtime, checksums: String::new() };
    let mut text = serde_json::to_vec_pretty(&about)?;
    text.push(b'\n');
    entries.add(ABOUT, &text)?;
    let mut number = 0;
    snapshot.records().pieces(PIECE, |piece| {
        number += 1;
        entries.add(&piece_name(number), &piece).map_err(Stopped::Sink)
    })?;
    // Records are read at the usual priority: a thread that holds a lock of the state's file and never runs would hold writes up.
    lowest_priority();
    for photo in photos {
        // Those of a snapshot are files.
        let Some(file) = photo.file() else { continue };
        entries.add(&format!("{PHOTOS}/{}", photo.name().relative()), &fs::read(file)?)?;
    }
    let checksums = std::mem::take(&mut entries.checksums);
    entries.add(CHECKSUMS, checksums.as_bytes())?;
    entries.tar.into_inner()?.flush()
}

/// Why the records were not all written.
enum Stopped {
    Sink(io::Error),
    State(lookalike_catalogue::CatalogueError),
}

impl From<lookalike_catalogue::CatalogueError> for Stopped {
    fn from(e: lookalike_catalogue::CatalogueError) -> Self {
        Self::State(e)
    }
}

impl From<Stopped> for io::Error {
    fn from(e: Stopped) -> Self {
        match e {
            Stopped::Sink(e) => e,
            Stopped::State(e) => Self::other(e),
        }
    }
}

struct Entries<W: Write> {
    tar: Builder<W>,
    mtime: u64,
    checksums: String,
}

impl<W: Write> Entries<W> {
    fn add(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_path(name)?;
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(self.mtime);
        header.set_uid(0);
        header.set_gid(0);
        header.set_cksum();
        self.checksums.push_str(&checksum_line(&hex(&Sha256::digest(bytes)), name));
        self.tar.append(&header, bytes)
    }
}
