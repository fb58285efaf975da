//! An item in the making: whatever a feed says is put in, and what comes out keeps to the limits of the server.

use std::{cmp::Ordering, collections::BTreeMap};

use lookalike_items::{Item, ItemId};
use serde_json::{Map, Value};

use crate::{
    address::{PhotoPlace, web},
    categories::Categories,
    money::{Currency, Money},
    text::{cut, plain},
};

/// Between an entry's id and the number of a further photo of it: `ID~~1`. No id of a feed may end so.
pub(crate) const FURTHER: &str = "~~";
/// The most further photos of an entry.
const PHOTOS: usize = 64;
/// The most characters of a title, and of a description.
const TITLE: usize = 512;
const DESCRIPTION: usize = 4_000;
/// The most of an attribute's values, and of each one's characters.
const VALUES: usize = 64;
const VALUE: usize = 128;

/// What was read of an entry, as it was written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parts {
    pub(crate) id: String,
    pub(crate) product: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) url: Option<String>,
    /// By rank: the first that names one counts.
    pub(crate) categories: Vec<String>,
    pub(crate) attributes: BTreeMap<String, Vec<String>>,
    pub(crate) numbers: BTreeMap<String, f64>,
    pub(crate) payload: Map<String, Value>,
    pub(crate) price: Option<Money>,
    pub(crate) list_price: Option<Money>,
    pub(crate) photo: Option<String>,
    pub(crate) photos: Vec<String>,
    /// What was left out, and why.
    pub(crate) notes: Vec<String>,
}

/// An entry whose prices wait for the feed's currency.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    item: Item,
    price: Option<Money>,
    list_price: Option<Money>,
    pub(crate) photo: PhotoPlace,
    pub(crate) further: Vec<PhotoPlace>,
    pub(crate) notes: Vec<String>,
}

impl Parts {
    /// The item of these parts.
    ///
    /// # Errors
    /// Why there is none, in words.
    pub(crate) fn draft(mut self, categories: &Categories) -> Result<Draft, String> {
        let id = id(&self.id)?;
        let photo = self.photo.take().ok_or("it has no photo")?;
        let photo = PhotoPlace::parse(&photo).map_err(|e| format!("its photo: {e}"))?;
        let category = categories.name(&self.categories)?;
        let further = self.further(&photo);
        let mut item = Item::new(id, &category);
        item.product = self.product.map(|text| cut(&plain(&text), 256).to_owned()).filter(|t| !t.is_empty());
        let title = self.title.map(|text| plain(&text)).unwrap_or_default();
        item.title = Some(cut(&title, TITLE).trim_end().to_owned()).filter(|t| !t.is_empty());
        item.url = self.url.as_deref().and_then(web);
        if item.url.is_none() && self.url.is_some() {
            self.notes.push("its page is left out: that is no http or https address".into());
        }
        for (key, values) in self.attributes {
            let values = values_of(&key, &values, &mut self.notes);
            if !values.is_empty() {
                item.attributes.insert(key, values);
            }
        }
        item.numbers = self.numbers;
        item.payload = Some(without_nulls(self.payload)).filter(|payload| !payload.is_empty());
        let length = serde_json::to_string(&item.payload).map_or(0, |json| json.len());
        if length > Item::PAYLOAD - 64 {
            item.payload = None;
            self.notes.push(format!("its payload is left out: {length} bytes are too many"));
        }
        Ok(Draft { item, price: self.price, list_price: self.list_price, photo, further, notes: self.notes })
    }

    /// The further photos, each place once.
    fn further(&mut self, photo: &PhotoPlace) -> Vec<PhotoPlace> {
        let mut places: Vec<PhotoPlace> = Vec::new();
        for text in &self.photos {
            match PhotoPlace::parse(text) {
                Ok(place) if place == *photo || places.contains(&place) => {}
                Ok(_) if places.len() == PHOTOS => {
                    self.notes.push(format!("photos past the {PHOTOS}th further one are left out"));
                    break;
                }
                Ok(place) => places.push(place),
                Err(e) => self.notes.push(format!("a further photo is left out: {e}")),
            }
        }
        places
    }

