//! A shard's file: a header line, then frame after frame, a batch each, every one with its digest. What was written when a
//! run is killed is there when the next begins; a frame that is not whole is cut off and made again.
//!
//! ```text
//! header   one line of JSON
//! frame    length of the body: u32 · sha256 of the body · body
//! body     length of the JSON: u32 · JSON, an entry a photo · f32 rows [deep | colour] of those that have one
//! ```
//!
//! Little-endian. `N-of-M.part` while it is being written, `N-of-M.shard` when it is whole. Whoever writes holds `N-of-M.lock`, which stays: the
//! shard's own file has two names, and who locks it by one may hold what another has finished by the other.

use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::extraction::{ExtractionError, Shard};
use lookalike_common::rename_durably;
use lookalike_items::{Dims, Item, Vectors};

/// No body is larger: a length beyond it is no length.
const BODY_AT_MOST: u32 = 1 << 28;
const DIGEST: usize = 32;

/// What a shard is of; two that differ in more than `shard` do not belong together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Header {
    pub format: u32,
    pub model_id: String,
    /// Digest of the list of records.
    pub records: String,
    /// How many records there are, in all shards.
    pub photos: usize,
    pub shard: Shard,
    pub dims: Dims,
}

impl Header {
    pub const FORMAT: u32 = 1;
}

/// What became of a photo.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // nearly all are items
pub(crate) enum Entry {
    Item(Item, Vectors),
    Skipped(String),
}

impl Entry {
    fn line(&self) -> Line<&Item> {
        match self {
            Self::Item(item, _) => Line::Item(item),
            Self::Skipped(reason) => Line::Skipped(reason.clone()),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line<T> {
    Item(T),
    Skipped(String),
}

/// Writes a shard.
pub(crate) struct Writer {
    file: File,
    /// Held as long as this lives. Freed when closed.
    _lock: File,
    part: PathBuf,
    whole: PathBuf,
    done: usize,
    skipped: usize,
    first: Option<String>,
}

impl Writer {
    /// Goes on with the shard's file where it is of this model and these records; begins anew where it is not.
    pub fn open(folder: &Path, header: Header) -> Result<Self, ExtractionError> {
        fs::create_dir_all(folder).map_err(ExtractionError::io(folder))?;
        let name = header.shard.name();
        let (part, whole) = (folder.join(format!("{name}.part")), folder.join(format!("{name}.shard")));
        let path = folder.join(format!("{name}.lock"));
        let lock = File::create(&path).map_err(ExtractionError::io(&path))?;
        if lock.try_lock().is_err() {
            let path = part.display();
            return Err(ExtractionError::Shards(format!("another process is writing {path}: wait for it")));
        }
        if whole.exists() {
            let found = Reader::open(&whole)?.header;
            if found != header {
                let path = whole.display();
                return Err(ExtractionError::Shards(format!(
                    "{path} is there already, of another model or of other photos: remove it, or name another folder"
                )));
            }
            // Read again, to be told what it holds; a damaged one is refused here, not in the merge.
            fs::rename(&whole, &part).map_err(ExtractionError::io(&part))?;
        }
        let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&part);
        let file = options.map_err(ExtractionError::io(&part))?;
        let mut writer = Self { file, _lock: lock, part, whole, done: 0, skipped: 0, first: None };
        let end = writer.resume(&header)?;
        let cut = writer.file.set_len(end).and_then(|()| writer.file.seek(SeekFrom::Start(end)));
        cut.map_err(ExtractionError::io(&writer.part))?;
        if end == 0 {
            let mut line = serde_json::to_vec(&header).unwrap_or_default();
            line.push(b'\n');
            writer.file.write_all(&line).map_err(ExtractionError::io(&writer.part))?;
        }
        Ok(writer)
    }

    /// How much of the file is good.
    fn resume(&mut self, header: &Header) -> Result<u64, ExtractionError> {
        let Ok(mut reader) = Reader::open(&self.part) else { return Ok(0) };
        if reader.header != *header {
            tracing::info!(file = %self.part.display(), "of another model or other photos: begun anew");
            return Ok(0);
        }
        let mut end = reader.position;
        while let Some(Ok(entries)) = reader.next() {
            entries.iter().for_each(|entry| self.count(entry));
            end = reader.position;
        }
        Ok(end)
    }

    fn count(&mut self, entry: &Entry) {
        self.done += 1;
        if let Entry::Skipped(reason) = entry {
            self.skipped += 1;
            self.first.get_or_insert_with(|| reason.clone());
        }
    }

    /// Photos that are in the file.
    pub fn done(&self) -> usize {
        self.done
    }

    /// How many of them could not be used, and the first of these.
    pub fn skipped(&self) -> (usize, Option<&String>) {
        (self.skipped, self.first.as_ref())
    }

    /// Adds a frame.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), ExtractionError> {
        let lines: Vec<Line<&Item>> = entries.iter().map(Entry::line).collect();
        let json = serde_json::to_vec(&lines).unwrap_or_default();
        let mut body = (json.len() as u32).to_le_bytes().to_vec();
        body.extend_from_slice(&json);
        for entry in entries {
            if let Entry::Item(_, vectors) = entry {
                let numbers = vectors.deep().iter().chain(vectors.colour());
                body.extend(numbers.flat_map(|x| x.to_le_bytes()));
            }
        }
        let mut frame = (body.len() as u32).to_le_bytes().to_vec();
        frame.extend_from_slice(&Sha256::digest(&body));
        frame.extend_from_slice(&body);
        self.file.write_all(&frame).map_err(ExtractionError::io(&self.part))?;
        entries.iter().for_each(|entry| self.count(entry));
        Ok(())
    }

    /// Everything on the disk, under its final name.
    pub fn finish(self) -> Result<(), ExtractionError> {
        self.file.sync_all().map_err(ExtractionError::io(&self.part))?;
        rename_durably(&self.part, &self.whole).map_err(ExtractionError::io(&self.whole))
    }
}

/// Reads a shard, a frame at a time.
pub(crate) struct Reader {
    pub header: Header,
    file: BufReader<File>,
    path: PathBuf,
    /// Where the next frame begins.
    position: u64,
}

impl Reader {
    pub fn open(path: &Path) -> Result<Self, ExtractionError> {
        let mut file = BufReader::new(File::open(path).map_err(ExtractionError::io(path))?);
        let mut line = Vec::new();
        file.by_ref().take(1 << 16).read_until(b'\n', &mut line).map_err(ExtractionError::io(path))?;
        let header: Header = serde_json::from_slice(&line)
            .map_err(|e| ExtractionError::damaged(path, format!("not a shard ({e})")))?;
        if header.format != Header::FORMAT || line.last() != Some(&b'\n') {
            return Err(ExtractionError::damaged(path, "not a shard of this program's format"));
        }
        Ok(Self { header, file, path: path.to_owned(), position: line.len() as u64 })
    }

