//! For whoever runs the server: what could be served, the bundle read again, the base before served again, what came in folded into
//! one graph, and how far that is.

use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};

use lookalike_telemetry as telemetry;

use crate::{
    http::{
        app::App,
        error::ApiError,
        operations::Operation,
        params::{BaseParam, NoParams, ReloadParams},
        reply::GenerationsReply,
    },
    ingest::IngestError,
};

/// `POST /admin/reload`
pub(crate) async fn reload(
    State(app): State<App>,
    ReloadParams(unembeddable): ReloadParams,
) -> Result<Response, ApiError> {
    let operation = begin(&app, "reload", move |app: App, id: String| async move {
        let progress = |part| app.operations().at(&id, part);
        let generation =
            app.recommender().reload(unembeddable, &progress).await.map_err(|e| e.to_string())?;
        Ok(format!("generation {generation} is served"))
    });
    operation.map(|operation| accepted(&app, operation))
}

/// `GET /admin/generations`
pub(crate) async fn generations(State(app): State<App>, _: NoParams) -> Result<Response, ApiError> {
    let bases = app.recommender().bases().await?;
    Ok(Json(GenerationsReply::new(&bases)).into_response())
}

/// `POST /admin/rollback`
pub(crate) async fn rollback(State(app): State<App>, BaseParam(to): BaseParam) -> Result<Response, ApiError> {
    let to = app.recommender().target(to).await?;
    let operation = begin(&app, "rollback", move |app: App, _: String| async move {
        let lasts = app.recommender().roll_back(to).await.map_err(|e| e.to_string())?;
        let until = if lasts {
            "until the next reload, or another CURRENT of the bundle"
        } else {
            "until the next reload or restart: without --state there is no place to keep it"
        };
        Ok(format!("{to} is served, {until}"))
    });
    operation.map(|operation| accepted(&app, operation))
}

/// `POST /admin/compact`
pub(crate) async fn compact(State(app): State<App>, _: NoParams) -> Result<Response, ApiError> {
    Ok(accepted(&app, begin_compaction(&app)?))
}

/// Begins what `POST /admin/compact` does.
pub(crate) fn begin_compaction(app: &App) -> Result<Operation, ApiError> {
    if let Some(ingest) = app.recommender().ingest() {
        ingest.live().map_err(IngestError::from)?;
    }
    begin(app, "compact", |app: App, id: String| async move {
        let Some(ingest) = app.recommender().ingest() else { return Err("there is no state".into()) };
        let told = app.clone();
        let progress = move |part| told.operations().at(&id, part);
        let items = ingest.compact(progress).await.map_err(|e| e.to_string())?;
        Ok(format!("{items} items in one graph"))
    })
}

/// `GET /admin/operations/{id}`
pub(crate) async fn operation(
    State(app): State<App>,
    Path(id): Path<String>,
    _: NoParams,
) -> Result<Response, ApiError> {
    let operation = app.operations().get(&id).ok_or(ApiError::NoOperation)?;
    Ok(Json(operation).into_response())
}

/// Begins an operation, which goes on when the request has been answered.
fn begin<F>(app: &App, kind: &'static str, run: impl FnOnce(App, String) -> F) -> Result<Operation, ApiError>
where
    F: Future<Output = Result<String, String>> + Send + 'static,
{
    let operation = app.operations().begin(kind).map_err(|running| ApiError::OperationRunning(running.id))?;
    let (id, app) = (operation.id.clone(), app.clone());
    let running = run(app.clone(), id.clone());
    tokio::spawn(async move {
        let outcome = tokio::spawn(running).await.unwrap_or_else(|e| Err(e.to_string()));
        telemetry::base_changed(kind, outcome.is_ok());
        match &outcome {
            Ok(told) => tracing::info!(operation = id, told, "an operation has ended"),
            Err(why) => tracing::error!(operation = id, why, "an operation has failed"),
        }
        app.operations().end(&id, outcome);
    });
    Ok(operation)
}

fn accepted(app: &App, operation: Operation) -> Response {
    let location = format!("{}/admin/operations/{}", app.base(), operation.id);
    (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(operation)).into_response()
}
