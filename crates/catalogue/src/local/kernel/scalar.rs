//! The loops as every machine can run them: what the other kernels are held against.

/// Squared Euclidean distance between codes.
#[inline]
pub(crate) fn codes(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(&x, &y)| u32::from(x.abs_diff(y)).pow(2)).sum()
}

/// Takes the bits of bytes that are not `least` to `least + width` out of the masks.
#[inline]
pub(crate) fn within(bytes: &[u8], (least, width): (u8, u8), masks: &mut [u64]) {
    // Moves the k-th byte's lowest bit to the k-th of the highest byte; no two sums meet.
    const GATHER: u64 = 0x0102_0408_1020_4080;
    for (mask, bytes) in masks.iter_mut().zip(bytes.as_chunks::<64>().0) {
        let flags = bytes.map(|byte| u8::from(byte.wrapping_sub(least) <= width));
        let mut word = 0;
        for (n, eight) in flags.as_chunks::<8>().0.iter().enumerate() {
            word |= (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) << (8 * n);
        }
        *mask &= word;
    }
}

/// Squared Euclidean distance, summed in 32 lanes, which the compiler turns into whatever vectors it may use; the order
/// of the additions is fixed.
#[inline(always)]
pub(crate) fn squared_l2(a: &[f32], b: &[f32]) -> f32 {
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

/// `row × matrix`, the matrix with as many rows as the row has numbers. Each column is summed from the first number to the
/// last, as many columns at once as there are.
#[inline(always)]
pub(crate) fn product(row: &[f32], matrix: &[f32], result: &mut [f32]) {
    let (width, mut first) = (result.len(), 0);
    while first < width {
        first += match width - first {
            64.. => columns::<64>(row, matrix, result, first),
            32.. => columns::<32>(row, matrix, result, first),
            _ => columns::<1>(row, matrix, result, first),
        };
    }
}

/// So many columns from the first on; how many.
#[inline(always)]
fn columns<const N: usize>(row: &[f32], matrix: &[f32], result: &mut [f32], first: usize) -> usize {
    let mut sums = [0f32; N];
    for (x, line) in row.iter().zip(matrix.chunks_exact(result.len())) {
        if let Some(line) = line[first..].first_chunk::<N>() {
            for i in 0..N {
                sums[i] += x * line[i];
            }
        }
    }
    result[first..][..N].copy_from_slice(&sums);
    N
}
