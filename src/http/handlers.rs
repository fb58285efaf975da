//! The questions of the API: parsed, asked, written out.

use axum::{
    Json,
    extract::{Extension, State},
    http::HeaderValue,
    response::{IntoResponse, Response},
};

use super::{
    app::App,
    error::ApiError,
    layers::RequestIdText,
    params::{AskParams, NoParams, PathId},
    reply::{ItemReply, SimilarReply},
    upload::Upload,
};
use crate::recommender::{Answer, Item};

/// `POST /similar`
pub(super) async fn similar_to_photo(
    State(app): State<App>,
    Extension(id): Extension<RequestIdText>,
    AskParams(ask): AskParams,
    Upload(bytes): Upload,
) -> Result<Response, ApiError> {
    written(&id, &app.recommender().similar_to_photo(bytes, &ask).await?).await
}

/// `GET /items/{id}/similar`
pub(super) async fn similar_to_item(
    State(app): State<App>,
    Extension(id): Extension<RequestIdText>,
    AskParams(ask): AskParams,
    PathId(item): PathId,
) -> Result<Response, ApiError> {
    written(&id, &app.recommender().similar_to_item(&item, &ask).await?).await
}

/// `GET /items/{id}`
pub(super) async fn item(
    State(app): State<App>,
    _: NoParams,
    PathId(id): PathId,
) -> Result<Response, ApiError> {
    Ok(one(&*app.recommender().item(&id).await?))
}

/// `GET /random`
pub(super) async fn random(State(app): State<App>, _: NoParams) -> Result<Response, ApiError> {
    let mut response = one(&*app.recommender().random().await?);
    response.headers_mut().insert("cache-control", HeaderValue::from_static("no-store"));
    Ok(response)
}

/// For every address that is none.
pub(super) async fn nowhere() -> ApiError {
    ApiError::NoRoute
}

async fn written(id: &RequestIdText, answer: &Answer) -> Result<Response, ApiError> {
    let items = answer.count().await?;
    let mut response = Json(SimilarReply::new(&id.0, answer, items)).into_response();
    let stages = answer
        .timings
        .stages()
        .map(|(stage, time)| format!("{};dur={:.3}", stage.name(), time.as_secs_f64() * 1e3));
    if let Ok(value) = HeaderValue::try_from(stages.collect::<Vec<_>>().join(", ")) {
        response.headers_mut().insert("server-timing", value);
    }
    Ok(response)
}

fn one(item: &Item) -> Response {
    Json(ItemReply::of(item)).into_response()
}
