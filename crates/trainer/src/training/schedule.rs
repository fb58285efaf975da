//! Over a run: the learning rate (a linear warm-up, then half a cosine down to nothing) and the side of the input.

/// The learning rate of step `step` of `total`.
pub fn learning_rate(peak: f64, warmup: f64, step: u64, total: u64) -> f64 {
    let (step, total) = (step as f64, total.max(1) as f64);
    let rise = (warmup * total).max(1.0);
    if step < rise {
        return peak * (step + 1.0) / rise;
    }
    let through = ((step - rise) / (total - rise).max(1.0)).min(1.0);
    peak * 0.5 * (1.0 + (std::f64::consts::PI * through).cos())
}

/// The side of the squares of epoch `epoch` (from 0) of `epochs`: from `start` up to `size` over the first three quarters, in
/// steps of 16 pixels.
pub fn input_size(start: Option<u32>, size: u32, epoch: u64, epochs: u64) -> u32 {
    let Some(start) = start.filter(|start| *start < size) else { return size };
    let through = (epoch as f64 / (epochs as f64 * 0.75)).min(1.0);
    let grown = f64::from(size - start + 16) * through / 16.0;
    (start + grown as u32 * 16).min(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_then_falls_to_nothing() {
        let lr = |step| learning_rate(0.1, 0.1, step, 1000);
        assert!(lr(0) < 0.002 && (lr(99) - 0.1).abs() < 1e-9 && lr(999) < 1e-5);
        assert!((0..99).all(|s| lr(s) < lr(s + 1)) && (100..999).all(|s| lr(s) >= lr(s + 1)));
    }

    #[test]
    fn squares_grow_and_the_last_quarter_has_the_full_size() {
        let sizes: Vec<u32> = (0..40).map(|epoch| input_size(Some(96), 128, epoch, 40)).collect();
        assert_eq!((sizes[0], sizes[12], sizes[39]), (96, 112, 128));
        assert!(sizes.is_sorted() && sizes[30..].iter().all(|size| *size == 128));
        assert_eq!(input_size(None, 128, 0, 40), 128);
        assert_eq!(input_size(Some(100), 128, 39, 40), 128);
    }
}
