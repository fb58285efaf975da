//! Where everything lies in a graph file, all of it little-endian:
//!
//! ```text
//! header   magic · version · byte order · N, D, C, M · points on each upper level · the codes' shape · file length
//! vectors  N rows of f32, [deep | colour | zeros up to a multiple of 16]
//! codebook how vectors become codes, as f32
//! codes    N rows of bytes, [deep | colour], each filled up with zeros; a row is a multiple of 64 long
//! items    N × u32: which item a point is
//! lines    N × u64: where each item's line starts in the items' file
//! links    N rows of 2·M × u32: neighbours on level 0, filled up with u32::MAX
//! level 1… n × u32 points, n × u32 their slots on the level below, n rows of M × u32 neighbours, as slots of this level
//! ```
//!
//! Every section starts at a multiple of 64. Point 0, and slot 0 of every level, is the entry point.

use std::ops::Range;

use crate::local::{adjacency::POINTS_AT_MOST, codes::CodeShape};
use lookalike_items::Dims;

/// The version written and read here.
pub(crate) const VERSION: u32 = 2;

/// How long the header is.
pub(crate) const HEADER: usize = 128;

/// How many levels above level 0 a header has room for.
pub(crate) const UPPER_LEVELS: usize = 15;

/// Where in a header, counted in u32 from byte 8, its numbers start.
const NUMBERS: usize = 4;

const MAGIC: &[u8; 8] = b"LKLKGRPH";
const BYTE_ORDER: u32 = 0x0102_0304;
const ALIGN: usize = 64;

/// What a header says: all that the layout follows from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub count: usize,
    pub codes: CodeShape,
    pub m: usize,
    /// How many points are on level 1, 2 …
    pub levels: Vec<usize>,
}

/// Byte ranges of the sections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub vectors: Range<usize>,
    pub codebook: Range<usize>,
    pub codes: Range<usize>,
    pub items: Range<usize>,
    pub lines: Range<usize>,
    pub links: Range<usize>,
    pub levels: Vec<LevelLayout>,
    pub length: usize,
}

/// Byte ranges of one upper level.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LevelLayout {
    pub points: Range<usize>,
    pub below: Range<usize>,
    pub links: Range<usize>,
}

/// Why a header cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Version(u32),
    Damaged(&'static str),
}

impl Shape {
    /// D and C.
    pub fn dims(&self) -> Dims {
        self.codes.dims
    }

    /// How many f32 a row of vectors takes.
    pub fn stride(&self) -> usize {
        (self.dims().deep + self.dims().colour).next_multiple_of(16)
    }

    /// Where the sections are; `None` where that is beyond counting.
    pub fn layout(&self) -> Option<Layout> {
        let mut end = HEADER;
        let mut section = |count: usize, bytes: usize| {
            let start = end.checked_next_multiple_of(ALIGN)?;
            end = start.checked_add(count.checked_mul(bytes)?)?;
            Some(start..end)
        };
        let (vector, row) = (self.stride().checked_mul(4)?, self.m.checked_mul(4)?);
        let vectors = section(self.count, vector)?;
        let codebook = section(self.codes.numbers(), 4)?;
        let codes = section(self.count, self.codes.stride())?;
        let items = section(self.count, 4)?;
        let lines = section(self.count, 8)?;
        let links = section(self.count, row.checked_mul(2)?)?;
        let mut level = |&n: &usize| {
            Some(LevelLayout { points: section(n, 4)?, below: section(n, 4)?, links: section(n, row)? })
        };
        let levels = self.levels.iter().map(&mut level).collect::<Option<_>>()?;
        Some(Layout { vectors, codebook, codes, items, lines, links, levels, length: end })
    }

