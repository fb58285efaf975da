//! Chance that repeats: numbers drawn from a seed, the same on every machine.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// A stream of numbers that belongs to one thing (a product, a view) of one shop.
///
/// What is drawn is made from raw 32-bit words here, so that no other version of `rand` changes the shop.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The stream of `thing`, apart from that of any other thing or seed.
    pub fn new(seed: u64, thing: [u32; 2]) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..12].copy_from_slice(&thing[0].to_le_bytes());
        key[12..16].copy_from_slice(&thing[1].to_le_bytes());
        Self(ChaCha8Rng::from_seed(key))
    }

    /// Any 32 bits.
    pub fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f32 {
        (self.word() >> 8) as f32 / (1 << 24) as f32
    }

    /// A number between `low` and `high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// A number of `±size`.
    pub fn around(&mut self, size: f32) -> f32 {
        self.between(-size, size)
    }

    /// A whole number below `n`, or 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f32) as usize).min(n.saturating_sub(1))
    }

    /// True in the share `p` of cases.
    pub fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// One of the choices; a choice named twice is twice as likely.
    pub fn pick<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        const { assert!(N > 0) };
        choices[self.below(N)]
    }

    /// The numbers below `n` in a random order.
    pub fn order(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}
