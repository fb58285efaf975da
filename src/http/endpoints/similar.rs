//! The questions of the API that take one photo or one item: parsed, asked, written out.

use axum::{
    Json,
    extract::{Extension, State},
    response::{IntoResponse, Response},
};

use crate::http::{
    app::App,
    endpoints::images,
    error::ApiError,
    listener::layers::RequestIdText,
    params::{AskParams, BoxParam, PathId},
    reply::{EmbeddingReply, SimilarReply, server_timing},
    upload::Upload,
};
use crate::recommender::{Answer, Timings};

/// `POST /similar`
pub(crate) async fn similar_to_photo(
    State(app): State<App>,
    Extension(id): Extension<RequestIdText>,
    AskParams(ask): AskParams,
    Upload(bytes): Upload,
) -> Result<Response, ApiError> {
    written(&app, &id, &app.recommender().similar_to_photo(bytes, &ask).await?).await
}

/// `GET /items/{id}/similar`
pub(crate) async fn similar_to_item(
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
    written(&app, &id, &answer).await
}

/// `POST /embed`
pub(crate) async fn embed(
    State(app): State<App>,
    Extension(id): Extension<RequestIdText>,
    BoxParam(region): BoxParam,
    Upload(bytes): Upload,
) -> Result<Response, ApiError> {
    let embedding = app.recommender().embed(bytes, region).await?;
    Ok(timed(Json(EmbeddingReply::new(&id.0, &embedding)), &embedding.timings))
}

/// The answer of every search.
pub(crate) async fn written(app: &App, id: &RequestIdText, answer: &Answer) -> Result<Response, ApiError> {
    let items = answer.count().await?;
    Ok(timed(Json(SimilarReply::new(&id.0, answer, items, app.base())), &answer.timings))
}

fn timed(reply: impl IntoResponse, timings: &Timings) -> Response {
    let mut response = reply.into_response();
    if let Some(value) = server_timing(timings) {
        response.headers_mut().insert("server-timing", value);
    }
    response
}
