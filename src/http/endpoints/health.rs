//! Whether the process lives, and whether traffic should come.

use axum::{
    Json,
    extract::State,
    http::{HeaderName, header},
};
use serde::Serialize;

use crate::{
    http::{app::App, error::ApiError},
    recommender::Life,
};
use lookalike_telemetry as telemetry;

/// The answer of both probes.
#[derive(Serialize)]
pub(crate) struct Health {
    status: &'static str,
}

/// `GET /livez`: the process answers.
pub(crate) async fn live() -> Json<Health> {
    Json(Health { status: "alive" })
}

/// `GET /readyz`: a photo has gone through model and catalogue, both can be asked now, and the server is not on its way out. That the
/// queue is full is no reason to say no: traffic would only come back at once.
pub(crate) async fn ready(State(app): State<App>) -> Result<Json<Health>, ApiError> {
    if let Some(why) = app.readiness().why_not() {
        return Err(ApiError::NotReady(why));
    }
    if app.recommender().pair().embedder.life() != Life::Up {
        return Err(ApiError::NotReady("the model is being started again"));
    }
    match app.recommender().health().await {
        Ok(()) => Ok(Json(Health { status: "ready" })),
        Err(_) => Err(ApiError::NotReady("the catalogue cannot be asked at the moment")),
    }
}

/// `GET /metrics`: every metric in Prometheus' text form.
pub(crate) async fn metrics(State(app): State<App>) -> ([(HeaderName, &'static str); 1], String) {
    app.recommender().count().await;
    telemetry::memory_held(app.options().budget.held());
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry::render_metrics())
}
