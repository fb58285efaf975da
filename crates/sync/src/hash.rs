//! What says whether an item changed: digests of its metadata and of its photo, in one text that the server keeps.

use lookalike_common::hex;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The first half of a sha256.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hash([u8; 16]);

impl Hash {
    /// Of all of these, each told apart from the next.
    pub(crate) fn of(parts: &[&[u8]]) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        let mut half = [0; 16];
        half.iter_mut().zip(digest.finalize()).for_each(|(to, from)| *to = from);
        Self(half)
    }

    fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let number = plain.then(|| u128::from_str_radix(text, 16).ok())?;
        Some(Self(number?.to_be_bytes()))
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// The digests of an item's metadata and of its photo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hashes {
    pub(crate) item: Hash,
    pub(crate) photo: Hash,
}

/// Whose an item on the server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// This feed's, and what it was when it was sent; nothing where that cannot be read.
    This(Option<Hashes>),
    /// Another feed's, or nobody's.
    Other,
}

impl Hashes {
    /// `NAME:ITEM:PHOTO`, which the server keeps as `source_hash`.
    pub(crate) fn source(self, name: &str) -> String {
        format!("{name}:{}:{}", self.item, self.photo)
    }
}

impl Owner {
    /// From a `source_hash`.
    pub(crate) fn of(source_hash: Option<&str>, name: &str) -> Self {
        match source_hash.and_then(|text| text.split_once(':')) {
            Some((owner, rest)) if owner == name => {
                let both = rest.split_once(':');
                let hashes = both.and_then(|(item, photo)| {
                    Some(Hashes { item: Hash::parse(item)?, photo: Hash::parse(photo)? })
                });
                Self::This(hashes)
            }
            _ => Self::Other,
        }
    }
}

/// JSON in one form: keys in order, no spaces.
pub(crate) fn canonical(fields: &Map<String, Value>) -> String {
    fn sorted(value: &Value) -> Value {
        match value {
            Value::Object(fields) => {
                let mut pairs: Vec<_> =
                    fields.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
                pairs.sort_by(|a, b| a.0.cmp(&b.0));
                Value::Object(pairs.into_iter().collect())
            }
            Value::Array(values) => Value::Array(values.iter().map(sorted).collect()),
            other => other.clone(),
        }
    }
    sorted(&Value::Object(fields.clone())).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_hash_comes_back() {
        let hashes = Hashes { item: Hash::of(&[b"a"]), photo: Hash::of(&[b"b"]) };
        let text = hashes.source("feed");
        assert!(text.len() == 5 + 32 + 1 + 32 && text.starts_with("feed:"));
        assert_eq!(Owner::of(Some(&text), "feed"), Owner::This(Some(hashes)));
        assert_eq!(Owner::of(Some("feed:x:y"), "feed"), Owner::This(None));
        for other in [None, Some(text.as_str()), Some("fee"), Some("")] {
            assert_eq!(Owner::of(other, "fee"), Owner::Other, "{other:?}");
        }
        assert_ne!(Hash::of(&[b"ab", b"c"]), Hash::of(&[b"a", b"bc"]));
    }

    #[test]
    fn one_form_for_equal_json() {
        let read = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let one = canonical(&read(r#"{"b": {"d": 1, "c": [ {"z": 1, "y": 2} ]}, "a": 1.50}"#));
        assert_eq!(one, r#"{"a":1.5,"b":{"c":[{"y":2,"z":1}],"d":1}}"#);
    }
}
