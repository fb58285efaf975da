//! The loops as every machine can run them: what the other kernels are held against.

/// Squared Euclidean distance between codes.
#[inline]
pub(super) fn codes(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(&x, &y)| u32::from(x.abs_diff(y)).pow(2)).sum()
}

/// Squared Euclidean distance, summed in 32 lanes, which the compiler turns into whatever vectors it may use; the order
/// of the additions is fixed.
#[inline(always)]
pub(super) fn squared_l2(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    let mut lanes = [0f32; 32];
    let (chunks_a, rest_a) = a.as_chunks::<32>();
    let (chunks_b, rest_b) = b.as_chunks::<32>();
    for (x, y) in chunks_a.iter().zip(chunks_b) {
        for i in 0..32 {
            lanes[i] += (x[i] - y[i]) * (x[i] - y[i]);
        }
    }
    for half in [16, 8, 4] {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(x, y)| (x - y) * (x - y)).sum();
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]) + rest
}

/// How many columns are summed at once.
const COLUMNS: usize = 32;

/// `row × matrix`, the matrix with as many rows as the row has numbers; columns beyond a multiple of [`COLUMNS`] one by
/// one. Each column is summed from the first number to the last.
#[inline(always)]
pub(super) fn product(row: &[f32], matrix: &[f32], result: &mut [f32]) {
    let width = result.len();
    let (blocks, rest) = result.as_chunks_mut::<COLUMNS>();
    let done = blocks.len() * COLUMNS;
    for (n, block) in blocks.iter_mut().enumerate() {
        let mut sums = [0f32; COLUMNS];
        for (x, line) in row.iter().zip(matrix.chunks_exact(width)) {
            if let Some(line) = line[n * COLUMNS..].first_chunk::<COLUMNS>() {
                for i in 0..COLUMNS {
                    sums[i] += x * line[i];
                }
            }
        }
        *block = sums;
    }
    for (n, sum) in rest.iter_mut().enumerate() {
        *sum = row.iter().zip(matrix.chunks_exact(width)).map(|(x, line)| x * line[done + n]).sum();
    }
}
