//! An entry as Google Merchant has it → an item's parts.

use jiff::Timestamp;

use crate::{
    address::split_list,
    draft::Parts,
    money::{Decimal, Money},
    record::Record,
    sale,
};

/// Attributes that are taken over: theirs, ours, and what separates values.
const ATTRIBUTES: [(&str, &str, Option<char>); 8] = [
    ("brand", "brand", None),
    ("color", "colour", Some('/')),
    ("gender", "gender", None),
    ("age_group", "age_group", None),
    ("size", "size", None),
    ("material", "material", Some('/')),
    ("pattern", "pattern", None),
    ("condition", "condition", None),
];

/// Those whose values Google has set, in small letters.
const SET: [&str; 3] = ["gender", "age_group", "condition"];

/// The parts of an entry, as of this moment.
pub(crate) fn parts(record: &Record, decimal: Decimal, now: Timestamp) -> Parts {
    let text = |name: &str| record.first(name).map(str::to_owned);
    let id = text("id").unwrap_or_default();
    let mut parts = Parts {
        product: text("item_group_id").or_else(|| Some(id.clone()).filter(|id| !id.is_empty())),
        id,
        title: text("title"),
        url: text("link"),
        photo: text("image_link"),
        ..Parts::default()
    };
    parts.categories =
        ["product_type", "google_product_category"].iter().filter_map(|name| text(name)).collect();
    let further = record.all("additional_image_link").flat_map(split_list);
    parts.photos = further.map(str::to_owned).collect();
    for (theirs, ours, separator) in ATTRIBUTES {
        let texts = record.all(theirs);
        let values: Vec<String> = match separator {
            Some(separator) => texts.flat_map(|text| text.split(separator)).map(str::to_owned).collect(),
            None if SET.contains(&theirs) => texts.map(str::to_lowercase).collect(),
            None => texts.map(str::to_owned).collect(),
        };
        if !values.is_empty() {
            parts.attributes.insert(ours.to_owned(), values);
        }
    }
    if let Some(text) = record.first("description").or_else(|| record.first("summary")) {
        parts.describe(text);
    }
    available(record, &mut parts);
    prices(record, decimal, now, &mut parts);
    parts
}

fn available(record: &Record, parts: &mut Parts) {
    let Some(text) = record.first("availability") else { return };
    let text = text.rsplit("schema.org/").next().unwrap_or(text);
    let name = text.trim().to_lowercase().replace([' ', '-'], "_");
    let name = match name.as_str() {
        "instock" => "in_stock".to_owned(),
        "outofstock" | "soldout" => "out_of_stock".to_owned(),
        "pre_order" => "preorder".to_owned(),
        _ => name,
    };
    match name.as_str() {
        "in_stock" | "limited_availability" => drop(parts.numbers.insert("stock".into(), 1.0)),
        "out_of_stock" | "preorder" | "backorder" => drop(parts.numbers.insert("stock".into(), 0.0)),
        // Of another word nobody knows whether it is for sale.
        _ => parts.notes.push("its availability is none that Google names: stock is left out".into()),
    }
    parts.attributes.insert("availability".into(), vec![name]);
}

/// What it costs now is `price`; what it costs otherwise, `list_price`.
fn prices(record: &Record, decimal: Decimal, now: Timestamp, parts: &mut Parts) {
    let mut read = |name: &str| {
        let money = record.first(name).map(|text| Money::parse(text, decimal));
        money.and_then(|money| {
            money.map_err(|e| parts.notes.push(format!("its {name} is left out: {e}"))).ok()
        })
    };
    let (regular, sale) = (read("price"), read("sale_price"));
    let on_sale = record.first("sale_price_effective_date").map_or(Some(true), |when| sale::holds(when, now));
    if on_sale.is_none() && sale.is_some() {
        // A price that is too low is worse than one that is not a bargain.
        parts.notes.push("its sale price is left out: its dates cannot be read".into());
    }
    match (regular, sale.filter(|_| on_sale == Some(true))) {
        (Some(regular), Some(sale)) if sale.amount < regular.amount && alike(regular, sale) => {
            (parts.price, parts.list_price) = (Some(sale), Some(regular));
        }
        (Some(regular), _) => parts.price = Some(regular),
        // Without a price that can be read, one is not made up of the other.
        (None, Some(sale)) if record.first("price").is_none() => parts.price = Some(sale),
        (None, _) => {}
    }
}

fn alike(one: Money, other: Money) -> bool {
    one.currency.is_none() || other.currency.is_none() || one.currency == other.currency
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Place;

    fn of(cells: &[(&str, &str)]) -> Parts {
        let fields = cells.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let now = "2026-11-26T12:00:00Z".parse().unwrap();
        parts(&Record::new(Place::Entry(1), fields), None, now)
    }

    #[test]
    fn an_entry_in_full() {
        let parts = of(&[
            ("id", "1"),
            ("title", "Dress"),
            ("image_link", "https://a/1.jpg"),
            ("color", "Red/White"),
            ("material", "cotton/silk"),
            ("gender", "Female"),
            ("size", "S/M"),
            ("availability", "In Stock"),
            ("google_product_category", "2271"),
            ("product_type", "Dresses > Summer"),
            ("additional_image_link", "https://a/2.jpg,https://a/3.jpg"),
            ("additional_image_link", "https://a/4.jpg"),
        ]);
        assert_eq!((parts.product.as_deref(), parts.photos.len()), (Some("1"), 3));
        assert_eq!(parts.categories, ["Dresses > Summer", "2271"]);
        assert_eq!(parts.attributes["colour"], ["Red", "White"]);
        assert_eq!(
            (&parts.attributes["gender"][0], &parts.attributes["size"][0]),
            (&"female".to_owned(), &"S/M".to_owned())
        );
        assert_eq!(
            (parts.numbers["stock"], &parts.attributes["availability"][0]),
            (1.0, &"in_stock".to_owned())
        );
        assert_eq!(of(&[("id", "1"), ("item_group_id", "g")]).product.as_deref(), Some("g"));
        let sold = of(&[("availability", "https://schema.org/OutOfStock")]);
        assert_eq!((sold.numbers["stock"], sold.product), (0.0, None));
        assert!(of(&[("availability", "maybe")]).numbers.is_empty());
    }

    #[test]
    fn sale_prices_apply_when_they_do() {
        let amounts = |cells: &[(&str, &str)]| {
            let parts = of(cells);
            (parts.price.map(|m| m.amount), parts.list_price.map(|m| m.amount), parts.notes.len())
        };
        let (regular, sale) = (("price", "20 EUR"), ("sale_price", "15 EUR"));
        let during = |dates| ("sale_price_effective_date", dates);
        for (cells, told) in [
            (vec![regular], (Some(20.0), None, 0)),
            (vec![regular, sale], (Some(15.0), Some(20.0), 0)),
            (vec![regular, sale, during("2026-11-20/2026-11-30")], (Some(15.0), Some(20.0), 0)),
            (vec![regular, sale, during("2026-12-20/2026-12-30")], (Some(20.0), None, 0)),
            (vec![regular, sale, during("soon")], (Some(20.0), None, 1)),
            (vec![regular, ("sale_price", "25 EUR")], (Some(20.0), None, 0)),
            (vec![regular, ("sale_price", "5 USD")], (Some(20.0), None, 0)),
            (vec![sale], (Some(15.0), None, 0)),
            (vec![("price", "call us"), sale], (None, None, 1)),
            (vec![], (None, None, 0)),
        ] {
            assert_eq!(amounts(&cells), told, "{cells:?}");
        }
    }
}
