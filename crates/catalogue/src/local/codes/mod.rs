//! Vectors as short codes, so that a walk reads two or three cache lines a point instead of 34.
//!
//! A deep vector is rotated onto the directions in which the catalogue varies most (principal components), the first
//! `head` of which are kept; each number becomes a code of 0 to 127: what it is above `low`, in steps, one step length
//! for all of a part, so that distances between codes are distances between vectors but for a factor. Colour is coded as
//! it is. Where no head would do, all D numbers are coded unrotated.
//!
//! May enter: f32 rows offline ([`fit`]), a query's vectors online. Codes choose candidates; hits are ordered by f32.

mod fit;

use std::borrow::Cow;

use crate::local::kernel::{BATCH, CODE_STEP, Kernel, Parts, Rows, Sums};
pub(crate) use fit::{encode_all, fit};
use lookalike_items::{ColourWeight, Dims};

/// The largest code.
const TOP: f32 = 127.0;

/// So many are compared exactly in the end where ten are asked for: codes blur the order of the nearest a little.
pub(crate) const RERANKED: usize = 40;

/// Rows start at multiples of a cache line.
const LINE: usize = 64;

/// How much of a row each part takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CodeShape {
    /// D and C of the vectors.
    pub dims: Dims,
    /// How many deep numbers are coded.
    pub head: usize,
    /// Whether they are principal components; if not, they are the vector's own.
    pub rotated: bool,
}

impl CodeShape {
    /// Bytes of colour in a row.
    pub fn colour_bytes(self) -> usize {
        self.dims.colour.next_multiple_of(CODE_STEP)
    }

    /// Bytes of a row, a multiple of a cache line.
    pub fn stride(self) -> usize {
        (self.head.next_multiple_of(CODE_STEP) + self.colour_bytes()).next_multiple_of(LINE)
    }

    /// Bytes of deep in a row.
    pub fn deep_bytes(self) -> usize {
        self.stride() - self.colour_bytes()
    }

    /// How many f32 a codebook of this shape has.
    pub fn numbers(self) -> usize {
        let rotation = if self.rotated { self.dims.deep * (self.head + 1) } else { 0 };
        STEPS + self.head + self.dims.colour + rotation
    }

    /// Rows over these bytes.
    pub fn rows(self, bytes: &[u8]) -> Rows<'_> {
        Rows { bytes, deep: self.deep_bytes(), stride: self.stride() }
    }
}

/// Two lengths of a step, two factors.
const STEPS: usize = 4;

/// How vectors become codes. All numbers are finite, steps and factors positive.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Codebook {
    shape: CodeShape,
    /// `[deep step, colour step, deep factor, colour factor | low: head + C | mean: D | basis: D × head]`. A factor is
    /// the distance that one code makes.
    numbers: Vec<f32>,
}

