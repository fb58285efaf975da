//! A graph file, mapped and checked once at the border so that nothing in it can make a search panic.

use std::{ops::Range, path::Path};

use crate::{
    contract::{CatalogueError, Query},
    local::{
        adjacency::{Links, NONE},
        bits::Bits,
        codes::{Codebook, Coded},
        format::{
            footprint::Footprint,
            graph_layout::{Flaw, Layout, Shape, VERSION},
            mapping::Mapping,
        },
        kernel::{BATCH, Kernel, Rows},
    },
};
use lookalike_common::HugePages;
use lookalike_items::Dims;

/// A graph file that has passed every check: f32 mapped, codes and links in memory of their own.
#[derive(Debug)]
pub(crate) struct Frozen {
    file: Mapping,
    shape: Shape,
    layout: Layout,
    book: Codebook,
    codes: HugePages,
    links: HugePages,
    kernel: Kernel,
}

/// The arrays of a graph file.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    vectors: &'a [f32],
    stride: usize,
    dims: Dims,
    /// Which item each point is.
    pub items: &'a [u32],
    /// The neighbours on level 0.
    pub links: Links<'a>,
    /// The codes of all points.
    pub codes: Rows<'a>,
    /// What compares them.
    pub kernel: Kernel,
}

/// The arrays of one upper level, indexed by slot.
#[derive(Clone, Copy)]
pub(crate) struct LevelView<'a> {
    points: &'a [u32],
    below: &'a [u32],
    links: Links<'a>,
}

impl<'a> View<'a> {
    /// Deep and colour of a point.
    #[inline]
    pub fn vectors(&self, point: u32) -> (&'a [f32], &'a [f32]) {
        let start = point as usize * self.stride;
        let row = &self.vectors[start..start + self.dims.deep + self.dims.colour];
        row.split_at(self.dims.deep)
    }
}

impl Frozen {
    /// Maps the file and checks all of it but the f32 vectors, which cannot do harm.
    pub fn open(path: &Path) -> Result<Self, CatalogueError> {
        let file = Mapping::open(path).map_err(CatalogueError::io("open", path))?;
        if cfg!(target_endian = "big") {
            return Err(CatalogueError::damaged(path, "this machine cannot read its byte order"));
        }
        let (shape, layout) = Shape::parse(&file).map_err(|flaw| match flaw {
            Flaw::Version(found) => CatalogueError::Version { path: path.to_owned(), found, known: VERSION },
            Flaw::Damaged(why) => CatalogueError::damaged(path, why),
        })?;
        let damaged = |why| CatalogueError::damaged(path, why);
        let part = |range: &Range<usize>| file.get(range.clone()).unwrap_or_default();
        let numbers = bytemuck::try_cast_slice(part(&layout.codebook)).unwrap_or_default();
        let book = Codebook::new(shape.codes, numbers.to_vec()).map_err(damaged)?;
        let copy = |range| HugePages::copy(part(range)).map_err(CatalogueError::io("make room for", path));
        let (codes, links) = (copy(&layout.codes)?, copy(&layout.links)?);
        let kernel = Kernel::best();
        let frozen = Self { file, shape, layout, book, codes, links, kernel };
        frozen.check().map_err(damaged)?;
        Ok(frozen)
    }

    /// D and C.
    pub fn dims(&self) -> Dims {
        self.shape.dims()
    }

    /// M, as the graph was built.
    pub fn m(&self) -> usize {
        self.shape.m
    }

    /// How vectors became codes.
    pub fn book(&self) -> &Codebook {
        &self.book
    }

    /// How much memory it takes.
    pub fn footprint(&self) -> Footprint {
        let (codes, links) = (self.codes.bytes().len(), self.links.bytes().len());
        Footprint { codes, graph: links, mapped: self.layout.vectors.len() }
    }

    /// Where each item's line starts.
    pub fn lines(&self) -> &[u64] {
        self.section(&self.layout.lines)
    }