    /// The first [`HEADER`] bytes of the file.
    pub fn header(&self, length: usize) -> [u8; HEADER] {
        let mut numbers = [0u32; HEADER / 4 - 2 - NUMBERS];
        let dims = self.dims();
        let fixed = [self.count, dims.deep, dims.colour, self.m, self.codes.head].map(|n| n as u32);
        numbers[..5].copy_from_slice(&fixed);
        numbers[5] = self.codes.rotated.into();
        numbers[6] = self.levels.len() as u32;
        numbers[7..].iter_mut().zip(&self.levels).for_each(|(slot, &n)| *slot = n as u32);
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&VERSION.to_le_bytes());
        header[12..16].copy_from_slice(&BYTE_ORDER.to_le_bytes());
        header[16..24].copy_from_slice(&(length as u64).to_le_bytes());
        for (slot, number) in header[24..].as_chunks_mut::<4>().0.iter_mut().zip(numbers) {
            *slot = number.to_le_bytes();
        }
        header
    }

    /// Reads the header of a whole file and holds it against the file's length.
    pub fn parse(file: &[u8]) -> Result<(Self, Layout), Flaw> {
        let Some((header, _)) = file.split_first_chunk::<HEADER>() else {
            return Err(Flaw::Damaged("it is shorter than its header"));
        };
        if &header[..8] != MAGIC {
            return Err(Flaw::Damaged("it does not start as a graph file does"));
        }
        let (words, _) = header[8..].as_chunks::<4>();
        let number = |at: usize| words.get(at).map_or(0, |bytes| u32::from_le_bytes(*bytes));
        match (number(1), number(0)) {
            (BYTE_ORDER, VERSION) => {}
            (BYTE_ORDER, other) => return Err(Flaw::Version(other)),
            _ => return Err(Flaw::Damaged("its byte order is another machine's")),
        }
        let length = u64::from(number(2)) | u64::from(number(3)) << 32;
        let size = |at: usize| number(NUMBERS + at) as usize;
        let upper = size(6);
        if upper > UPPER_LEVELS {
            return Err(Flaw::Damaged("it has more levels than a graph can have"));
        }
        let dims = Dims { deep: size(1), colour: size(2) };
        let shape = Self {
            count: size(0),
            codes: CodeShape { dims, head: size(4), rotated: size(5) != 0 },
            m: size(3),
            levels: (0..upper).map(|level| size(7 + level)).collect(),
        };
        shape.check()?;
        match shape.layout() {
            Some(layout) if layout.length == file.len() && length == file.len() as u64 => Ok((shape, layout)),
            _ => Err(Flaw::Damaged("its length is not the one its header says")),
        }
    }

    fn check(&self) -> Result<(), Flaw> {
        let sizes = std::iter::once(self.count).chain(self.levels.iter().copied());
        let Dims { deep, colour } = self.dims();
        if self.count > 0 && (deep == 0 || self.codes.head == 0) {
            return Err(Flaw::Damaged("it says that its vectors have no numbers"));
        }
        if self.codes.head > deep || (!self.codes.rotated && self.codes.head != deep) {
            return Err(Flaw::Damaged("its codes are not of its vectors"));
        }
        if !(1..=128).contains(&self.m) || deep.max(colour) > 1 << 20 || self.count >= POINTS_AT_MOST {
            return Err(Flaw::Damaged("its header says sizes that no graph has"));
        }
        if !sizes.is_sorted_by(|lower, upper| lower >= upper) || self.levels.contains(&0) {
            return Err(Flaw::Damaged("an upper level is not smaller than the one below"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shape() -> impl Strategy<Value = Shape> {
        let codes = (1usize..50, 0usize..50, any::<bool>()).prop_map(|(deep, colour, rotated)| {
            let head = if rotated { deep.div_ceil(2) } else { deep };
            CodeShape { dims: Dims { deep, colour }, head, rotated }
        });
        (1usize..500, codes, 4usize..65, prop::collection::vec(1usize..500, 0..5)).prop_map(
            |(count, codes, m, mut levels)| {
                levels.retain(|&n| n <= count);
                levels.sort_by(|a, b| b.cmp(a));
                Shape { count, codes, m, levels }
            },
        )
    }

    fn nothing() -> Shape {
        let codes = CodeShape { dims: Dims { deep: 0, colour: 0 }, head: 0, rotated: false };
        Shape { count: 0, codes, m: 16, levels: vec![] }
    }

    proptest! {
        #[test]
        fn a_header_reads_as_written(shape in shape()) {
            let layout = shape.layout().expect("small");
            let mut file = shape.header(layout.length).to_vec();
            file.resize(layout.length, 0);
            prop_assert_eq!(Shape::parse(&file), Ok((shape.clone(), layout)));
            file.push(0);
            prop_assert!(Shape::parse(&file).is_err());
        }

        #[test]
        fn any_header_is_read_or_refused(mut tail in prop::collection::vec(any::<u8>(), 112), small in any::<bool>()) {
            let start = nothing().header(128);
            if small {
                tail.iter_mut().skip(1).step_by(2).for_each(|byte| *byte = 0);
            }
            let _ = Shape::parse(&[&start[..16], &tail].concat());
        }
    }

    #[test]
    fn another_version_is_told_apart_from_damage() {
        let mut file = nothing().header(128);
        file[8] = 9;
        assert_eq!(Shape::parse(&file), Err(Flaw::Version(9)));
        file[8..12].reverse();
        file[12..16].reverse();
        assert_eq!(Shape::parse(&file), Err(Flaw::Damaged("its byte order is another machine's")));
        file[0] = 0;
        assert!(matches!(Shape::parse(&file), Err(Flaw::Damaged(_))));
    }
}
