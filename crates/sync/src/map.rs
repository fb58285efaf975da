//! The map: which of a feed's columns is which of an item's fields.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;

use crate::{
    SyncError,
    address::split_list,
    categories::Categories,
    draft::Parts,
    money::{Decimal, Money, number},
    record::Record,
};

/// A map's file: TOML, every table of which may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MapFile {
    fields: Fields,
    attributes: BTreeMap<String, Rule>,
    numbers: BTreeMap<String, Rule>,
    payload: BTreeMap<String, Rule>,
    categories: BTreeMap<String, String>,
    defaults: Defaults,
    prices: Prices,
    pub(crate) table: Table,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Fields {
    id: Option<Rule>,
    product: Option<Rule>,
    title: Option<Rule>,
    url: Option<Rule>,
    category: Option<Rule>,
    photo: Option<Rule>,
    photos: Option<Rule>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Defaults {
    category: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Prices {
    decimal: Option<char>,
}

/// How a table is written, where it is not told from its header.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Table {
    pub(crate) delimiter: Option<char>,
    pub(crate) quote: Option<char>,
}

/// Where a field's text comes from.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "a column's name, { column = \"…\", separator = \"…\" } or { value = … }")]
enum Rule {
    Name(String),
    Column(Column),
    Constant(Constant),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Column {
    column: String,
    separator: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Constant {
    value: Given,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Given {
    Number(f64),
    Text(String),
}

impl Rule {
    fn column(&self) -> Option<&str> {
        match self {
            Self::Name(column) | Self::Column(Column { column, .. }) => Some(column),
            Self::Constant(_) => None,
        }
    }

    fn texts(&self, record: &Record) -> Vec<String> {
        match self {
            Self::Name(column) => record.all(column).map(str::to_owned).collect(),
            Self::Column(Column { column, separator }) => {
                let texts = record.all(column);
                match separator.as_deref().filter(|separator| !separator.is_empty()) {
                    Some(separator) => {
                        let parts = texts.flat_map(|text| text.split(separator));
                        parts.map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
                    }
                    None => texts.map(str::to_owned).collect(),
                }
            }
            Self::Constant(Constant { value: Given::Text(text) }) => vec![text.clone()],
            Self::Constant(Constant { value: Given::Number(number) }) => vec![number.to_string()],
        }
    }
}

impl MapFile {
    /// Reads a map.
    ///
    /// # Errors
    /// Where it cannot be read, or says what no map says.
    pub(crate) fn open(path: &Path) -> Result<Self, SyncError> {
        let failed = |why: String| SyncError::File { path: path.to_owned(), why };
        let text = std::fs::read_to_string(path).map_err(|e| failed(e.to_string()))?;
        let map: Self = toml::from_str(&text).map_err(|e| failed(e.to_string()))?;
        if map.prices.decimal.is_some_and(|sign| !matches!(sign, '.' | ',')) {
            return Err(failed("[prices] decimal is \".\" or \",\"".into()));
        }
        if [map.table.delimiter, map.table.quote].into_iter().flatten().any(|sign| !sign.is_ascii()) {
            return Err(failed("[table] delimiter and quote are one ASCII character each".into()));
        }
        Ok(map)
    }

    /// Whether it says where ids come from: it is a map for tables of the shop's own then.
    pub(crate) fn names_ids(&self) -> bool {
        self.fields.id.is_some()
    }

    /// What it says of categories.
    pub(crate) fn categories(&self) -> Categories {
        Categories::new(&self.categories, self.defaults.category.clone())
    }

    /// What it says of prices.
    pub(crate) fn decimal(&self) -> Decimal {
        self.prices.decimal
    }

    /// Every column that it names.
    pub(crate) fn columns(&self) -> Vec<&str> {
        let Fields { id, product, title, url, category, photo, photos } = &self.fields;
        let fields = [id, product, title, url, category, photo, photos].into_iter().flatten();
        let others = [&self.attributes, &self.numbers, &self.payload].into_iter().flat_map(BTreeMap::values);
        fields.chain(others).filter_map(Rule::column).collect()
    }

    /// Lays over the parts whatever the map says of this record.
    pub(crate) fn apply(&self, record: &Record, parts: &mut Parts) {
        let Fields { id, product, title, url, category, photo, photos } = &self.fields;
        let first = |rule: &Option<Rule>| rule.as_ref().map(|rule| rule.texts(record).into_iter().next());
        if let Some(id) = first(id) {
            parts.id = id.unwrap_or_default();
        }
        for (rule, part) in [
            (product, &mut parts.product),
            (title, &mut parts.title),
            (url, &mut parts.url),
            (photo, &mut parts.photo),
        ] {
            if let Some(text) = first(rule) {
                *part = text;
            }
        }
        if let Some(rule) = category {
            parts.categories = rule.texts(record);
        }
        if let Some(rule) = photos {
            let texts = rule.texts(record);
            parts.photos = texts.iter().flat_map(|text| split_list(text)).map(str::to_owned).collect();
        }
        for (key, rule) in &self.attributes {
            parts.attributes.insert(key.clone(), rule.texts(record));
        }
        for (key, rule) in &self.payload {
            let mut texts = rule.texts(record);
            match (rule, texts.len()) {
                (_, 0) => drop(parts.payload.remove(key)),
                (Rule::Constant(Constant { value: Given::Number(number) }), _) => {
                    parts.payload.insert(key.clone(), (*number).into());
                }
                (Rule::Column(Column { separator: Some(_), .. }), _) => {
                    parts.payload.insert(key.clone(), texts.into());
                }
                _ => drop(parts.payload.insert(key.clone(), texts.swap_remove(0).into())),
            }
        }
        self.number(record, parts);
    }

    fn number(&self, record: &Record, parts: &mut Parts) {
        for (key, rule) in &self.numbers {
            parts.numbers.remove(key);
            let Some(text) = rule.texts(record).into_iter().next() else { continue };
            let money = Money::parse(&text, self.decimal());
            let place = match key.as_str() {
                "price" => &mut parts.price,
                "list_price" => &mut parts.list_price,
                // A number is read as programs write it, unless the map says how shops do.
                _ => {
                    let plain =
                        text.parse::<f64>().ok().filter(|n| n.is_finite() && self.decimal().is_none());
                    match plain.map_or_else(|| number(&text, self.decimal(), false), Ok) {
                        Ok(number) => drop(parts.numbers.insert(key.clone(), number)),
                        Err(_) => parts.notes.push(format!(
                            "the number '{key}' is left out: '{}' is none",
                            text.chars().take(40).collect::<String>()
                        )),
                    }
                    continue;
                }
            };
            *place = None;
            match money {
                Ok(money) => *place = Some(money),
                Err(e) => parts.notes.push(format!("its {key} is left out: {e}")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Place;

    fn map(text: &str) -> Result<MapFile, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        MapFile::open(file.path()).map_err(|e| e.to_string())
    }

    #[test]
    fn columns_constants_and_separators() {
        let map = map(r#"
            [fields]
            id = "sku"
            photos = { column = "more", separator = "|" }
            category = "group"
            [attributes]
            colour = { column = "colours", separator = "," }
            season = { value = "summer" }
            [numbers]
            price = "price"
            stock = "qty"
            weight = "kg"
            vat = { value = 19 }
            [payload]
            tags = { column = "tags", separator = " " }
            note = "note"
            [prices]
            decimal = ","
        "#)
        .unwrap();
        assert_eq!(map.columns().len(), 10 - 1);
        let cells = [
            ("sku", "1"),
            ("more", "a.jpg|b.jpg"),
            ("group", "Tees"),
            ("colours", "red, white"),
            ("price", "1.299"),
            ("qty", "3"),
            ("kg", "heavy"),
            ("tags", "a b"),
            ("note", ""),
        ];
        let record = Record::new(Place::Line(2), cells.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec());
        let mut parts = Parts::default();
        map.apply(&record, &mut parts);
        assert_eq!(
            (parts.id.as_str(), parts.photos.len(), &parts.attributes["season"]),
            ("1", 2, &vec!["summer".to_owned()])
        );
        assert_eq!(parts.attributes["colour"], ["red", "white"]);
        assert_eq!(parts.price.map(|p| p.amount), Some(1299.0));
        assert_eq!(parts.numbers, [("stock".to_owned(), 3.0), ("vat".to_owned(), 19.0)].into());
        assert_eq!(serde_json::Value::from(parts.payload), serde_json::json!({"tags": ["a", "b"]}));
        assert_eq!(parts.notes.len(), 1);
    }

    #[test]
    fn what_no_map_says() {
        for (text, why) in [
            ("[fields]\nname = \"x\"", "name"),
            ("[attributes]\na = 3", "a column's name"),
            ("[prices]\ndecimal = \";\"", "decimal"),
            ("[table]\ndelimiter = \"ä\"", "ASCII"),
            ("[", "TOML"),
        ] {
            assert!(map(text).is_err_and(|e| e.contains(why)), "{text}");
        }
        assert!(!map("").unwrap().names_ids());
    }
}
