//! What a shop sells, as search sees it: one [`Item`] a photo.

use std::{borrow::Borrow, collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name of an item: 1–128 characters of `[A-Za-z0-9._~-]`, so that it needs no escaping in a URL.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ItemId(String);

/// Why a text is not an [`ItemId`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{0}' is not an item id: 1 to 128 of the characters A-Z a-z 0-9 . _ ~ - are")]
pub struct BadItemId(String);

impl ItemId {
    /// Takes the text as it is, if it is an id.
    pub fn parse(text: &str) -> Result<Self, BadItemId> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"._~-".contains(&b);
        if (1..=128).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadItemId(text.chars().take(140).collect()))
        }
    }

    /// The default id of a photo: its path less a leading `img/` and the extension, `/` written as `~`, and
    /// whatever else an id cannot hold as `_`.
    ///
    /// Two paths may so come to one id; whoever gathers items must refuse that.
    pub fn from_path(path: &str) -> Result<Self, BadItemId> {
        let path = path.strip_prefix("img/").unwrap_or(path);
        let stem = match path.rsplit_once('.') {
            Some((stem, extension)) if !extension.contains('/') && !stem.is_empty() => stem,
            _ => path,
        };
        let tame = |c: char| match c {
            '/' => '~',
            c if c.is_ascii_alphanumeric() || "._~-".contains(c) => c,
            _ => '_',
        };
        Self::parse(&stem.chars().map(tame).collect::<String>())
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for ItemId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for ItemId {
    type Error = BadItemId;

    fn try_from(text: String) -> Result<Self, BadItemId> {
        Self::parse(&text)
    }
}

impl From<ItemId> for String {
    fn from(id: ItemId) -> String {
        id.0
    }
}

/// One photo of one product, and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its name, unique in a catalogue.
    pub id: ItemId,
    /// What is sold: several items may show the same product.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// The category's name, e.g. `Hoodie`.
    pub category: String,
    /// Where its photo is: a path under the server's `--images` folder, or an https URL.
    pub image: String,
    /// What else a shop may filter by, e.g. `colour: [red, white]`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, Vec<String>>,
}

impl Item {
    /// An item of which no more is known.
    pub fn new(id: ItemId, category: &str) -> Self {
        Self {
            id,
            product: None,
            category: category.to_owned(),
            image: String::new(),
            attributes: BTreeMap::new(),
        }
    }

