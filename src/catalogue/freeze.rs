//! Writes a graph, its vectors and their codes into one file, the points renumbered so that neighbours lie close to each other.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{
    codes::Codebook,
    graph::{Grown, NONE, Station},
    layout::{Shape, UPPER_LEVELS},
    walk::POINTS_AT_MOST,
};

/// How a file was when it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSeal {
    /// Its length.
    pub bytes: u64,
    /// Its digest, in hexadecimal.
    pub sha256: String,
}

/// Writes a file once, from start to end, and seals it.
pub(super) struct SealedFile {
    file: BufWriter<File>,
    digest: Sha256,
    bytes: u64,
}

impl SealedFile {
    /// A new file; it must not be there yet.
    pub fn create(path: &Path) -> io::Result<Self> {
        let file = BufWriter::with_capacity(1 << 20, File::create_new(path)?);
        Ok(Self { file, digest: Sha256::new(), bytes: 0 })
    }

    /// How many bytes were written so far.
    pub fn len(&self) -> u64 {
        self.bytes
    }

    /// Everything on the disk; what the file came to.
    pub fn seal(self) -> io::Result<FileSeal> {
        self.file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        Ok(FileSeal { bytes: self.bytes, sha256: hex(&self.digest.finalize()) })
    }

    fn numbers(&mut self, numbers: impl Iterator<Item = u32>) -> io::Result<()> {
        numbers.map(u32::to_le_bytes).try_for_each(|bytes| self.write_all(&bytes))
    }

    fn pad_to(&mut self, offset: usize) -> io::Result<()> {
        while self.bytes < offset as u64 {
            self.write_all(&[0])?;
        }
        Ok(())
    }
}

impl Write for SealedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is frozen: vectors and codes by item, the graph over them, and the order its points shall have.
pub(super) struct Thaw<'a> {
    pub rows: &'a [f32],
    pub book: &'a Codebook,
    pub codes: &'a [u8],
    pub m: usize,
    pub graph: Option<&'a Grown>,
    pub order: &'a [u32],
    /// Where each item's line starts in the items' file.
    pub lines: &'a [u64],
}

impl Thaw<'_> {
    /// Writes the graph file, as [`super::layout`] describes it.
    pub fn freeze(&self, path: &Path) -> io::Result<FileSeal> {
        let place = self.places();
        let all = self.graph.map(|graph| graph.levels.as_slice()).unwrap_or_default();
        let levels: Vec<Level> =
            all.iter().take(UPPER_LEVELS).map(|level| Level::new(level, &place)).collect();
        let shape = Shape {
            count: self.order.len(),
            codes: self.book.shape(),
            m: self.m,
            levels: levels.iter().map(|level| level.points.len()).collect(),
        };
        let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, "the graph is too large for a file");
        let layout = shape.layout().filter(|_| shape.count < POINTS_AT_MOST).ok_or_else(too_large)?;
        let mut file = SealedFile::create(path)?;
        file.write_all(&shape.header(layout.length))?;
        self.write_vectors(&mut file, &shape)?;
        file.pad_to(layout.codebook.start)?;
        file.numbers(self.book.numbers().iter().map(|x| x.to_bits()))?;
        file.pad_to(layout.codes.start)?;
        let codes = self.book.shape().rows(self.codes);
        self.order.iter().try_for_each(|&item| file.write_all(codes.of(item)))?;
        file.pad_to(layout.items.start)?;
        file.numbers(self.order.iter().copied())?;
        file.pad_to(layout.lines.start)?;
        self.lines.iter().try_for_each(|line| file.write_all(&line.to_le_bytes()))?;
        file.pad_to(layout.links.start)?;
        self.write_links(&mut file, &place)?;
        let mut below: Vec<u32> = (0..shape.count as u32).collect();
        for (level, at) in levels.iter().zip(&layout.levels) {
            level.write(&mut file, at, &below)?;
            below.clone_from(&level.points);
        }
        file.seal()
    }

    /// Where each point goes.
    fn places(&self) -> Vec<u32> {
        let mut place = vec![NONE; self.order.len()];
        for (new, &old) in (0..).zip(self.order) {
            place[old as usize] = new;
        }
        place
    }

    fn write_vectors(&self, file: &mut SealedFile, shape: &Shape) -> io::Result<()> {
        let (row, stride) = (shape.dims().deep + shape.dims().colour, shape.stride());
        for &item in self.order {
            let vector = &self.rows[item as usize * row..][..row];
            file.numbers(vector.iter().map(|x| x.to_bits()).chain(std::iter::repeat_n(0, stride - row)))?;
        }
        Ok(())
    }

    fn write_links(&self, file: &mut SealedFile, place: &[u32]) -> io::Result<()> {
        let Some(graph) = self.graph else { return Ok(()) };
        for &point in self.order {
            let neighbours = graph.links().of(point).map(|n| place[n as usize]);
            file.numbers(neighbours.chain(std::iter::repeat(NONE)).take(graph.width))?;
        }
        Ok(())
    }
}

/// One upper level under its new numbers.
struct Level {
    /// Who is there, rising.
    points: Vec<u32>,
    /// The neighbours of each, as slots of `points`.
    links: Vec<Vec<u32>>,
}

impl Level {
    fn new(stations: &[Station], place: &[u32]) -> Self {
        let mut renumbered: Vec<(u32, &[u32])> = stations
            .iter()
            .map(|(point, neighbours)| (place[*point as usize], neighbours.as_slice()))
            .collect();
        renumbered.sort_unstable();
        let points: Vec<u32> = renumbered.iter().map(|(point, _)| *point).collect();
        let slot = |n: &u32| points.binary_search(&place[*n as usize]).ok().map(|slot| slot as u32);
        let links = renumbered.iter().map(|(_, neighbours)| neighbours.iter().filter_map(slot).collect());
        Self { links: links.collect(), points }
    }

    fn write(&self, file: &mut SealedFile, at: &super::layout::LevelLayout, below: &[u32]) -> io::Result<()> {
        file.pad_to(at.points.start)?;
        file.numbers(self.points.iter().copied())?;
        file.pad_to(at.below.start)?;
        // Who is on a level is on every lower one too.
        file.numbers(self.points.iter().map(|p| below.binary_search(p).unwrap_or(0) as u32))?;
        file.pad_to(at.links.start)?;
        let width = at.links.len() / 4 / self.points.len().max(1);
        for row in &self.links {
            file.numbers(row.iter().copied().chain(std::iter::repeat(NONE)).take(width))?;
        }
        Ok(())
    }
}