    /// Takes a description, less its markup, into the payload.
    pub(crate) fn describe(&mut self, text: &str) {
        let text = plain(text);
        if !text.is_empty() {
            self.payload.insert("description".into(), cut(&text, DESCRIPTION).trim_end().into());
        }
    }
}

impl Draft {
    /// Its id.
    pub(crate) fn id(&self) -> &ItemId {
        &self.item.id
    }

    /// The currencies that its price names.
    pub(crate) fn currency(&self) -> Option<Currency> {
        self.price.and_then(|price| price.currency)
    }

    /// The item with its prices in the feed's currency. A price in another one is left out, and the item stays: shoppers find it by its
    /// look, and a range of prices, which compares bare numbers, does not take it for what it is not.
    ///
    /// # Errors
    /// Where it is beyond the limits of an item, in words.
    pub(crate) fn priced(mut self, currency: Option<Currency>) -> Result<Self, String> {
        let foreign = |money: &Money| money.is_foreign(currency);
        let both = [("price", self.price), ("list_price", self.list_price)];
        for (name, money) in both {
            match money {
                Some(money) if foreign(&money) => {
                    let theirs = money.currency.map_or("another currency".to_owned(), |c| c.to_string());
                    let ours = currency.map(|c| c.to_string()).unwrap_or_default();
                    self.notes.push(format!("its {name} is left out: it is in {theirs}, the feed in {ours}"));
                }
                Some(money) => {
                    self.item.numbers.insert(name.into(), money.amount);
                }
                None => {}
            }
        }
        // The regular price alone would be none to buy at.
        if !self.item.numbers.contains_key("price") && self.price.is_some() {
            self.item.numbers.remove("list_price");
        } else if let (Some(currency), Some(_)) = (currency, self.price) {
            let payload = self.item.payload.get_or_insert_default();
            payload.insert("currency".into(), currency.to_string().into());
        }
        self.item.check().map_err(|e| e.to_string())?;
        Ok(self)
    }

    /// Its metadata as JSON, less what is not the feed's to say.
    pub(crate) fn fields(&self) -> Result<Map<String, Value>, String> {
        let Value::Object(mut fields) = serde_json::to_value(&self.item).map_err(|e| e.to_string())? else {
            return Err("it is no JSON object".into());
        };
        for name in ["id", "image", "updated", "source_hash"] {
            fields.remove(name);
        }
        Ok(fields)
    }

    /// The id of a further photo, counted from 1.
    pub(crate) fn further_id(&self, number: usize) -> Option<ItemId> {
        ItemId::parse(&format!("{}{FURTHER}{number}", self.item.id)).ok()
    }
}

/// The entry's id that the id of one of its photos begins with.
pub(crate) fn entry_of(id: &str) -> Option<&str> {
    let (entry, number) = id.rsplit_once(FURTHER)?;
    (!entry.is_empty() && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(entry)
}

fn id(text: &str) -> Result<ItemId, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("it has no id".into());
    }
    let id = ItemId::parse(text).map_err(|e| e.to_string())?;
    match entry_of(text) {
        None => Ok(id),
        Some(_) => Err(format!("its id ends in {FURTHER} and a number, as further photos are named here")),
    }
}

/// Values as shoppers choose from them: plain, each once, none too long.
fn values_of(key: &str, written: &[String], notes: &mut Vec<String>) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for value in written.iter().map(|value| plain(value)).filter(|value| !value.is_empty()) {
        if value.chars().count() > VALUE {
            notes.push(format!("a value of '{key}' is left out: it has more than {VALUE} characters"));
        } else if !values.contains(&value) {
            match values.len().cmp(&VALUES) {
                Ordering::Less => values.push(value),
                _ => {
                    notes.push(format!("values of '{key}' past the {VALUES}th are left out"));
                    break;
                }
            }
        }
    }
    values
}

