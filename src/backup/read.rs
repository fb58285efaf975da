//! A tar, made into a state: every entry is known and held against its checksum before anything is a state.

use std::{
    fmt,
    fs::{self, File},
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use lookalike_catalogue::{CatalogueError, PieceError, RESTORING, STATE_FILE, StateWriter};
use lookalike_common::{hex, rename_durably, sync};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use tar::{Archive, Entry, EntryType};

use crate::{
    backup::{ABOUT, About, CHECKSUMS, FORMAT, PHOTOS, RECORDS, checksum_line, piece_name},
    ingest::PhotoName,
};

/// The largest entry of each kind that is taken, in bytes: more than any that is written.
const LARGEST_ABOUT: u64 = 64 << 10;
const LARGEST_PIECE: u64 = 64 << 20;
const LARGEST_PHOTO: u64 = 512 << 20;

/// A tar is made of blocks of so many bytes, and ends with two that are zero.
const BLOCK: u64 = 512;

/// Why no state was made.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is something already.
    #[error("{} is not empty: a state is restored into an empty folder, or one that is not there yet", .0.display())]
    NotEmpty(PathBuf),
    /// The tar is not as it was written.
    #[error("{} is damaged, or no snapshot: {why}; nothing was restored", path.display())]
    Damaged {
        /// The tar.
        path: PathBuf,
        /// What gave it away.
        why: String,
    },
    /// A tar of another format.
    #[error("{} is a snapshot of format {found}, and this program reads {FORMAT}: restore it with the program that wrote it", path.display())]
    Format {
        /// The tar.
        path: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The state's file.
    #[error(transparent)]
    State(#[from] CatalogueError),
    /// The file system.
    #[error("cannot {doing} {}: {source}; nothing was restored", path.display())]
    Io {
        /// What was tried: a verb.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// What was restored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The revision that the state is of.
    pub revision: u64,
    /// The model that it belongs to.
    pub model_id: String,
    /// How many items had come in: changed or deleted ones too.
    pub records: u64,
    /// How many photos.
    pub photos: u64,
}

impl fmt::Display for Restored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { revision, model_id, records, photos } = self;
        write!(
            f,
            "restored revision {revision}: {records} items that came in, {photos} photos, of model {model_id}"
        )
    }
}

/// Makes a state of the tar, in a folder that is empty or not there yet. It is unpacked within, verified, brought to the disk, and
/// then put in place; until then no server takes the folder for a state.
///
/// # Errors
/// Where the folder holds something, where anything about the tar is not as it was written, where the disk does not take it: then
/// nothing is left behind.
pub fn restore(tar: &Path, state: &Path) -> Result<Restored, RestoreError> {
    let is_new = !state.exists();
    if !is_new && fs::read_dir(state).map_err(failed("list", state))?.next().is_some() {
        return Err(RestoreError::NotEmpty(state.to_owned()));
    }
    // Before anything is made: most mistakes are of the name.
    let file = File::open(tar).map_err(failed("open", tar))?;
    fs::create_dir_all(state).map_err(failed("create", state))?;
    let within = state.join(RESTORING);
    fs::create_dir(&within).map_err(|e| match e.kind() {
        io::ErrorKind::AlreadyExists => RestoreError::NotEmpty(state.to_owned()),
        _ => failed("create", &within)(e),
    })?;
    let restored = unpack(tar, &file, &within).and_then(|restored| {
        put_in_place(&within, state).map_err(failed("put in place", state))?;
        Ok(restored)
    });
    if restored.is_err() {
        let _ = fs::remove_dir_all(&within); // the first error is the one to tell
        for name in [PHOTOS, STATE_FILE] {
            let path = state.join(name);
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
        if is_new {
            let _ = fs::remove_dir(state);
        }
    }
    restored
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> RestoreError {
    move |source| RestoreError::Io { doing, path: path.to_owned(), source }
}

/// A server refuses the folder while the one that was unpacked into is within: whoever is cut off here leaves no state.
fn put_in_place(within: &Path, state: &Path) -> io::Result<()> {
    // One word to the file system for all photos.
    rustix::fs::syncfs(File::open(within)?)?;
    for name in [PHOTOS, STATE_FILE] {
        rename_durably(&within.join(name), &state.join(name))?;
    }
    fs::remove_dir(within)?;
    sync(state)?;
    sync(state.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

/// What the next entry may be.
struct Expected<'a> {
    tar: &'a Path,
    within: &'a Path,
    /// What the last entry must hold.
    checksums: String,
    photos: u64,
    /// The photo before, by which the next one's name is greater.
    last: Option<String>,
}

impl Expected<'_> {
    fn damaged(&self, why: impl Into<String>) -> RestoreError {
        RestoreError::Damaged { path: self.tar.to_owned(), why: why.into() }
    }

    fn piece(&self, e: PieceError) -> RestoreError {
        match e {
            PieceError::Damaged(why) => self.damaged(why),
            PieceError::State(e) => e.into(),
        }
    }

    /// A whole entry, of this many bytes at most.
    fn bytes(
        &self,
        entry: &mut Entry<'_, impl Read>,
        name: &str,
        most: u64,
    ) -> Result<Vec<u8>, RestoreError> {
        let size = entry.size();
        if size > most {
            return Err(
                self.damaged(format!("'{name}' claims {size} bytes, and {most} are the most it may have"))
            );
        }
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(|e| self.damaged(format!("'{name}' cannot be read: {e}")))?;
        if bytes.len() as u64 != size {
            return Err(self.damaged(format!("it ends within '{name}'")));
        }
        Ok(bytes)
    }

    /// The same; its checksum is to be among the last entry's.
    fn summed(
        &mut self,
        entry: &mut Entry<'_, impl Read>,
        name: &str,
        most: u64,
    ) -> Result<Vec<u8>, RestoreError> {
        let bytes = self.bytes(entry, name, most)?;
        self.checksums.push_str(&checksum_line(&hex(&Sha256::digest(&bytes)), name));
        Ok(bytes)
    }

    fn about(&mut self, entry: &mut Entry<'_, impl Read>) -> Result<About, RestoreError> {
        /// The one field that every format has.
        #[derive(Deserialize)]
        struct Versioned {
            format: u32,
        }
        let bytes = self.summed(entry, ABOUT, LARGEST_ABOUT)?;
        let unread = |e: serde_json::Error| self.damaged(format!("{ABOUT} cannot be read: {e}"));
        let Versioned { format } = serde_json::from_slice(&bytes).map_err(unread)?;
        if format != FORMAT {
            return Err(RestoreError::Format { path: self.tar.to_owned(), found: format });
        }
        serde_json::from_slice(&bytes).map_err(unread)
    }

    fn photo(&mut self, entry: &mut Entry<'_, impl Read>, name: &str) -> Result<(), RestoreError> {
        let digest = name.rsplit('/').next().and_then(|file| file.strip_suffix(".jpg"));
        let photo = digest.and_then(|digest| PhotoName::from_image(&format!("photo:{digest}")));
        let relative = photo.map(|photo| photo.relative());
        let Some(relative) = relative.filter(|relative| name == format!("{PHOTOS}/{relative}")) else {
            return Err(self.damaged(format!("'{}' is no entry of a snapshot", shown(name))));
        };
        if self.last.as_deref().is_some_and(|last| last >= name) {
            return Err(self.damaged(format!("'{name}' is out of its order")));
        }
        let bytes = self.summed(entry, name, LARGEST_PHOTO)?;
        let path = self.within.join(PHOTOS).join(relative);
        let folder = path.parent().unwrap_or(self.within);
        fs::create_dir_all(folder).map_err(failed("create", folder))?;
        fs::write(&path, bytes).map_err(failed("write", &path))?;
        self.last = Some(name.to_owned());
        self.photos += 1;
        Ok(())
    }
}

/// A name as it is shown in an error: short, without control characters.
fn shown(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(120).collect()
}

/// Unpacks the whole tar into this folder, or says what is wrong with it.
fn unpack(tar: &Path, file: &File, within: &Path) -> Result<Restored, RestoreError> {
    let photos = within.join(PHOTOS);
    fs::create_dir(&photos).map_err(failed("create", &photos))?;
    let mut expected = Expected { tar, within, checksums: String::new(), photos: 0, last: None };
    let mut archive = Archive::new(BufReader::with_capacity(1 << 20, file));
    let unread = |e: io::Error| RestoreError::Damaged { path: tar.to_owned(), why: e.to_string() };
    // Raw: names that are longer than a header, and other extensions, are no part of a snapshot.
    let mut entries = archive.entries().map_err(unread)?.raw(true);
    let (mut writer, mut about, mut pieces, mut end) = (None, None, 0, None);
    while end.is_none() {
        let early = || expected.damaged(format!("it ends before '{CHECKSUMS}'"));
        let mut entry = entries.next().ok_or_else(early)?.map_err(unread)?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if entry.header().entry_type() != EntryType::Regular {
            return Err(expected.damaged(format!("'{}' is no plain file", shown(&name))));
        }
        let (start, size) = (entry.raw_file_position(), entry.size());
        match (&mut writer, name.as_str()) {
            (None, ABOUT) => {
                let read = expected.about(&mut entry)?;
                let made = StateWriter::create(within, &read.state(), read.dims);
                writer = Some(made.map_err(|e| expected.piece(e))?);
                about = Some(read);
            }
            (None, _) => return Err(expected.damaged(format!("its first entry is not {ABOUT}"))),
            (Some(_), CHECKSUMS) => {
                let most = expected.checksums.len() as u64;
                let found = expected.bytes(&mut entry, CHECKSUMS, most)?;
                if found != expected.checksums.as_bytes() {
                    return Err(expected.damaged(differing(&found, &expected.checksums)));
                }
                end = Some(start + size);
            }
            (Some(writer), name) if name.starts_with(RECORDS) => {
                pieces += 1;
                if name != piece_name(pieces) || expected.photos > 0 {
                    return Err(expected.damaged(format!(
                        "'{}' is no entry of a snapshot, or out of its order",
                        shown(name)
                    )));
                }
                let bytes = expected.summed(&mut entry, name, LARGEST_PIECE)?;
                writer.add(&bytes).map_err(|e| expected.piece(e))?;
            }
            (Some(_), name) => expected.photo(&mut entry, name)?,
        }
        let padding = (start + size).next_multiple_of(BLOCK) - (start + size);
        zeros(file, start + size, padding).map_err(unread)?;
    }
    let (Some(writer), Some(about), Some(end)) = (writer, about, end) else {
        return Err(expected.damaged("it holds nothing"));
    };
    let length = file.metadata().map_err(failed("read", tar))?.len();
    let rest = length.saturating_sub(end.next_multiple_of(BLOCK));
    if rest < 2 * BLOCK {
        return Err(expected.damaged("it ends before its last blocks"));
    }
    zeros(file, length - rest, rest).map_err(unread)?;
    if expected.photos != about.photos {
        let why = format!("it holds {} photos of {}", expected.photos, about.photos);
        return Err(expected.damaged(why));
    }
    let records = writer.finish().map_err(|e| expected.piece(e))?;
    Ok(Restored { revision: about.revision, model_id: about.model_id, records, photos: about.photos })
}

/// Which entry is not as it was written.
fn differing(found: &[u8], expected: &str) -> String {
    let found = String::from_utf8_lossy(found);
    let line = expected.lines().zip(found.lines()).find(|(now, then)| now != then);
    let name = line.and_then(|(now, _)| now.split_once("  ")).map_or(CHECKSUMS, |(_, name)| name);
    format!("the sha256 of '{name}' differs from the one in '{CHECKSUMS}'")
}

/// What fills a block up says nothing: a byte there that is not zero was damaged.
fn zeros(file: &File, mut start: u64, mut length: u64) -> io::Result<()> {
    let mut block = vec![0; 1 << 14];
    while length > 0 {
        let part = &mut block[..length.min(1 << 14) as usize];
        file.read_exact_at(part, start)?;
        if part.iter().any(|byte| *byte != 0) {
            return Err(io::Error::other("there is something between its entries or after them"));
        }
        (start, length) = (start + part.len() as u64, length - part.len() as u64);
    }
    Ok(())
}