    /// Whether its texts are as short and as few as an item that comes in online may have: 128 characters for a category and an
    /// attribute's key or value, 256 for a product, 2,048 for an image's place; 64 attributes of 64 values each. No control characters.
    ///
    /// # Errors
    /// What is too long, too many or empty, in words.
    pub fn check(&self) -> Result<(), BadItem> {
        let text = |what: String, text: &str, least: usize, most: usize| {
            let length = text.chars().count();
            if text.chars().any(char::is_control) {
                return Err(BadItem(format!("{what} holds a control character")));
            }
            let fits = (least..=most).contains(&length);
            if fits {
                Ok(())
            } else {
                Err(BadItem(format!("{what} has {length} characters, {least} to {most} are right")))
            }
        };
        text("'category'".into(), &self.category, 1, 128)?;
        text("'image'".into(), &self.image, 0, 2_048)?;
        self.product.as_deref().map_or(Ok(()), |product| text("'product'".into(), product, 1, 256))?;
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
}

/// Why an item, or a change of one, is not taken.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0}")]
pub struct BadItem(pub String);

/// What is to change about an item's metadata: a JSON merge patch (RFC 7396) that leaves alone what a patch may not change.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemPatch(serde_json::Map<String, Value>);

impl ItemPatch {
    /// Fields that come with a photo, or are an item's name.
    const FIXED: [&'static str; 2] = ["id", "image"];

    /// Takes the patch, if it is one.
    ///
    /// # Errors
    /// Where it is no object, or names a field that a patch may not change.
    pub fn parse(patch: Value) -> Result<Self, BadItem> {
        let Value::Object(fields) = patch else {
            return Err(BadItem("a patch is a JSON object of the fields to change".into()));
        };
        if let Some(name) = Self::FIXED.iter().find(|name| fields.contains_key(**name)) {
            return Err(BadItem(format!("'{name}' cannot be patched; PUT the whole item instead")));
        }
        known(&fields)?;
        Ok(Self(fields))
    }

    /// The item as it is after the patch.
    ///
    /// # Errors
    /// Where that is no item, or one beyond the limits of [`Item::check`].
    pub fn applied(&self, item: &Item) -> Result<Item, BadItem> {
        let mut whole = serde_json::to_value(item).map_err(|e| BadItem(e.to_string()))?;
        merge(&mut whole, &Value::Object(self.0.clone()));
        let item = Item::parse(whole)?;
        item.check()?;
        Ok(item)
    }
}

impl Item {
    /// An item from JSON: no field but an item's own.
    ///
    /// # Errors
    /// What is missing, unknown or of another kind, in words.
    pub fn parse(json: Value) -> Result<Self, BadItem> {
        json.as_object().map_or(Ok(()), known)?;
        serde_json::from_value(json).map_err(|e| BadItem(format!("that is no item: {e}")))
    }
}

/// Refuses a field that an item does not have, `null` or not.
fn known(fields: &serde_json::Map<String, Value>) -> Result<(), BadItem> {
    const FIELDS: [&str; 5] = ["id", "product", "category", "image", "attributes"];
    match fields.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        Some(unknown) => {
            Err(BadItem(format!("an item has no field '{}'", unknown.chars().take(80).collect::<String>())))
        }
        None => Ok(()),
    }
}

/// RFC 7396: objects are merged field by field, `null` takes a field away, all else takes its place.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in fields {
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_path_becomes_an_id() {
        let id = |path| ItemId::from_path(path).map(String::from);
        assert_eq!(id("img/dress/009b3c31.jpg").as_deref(), Ok("dress~009b3c31"));
        assert_eq!(id("img/Sheer_Pleated Blouse/img_1.jpg").as_deref(), Ok("Sheer_Pleated_Blouse~img_1"));
        assert_eq!(id("img/a.b/photo").as_deref(), Ok("a.b~photo"));
        assert_eq!(id("img/.jpg").as_deref(), Ok(".jpg"));
        assert!(id("img/").is_err());
        assert!(id(&"x".repeat(129)).is_err());
    }

    fn hoodie() -> Item {
        let attributes =
            [("colour".to_owned(), vec!["red".to_owned()]), ("fit".to_owned(), vec!["slim".to_owned()])];
        Item {
            product: Some("p".into()),
            attributes: attributes.into(),
            ..Item::new(ItemId("a".into()), "Hoodie")
        }
    }

    #[test]
    fn a_patch_merges_replaces_and_takes_away() {
        let patch = |json: Value| ItemPatch::parse(json).and_then(|patch| patch.applied(&hoodie()));
        let patched = patch(serde_json::json!({
            "category": "Tee", "product": null, "attributes": {"fit": null, "size": ["M", "L"]}
        }));
        let patched = patched.expect("an item");
        assert_eq!((patched.category.as_str(), &patched.product), ("Tee", &None));
        let keys: Vec<&str> = patched.attributes.keys().map(String::as_str).collect();
        assert_eq!((keys, patched.attributes["size"].len()), (vec!["colour", "size"], 2));
        assert_eq!(patch(serde_json::json!({})), Ok(hoodie()));
        for refused in [
            serde_json::json!([]),
            serde_json::json!({"id": "b"}),
            serde_json::json!({"image": null}),
            serde_json::json!({"colour": "red"}),
            serde_json::json!({"colour": null}),
            serde_json::json!({"category": null}),
            serde_json::json!({"category": ""}),
            serde_json::json!({"category": "x".repeat(129)}),
            serde_json::json!({"attributes": {"colour": "red"}}),
            serde_json::json!({"attributes": {"colour": ["\u{7}"]}}),
        ] {
            assert!(patch(refused.clone()).is_err(), "{refused}");
        }
    }

    /// The examples of RFC 7396's appendix that concern objects.
    #[test]
    fn merging_is_as_the_rfc_has_it() {
        for (target, patch, result) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            (r#"{}"#, r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
            let mut merged = read(target);
            merge(&mut merged, &read(patch));
            assert_eq!(merged, read(result), "{target} + {patch}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_path_the_id_parses_again(path in ".*") {
            if let Ok(id) = ItemId::from_path(&path) {
                prop_assert_eq!(ItemId::parse(id.as_str()), Ok(id));
            }
        }
    }
}
