//! Items.

use std::collections::BTreeMap;

use lookalike_items::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::{
    config::BasePath,
    http::listing::Fields,
    recommender::{Item, Listing},
};

/// An item, as `GET /items/{id}` and `GET /random` give it.
#[derive(Serialize)]
pub(crate) struct ItemReply<'a> {
    id: &'a str,
    product: Option<&'a str>,
    title: Option<&'a str>,
    url: Option<&'a str>,
    category: &'a str,
    attributes: &'a BTreeMap<String, Vec<String>>,
    numbers: &'a BTreeMap<String, f64>,
    payload: Option<&'a Map<String, Value>>,
    /// Not with results.
    #[serde(skip_serializing_if = "Option::is_none")]
    source_hash: Option<Option<&'a str>>,
    updated: Option<Timestamp>,
    image_url: String,
}

/// `GET /items`
#[derive(Serialize)]
pub(crate) struct ItemsReply<'a> {
    items: Vec<Listed<'a>>,
    total: usize,
    next: Option<&'a str>,
}

impl<'a> ItemReply<'a> {
    /// Addresses are below this path.
    pub(crate) fn of(item: &'a Item, base: &BasePath) -> Self {
        Self {
            id: item.id.as_str(),
            product: item.product.as_deref(),
            title: item.title.as_deref(),
            url: item.url.as_deref(),
            category: &item.category,
            attributes: &item.attributes,
            numbers: &item.numbers,
            payload: item.payload.as_ref(),
            source_hash: Some(item.source_hash.as_deref()),
            updated: item.updated,
            // The photo's own place, a file or another host, stays behind this address.
            image_url: format!("{base}/images/{}", item.id.in_address()),
        }
    }

    /// What a result tells of its item: what a shopper's page needs.
    pub(crate) fn found(item: &'a Item, base: &BasePath) -> Self {
        Self { source_hash: None, ..Self::of(item, base) }
    }
}

/// An item, or some of its fields.
struct Listed<'a>(ItemReply<'a>, Option<&'a Fields>);

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let Some(fields) = self.1 else { return self.0.serialize(to) };
        let mut item = serde_json::to_value(&self.0).map_err(serde::ser::Error::custom)?;
        if let Some(item) = item.as_object_mut() {
            item.retain(|name, _| fields.has(name));
        }
        item.serialize(to)
    }
}

impl<'a> ItemsReply<'a> {
    pub(crate) fn of(listing: &'a Listing, fields: Option<&'a Fields>, base: &BasePath) -> Self {
        let last = listing.items.last().map(|item| item.id.as_str());
        Self {
            items: listing.items.iter().map(|item| Listed(ItemReply::of(item, base), fields)).collect(),
            total: listing.total,
            next: last.filter(|_| listing.more),
        }
    }
}
