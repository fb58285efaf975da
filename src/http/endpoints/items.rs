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
    listing::ListParams,
    params::{NoParams, PathId},
    reply::{ItemReply, ItemsReply},
};
use crate::{http::endpoints::writes::REVISION, ingest::quoted, recommender::AskError};
use lookalike_catalogue::Etag;
use lookalike_items::Item;

/// `GET /items`
pub(crate) async fn items(State(app): State<App>, params: ListParams) -> Result<Response, ApiError> {
    let ListParams { filter, after, limit, fields } = params;
    let listing = app.recommender().items(&filter, after.as_ref(), limit.get()).await?;
    Ok(Json(ItemsReply::of(&listing, fields.as_ref(), app.base())).into_response())
}

/// `GET /items/{id}`
pub(crate) async fn item(
    State(app): State<App>,
    _: NoParams,
    PathId(id): PathId,
) -> Result<Response, ApiError> {
    let Some(ingest) = app.recommender().ingest() else {
        return Ok(one(&app, &*app.recommender().item(&id).await?));
    };
    let catalogue = ingest.now();
    let held = catalogue.get(&id).await.map_err(AskError::from)?;
    let (item, vectors) = held.ok_or_else(|| AskError::UnknownItem(id.clone()))?;
    let mut response = one(&app, &item);
    let headers = response.headers_mut();
    if let Some(revision) = catalogue.revision() {
        headers.insert(REVISION, HeaderValue::from(revision));
    }
    // What cannot be written as JSON was no item before.
    if let Ok(etag) = Etag::of(&item, &vectors)
        && let Ok(etag) = HeaderValue::from_str(&quoted(&etag))
    {
        headers.insert(header::ETAG, etag);
    }
    Ok(response)
}

/// `GET /random`
pub(crate) async fn random(State(app): State<App>, _: NoParams) -> Result<Response, ApiError> {
    let mut response = one(&app, &*app.recommender().random().await?);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn one(app: &App, item: &Item) -> Response {
    Json(ItemReply::of(item, app.base())).into_response()
}