/// The same less nulls, which a merge patch cannot set: a put and a patch are to give the same.
fn without_nulls(fields: Map<String, Value>) -> Map<String, Value> {
    let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
    let kept = kept.map(|(key, value)| match value {
        Value::Object(fields) => (key, Value::Object(without_nulls(fields))),
        other => (key, other),
    });
    kept.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(id: &str) -> Parts {
        let of = |text: &str| Some(text.to_owned());
        Parts {
            id: id.into(),
            photo: of("https://a/1.jpg"),
            categories: vec!["Tee".into()],
            ..Parts::default()
        }
    }

    fn draft(parts: Parts) -> Result<Draft, String> {
        parts.draft(&Categories::default())
    }

    #[test]
    fn ids_and_photos() {
        for bad in ["", " ", ".", "a\u{7}", "a~~1", &"x".repeat(129)] {
            assert!(draft(parts(bad)).is_err(), "{bad}");
        }
        for good in ["a", " 10/20 M ", "a~1", "a~~", "~~1", "a~~b"] {
            assert!(draft(parts(good)).is_ok(), "{good}");
        }
        assert_eq!(
            (entry_of("a~~12"), entry_of("a~~1~~2"), entry_of("a~~x")),
            (Some("a"), Some("a~~1"), None)
        );
        let photos =
            ["https://a/1.jpg", "https://a/2.jpg", "ftp://x", "https://a/2.jpg", "3.jpg"].map(str::to_owned);
        let with = draft(Parts { photos: photos.to_vec(), ..parts("a") }).unwrap();
        assert_eq!((with.further.len(), with.notes.len()), (2, 1));
        assert_eq!(with.further_id(2).unwrap().as_str(), "a~~2");
    }

    #[test]
    fn what_is_too_long_is_cut_or_left_out() {
        let mut long = parts("a");
        long.title = Some("x ".repeat(600));
        long.url = Some("ftp://x".into());
        long.attributes.insert("size".into(), vec!["x".repeat(129), " M ".into(), "M".into(), String::new()]);
        long.attributes.insert("none".into(), vec![" ".into()]);
        long.describe(&"\u{1f457}".repeat(9_000));
        let draft = draft(long).unwrap().priced(None).unwrap();
        assert_eq!(draft.notes.len(), 2, "{:?}", draft.notes);
        assert!(draft.item.title.as_ref().is_some_and(|t| t.len() == 511));
        assert_eq!(draft.item.attributes, [("size".to_owned(), vec!["M".to_owned()])].into());
        assert!(draft.item.payload.is_some());
    }

    #[test]
    fn prices_wait_for_the_currency() {
        let money = |text| Money::parse(text, None).ok();
        let of = |price, list| {
            draft(Parts { price: money(price), list_price: money(list), ..parts("a") }).unwrap()
        };
        let euro = Currency::parse("EUR");
        let fields = of("5 EUR", "9 EUR").priced(euro).unwrap().fields().unwrap();
        assert_eq!(fields["numbers"], serde_json::json!({"price": 5.0, "list_price": 9.0}));
        assert_eq!(fields["payload"], serde_json::json!({"currency": "EUR"}));
        let other = of("5 USD", "9 EUR").priced(euro).unwrap();
        assert!(other.item.numbers.is_empty() && other.notes.len() == 1 && other.item.payload.is_none());
        let bare = of("5", "").priced(euro).unwrap();
        assert_eq!(bare.item.numbers["price"], 5.0);
    }

    #[test]
    fn nulls_are_dropped_as_a_patch_drops_them() {
        let fields = serde_json::json!({"a": null, "b": {"c": null, "d": [null]}});
        let Value::Object(fields) = fields else { panic!() };
        assert_eq!(Value::from(without_nulls(fields)), serde_json::json!({"b": {"d": [null]}}));
    }
}
