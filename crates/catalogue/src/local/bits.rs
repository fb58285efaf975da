//! A set of small numbers, one bit each: who was visited.

/// A set of numbers below the length it was made with; others are never in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bits(Vec<u64>);

impl Bits {
    /// Empty, with room for `0..len`.
    pub fn empty(len: usize) -> Self {
        Self(vec![0; len.div_ceil(64)])
    }

    /// Empty again, with room for `0..len`, where `members` are all that are in; empties them too.
    pub fn clear(&mut self, members: &mut Vec<u32>, len: usize) {
        for member in members.drain(..) {
            if let Some(word) = self.0.get_mut(member as usize / 64) {
                *word = 0;
            }
        }
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
            prop_assert!((len as u32..400).all(|n| n < len.next_multiple_of(64) as u32 || !bits.insert(n)));
            bits.clear(&mut set.into_iter().collect(), len);
            prop_assert!((0..len as u32).all(|n| bits.insert(n)));
        }
    }
}
