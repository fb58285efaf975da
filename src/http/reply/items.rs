//! Items.

use std::collections::BTreeMap;

use lookalike_items::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::recommender::{Item, Listing};

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
    updated: Option<Timestamp>,
    image_url: String,
}

/// `GET /items`
#[derive(Serialize)]
pub(crate) struct ItemsReply<'a> {
    items: Vec<ItemReply<'a>>,
    total: usize,
    next: Option<&'a str>,
}

impl<'a> ItemReply<'a> {
    pub(crate) fn of(item: &'a Item) -> Self {
        Self {
            id: item.id.as_str(),
            product: item.product.as_deref(),
            title: item.title.as_deref(),
            url: item.url.as_deref(),
            category: &item.category,
            attributes: &item.attributes,
            numbers: &item.numbers,
            payload: item.payload.as_ref(),
            updated: item.updated,
            // The photo's own place, a file or another host, stays behind this address.
            image_url: format!("/images/{}", item.id.in_address()),
        }
    }
}

impl<'a> ItemsReply<'a> {
    pub(crate) fn of(listing: &'a Listing) -> Self {
        let last = listing.items.last().map(|item| item.id.as_str());
        Self {
            items: listing.items.iter().map(|item| ItemReply::of(item)).collect(),
            total: listing.total,
            next: last.filter(|_| listing.more),
        }
    }
}