impl Codebook {
    /// Takes the numbers of a codebook of this shape, if they are one.
    pub fn new(shape: CodeShape, numbers: Vec<f32>) -> Result<Self, &'static str> {
        if numbers.len() != shape.numbers() || !numbers.iter().all(|x| x.is_finite()) {
            return Err("its codebook has a number that is none");
        }
        if !numbers[..STEPS].iter().all(|&x| x > 0.0) {
            return Err("its codebook has a step of no length");
        }
        Ok(Self { shape, numbers })
    }

    /// How its rows are laid out.
    pub fn shape(&self) -> CodeShape {
        self.shape
    }

    /// All its numbers, as they are stored.
    pub fn numbers(&self) -> &[f32] {
        &self.numbers
    }

    fn low(&self) -> (&[f32], &[f32]) {
        self.numbers[STEPS..][..self.shape.head + self.shape.dims.colour].split_at(self.shape.head)
    }

    /// Codes one photo into a row of [`CodeShape::stride`] bytes.
    pub fn encode(&self, kernel: Kernel, deep: &[f32], colour: &[f32], row: &mut [u8]) {
        let [deep_step, colour_step, ..] = self.numbers[..] else { return };
        let (deep_low, colour_low) = self.low();
        let (deep_row, colour_row) = row.split_at_mut(self.shape.deep_bytes());
        if self.shape.rotated {
            let rotation = &self.numbers[STEPS + self.shape.head + self.shape.dims.colour..];
            let (mean, basis) = rotation.split_at(self.shape.dims.deep);
            let centred: Vec<f32> = deep.iter().zip(mean).map(|(x, m)| x - m).collect();
            let mut turned = vec![0.0; self.shape.head];
            kernel.product(&centred, basis, &mut turned);
            let turned = turned.into_iter().zip(deep_low).zip(deep_row);
            turned.for_each(|((x, low), code)| *code = step(x, *low, deep_step));
        } else {
            deep.iter()
                .zip(deep_low)
                .zip(deep_row)
                .for_each(|((x, low), code)| *code = step(*x, *low, deep_step));
        }
        colour
            .iter()
            .zip(colour_low)
            .zip(colour_row)
            .for_each(|((x, low), c)| *c = step(*x, *low, colour_step));
    }

    /// A query of these vectors at this weight.
    pub fn query(
        &self,
        kernel: Kernel,
        (deep, colour): (&[f32], &[f32]),
        weight: ColourWeight,
    ) -> Coded<'static> {
        let mut codes = vec![0; self.shape.stride()];
        self.encode(kernel, deep, colour, &mut codes);
        Coded { kernel, codes: Cow::Owned(codes), scale: self.scale(weight) }
    }

    /// What turns sums over codes into distances.
    pub fn scale(&self, weight: ColourWeight) -> Scale {
        let [_, _, deep, colour, ..] = self.numbers[..] else { return Scale { deep: 1.0, colour: 0.0 } };
        let colour = if self.shape.dims.colour == 0 { 0.0 } else { colour * weight.get() };
        Scale { deep, colour }
    }
}

#[inline]
fn step(x: f32, low: f32, step: f32) -> u8 {
    // Adding a half and cutting off, not `round`: that is a call where the machine has no instruction for it.
    (((x - low) / step).clamp(0.0, TOP) + 0.5) as u8
}

/// What a code is worth in each part, the weight counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    deep: f32,
    colour: f32,
}

impl Scale {
    /// What one code is worth in deep, and in colour with the weight.
    #[cfg(test)]
    pub fn of(deep: f32, colour: f32) -> Self {
        Self { deep, colour }
    }

    /// The blend that sums of squares over codes come to.
    #[inline]
    pub fn blend(self, deep: u32, colour: u32) -> f32 {
        let deep = self.deep * (deep as f32).sqrt();
        if self.colour == 0.0 { deep } else { deep + self.colour * (colour as f32).sqrt() }
    }
}

/// A query in codes: what a walk carries along.
#[derive(Debug)]
pub(crate) struct Coded<'a> {
    kernel: Kernel,
    codes: Cow<'a, [u8]>,
    scale: Scale,
}

impl<'a> Coded<'a> {
    /// The query that a point's own row of codes is.
    pub fn of(kernel: Kernel, row: &'a [u8], scale: Scale) -> Self {
        Self { kernel, codes: Cow::Borrowed(row), scale }
    }

    /// Blends to at most [`BATCH`] points, in their order.
    #[inline]
    pub fn measure(&self, rows: Rows<'_>, points: &[u32], distances: &mut [f32; BATCH]) {
        let (deep, colour) = self.codes.split_at_checked(rows.deep).unwrap_or_default();
        let weighted = self.scale.colour > 0.0;
        let mut sums = Sums::ZERO;
        let parts = Parts { deep, colour: if weighted { colour } else { &[] } };
        self.kernel.rows(parts, rows, points, &mut sums);
        let sums = sums.deep.iter().zip(&sums.colour);
        if weighted {
            distances
                .iter_mut()
                .zip(sums)
                .for_each(|(d, (deep, colour))| *d = self.scale.blend(*deep, *colour));
        } else {
            let deep_alone = Scale { colour: 0.0, ..self.scale };
            distances.iter_mut().zip(sums).for_each(|(d, (deep, _))| *d = deep_alone.blend(*deep, 0));
        }
    }

    /// The blend to one point.
    pub fn to(&self, rows: Rows<'_>, point: u32) -> f32 {
        let mut distances = [0.0; BATCH];
        self.measure(rows, &[point], &mut distances);
        distances[0]
    }
}

#[cfg(test)]
mod tests;
