//! The queue that a server with these service times would have if nothing stood in its way.

use rand::{RngExt, SeedableRng};

/// The 99th percentile of the time in a first-come queue, in seconds: Poisson arrivals, as many servers as there are cores,
/// each of which answers one photo at a time and takes for it what one core took alone (`one_core`).
pub fn p99(rate: f64, one_core: &[f64], cores: usize) -> f64 {
    if one_core.is_empty() || rate <= 0.0 {
        return f64::NAN;
    }
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
    let (mut now, mut free, mut times) = (0.0f64, vec![0.0f64; cores], Vec::new());
    for _ in 0..200_000 {
        now += -rng.random_range(f64::MIN_POSITIVE..1.0).ln() / rate;
        let took = one_core[rng.random_range(0..one_core.len())];
        let Some(core) = free.iter_mut().min_by(|a, b| a.total_cmp(b)) else { return f64::NAN };
        *core = core.max(now) + took;
        times.push(*core - now);
    }
    times.sort_by(f64::total_cmp);
    times[times.len() * 99 / 100]
}