    fn frame(&mut self) -> Result<Option<Vec<Entry>>, String> {
        let mut length = [0; 4];
        let got = self.file.read(&mut length).map_err(|e| e.to_string())?;
        if got == 0 {
            return Ok(None);
        }
        self.file.read_exact(&mut length[got..]).map_err(|_| "it is cut off")?;
        let length = u32::from_le_bytes(length);
        if length > BODY_AT_MOST {
            return Err("a frame of it has no length".into());
        }
        let mut digest = [0; DIGEST];
        let mut body = vec![0; length as usize];
        let whole = self.file.read_exact(&mut digest).and_then(|()| self.file.read_exact(&mut body));
        whole.map_err(|_| "it is cut off")?;
        if Sha256::digest(&body)[..] != digest {
            return Err("a frame of it is not what was written".into());
        }
        self.position += (4 + DIGEST + body.len()) as u64;
        self.entries(&body).map(Some).ok_or_else(|| "a frame of it cannot be read".into())
    }

    fn entries(&self, body: &[u8]) -> Option<Vec<Entry>> {
        let (length, rest) = body.split_first_chunk::<4>()?;
        let (json, rows) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let lines: Vec<Line<Item>> = serde_json::from_slice(json).ok()?;
        let Dims { deep, colour } = self.header.dims;
        let mut rows = rows.chunks_exact((deep + colour).max(1) * 4);
        let mut entries = Vec::with_capacity(lines.len());
        for line in lines {
            entries.push(match line {
                Line::Skipped(reason) => Entry::Skipped(reason),
                Line::Item(item) => {
                    let row: Vec<f32> =
                        rows.next()?.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
                    Entry::Item(item, Vectors::normalised(row.split_at(deep)).ok()?)
                }
            });
        }
        (rows.next().is_none() && rows.remainder().is_empty()).then_some(entries)
    }
}

impl Iterator for Reader {
    type Item = Result<Vec<Entry>, ExtractionError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.frame().map_err(|why| ExtractionError::damaged(&self.path, why)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            format: Header::FORMAT,
            model_id: "the-model".into(),
            records: "the-records".into(),
            photos: 3,
            shard: "1/1".parse().unwrap(),
            dims: Dims { deep: 2, colour: 0 },
        }
    }

    /// A shard that two open at once, one of which has it: what the one has finished is there, whatever the other does.
    #[test]
    fn a_finished_shard_is_not_emptied_by_who_comes_too_late() {
        for round in 0..200 {
            let folder = tempfile::tempdir().unwrap();
            let mut first = Writer::open(folder.path(), header()).unwrap();
            let skipped: Vec<Entry> = (0..3).map(|n| Entry::Skipped(format!("photo {n}"))).collect();
            first.append(&skipped).unwrap();
            std::thread::scope(|scope| {
                let late = scope.spawn(|| {
                    loop {
                        match Writer::open(folder.path(), header()) {
                            Ok(writer) => return writer.done(),
                            Err(ExtractionError::Shards(_)) => {}
                            Err(e) => panic!("{e}"),
                        }
                    }
                });
                first.finish().unwrap();
                assert_eq!(late.join().unwrap(), 3, "round {round}");
            });
            assert_eq!(Writer::open(folder.path(), header()).unwrap().done(), 3, "round {round}");
        }
    }
}
