//! What there is to filter by, and what the server is.

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};

use crate::{
    http::{
        app::App,
        error::ApiError,
        params::{FacetParams, NoParams},
        reply::{CategoriesReply, FacetsReply, InfoReply},
    },
    recommender::AskError,
};

/// `GET /categories`
pub(crate) async fn categories(State(app): State<App>, _: NoParams) -> Result<Response, ApiError> {
    let categories = app.recommender().pair().catalogue.categories().await.map_err(AskError::from)?;
    Ok(Json(CategoriesReply::of(categories)).into_response())
}

/// `GET /facets`
pub(crate) async fn facets(
    State(app): State<App>,
    FacetParams { filter, keys }: FacetParams,
) -> Result<Response, ApiError> {
    let (items, revision, facets) = app.recommender().facets(&filter, &keys).await?;
    Ok(Json(FacetsReply::of(items, revision, &facets)).into_response())
}

/// `GET /info`
pub(crate) async fn info(State(app): State<App>, _: NoParams) -> Result<Response, ApiError> {
    let pair = app.recommender().pair();
    let items = pair.catalogue.count().await.map_err(AskError::from)?;
    let categories = pair.catalogue.categories().await.map_err(AskError::from)?.len();
    Ok(Json(InfoReply::new(&pair, app.options(), (items, categories))).into_response())
}
