//! What `GET /items` is asked: which items, from where on, how many, and which of their fields.

use std::str::FromStr;

use axum::{extract::FromRequestParts, http::request::Parts};

use crate::{
    http::{
        error::ApiError,
        params::{NO_ID, Params, refused},
    },
    recommender::{Filter, ItemId},
};

const LIST: &[&str] =
    &["limit", "after", "fields", "category", "attribute", "range", "not_category", "not_attribute"];

/// Which items are listed: of which sort, after which one, how many at most, and what of each.
pub(crate) struct ListParams {
    pub(crate) filter: Filter,
    pub(crate) after: Option<ItemId>,
    pub(crate) limit: Limit,
    pub(crate) fields: Option<Fields>,
}

/// How many items a page of the list has at most: 1 to 1,000.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit(u16);

/// Why a text is no [`Limit`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must be a whole number from 1 to {}", Limit::MAX)]
pub(crate) struct BadLimit;

/// Which fields of an item are told; its id always is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fields(Vec<&'static str>);

/// Why a text names no [`Fields`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("must name fields of an item, separated by commas, of these: {}", Fields::ALL.join(", "))]
pub(crate) struct BadFields;

impl Limit {
    /// The most.
    pub(crate) const MAX: u16 = 1_000;

    pub(crate) fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self(10)
    }
}

impl FromStr for Limit {
    type Err = BadLimit;

    /// Digits alone.
    fn from_str(text: &str) -> Result<Self, BadLimit> {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|n| digits && (1..=Self::MAX).contains(n));
        number.map(Self).ok_or(BadLimit)
    }
}

impl Fields {
    const ALL: [&'static str; 11] = [
        "id",
        "product",
        "title",
        "url",
        "category",
        "attributes",
        "numbers",
        "payload",
        "source_hash",
        "updated",
        "image_url",
    ];

    pub(crate) fn has(&self, name: &str) -> bool {
        name == "id" || self.0.contains(&name)
    }
}

impl FromStr for Fields {
    type Err = BadFields;

    fn from_str(text: &str) -> Result<Self, BadFields> {
        let known = |name: &str| Self::ALL.into_iter().find(|field| *field == name).ok_or(BadFields);
        text.split(',').map(known).collect::<Result<_, _>>().map(Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for ListParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let params = Params::of(&parts.uri, LIST)?;
        let after = params.values("after").next().map(ItemId::parse).transpose();
        let after = after.map_err(|_| refused("after", &NO_ID))?;
        let (limit, fields) = (params.parsed("limit")?, params.optional("fields")?);
        Ok(Self { filter: params.filter()?, after, limit, fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_limit_and_no_field_is_refused() {
        assert_eq!("1000".parse().map(Limit::get), Ok(1_000));
        for text in ["", "0", "1001", "+1", " 1", "1.5", "99999999"] {
            assert_eq!(text.parse::<Limit>(), Err(BadLimit), "{text}");
        }
        let fields: Fields = "source_hash,title,title".parse().unwrap();
        assert!(fields.has("id") && fields.has("title") && !fields.has("category"));
        for text in ["", ",", "id,", "Title", "title, url", "image"] {
            assert_eq!(text.parse::<Fields>(), Err(BadFields), "{text}");
        }
    }
}
