//! What a collection is made of.
//!
//! | field | type | what it is |
//! |---|---|---|
//! | `id` | VARCHAR(512), primary key | the item's id: 128 characters of 4 bytes at most |
//! | `walk` | FLOAT_VECTOR(D + C), HNSW, L2 | the deep numbers, then the colour's, each divided by 8 |
//! | `category` | VARCHAR(512) | the item's |
//! | `product` | VARCHAR(1024) | the item's; empty where it has none |
//! | `image` | VARCHAR(8192) | the item's |
//! | `labels` | ARRAY of INT64, 4,096 at most | a hash of each attribute's key with each of its values |
//! | `numbers` | JSON | the item's numbers, each under a hash of its key |
//! | `draw` | INT64 | a hash of the id, from 0 up to 2³²: what items are drawn at random by |
//! | `item` | VARCHAR(65535) | the whole item as JSON |
//!
//! Attributes and numbers are asked for by hashes, so that no key and no value is ever a part of an expression. The collection's
//! description is JSON: what the vectors are of, and the format of all this ([`About`]); Milvus 2.3 keeps no properties of our own.

use std::result::Result;

use lookalike_items::{Dims, Item, ItemId};
use milvus::v2::{error::Error, prelude::*};
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use sha2::{Digest, Sha256};

pub(crate) const ID: &str = "id";
pub(crate) const WALK: &str = "walk";
pub(crate) const CATEGORY: &str = "category";
pub(crate) const PRODUCT: &str = "product";
pub(crate) const IMAGE: &str = "image";
pub(crate) const LABELS: &str = "labels";
pub(crate) const NUMBERS: &str = "numbers";
pub(crate) const DRAW: &str = "draw";
pub(crate) const ITEM: &str = "item";

/// What colours are multiplied with within `walk`. Milvus 2.3 keeps one vector an item, so both parts are read back from that one: a power
/// of two loses no bit on the way, as a tenth would.
pub(crate) const COLOUR: f32 = 0.125;

/// The most bytes of an item as JSON: the longest VARCHAR.
pub(crate) const ITEM_BYTES: usize = 65_535;

/// One more than the largest `draw`.
pub(crate) const DRAWS: u64 = 1 << 32;

/// The format of this schema.
pub(crate) const FORMAT: u32 = 1;

/// What a collection's description says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    /// Of this schema.
    pub lookalike: u32,
    /// The model whose vectors it holds.
    pub model: String,
    /// Of these.
    pub dims: Dims,
    /// What a load was of, so that it goes on with the same.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
}

impl About {
    /// From a description; none where a collection is not one of ours.
    pub fn read(description: &str) -> Option<Self> {
        serde_json::from_str(description).ok()
    }
}

/// A request for a new collection.
pub(crate) fn collection(name: &str, about: &About) -> Result<CreateCollectionRequest, Fault> {
    let field = |name: &str, kind| FieldSchema::new().name(name).data_type(kind);
    let text = |name: &str, most| field(name, DataType::VarChar).max_length(most);
    let schema = CollectionSchema::new()
        .enable_dynamic_field(false)
        .add_field(text(ID, 512).primary_key(true).auto_id(false))
        .add_field(field(WALK, DataType::FloatVector).dimension((about.dims.deep + about.dims.colour) as u32))
        .add_field(text(CATEGORY, 512))
        .add_field(text(PRODUCT, 1_024))
        .add_field(text(IMAGE, 8_192))
        .add_field(field(LABELS, DataType::Array).element_type(DataType::Int64).max_capacity(4_096))
        .add_field(field(NUMBERS, DataType::Json))
        .add_field(field(DRAW, DataType::Int64))
        .add_field(text(ITEM, ITEM_BYTES as u32));
    let description = serde_json::to_string(about).map_err(Error::from)?;
    let request = CreateCollectionRequest::builder()
        .collection_name(name)
        .description(description)
        .schema(schema)
        .num_shards(1)
        .consistency_level(ConsistencyLevel::Bounded);
    Ok(request.build()?)
}

/// A request for the index of the vectors.
pub(crate) fn index(name: &str) -> Result<CreateIndexRequest, Fault> {
    let parameters = [("M".to_owned(), "16".to_owned()), ("efConstruction".to_owned(), "200".to_owned())];
    let index = IndexParam::new()
        .field_name(WALK)
        .index_name(WALK)
        .index_type(IndexType::Hnsw)
        .metric_type(MetricType::L2)
        .extra_params(parameters.into());
    Ok(CreateIndexRequest::builder().collection_name(name).index_param(index).sync(false).build()?)
}

/// How long the vectors of a collection are; none where it has no such field.
pub(crate) fn dimension(schema: &CollectionSchema) -> Option<usize> {
    let field = schema.get_fields().iter().find(|field| field.get_name() == WALK)?;
    usize::try_from(field.get_dimension()).ok()
}

/// What stands for one value of one attribute: 63 bits, so that it is a plain number in an expression.
pub(crate) fn label(key: &str, value: &str) -> i64 {
    let mut digest = Sha256::new();
    digest.update(key);
    digest.update([0]);
    digest.update(value);
    (first_eight(digest) >> 1) as i64
}

/// What stands for the key of a number.
pub(crate) fn number_key(key: &str) -> String {
    format!("n{:016x}", first_eight(Sha256::new_with_prefix(key)))
}

/// The number an item is drawn at random by.
pub(crate) fn draw(id: &ItemId) -> i64 {
    (first_eight(Sha256::new_with_prefix(id.as_str())) % DRAWS) as i64
}

/// All labels of an item.
pub(crate) fn labels(item: &Item) -> Vec<i64> {
    let pairs = item.attributes.iter().flat_map(|(key, values)| values.iter().map(move |value| (key, value)));
    let mut labels: Vec<i64> = pairs.map(|(key, value)| label(key, value)).collect();
    labels.sort_unstable();
    labels.dedup();
    labels
}

fn first_eight(digest: Sha256) -> u64 {
    digest.finalize().iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}
