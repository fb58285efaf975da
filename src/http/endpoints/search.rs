//! `POST /search`: items to be like and unlike, or a vector.

use axum::{
    extract::{Extension, State},
    response::Response,
};
use serde::Deserialize;

use crate::http::{
    app::App,
    endpoints::similar::written,
    error::ApiError,
    listener::layers::RequestIdText,
    params::SearchParams,
    upload::{JsonBody, given},
};
use crate::recommender::{Examples, ItemId, Subject};

/// The body: `positive`, perhaps `negative`; or `vector`, perhaps `colour`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchBody {
    #[serde(default, deserialize_with = "given")]
    positive: Option<Vec<ItemId>>,
    #[serde(default, deserialize_with = "given")]
    negative: Option<Vec<ItemId>>,
    #[serde(default, deserialize_with = "given")]
    vector: Option<Vec<f32>>,
    #[serde(default, deserialize_with = "given")]
    colour: Option<Vec<f32>>,
}

impl SearchBody {
    fn subject(self) -> Result<Subject, ApiError> {
        match self {
            Self { positive: Some(positive), negative, vector: None, colour: None } => {
                let examples = Examples::new(positive, negative.unwrap_or_default());
                examples.map(Subject::Examples).map_err(|e| ApiError::Json(e.to_string()))
            }
            Self { positive: None, negative: None, vector: Some(vector), colour } => {
                Ok(Subject::Vector(vector, colour))
            }
            _ => {
                let either =
                    "give either 'positive', perhaps with 'negative', or 'vector', perhaps with 'colour'";
                Err(ApiError::Json(either.into()))
            }
        }
    }
}

/// `POST /search`
pub(crate) async fn search(
    State(app): State<App>,
    Extension(id): Extension<RequestIdText>,
    SearchParams(ask): SearchParams,
    JsonBody(body): JsonBody<SearchBody>,
) -> Result<Response, ApiError> {
    written(&app, &id, &app.recommender().search(body.subject()?, &ask).await?).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn subject(json: &str) -> Result<Subject, String> {
        let body: SearchBody = serde_json::from_str(json).map_err(|e| e.to_string())?;
        body.subject().map_err(|e| format!("{e:?}"))
    }

    #[test]
    fn items_or_a_vector_and_not_both() {
        for good in
            [r#"{"positive":["a"]}"#, r#"{"positive":["a"],"negative":["b"]}"#, r#"{"vector":[1,2.5]}"#]
        {
            assert!(subject(good).is_ok(), "{good}");
        }
        for bad in [
            "{}",
            r#"{"positive":[]}"#,
            r#"{"negative":["a"]}"#,
            r#"{"positive":["a\nb"]}"#,
            r#"{"positive":["a"],"vector":[1]}"#,
            r#"{"positive":["a"],"negative":null}"#,
            r#"{"vector":null}"#,
            r#"{"vector":["1"]}"#,
            r#"{"colour":[1]}"#,
            r#"{"vector":[1],"more":1}"#,
            "[]",
        ] {
            assert!(subject(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = subject(&text);
        }
    }
}
