//! The inner loops: distances between rows of codes and between rows of f32, in the machine's widest instructions.
//!
//! May enter: slices. Every kernel gives the scalar one's results, bit for bit, so that a catalogue answers alike on
//! every machine. `unsafe` is here because instructions that not every machine has may be reached only after asking
//! the machine ([`Instructions`] are the proof that it was asked), and because vector loads and prefetches take pointers; each
//! stays inside the slice it was given.

#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use lookalike_common::{InstructionSet, Instructions};

/// Codes are compared in steps of so many: rows are padded to it.
pub(crate) const CODE_STEP: usize = 32;

/// The loops in one of the instruction sets that this machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kernel(Instructions);

impl Kernel {
    /// The fastest this machine has.
    pub fn best() -> Self {
        Self(Instructions::best())
    }

    /// All this machine has, slowest first.
    #[cfg(test)]
    pub fn all() -> Vec<Self> {
        Instructions::all().into_iter().map(Self).collect()
    }

    /// What it is called in reports.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The squared Euclidean distance between codes of 0 to 127, exactly. Both are as long as each other, a multiple of
    /// [`CODE_STEP`]; what is beyond that is not compared.
    #[inline]
    pub fn codes(self, a: &[u8], b: &[u8]) -> u32 {
        match self.0.set() {
            // SAFETY: the set says that the machine has these instructions.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => unsafe { x86::codes_avx2(a, b) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Vnni => unsafe { x86::codes_vnni(a, b) },
            // SAFETY: as above; every aarch64 machine has them.
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon => unsafe { neon::codes(a, b) },
            _ => scalar::codes(a, b),
        }
    }

    /// [`Kernel::codes`] of the query's parts to those of each point's row, at most [`BATCH`] points: `sums` is of the
    /// points in their order. A point without a row is at [`u32::MAX`].
    #[inline]
    pub fn rows(self, query: Parts<'_>, rows: Rows<'_>, points: &[u32], sums: &mut Sums) {
        match self.0.set() {
            // SAFETY: the set says that the machine has these instructions.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => unsafe { x86::rows_avx2(query, rows, points, sums) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Vnni => unsafe { x86::rows_vnni(query, rows, points, sums) },
            // SAFETY: as above; every aarch64 machine has them.
            #[cfg(target_arch = "aarch64")]
            InstructionSet::Neon => unsafe { neon::rows(query, rows, points, sums) },
            _ => each_row(query, rows, points, sums, scalar::codes),
        }
    }

    /// The squared Euclidean distance between rows of f32 of one length, in an order of additions that is the same on
    /// every machine.
    #[inline]
    pub fn squared_l2(self, a: &[f32], b: &[f32]) -> f32 {
        match self.0.set() {
            // SAFETY: the set says that the machine has these instructions.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 | InstructionSet::Vnni => unsafe { x86::squared_l2(a, b) },
            _ => scalar::squared_l2(a, b),
        }
    }

    /// Takes out of the masks the bits of bytes that are not `least` to `least + width`: one bit a byte, the first the lowest. What is
    /// beyond the masks or the bytes is left alone.
    #[inline]
    pub fn within(self, bytes: &[u8], (least, width): (u8, u8), masks: &mut [u64]) {
        match self.0.set() {
            // SAFETY: the set says that the machine has these instructions.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 => unsafe { x86::within_avx2(bytes, (least, width), masks) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Vnni => unsafe { x86::within_avx512(bytes, (least, width), masks) },
            _ => scalar::within(bytes, (least, width), masks),
        }
    }

    /// `row × matrix`: the matrix lies row after row, as many as the row has numbers, each as long as the result.
    #[inline]
    pub fn product(self, row: &[f32], matrix: &[f32], result: &mut [f32]) {
        match self.0.set() {
            // SAFETY: the set says that the machine has these instructions.
            #[cfg(target_arch = "x86_64")]
            InstructionSet::Avx2 | InstructionSet::Vnni => unsafe { x86::product(row, matrix, result) },
            _ => scalar::product(row, matrix, result),
        }
    }
}

/// How many points [`Kernel::rows`] takes at once.
pub(crate) const BATCH: usize = 32;

/// A query's codes; colour is empty where it does not count.
#[derive(Clone, Copy)]
pub(crate) struct Parts<'a> {
    pub deep: &'a [u8],
    pub colour: &'a [u8],
}

/// Squared distances in codes, one a point.
pub(crate) struct Sums {
    pub deep: [u32; BATCH],
    pub colour: [u32; BATCH],
}

impl Sums {
    pub const ZERO: Self = Self { deep: [0; BATCH], colour: [0; BATCH] };
}

/// Rows of codes, one a point: deep, then colour, each padded to [`CODE_STEP`].
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub bytes: &'a [u8],
    pub deep: usize,
    pub stride: usize,
}

impl<'a> Rows<'a> {
    /// The codes of one point; empty if there is none.
    #[inline(always)]
    pub fn of(self, point: u32) -> &'a [u8] {
        let start = point as usize * self.stride;
        self.bytes.get(start..start + self.stride).unwrap_or_default()
    }

    /// Deep and colour codes of one point.
    #[inline(always)]
    fn parts(self, point: u32) -> (&'a [u8], &'a [u8]) {
        self.of(point).split_at_checked(self.deep).unwrap_or_default()
    }
}

