//! The queue that a server with these service times would have if nothing stood in its way.

use rand::{RngExt, SeedableRng};

/// The 99th percentile of the time in a first-come queue, in seconds, for the very same arrivals: as many servers as there are
/// cores, each of which answers one photo at a time and takes for it what one core took alone (`one_core`). The median of a
/// hundred draws of service times.
pub fn p99(arrivals: &[f64], one_core: &[f64], cores: usize) -> f64 {
    if one_core.is_empty() || arrivals.is_empty() {
        return f64::NAN;
    }
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(11);
    let mut draws: Vec<f64> = (0..100).map(|_| once(arrivals, one_core, cores, &mut rng)).collect();
    draws.sort_by(f64::total_cmp);
    draws[draws.len() / 2]
}

fn once(arrivals: &[f64], one_core: &[f64], cores: usize, rng: &mut rand_chacha::ChaCha8Rng) -> f64 {
    let (mut free, mut times) = (vec![0.0f64; cores], Vec::new());
    for now in arrivals {
        let took = one_core[rng.random_range(0..one_core.len())];
        let Some(core) = free.iter_mut().min_by(|a, b| a.total_cmp(b)) else { return f64::NAN };
        *core = core.max(*now) + took;
        times.push(*core - now);
    }
    times.sort_by(f64::total_cmp);
    times[(times.len() - 1) * 99 / 100]
}