    /// The arrays, for one search.
    pub fn view(&self) -> View<'_> {
        View {
            vectors: self.section(&self.layout.vectors),
            stride: self.shape.stride(),
            dims: self.dims(),
            items: self.section(&self.layout.items),
            links: Links { rows: cast(self.links.bytes()), width: 2 * self.shape.m },
            codes: self.shape.codes.rows(self.codes.bytes()),
            kernel: self.kernel,
        }
    }

    /// The query in codes.
    pub fn encode(&self, query: &Query) -> Coded<'static> {
        self.book.query(self.kernel, (query.vectors.deep(), query.vectors.colour()), query.weight)
    }

    /// Walks the upper levels greedily, from the top: where to start on level 0.
    pub fn descend(&self, query: &Coded<'_>) -> u32 {
        let (codes, mut slot) = (self.view().codes, 0);
        let mut nearest = query.to(codes, 0);
        let mut distances = [0.0; BATCH];
        let mut points = [0; BATCH];
        for level in self.levels().rev() {
            loop {
                let start = slot;
                let mut slots = level.links.of(start);
                loop {
                    let mut known = [0; BATCH];
                    let mut n = 0;
                    for (place, neighbour) in known.iter_mut().zip(&mut slots) {
                        (*place, points[n]) = (neighbour, level.points[neighbour as usize]);
                        n += 1;
                    }
                    if n == 0 {
                        break;
                    }
                    query.measure(codes, &points[..n], &mut distances);
                    for (&neighbour, &distance) in known[..n].iter().zip(&distances) {
                        if distance < nearest {
                            (slot, nearest) = (neighbour, distance);
                        }
                    }
                }
                if slot == start {
                    break;
                }
            }
            slot = level.below[slot as usize];
        }
        slot
    }

    fn levels(&self) -> impl DoubleEndedIterator<Item = LevelView<'_>> {
        self.layout.levels.iter().map(|level| LevelView {
            points: self.section(&level.points),
            below: self.section(&level.below),
            links: Links { rows: self.section(&level.links), width: self.shape.m },
        })
    }

    /// Sections lie at multiples of 64 of a page-aligned file: the cast holds once it has held at opening.
    fn section<T: bytemuck::AnyBitPattern>(&self, range: &Range<usize>) -> &[T] {
        cast(self.file.get(range.clone()).unwrap_or_default())
    }

    fn check(&self) -> Result<(), &'static str> {
        let (view, count) = (self.view(), self.shape.count);
        let vectors_held = view.vectors.len() == count * view.stride && self.lines().len() == count;
        if !vectors_held || view.items.len() != count || view.links.rows.len() != count * view.links.width {
            return Err("it cannot be mapped as numbers");
        }
        if view.codes.bytes.iter().fold(0, |all, &code| all | code) > 127 {
            return Err("a code is larger than codes are");
        }
        check_links(view.links.rows, count)?;
        let mut seen = Bits::empty(count);
        if !view.items.iter().all(|&item| (item as usize) < count && seen.insert(item)) {
            return Err("an item has no point, or two");
        }
        let ground: Vec<u32> = (0..count as u32).collect();
        let mut below = ground.as_slice();
        for level in self.levels() {
            level.check(below)?;
            below = level.points;
        }
        Ok(())
    }
}

fn cast<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> &[T] {
    bytemuck::try_cast_slice(bytes).unwrap_or_default()
}

impl LevelView<'_> {
    fn check(&self, below: &[u32]) -> Result<(), &'static str> {
        let count = self.points.len();
        if count == 0 || self.below.len() != count || self.links.rows.len() != count * self.links.width {
            return Err("an upper level cannot be mapped as numbers");
        }
        if self.points[0] != 0 || !self.points.is_sorted_by(|a, b| a < b) {
            return Err("an upper level does not start at the entry point, or is not in order");
        }
        let stands = |(point, slot): (&u32, &u32)| below.get(*slot as usize) == Some(point);
        if !self.points.iter().zip(self.below).all(stands) {
            return Err("a point of an upper level is not on the level below");
        }
        check_links(self.links.rows, count)
    }
}

fn check_links(rows: &[u32], count: usize) -> Result<(), &'static str> {
    let in_bounds = |&neighbour: &u32| neighbour == NONE || (neighbour as usize) < count;
    if rows.iter().all(in_bounds) { Ok(()) } else { Err("a link leads to a point that is not there") }
}
