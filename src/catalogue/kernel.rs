//! The inner loop: distances between rows of f32.

/// The squared Euclidean distance, summed in 16 lanes so that the compiler can use the machine's vectors.
pub(crate) fn squared_l2(a: &[f32], b: &[f32]) -> f32 {
    debug_assert_eq!(a.len(), b.len());
    let mut lanes = [0f32; 16];
    let (chunks_a, rest_a) = a.as_chunks::<16>();
    let (chunks_b, rest_b) = b.as_chunks::<16>();
    for (x, y) in chunks_a.iter().zip(chunks_b) {
        for i in 0..16 {
            let d = x[i] - y[i];
            lanes[i] += d * d;
        }
    }
    let rest: f32 = rest_a.iter().zip(rest_b).map(|(x, y)| (x - y) * (x - y)).sum();
    lanes.iter().sum::<f32>() + rest
}

/// The blend `‖deep‖ + w·‖colour‖` between two photos; colour is not even read where it does not count.
pub(crate) fn blend(a: (&[f32], &[f32]), b: (&[f32], &[f32]), w: f32) -> f32 {
    let deep = squared_l2(a.0, b.0).sqrt();
    if w == 0.0 { deep } else { deep + w * squared_l2(a.1, b.1).sqrt() }
}
