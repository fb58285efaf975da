//! Writes a graph, its vectors and their codes into one file, the points renumbered so that neighbours lie close to each other.

use std::{
    io::{self, Write},
    path::Path,
};

use lookalike_common::{FileSeal, SealedFile};

use crate::local::{
    adjacency::{Grown, NONE, POINTS_AT_MOST, Station},
    codes::Codebook,
    format::graph_layout::{LevelLayout, Shape, UPPER_LEVELS},
};

/// What is frozen: vectors and codes by item, the graph over them, and the order its points shall have.
pub(crate) struct Thaw<'a> {
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
    /// Writes the graph file, as [`crate::local::format::graph_layout`] describes it.
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

    fn write(&self, file: &mut SealedFile, at: &LevelLayout, below: &[u32]) -> io::Result<()> {
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
