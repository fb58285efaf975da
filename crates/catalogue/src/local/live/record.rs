//! What the state keeps of an item: written once a write, read when a server starts.
//!
//! A kind (0 deleted, 1 metadata, 2 an item with its vectors), then the item as JSON (its length before it), then how many deep and
//! colour numbers there are, and the numbers. All numbers are little-endian.

use std::sync::Arc;

use crate::contract::little_endian;
use lookalike_items::{Item, ItemId, Vectors};

/// An item that came in whole, and its vectors, which a patch shares with what it patched.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is known of it.
    pub item: Arc<Item>,
    /// Of the state's model.
    pub vectors: Arc<Vectors>,
}

/// What the state holds of each item that came in, by rising id, and in which revision.
#[derive(Clone, Debug)]
pub struct Records {
    /// The revision.
    pub revision: u64,
    /// The last that came in of each item.
    pub records: Vec<(ItemId, Record)>,
}

/// The last that came in of an item.
#[derive(Clone, Debug)]
pub enum Record {
    /// It was deleted.
    Deleted,
    /// Its metadata; its vectors are the base's.
    Metadata(Arc<Item>),
    /// All of it.
    Whole(Row),
}

impl Record {
    pub(crate) fn encode(&self) -> serde_json::Result<Vec<u8>> {
        let (kind, item, vectors) = match self {
            Self::Deleted => return Ok(vec![0]),
            Self::Metadata(item) => (1, item, None),
            Self::Whole(row) => (2, &row.item, Some(&row.vectors)),
        };
        let json = serde_json::to_vec(&**item)?;
        let mut bytes = vec![kind];
        bytes.extend((json.len() as u32).to_le_bytes());
        bytes.extend(json);
        if let Some(vectors) = vectors {
            for part in [vectors.deep(), vectors.colour()] {
                bytes.extend((part.len() as u32).to_le_bytes());
            }
            bytes.extend(little_endian(vectors));
        }
        Ok(bytes)
    }

    /// Reads what [`encode`](Self::encode) wrote; what is wrong with the bytes where that is not it.
    pub(crate) fn decode(mut bytes: &[u8]) -> Result<Self, String> {
        let rest = &mut bytes;
        let early = || "it ends early".to_owned();
        let kind = take(rest, 1).and_then(|kind| kind.first().copied()).ok_or_else(early)?;
        if kind == 0 {
            return Ok(Self::Deleted);
        }
        let length = length(rest).ok_or_else(early)?;
        let item = take(rest, length).ok_or_else(early)?;
        let item = Arc::new(serde_json::from_slice::<Item>(item).map_err(|e| e.to_string())?);
        match kind {
            1 => Ok(Self::Metadata(item)),
            2 => {
                let vectors = vectors(rest).ok_or_else(early)?;
                let vectors = Vectors::normalised((&vectors.0, &vectors.1)).map_err(|e| e.to_string())?;
                Ok(Self::Whole(Row { item, vectors: Arc::new(vectors) }))
            }
            other => Err(format!("it is of kind {other}, which this program does not know")),
        }
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    rest.split_off(..len)
}

fn length(rest: &mut &[u8]) -> Option<usize> {
    take(rest, 4)?.try_into().ok().map(|bytes| u32::from_le_bytes(bytes) as usize)
}

fn vectors(rest: &mut &[u8]) -> Option<(Vec<f32>, Vec<f32>)> {
    let (deep, colour) = (length(rest)?, length(rest)?);
    let mut floats = |n: usize| -> Option<Vec<f32>> {
        let bytes = take(rest, n.checked_mul(4)?)?;
        Some(bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect())
    };
    let both = (floats(deep)?, floats(colour)?);
    rest.is_empty().then_some(both)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(deep: Vec<f32>, colour: Vec<f32>) -> Record {
        let item = Arc::new(Item::new(ItemId::parse("a").expect("an id"), "Tee"));
        Record::Whole(Row { item, vectors: Arc::new(Vectors::new(deep, colour).expect("vectors")) })
    }

    proptest! {
        #[test]
        fn a_record_is_read_as_it_was_written(
            deep in prop::collection::vec(0.1f32..1.0, 1..20),
            colour in prop::collection::vec(0f32..1.0, 0..5),
        ) {
            let written = whole(deep, colour);
            let bytes = written.encode().expect("encodes");
            let (Record::Whole(written), Ok(Record::Whole(read))) = (&written, Record::decode(&bytes)) else {
                panic!("not read as an item with vectors")
            };
            prop_assert_eq!(&written.item, &read.item);
            prop_assert_eq!(&written.vectors, &read.vectors);
            for end in 0..bytes.len() {
                prop_assert!(Record::decode(&bytes[..end]).is_err());
            }
        }

        #[test]
        fn no_bytes_panic(bytes in any::<Vec<u8>>()) {
            let _ = Record::decode(&bytes);
        }
    }
}