/// The loop that every kernel compiles with its own `codes`.
#[inline(always)]
fn each_row(
    query: Parts<'_>,
    rows: Rows<'_>,
    points: &[u32],
    sums: &mut Sums,
    codes: impl Fn(&[u8], &[u8]) -> u32,
) {
    let slots = sums.deep.iter_mut().zip(&mut sums.colour);
    for (&point, (deep_sum, colour_sum)) in points.iter().zip(slots) {
        let (deep, colour) = rows.parts(point);
        if deep.len() != query.deep.len() || colour.len() < query.colour.len() {
            (*deep_sum, *colour_sum) = (u32::MAX, u32::MAX);
            continue;
        }
        *deep_sum = codes(query.deep, deep);
        *colour_sum = if query.colour.is_empty() { 0 } else { codes(query.colour, colour) };
    }
}

/// Asks for a row's bytes before they are needed; nothing but speed depends on it.
#[inline(always)]
pub(crate) fn prefetch<T>(row: &[T]) {
    #[cfg(target_arch = "x86_64")]
    x86::prefetch(row.as_ptr().cast(), size_of_val(row));
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn codes(len: usize) -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![vec(0u8..128, len), vec(prop_oneof![Just(0u8), Just(127)], len)]
    }

    /// Two rows of codes of one length, a multiple of the step.
    fn pair() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
        (0usize..20).prop_flat_map(|steps| (codes(steps * CODE_STEP), codes(steps * CODE_STEP)))
    }

    fn floats() -> impl Strategy<Value = (Vec<f32>, Vec<f32>)> {
        (0usize..600).prop_flat_map(|len| (vec(-3f32..3.0, len), vec(-3f32..3.0, len)))
    }

    proptest! {
        #[test]
        fn every_kernel_compares_codes_as_plain_arithmetic_does((a, b) in pair()) {
            let plain: u32 = a.iter().zip(&b).map(|(&x, &y)| u32::from(x.abs_diff(y)).pow(2)).sum();
            for kernel in Kernel::all() {
                prop_assert_eq!(kernel.codes(&a, &b), plain, "{}", kernel.name());
            }
        }

        #[test]
        fn every_kernel_compares_rows_as_it_does_pairs(
            deep in 1usize..6,
            colour in 0usize..3,
            weighted in any::<bool>(),
            bytes in codes(9 * 8 * CODE_STEP),
            points in vec(0u32..12, 0..BATCH + 1),
        ) {
            let (deep, stride) = (deep * CODE_STEP, (deep + colour) * CODE_STEP);
            let (query, bytes) = bytes.split_at(stride);
            let rows = Rows { bytes: &bytes[..bytes.len() / stride * stride], deep, stride };
            let colour = if weighted { &query[deep..] } else { &[] };
            let query = Parts { deep: &query[..deep], colour };
            for kernel in Kernel::all() {
                let mut sums = Sums::ZERO;
                kernel.rows(query, rows, &points, &mut sums);
                for (i, &point) in points.iter().enumerate() {
                    let expected = match rows.of(point) {
                        [] => (u32::MAX, u32::MAX),
                        row => (
                            scalar::codes(query.deep, &row[..deep]),
                            scalar::codes(query.colour, &row[deep..][..query.colour.len()]),
                        ),
                    };
                    prop_assert_eq!((sums.deep[i], sums.colour[i]), expected, "{}", kernel.name());
                }
            }
        }

        #[test]
        fn every_kernel_sums_floats_alike_and_right((a, b) in floats()) {
            let exact: f64 = a.iter().zip(&b).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum();
            for kernel in Kernel::all() {
                prop_assert_eq!(kernel.squared_l2(&a, &b), scalar::squared_l2(&a, &b), "{}", kernel.name());
            }
            prop_assert!((f64::from(scalar::squared_l2(&a, &b)) - exact).abs() <= 1e-5 * exact.max(1.0));
        }

        #[test]
        fn every_kernel_takes_out_what_is_not_within(
            bytes in vec(any::<u8>(), 0..400),
            masks in vec(any::<u64>(), 0..7),
            least in any::<u8>(),
            width in any::<u8>(),
        ) {
            let mut expected = masks.clone();
            for (word, bytes) in expected.iter_mut().zip(bytes.as_chunks::<64>().0) {
                for (bit, byte) in bytes.iter().enumerate() {
                    if !(u32::from(least)..=u32::from(least) + u32::from(width)).contains(&u32::from(*byte)) {
                        *word &= !(1 << bit);
                    }
                }
            }
            for kernel in Kernel::all() {
                let mut found = masks.clone();
                kernel.within(&bytes, (least, width.min(u8::MAX - least)), &mut found);
                prop_assert_eq!(&found, &expected, "{}", kernel.name());
            }
        }

        #[test]
        fn every_kernel_multiplies_alike_and_right(
            (width, row, matrix) in (1usize..80, 0usize..40).prop_flat_map(|(width, len)| {
                (Just(width), vec(-3f32..3.0, len), vec(-3f32..3.0, len * width))
            }),
        ) {
            let multiply = |kernel: Kernel| {
                let mut result = vec![0.0; width];
                kernel.product(&row, &matrix, &mut result);
                result
            };
            let first = multiply(Kernel(Instructions::SCALAR));
            for (column, &found) in first.iter().enumerate() {
                let exact: f64 =
                    row.iter().enumerate().map(|(i, &x)| f64::from(x) * f64::from(matrix[i * width + column])).sum();
                prop_assert!((f64::from(found) - exact).abs() <= 1e-3);
            }
            for kernel in Kernel::all() {
                prop_assert_eq!(multiply(kernel), first.clone(), "{}", kernel.name());
            }
        }
    }
}
