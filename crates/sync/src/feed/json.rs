//! A line of JSON → an item's parts: an item as the server shows it, with `photo` and perhaps `photos`.

use lookalike_items::Item;
use serde_json::{Map, Value};

use crate::draft::Parts;

/// What is the server's to say, and may stand in a line all the same.
const SHOWN: [&str; 4] = ["image", "image_url", "updated", "source_hash"];

/// The line's id, as far as it can be read, and its parts.
pub(crate) fn parts(mut line: Map<String, Value>) -> (Option<String>, Result<Parts, String>) {
    let id = line.get("id").and_then(Value::as_str).map(str::to_owned);
    line.retain(|name, value| !value.is_null() && !SHOWN.contains(&name.as_str()));
    (id, read(line))
}

fn read(mut line: Map<String, Value>) -> Result<Parts, String> {
    let photo = line.remove("photo").map(text).transpose()?;
    let photos = match line.remove("photos") {
        None => Vec::new(),
        Some(Value::Array(photos)) => photos.into_iter().map(text).collect::<Result<_, _>>()?,
        Some(_) => return Err("'photos' is a list of addresses or files".into()),
    };
    line.insert("image".into(), "".into());
    // The map may name what is taken where there is no category.
    let named = line.contains_key("category");
    line.entry("category").or_insert("-".into());
    let item = Item::parse(Value::Object(line)).map_err(|e| e.to_string())?;
    Ok(Parts {
        id: item.id.to_string(),
        product: item.product,
        title: item.title,
        url: item.url,
        categories: if named { vec![item.category] } else { Vec::new() },
        attributes: item.attributes,
        numbers: item.numbers,
        payload: item.payload.unwrap_or_default(),
        photo,
        photos,
        ..Parts::default()
    })
}

/// An address or a path, bare or as `POST /items` has it.
fn text(photo: Value) -> Result<String, String> {
    match photo {
        Value::String(text) => Ok(text),
        Value::Object(mut fields) => match (fields.remove("url"), fields.is_empty()) {
            (Some(Value::String(text)), true) => Ok(text),
            _ => Err("'photo' is an address, a file, or {\"url\": an address}".into()),
        },
        _ => Err("'photo' is an address or a file, as a text".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: Value) -> (Option<String>, Result<Parts, String>) {
        let Value::Object(line) = line else { panic!() };
        parts(line)
    }

    #[test]
    fn lines_are_items_with_photos() {
        let (id, read) = of(serde_json::json!({
            "id": "1", "category": "Tee", "title": null, "image_url": "/images/1", "updated": null, "source_hash": "x",
            "numbers": {"price": 5}, "photo": {"url": "https://a/1.jpg"}, "photos": ["2.jpg"]
        }));
        let parts = read.unwrap();
        assert_eq!(
            (id.as_deref(), parts.categories, parts.numbers["price"]),
            (Some("1"), vec!["Tee".to_owned()], 5.0)
        );
        assert_eq!(
            (parts.photo.as_deref(), parts.photos),
            (Some("https://a/1.jpg"), vec!["2.jpg".to_owned()])
        );
        for bad in [
            serde_json::json!({"id": "1", "category": "Tee", "colour": "red"}),
            serde_json::json!({"id": "1", "category": "Tee", "photo": 3}),
            serde_json::json!({"id": "1", "category": "Tee", "photos": "x"}),
            serde_json::json!({"category": "Tee", "photo": "x"}),
        ] {
            assert!(of(bad).1.is_err());
        }
    }
}
