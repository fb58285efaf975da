//! The questions of the API that take one photo, one item or none: parsed, asked, written out.

use axum::{
    Json,
    extract::{Extension, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};

use super::{
    app::App,
    error::ApiError,
    images,
    layers::RequestIdText,
    params::{AskParams, BoxParam, ListParams, NoParams, PathId},
    reply::{CategoriesReply, EmbeddingReply, InfoReply, ItemReply, ItemsReply, SimilarReply, server_timing},
    upload::Upload,
};
use crate::recommender::{Answer, AskError, Item, Timings};

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
    let answer = if ask.region.is_some() {
        let photo = images::bytes_of(&app, &item).await?;
        app.recommender().similar_to_part_of(&item, photo, &ask).await?
    } else {
        app.recommender().similar_to_item(&item, &ask).await?
    };
    written(&id, &answer).await
}

/// `POST /embed`
pub(super) async fn embed(
    State(app): State<App>,
    Extension(id): Extension<RequestIdText>,
    BoxParam(region): BoxParam,
    Upload(bytes): Upload,
) -> Result<Response, ApiError> {
    let embedding = app.recommender().embed(bytes, region).await?;
    Ok(timed(Json(EmbeddingReply::new(&id.0, &embedding)), &embedding.timings))
}

/// `GET /items`
pub(super) async fn items(State(app): State<App>, params: ListParams) -> Result<Response, ApiError> {
    let ListParams { filter, after, limit } = params;
    let listing = app.recommender().items(&filter, after.as_ref(), limit.get()).await?;
    Ok(Json(ItemsReply::of(&listing)).into_response())
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
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// `GET /categories`
pub(super) async fn categories(State(app): State<App>, _: NoParams) -> Result<Response, ApiError> {
    let categories = app.recommender().pair().catalogue.categories().await.map_err(AskError::from)?;
    Ok(Json(CategoriesReply::of(categories)).into_response())
}

/// `GET /info`
pub(super) async fn info(State(app): State<App>, _: NoParams) -> Result<Response, ApiError> {
    let pair = app.recommender().pair();
    let items = pair.catalogue.count().await.map_err(AskError::from)?;
    let categories = pair.catalogue.categories().await.map_err(AskError::from)?.len();
    Ok(Json(InfoReply::new(&pair, app.options(), (items, categories))).into_response())
}

/// For every address that is none.
pub(super) async fn nowhere() -> ApiError {
    ApiError::NoRoute
}

/// The answer of every search.
pub(super) async fn written(id: &RequestIdText, answer: &Answer) -> Result<Response, ApiError> {
    let items = answer.count().await?;
    Ok(timed(Json(SimilarReply::new(&id.0, answer, items)), &answer.timings))
}

fn timed(reply: impl IntoResponse, timings: &Timings) -> Response {
    let mut response = reply.into_response();
    if let Some(value) = server_timing(timings) {
        response.headers_mut().insert("server-timing", value);
    }
    response
}

fn one(item: &Item) -> Response {
    Json(ItemReply::of(item)).into_response()
}
