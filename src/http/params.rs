//! Query parameters and path segments: parsed once, into types that cannot hold a bad value. Nothing is clamped, and
//! what is not known is refused by name.

use axum::{
    extract::{FromRequestParts, Path, Query},
    http::{Uri, request::Parts},
};

use super::error::ApiError;
use crate::recommender::{Ask, ItemId};

/// The parameters of a question.
pub(super) struct AskParams(pub(super) Ask);

/// A route that takes no parameters says so.
pub(super) struct NoParams;

/// The `{id}` of a path.
pub(super) struct PathId(pub(super) ItemId);

/// A query string whose names are all known, each given once at most.
struct Params(Vec<(String, String)>);

impl Params {
    fn of(uri: &Uri, known: &'static [&'static str]) -> Result<Self, ApiError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| ApiError::UnknownParameter { name: uri.query().unwrap_or("").into(), known })?;
        for (name, _) in &pairs {
            let Some(&name) = known.iter().find(|k| *k == name) else {
                return Err(ApiError::UnknownParameter { name: name.clone(), known });
            };
            if pairs.iter().filter(|(n, _)| n == name).count() > 1 {
                return Err(ApiError::BadParameter { name, reason: "is given more than once".into() });
            }
        }
        Ok(Self(pairs))
    }

    /// The parameter's value, parsed; its default where it is not given.
    fn parsed<T: std::str::FromStr + Default>(&self, name: &'static str) -> Result<T, ApiError>
    where
        T::Err: std::fmt::Display,
    {
        let Some((_, value)) = self.0.iter().find(|(n, _)| n == name) else { return Ok(T::default()) };
        value.parse().map_err(|e: T::Err| ApiError::BadParameter { name, reason: e.to_string() })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for AskParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let params = Params::of(&parts.uri, &["k"])?;
        Ok(Self(Ask { k: params.parsed("k")? }))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for NoParams {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Params::of(&parts.uri, &[]).map(|_| Self)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = ApiError;

    /// What is no id names no item: 404, as for any other name that is not there.
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| ApiError::NotAnItem(parts.uri.path().to_owned()))?;
        ItemId::parse(&text).map(Self).map_err(|_| ApiError::NotAnItem(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recommender::K;
    use proptest::prelude::*;

    fn ask(query: &str) -> Result<K, ApiError> {
        let uri: Uri = format!("/similar?{query}").parse().unwrap();
        Params::of(&uri, &["k"])?.parsed("k")
    }

    #[test]
    fn k_is_parsed_or_refused_by_name() {
        assert_eq!(ask("").unwrap(), K::default());
        assert_eq!(ask("k=100").unwrap().get(), 100);
        for bad in ["k=0", "k=101", "k=abc", "k=", "k", "k=1&k=2", "k=%FF"] {
            assert!(matches!(ask(bad), Err(ApiError::BadParameter { name: "k", .. })), "{bad}");
        }
        assert!(matches!(ask("kk=1"), Err(ApiError::UnknownParameter { name, .. }) if name == "kk"));
        assert!(matches!(ask("k=1&=2"), Err(ApiError::UnknownParameter { .. })));
    }

    proptest! {
        #[test]
        fn no_query_string_yields_a_k_out_of_range(query in "[a-z0-9=&%+;]{0,20}") {
            if let Ok(k) = ask(&query) {
                prop_assert!((1..=100).contains(&k.get()));
            }
        }
    }
}
