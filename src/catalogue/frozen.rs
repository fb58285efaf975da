//! A graph file, mapped and checked once at the border so that nothing in it can make a search panic.

use std::{ops::Range, path::Path};

use super::{
    CatalogueError, Dims,
    bits::Bits,
    graph::{Links, NONE},
    layout::{Flaw, Layout, Shape, VERSION},
    mapping::Mapping,
};

/// A graph file that has passed every check.
#[derive(Debug)]
pub(super) struct Frozen {
    file: Mapping,
    shape: Shape,
    layout: Layout,
}

/// The arrays of a graph file.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    vectors: &'a [f32],
    stride: usize,
    dims: Dims,
    /// Which item each point is.
    pub items: &'a [u32],
    /// The neighbours on level 0.
    pub links: Links<'a>,
}

/// The arrays of one upper level, indexed by slot.
#[derive(Clone, Copy)]
pub(super) struct LevelView<'a> {
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

    /// How many points there are.
    pub fn count(&self) -> usize {
        self.items.len()
    }
}

impl Frozen {
    /// Maps the file and checks all of it but the f32 numbers, which cannot do harm.
    pub fn open(path: &Path) -> Result<Self, CatalogueError> {
        let file = Mapping::open(path).map_err(CatalogueError::io("open", path))?;
        if cfg!(target_endian = "big") {
            return Err(CatalogueError::damaged(path, "this machine cannot read its byte order"));
        }
        let (shape, layout) = Shape::parse(&file).map_err(|flaw| match flaw {
            Flaw::Version(found) => CatalogueError::Version { path: path.to_owned(), found, known: VERSION },
            Flaw::Damaged(why) => CatalogueError::damaged(path, why),
        })?;
        let frozen = Self { file, shape, layout };
        frozen.check().map_err(|why| CatalogueError::damaged(path, why))?;
        Ok(frozen)
    }

    /// D and C.
    pub fn dims(&self) -> Dims {
        self.shape.dims
    }

    /// M, as the graph was built.
    pub fn m(&self) -> usize {
        self.shape.m
    }

    /// The arrays, for one search.
    pub fn view(&self) -> View<'_> {
        View {
            vectors: self.section(&self.layout.vectors),
            stride: self.shape.stride(),
            dims: self.shape.dims,
            items: self.section(&self.layout.items),
            links: Links { rows: self.section(&self.layout.links), width: 2 * self.shape.m },
        }
    }

    /// Walks the upper levels greedily, from the top: where to start on level 0.
    pub fn descend(&self, distance: impl Fn(u32) -> f32) -> u32 {
        let mut slot = 0;
        for level in self.levels().rev() {
            let mut nearest = distance(level.points[slot as usize]);
            loop {
                let start = slot;
                for neighbour in level.links.of(start) {
                    let d = distance(level.points[neighbour as usize]);
                    if d < nearest {
                        (slot, nearest) = (neighbour, d);
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
        let bytes = self.file.get(range.clone()).unwrap_or_default();
        bytemuck::try_cast_slice(bytes).unwrap_or_default()
    }

    fn check(&self) -> Result<(), &'static str> {
        let (view, count) = (self.view(), self.shape.count);
        let vectors_held = view.vectors.len() == count * view.stride;
        if !vectors_held || view.items.len() != count || view.links.rows.len() != count * view.links.width {
            return Err("it cannot be mapped as numbers");
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
