//! The learning rate over a run: a linear warm-up, then half a cosine down to nothing.

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_rises_then_falls_to_nothing() {
        let lr = |step| learning_rate(0.1, 0.1, step, 1000);
        assert!(lr(0) < 0.002 && (lr(99) - 0.1).abs() < 1e-9 && lr(999) < 1e-5);
        assert!((0..99).all(|s| lr(s) < lr(s + 1)) && (100..999).all(|s| lr(s) >= lr(s + 1)));
    }
}
