//! Items into columns, and back.

use std::sync::Arc;

use lookalike_items::{BadItem, Dims, Item, ItemId, Vectors};
use milvus::v2::prelude::FieldData;

use crate::{
    fault::Fault,
    schema::{self, COLOUR},
};

/// What Milvus told of some rows: a column is empty where it was not asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    pub ids: Vec<String>,
    pub walks: Vec<Vec<f32>>,
    pub items: Vec<String>,
    pub categories: Vec<String>,
}

impl Columns {
    /// From an answer.
    pub fn of(fields: &[FieldData]) -> Result<Self, Fault> {
        let mut columns = Self::default();
        for field in fields {
            let wrong = || Fault::Wrong(format!("Milvus told '{}' as what it is not", field.name()));
            let texts = || field.as_varchar().map(<[String]>::to_vec).ok_or_else(wrong);
            match field.name() {
                schema::ID => columns.ids = texts()?,
                schema::ITEM => columns.items = texts()?,
                schema::CATEGORY => columns.categories = texts()?,
                schema::WALK => {
                    columns.walks = field.as_float_vectors().ok_or_else(wrong)?.to_vec();
                }
                _ => {}
            }
        }
        Ok(columns)
    }

    /// Those of both, one after the other.
    pub fn join(&mut self, other: Self) {
        self.ids.extend(other.ids);
        self.walks.extend(other.walks);
        self.items.extend(other.items);
        self.categories.extend(other.categories);
    }
}

/// An item from its column.
pub(crate) fn item(json: &str) -> Result<Arc<Item>, Fault> {
    let item = serde_json::from_str(json);
    item.map(Arc::new).map_err(|e| Fault::Wrong(format!("Milvus holds an item that is none: {e}")))
}

/// An item's id from its column.
pub(crate) fn id(text: &str) -> Result<ItemId, Fault> {
    ItemId::parse(text).map_err(|e| Fault::Wrong(format!("Milvus holds an item of another id: {e}")))
}

/// An item's vectors from their column, bit by bit as they went in.
pub(crate) fn vectors(walk: &[f32], dims: Dims) -> Result<Vectors, Fault> {
    if walk.len() != dims.deep + dims.colour {
        return Err(Fault::Wrong(format!("Milvus holds a vector of {} numbers, not of {dims}", walk.len())));
    }
    let (deep, colour) = walk.split_at(dims.deep);
    let colour: Vec<f32> = colour.iter().map(|x| x / COLOUR).collect();
    Ok(Vectors::stored((deep, &colour)))
}

/// What Milvus keeps of an item's vectors, or is asked with: the deep ones times `deep`.
pub(crate) fn walk(vectors: &Vectors, deep: f32) -> Vec<f32> {
    let colour = vectors.colour().iter().map(|x| x * COLOUR);
    vectors.deep().iter().map(|x| x * deep).chain(colour).collect()
}

/// One row, checked: what Milvus could refuse is refused before.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub item: Arc<Item>,
    pub vectors: Vectors,
    json: String,
}

impl Row {
    /// Of an item that [`Item::check`] lets through.
    ///
    /// # Errors
    /// Where it is larger than a row may be.
    pub fn new(item: Arc<Item>, vectors: Vectors) -> Result<Self, BadItem> {
        let json = serde_json::to_string(&*item).map_err(|e| BadItem(format!("that is no item: {e}")))?;
        if json.len() > schema::ITEM_BYTES {
            return Err(BadItem(format!(
                "the item has {} bytes as JSON, {} at most are right: Milvus keeps no longer text",
                json.len(),
                schema::ITEM_BYTES
            )));
        }
        Ok(Self { item, vectors, json })
    }

    /// About how many bytes it is on its way to Milvus.
    pub fn bytes(&self) -> usize {
        let dims = self.vectors.dims();
        2 * self.json.len() + 4 * (dims.deep + dims.colour) + 600
    }
}

/// Rows as Milvus takes them.
pub(crate) fn columns(rows: &[Row]) -> Vec<FieldData> {
    fn texts<'a>(name: &str, rows: &'a [Row], text: impl Fn(&'a Row) -> &'a str) -> FieldData {
        FieldData::varchar(name, rows.iter().map(|row| text(row).to_owned()).collect())
    }
    let numbers = |item: &Item| {
        item.numbers.iter().map(|(key, n)| (schema::number_key(key), serde_json::Value::from(*n))).collect()
    };
    vec![
        texts(schema::ID, rows, |row| row.item.id.as_str()),
        FieldData::float_vector(schema::WALK, rows.iter().map(|row| walk(&row.vectors, 1.0)).collect()),
        texts(schema::CATEGORY, rows, |row| &row.item.category),
        texts(schema::PRODUCT, rows, |row| row.item.product.as_deref().unwrap_or_default()),
        texts(schema::IMAGE, rows, |row| &row.item.image),
        FieldData::array_int64(schema::LABELS, rows.iter().map(|row| schema::labels(&row.item)).collect()),
        FieldData::json(
            schema::NUMBERS,
            rows.iter().map(|row| serde_json::Value::Object(numbers(&row.item))).collect(),
        ),
        FieldData::int64(schema::DRAW, rows.iter().map(|row| schema::draw(&row.item.id)).collect()),
        texts(schema::ITEM, rows, |row| &row.json),
    ]
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn vectors_come_back_bit_by_bit(deep in vec(-1.0f32..1.0, 3), colour in vec(-2.0f32..2.0, 4)) {
            let stored = Vectors::stored((&deep, &colour));
            let back = vectors(&walk(&stored, 1.0), Dims { deep: 3, colour: 4 }).unwrap();
            prop_assert_eq!(back, stored);
        }
    }

    #[test]
    fn an_item_that_is_too_large_is_refused_in_words() {
        let mut item = Item::new(ItemId::parse("a").unwrap(), "Tee");
        let values: Vec<String> = (0..64).map(|n| format!("{n:0>128}")).collect();
        item.attributes = (0..7).map(|n| (format!("key {n}"), values.clone())).collect();
        let vectors = Vectors::stored((&[1.0], &[]));
        assert_eq!((item.check(), Row::new(Arc::new(item.clone()), vectors.clone()).is_ok()), (Ok(()), true));
        item.attributes = (0..8).map(|n| (format!("key {n}"), values.clone())).collect();
        let told = Row::new(Arc::new(item), vectors).unwrap_err().to_string();
        assert!(told.contains("65535"), "{told}");
    }
}
