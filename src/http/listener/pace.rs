//! How often something may happen to each of many, in memory that is bounded.
//!
//! The generic cell rate algorithm: of each there is one instant, at which it has all of its tokens again.

use std::{
    collections::HashMap,
    hash::Hash,
    num::NonZeroU32,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// What happened to each lately: one instant. Of more than it may hold, those with the earliest go.
pub(crate) struct Lately<K> {
    most: usize,
    instants: HashMap<K, Instant>,
}

impl<K: Hash + Eq> Lately<K> {
    /// For so many at most.
    pub(crate) fn new(most: usize) -> Self {
        Self { most: most.max(2), instants: HashMap::new() }
    }

    pub(crate) fn get(&self, key: &K) -> Option<Instant> {
        self.instants.get(key).copied()
    }

    /// What is not later than `past` says nothing any more.
    pub(crate) fn put(&mut self, key: K, instant: Instant, past: Option<Instant>) {
        if self.instants.len() >= self.most && !self.instants.contains_key(&key) {
            self.forget(past);
            self.halve();
        }
        self.instants.insert(key, instant);
    }

    /// Drops what is not later than `past`.
    pub(crate) fn forget(&mut self, past: Option<Instant>) {
        if let Some(past) = past {
            self.instants.retain(|_, instant| *instant > past);
        }
        if self.instants.capacity() > 4 * self.instants.len() {
            self.instants.shrink_to_fit();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.instants = HashMap::new();
    }

    /// Half of them go at once, so that looking for the earliest is seldom.
    fn halve(&mut self) {
        if self.instants.len() < self.most {
            return;
        }
        let mut all: Vec<Instant> = self.instants.values().copied().collect();
        let middle = all.len() / 2;
        let (_, middle, _) = all.select_nth_unstable(middle);
        let middle = *middle;
        self.instants.retain(|_, instant| *instant > middle);
    }
}

/// So many at once, then one in each period, for every key by itself.
pub(crate) struct Pace<K> {
    each: Duration,
    burst: NonZeroU32,
    /// When each has all of its tokens again.
    full: Mutex<Lately<K>>,
}

impl<K: Hash + Eq + Clone> Pace<K> {
    /// One token every `each`, `burst` at most, for `most` keys.
    pub(crate) fn new(each: Duration, burst: NonZeroU32, most: usize) -> Self {
        Self { each: each.max(Duration::from_nanos(1)), burst, full: Mutex::new(Lately::new(most)) }
    }

    /// The most that can ever be taken at once.
    pub(crate) fn burst(&self) -> NonZeroU32 {
        self.burst
    }

    /// Takes so many tokens in one step, or none of them.
    ///
    /// # Errors
    /// How long to wait until there are as many; of more than [`burst`](Self::burst) there never are.
    pub(crate) fn take(&self, key: &K, tokens: NonZeroU32, now: Instant) -> Result<(), Duration> {
        let mut full = self.lock();
        let after = self.after(&full, key, tokens, now);
        match self.wait_of(after) {
            Duration::ZERO => {
                full.put(key.clone(), now.checked_add(after).unwrap_or(now), Some(now));
                Ok(())
            }
            wait => Err(wait),
        }
    }

    /// How long until so many could be taken; takes none.
    pub(crate) fn wait(&self, key: &K, tokens: NonZeroU32, now: Instant) -> Duration {
        self.wait_of(self.after(&self.lock(), key, tokens, now))
    }

    /// Forgets who has all of the tokens; to be called now and then.
    pub(crate) fn forget(&self, now: Instant) {
        self.lock().forget(Some(now));
    }

    /// How far from full it is once so many are taken.
    fn after(&self, full: &Lately<K>, key: &K, tokens: NonZeroU32, now: Instant) -> Duration {
        let missing = full.get(key).map_or(Duration::ZERO, |full| full.saturating_duration_since(now));
        missing.saturating_add(self.each.saturating_mul(tokens.get()))
    }

    fn wait_of(&self, after: Duration) -> Duration {
        after.saturating_sub(self.each.saturating_mul(self.burst.get()))
    }

    fn lock(&self) -> MutexGuard<'_, Lately<K>> {
        self.full.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn n(number: u32) -> NonZeroU32 {
        NonZeroU32::new(number).unwrap()
    }

    #[test]
    fn many_take_little_memory_and_the_latest_are_kept() {
        let pace: Pace<u32> = Pace::new(Duration::from_secs(1), n(10), 100);
        let now = Instant::now();
        for key in 0..100_000 {
            pace.take(&key, n(1), now + Duration::from_micros(key.into())).unwrap();
        }
        let full = pace.lock();
        assert!(full.instants.len() <= 100, "{}", full.instants.len());
        assert!(full.get(&99_999).is_some() && full.get(&99_970).is_some() && full.get(&0).is_none());
    }

    #[test]
    fn who_has_all_tokens_is_forgotten() {
        let pace: Pace<u32> = Pace::new(Duration::from_secs(1), n(10), 100);
        let now = Instant::now();
        (1..=8).for_each(|key| pace.take(&key, n(key), now).unwrap());
        pace.forget(now + Duration::from_millis(4_500));
        assert_eq!(pace.lock().instants.len(), 4);
    }

    proptest! {
        /// A bucket that is filled drop by drop, in whole milliseconds.
        #[test]
        fn it_is_a_bucket_of_tokens(
            each in 1u64..50, burst in 1u32..20, steps in vec((0u64..200, 1u32..25), 1..60),
        ) {
            let pace: Pace<()> = Pace::new(Duration::from_millis(each), n(burst), 2);
            let (begin, whole) = (Instant::now(), each * u64::from(burst));
            let (mut at, mut held) = (0, whole); // held: tokens times each
            for (later, tokens) in steps {
                at += later;
                held = (held + later).min(whole);
                let now = begin + Duration::from_millis(at);
                let cost = each * u64::from(tokens);
                let lacking = Duration::from_millis(cost.saturating_sub(held));
                prop_assert_eq!(pace.wait(&(), n(tokens), now), lacking);
                let taken = pace.take(&(), n(tokens), now);
                prop_assert_eq!(taken, if lacking.is_zero() { Ok(()) } else { Err(lacking) });
                if taken.is_ok() {
                    held -= cost;
                }
            }
        }
    }
}
