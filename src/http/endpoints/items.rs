//! The items themselves: listed, one, any.

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use crate::http::{
    app::App,
    error::ApiError,
    params::{ListParams, NoParams, PathId},
    reply::{ItemReply, ItemsReply},
};
use lookalike_items::Item;

/// `GET /items`
pub(crate) async fn items(State(app): State<App>, params: ListParams) -> Result<Response, ApiError> {
    let ListParams { filter, after, limit } = params;
    let listing = app.recommender().items(&filter, after.as_ref(), limit.get()).await?;
    Ok(Json(ItemsReply::of(&listing)).into_response())
}

/// `GET /items/{id}`
pub(crate) async fn item(
    State(app): State<App>,
    _: NoParams,
    PathId(id): PathId,
) -> Result<Response, ApiError> {
    Ok(one(&*app.recommender().item(&id).await?))
}

/// `GET /random`
pub(crate) async fn random(State(app): State<App>, _: NoParams) -> Result<Response, ApiError> {
    let mut response = one(&*app.recommender().random().await?);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn one(item: &Item) -> Response {
    Json(ItemReply::of(item)).into_response()
}
