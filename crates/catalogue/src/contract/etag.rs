//! What HTTP knows a version of an item by.

use lookalike_common::hex;
use lookalike_items::{Item, Vectors};
use sha2::{Digest, Sha256};

/// What an item is known by to HTTP: the same for the same metadata and vectors, wherever they are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etag(String);

impl Etag {
    /// Of this item with these vectors.
    ///
    /// # Errors
    /// Where the item cannot be written as JSON.
    pub fn of(item: &Item, vectors: &Vectors) -> serde_json::Result<Self> {
        let mut digest = Sha256::new();
        digest.update(serde_json::to_vec(item)?);
        digest.update(little_endian(vectors).collect::<Vec<u8>>());
        Ok(Self(hex(&digest.finalize()[..16])))
    }

    /// As it was told: 32 hexadecimal digits.
    pub fn told(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// 32 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The deep numbers, then those of the colour, as bytes.
pub(crate) fn little_endian(vectors: &Vectors) -> impl Iterator<Item = u8> + '_ {
    vectors.deep().iter().chain(vectors.colour()).flat_map(|number| number.to_le_bytes())
}
