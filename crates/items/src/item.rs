//! What a shop sells, as search sees it: one [`Item`] a photo.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{ItemId, Schemes, Timestamp};

/// One photo of one product, and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its name, unique in a catalogue.
    pub id: ItemId,
    /// What is sold: several items may show the same product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// What shoppers read, e.g. `Hoodie with a zip, red`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The shop's page about it: an http or https address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The category's name, e.g. `Hoodie`.
    pub category: String,
    /// Where its photo is: a path under the server's `--images` folder, or an https URL.
    pub image: String,
    /// What else a shop may filter by, e.g. `colour: [red, white]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Vec<String>>,
    /// What a shop filters by from and to, and sorts by, e.g. `price: 39.9, stock: 3`. Finite.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub numbers: BTreeMap<String, f64>,
    /// Whatever else the shop's pages need: any JSON, returned with the same meaning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payload: Option<Map<String, Value>>,
    /// What whoever keeps the catalogue equal to another list knows this version of it by; nothing is done with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_hash: Option<String>,
    /// When it last came in online, set by the server; none for what a catalogue was built with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<Timestamp>,
}

impl Item {
    /// The most bytes of a payload, as compact JSON.
    pub const PAYLOAD: usize = 16 << 10;

    /// An item of which no more is known.
    pub fn new(id: ItemId, category: &str) -> Self {
        Self {
            id,
            product: None,
            title: None,
            url: None,
            category: category.to_owned(),
            image: String::new(),
            attributes: BTreeMap::new(),
            numbers: BTreeMap::new(),
            payload: None,
            source_hash: None,
            updated: None,
        }
    }

    /// Whether its texts are as short and as few as an item that comes in online may have: 128 characters for a category and an
    /// attribute's key or value, 256 for a product, 200 for a `source_hash`, 512 for a title, 2,048 for an address and an image's place;
    /// 64 attributes of 64 values each; 64 finite numbers; 16 KiB of payload. No control characters. Its `url` is an address of the web.
    ///
    /// # Errors
    /// What is too long, too many, empty or no address, in words.
    pub fn check(&self) -> Result<(), BadItem> {
        text("'category'".into(), &self.category, 1, 128)?;
        text("'image'".into(), &self.image, 0, 2_048)?;
        self.product.as_deref().map_or(Ok(()), |product| text("'product'".into(), product, 1, 256))?;
        self.title.as_deref().map_or(Ok(()), |title| text("'title'".into(), title, 1, 512))?;
        self.source_hash.as_deref().map_or(Ok(()), |hash| text("'source_hash'".into(), hash, 1, 200))?;
        if let Some(url) = &self.url {
            text("'url'".into(), url, 1, 2_048)?;
            if !Schemes::Http.admit(url) {
                return Err(BadItem(
                    "'url' must be an address that begins with http:// or https://, of the characters that an address may hold"
                        .into(),
                ));
            }
        }
        self.check_attributes()?;
        self.check_numbers()?;
        let payload = self
            .payload
            .as_ref()
            .map_or(Ok(0), |payload| serde_json::to_string(payload).map(|json| json.len()));
        match payload {
            Ok(0..=Self::PAYLOAD) => Ok(()),
            Ok(bytes) => Err(BadItem(format!(
                "'payload' has {bytes} bytes as JSON, {} at most are right",
                Self::PAYLOAD
            ))),
            Err(e) => Err(BadItem(format!("'payload' is no JSON: {e}"))),
        }
    }

    fn check_attributes(&self) -> Result<(), BadItem> {
        if self.attributes.len() > 64 {
            return Err(BadItem(format!(
                "there are {} attributes, 64 at most are right",
                self.attributes.len()
            )));
        }
        for (key, values) in &self.attributes {
            text("an attribute's key".into(), key, 1, 128)?;
            if values.len() > 64 {
                return Err(BadItem(format!(
                    "attribute '{key}' has {} values, 64 at most are right",
                    values.len()
                )));
            }
            for value in values {
                text(format!("a value of attribute '{key}'"), value, 1, 128)?;
            }
        }
        Ok(())
    }

    fn check_numbers(&self) -> Result<(), BadItem> {
        if self.numbers.len() > 64 {
            return Err(BadItem(format!("there are {} numbers, 64 at most are right", self.numbers.len())));
        }
        for (key, number) in &self.numbers {
            text("a number's key".into(), key, 1, 128)?;
            if !number.is_finite() {
                return Err(BadItem(format!("the number '{key}' is not finite")));
            }
        }
        Ok(())
    }

    /// An item from JSON: no field but an item's own.
    ///
    /// # Errors
    /// What is missing, unknown or of another kind, in words.
    pub fn parse(json: Value) -> Result<Self, BadItem> {
        json.as_object().map_or(Ok(()), known)?;
        serde_json::from_value(json).map_err(|e| BadItem(format!("that is no item: {e}")))
    }
}

/// Why an item, or a change of one, is not taken.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct BadItem(pub String);

fn text(what: String, text: &str, least: usize, most: usize) -> Result<(), BadItem> {
    let length = text.chars().count();
    if text.chars().any(char::is_control) {
        return Err(BadItem(format!("{what} holds a control character")));
    }
    if (least..=most).contains(&length) {
        Ok(())
    } else {
        Err(BadItem(format!("{what} has {length} characters, {least} to {most} are right")))
    }
}

/// Refuses a field that an item does not have, `null` or not.
pub(crate) fn known(fields: &Map<String, Value>) -> Result<(), BadItem> {
    const FIELDS: [&str; 11] = [
        "id",
        "product",
        "title",
        "url",
        "category",
        "image",
        "attributes",
        "numbers",
        "payload",
        "source_hash",
        "updated",
    ];
    match fields.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        Some(unknown) => {
            Err(BadItem(format!("an item has no field '{}'", unknown.chars().take(80).collect::<String>())))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_known_and_survives_json() {
        let json = serde_json::json!({
            "id": "10/20 M", "product": "p", "title": "t", "url": "http://a", "category": "Tee", "image": "i",
            "attributes": {"a": ["b"]}, "numbers": {"price": 39.9, "stock": -3.0}, "payload": {"x": [1, 2.5, null]}, "source_hash": "feed:1", "updated": "2026-11-26T16:30:25.123Z"
        });
        let item = Item::parse(json.clone()).unwrap();
        assert_eq!((item.check(), serde_json::to_value(&item).unwrap()), (Ok(()), json));
        let plain = Item::new(ItemId::parse("a").unwrap(), "Tee");
        assert_eq!(serde_json::to_string(&plain).unwrap(), r#"{"id":"a","category":"Tee","image":""}"#);
    }
}
