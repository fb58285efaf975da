//! A change of an item's metadata.

use serde_json::Value;

use crate::{
    Timestamp,
    item::{BadItem, Item, known},
};

/// What is to change about an item's metadata: a JSON merge patch (RFC 7396) that leaves alone what a patch may not change.
#[derive(Clone, Debug, PartialEq)]
pub struct ItemPatch {
    fields: serde_json::Map<String, Value>,
    at: Option<Timestamp>,
}

impl ItemPatch {
    /// Fields that come with a photo, are an item's name, or are the server's to set.
    const FIXED: [&'static str; 3] = ["id", "image", "updated"];

    /// Takes the patch, if it is one.
    ///
    /// # Errors
    /// Where it is no object, or names a field that a patch may not change.
    pub fn parse(patch: Value) -> Result<Self, BadItem> {
        let Value::Object(fields) = patch else {
            return Err(BadItem("a patch is a JSON object of the fields to change".into()));
        };
        if let Some(name) = Self::FIXED.iter().find(|name| fields.contains_key(**name)) {
            let why = match *name {
                "updated" => "'updated' is set by the server: leave it out".to_owned(),
                name => format!("'{name}' cannot be patched; PUT the whole item instead"),
            };
            return Err(BadItem(why));
        }
        known(&fields)?;
        Ok(Self { fields, at: None })
    }

    /// The same, made at this moment: what comes of it was updated then.
    #[must_use]
    pub fn at(self, moment: Timestamp) -> Self {
        Self { at: Some(moment), ..self }
    }

    /// The item as it is after the patch.
    ///
    /// # Errors
    /// Where that is no item, or one beyond the limits of [`Item::check`].
    pub fn applied(&self, item: &Item) -> Result<Item, BadItem> {
        let mut whole = serde_json::to_value(item).map_err(|e| BadItem(e.to_string()))?;
        merge(&mut whole, &Value::Object(self.fields.clone()));
        let item = Item::parse(whole)?;
        item.check()?;
        Ok(Item { updated: self.at.or(item.updated), ..item })
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
    use crate::ItemId;

    fn hoodie() -> Item {
        let attributes =
            [("colour".to_owned(), vec!["red".to_owned()]), ("fit".to_owned(), vec!["slim".to_owned()])];
        Item {
            product: Some("p".into()),
            attributes: attributes.into(),
            ..Item::new(ItemId::parse("a").unwrap(), "Hoodie")
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
        let with = serde_json::json!({"title": "Hoodie, red", "url": "https://shop.example/1", "payload": {"a": {"b": [1, null]}}});
        let with = patch(with).expect("an item");
        assert_eq!(with.url.as_deref(), Some("https://shop.example/1"));
        let less = ItemPatch::parse(serde_json::json!({"payload": {"a": {"b": null, "c": 1.5}}})).unwrap();
        let at = Timestamp::at(std::time::Duration::from_secs(7));
        let less = less.at(at).applied(&with).unwrap();
        assert_eq!(Value::from(less.payload.unwrap()), serde_json::json!({"a": {"c": 1.5}}));
        assert_eq!(less.updated, Some(at));
        for refused in [
            serde_json::json!([]),
            serde_json::json!({"id": "b"}),
            serde_json::json!({"image": null}),
            serde_json::json!({"updated": "2026-11-26T16:30:25.123Z"}),
            serde_json::json!({"title": ""}),
            serde_json::json!({"url": "javascript:alert(1)"}),
            serde_json::json!({"payload": []}),
            serde_json::json!({"payload": {"long": "x".repeat(16 << 10)}}),
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
}
