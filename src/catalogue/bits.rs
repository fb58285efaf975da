//! A set of small numbers, one bit each: who was visited, who is admitted.

/// A set of numbers below the length it was made with; others are never in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Bits(Vec<u64>);

impl Bits {
    /// Empty, with room for `0..len`.
    pub fn empty(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    /// All of `0..len`.
    pub fn full(len: usize) -> Self {
        let mut words = vec![u64::MAX; len.div_ceil(64)];
        if let (Some(last), tail @ 1..) = (words.last_mut(), len % 64) {
            *last = (1 << tail) - 1;
        }
        Self(words)
    }

    /// Empty again, with room for `0..len`; keeps its memory.
    pub fn reset(&mut self, len: usize) {
        self.0.clear();
        self.0.resize(len.div_ceil(64), 0);
    }

    /// Puts it in; whether it is new.
    #[inline]
    pub fn insert(&mut self, i: u32) -> bool {
        let Some(word) = self.0.get_mut(i as usize / 64) else { return false };
        let bit = 1 << (i % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Takes it out.
    pub fn remove(&mut self, i: u32) {
        if let Some(word) = self.0.get_mut(i as usize / 64) {
            *word &= !(1 << (i % 64));
        }
    }

    /// Whether it is in.
    #[inline]
    pub fn contains(&self, i: u32) -> bool {
        self.0.get(i as usize / 64).is_some_and(|word| word & (1 << (i % 64)) != 0)
    }

    /// Keeps what is in both.
    pub fn intersect(&mut self, other: &Self) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a &= b;
        }
    }

    /// How many are in.
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// All that are in, rising.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().enumerate().flat_map(|(at, &word)| {
            let rest = |w: &u64| Some(w & (w - 1)).filter(|&w| w != 0);
            std::iter::successors(Some(word).filter(|&w| w != 0), rest)
                .map(move |w| at as u32 * 64 + w.trailing_zeros())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set(len in 0usize..300, numbers in prop::collection::vec(0u32..300, 0..60)) {
            let mut bits = Bits::empty(len);
            let mut set = BTreeSet::new();
            for &n in numbers.iter().filter(|&&n| (n as usize) < len) {
                prop_assert_eq!(bits.insert(n), set.insert(n));
            }
            prop_assert_eq!(bits.iter().collect::<Vec<_>>(), set.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(bits.count(), set.len());
            prop_assert_eq!(Bits::full(len).iter().collect::<Vec<_>>(), (0..len as u32).collect::<Vec<_>>());
        }
    }
}
