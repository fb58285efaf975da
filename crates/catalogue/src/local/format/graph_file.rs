//! A graph file, mapped and checked once at the border so that nothing in it can make a search panic. Everything that leads somewhere is
//! copied before it is checked: a file that somebody changes while it is served changes numbers, never a way.

use std::{ops::Range, path::Path};

use crate::{
    contract::{CatalogueError, Query},
    local::{
        adjacency::{Links, NONE},
        bits::Bits,
        codes::{Codebook, Coded},
        format::{
            footprint::Footprint,
            graph_layout::{Flaw, Layout, LevelLayout, Shape, VERSION},
            mapping::{Mapping, PAGE},
        },
        kernel::{BATCH, Kernel, Rows},
    },
};
use lookalike_common::HugePages;
use lookalike_items::Dims;

/// A graph file that has passed every check: f32 mapped, all else in memory of its own.
#[derive(Debug)]
pub(crate) struct Frozen {
    file: Mapping,
    shape: Shape,
    layout: Layout,
    book: Codebook,
    codes: HugePages,
    links: HugePages,
    items: Vec<u32>,
    levels: Vec<Level>,
    kernel: Kernel,
}

/// One upper level, indexed by slot.
#[derive(Debug)]
struct Level {
    points: Vec<u32>,
    below: Vec<u32>,
    links: Vec<u32>,
    width: usize,
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
    /// Maps the file and checks all of it but the f32 vectors, which cannot do harm. Where each item's line starts comes with it.
    pub fn open(path: &Path) -> Result<(Self, Vec<u64>), CatalogueError> {
        let file = Mapping::open(path).map_err(CatalogueError::io("open", path))?;
        if cfg!(target_endian = "big") {
            return Err(CatalogueError::damaged(path, "this machine cannot read its byte order"));
        }
        let (shape, layout) = Shape::parse(&file).map_err(|flaw| match flaw {
            Flaw::Version(found) => CatalogueError::Version { path: path.to_owned(), found, known: VERSION },
            Flaw::Damaged(why) => file.damaged(why),
        })?;
        // Whether a mapping is whole is not told of its last page: no vectors may lie there.
        let file = match layout.vectors.end + PAGE > file.len() {
            true => file.copied().map_err(CatalogueError::io("read", path))?,
            false => file,
        };
        let part = |range: &Range<usize>| file.get(range.clone()).unwrap_or_default();
        let book =
            Codebook::new(shape.codes, numbers(part(&layout.codebook))).map_err(|why| file.damaged(why))?;
        let copy = |range| HugePages::copy(part(range)).map_err(CatalogueError::io("make room for", path));
        let (codes, links) = (copy(&layout.codes)?, copy(&layout.links)?);
        let level = |level: &LevelLayout| Level {
            points: numbers(part(&level.points)),
            below: numbers(part(&level.below)),
            links: numbers(part(&level.links)),
            width: shape.m,
        };
        let levels = layout.levels.iter().map(level).collect();
        let (items, lines) = (numbers(part(&layout.items)), numbers(part(&layout.lines)));
        let kernel = Kernel::best();
        let frozen = Self { file, shape, layout, book, codes, links, items, levels, kernel };
        frozen.examine(&lines).map_err(|why| frozen.file.damaged(why))?;
        frozen.check_length()?;
        Ok((frozen, lines))
    }

    /// Whether the file is still what it was: to be asked after its vectors were read, and before anything is made of them.
    ///
    /// # Errors
    /// [`CatalogueError::Lost`] where it is not.
    pub fn check(&self) -> Result<(), CatalogueError> {
        self.file.check()
    }

    /// The same, and whether it is as long as it was.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_length(&self) -> Result<(), CatalogueError> {
        self.file.check_length()
    }

    /// Its vectors are not what vectors are.
    pub fn not_vectors(&self) -> CatalogueError {
        self.file.damaged("a vector of it has a number that is none")
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

    /// The arrays, for one search.
    pub fn view(&self) -> View<'_> {
        View {
            vectors: self.section(&self.layout.vectors),
            stride: self.shape.stride(),
            dims: self.dims(),
            items: &self.items,
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
        for level in self.levels.iter().rev() {
            loop {
                let start = slot;
                let mut slots = level.links().of(start);
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

    /// Sections lie at multiples of 64 of a page-aligned file: the cast holds once it has held at opening.
    fn section<T: bytemuck::AnyBitPattern>(&self, range: &Range<usize>) -> &[T] {
        cast(self.file.get(range.clone()).unwrap_or_default())
    }

    fn examine(&self, lines: &[u64]) -> Result<(), &'static str> {
        let (view, count) = (self.view(), self.shape.count);
        let held = view.vectors.len() == count * view.stride && lines.len() == count;
        if !held || view.items.len() != count || view.links.rows.len() != count * view.links.width {
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
        for level in &self.levels {
            level.examine(below)?;
            below = &level.points;
        }
        Ok(())
    }
}

/// A copy as numbers; none of them where the bytes are not so many.
fn numbers<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> Vec<T> {
    cast(bytes).to_vec()
}

fn cast<T: bytemuck::AnyBitPattern>(bytes: &[u8]) -> &[T] {
    bytemuck::try_cast_slice(bytes).unwrap_or_default()
}

impl Level {
    fn links(&self) -> Links<'_> {
        Links { rows: &self.links, width: self.width }
    }

    fn examine(&self, below: &[u32]) -> Result<(), &'static str> {
        let count = self.points.len();
        if count == 0 || self.below.len() != count || self.links.len() != count * self.width {
            return Err("an upper level cannot be mapped as numbers");
        }
        if self.points[0] != 0 || !self.points.is_sorted_by(|a, b| a < b) {
            return Err("an upper level does not start at the entry point, or is not in order");
        }
        let stands = |(point, slot): (&u32, &u32)| below.get(*slot as usize) == Some(point);
        if !self.points.iter().zip(&self.below).all(stands) {
            return Err("a point of an upper level is not on the level below");
        }
        check_links(&self.links, count)
    }
}

fn check_links(rows: &[u32], count: usize) -> Result<(), &'static str> {
    let in_bounds = |&neighbour: &u32| neighbour == NONE || (neighbour as usize) < count;
    if rows.iter().all(in_bounds) { Ok(()) } else { Err("a link leads to a point that is not there") }
}
