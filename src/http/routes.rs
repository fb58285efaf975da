//! Every route, declared once: the router is made of this table, and a test holds `openapi.yaml` to it.

use std::time::Duration;

use axum::{
    Router,
    http::{Method, StatusCode},
    routing::{MethodRouter, get, post},
};
use tower_http::timeout::TimeoutLayer;

use super::{app::App, handlers, health, images, layers, page};

/// One operation of the API.
struct Route {
    method: Method,
    path: &'static str,
    handler: MethodRouter<App>,
    /// It has a body, whose coming in has a time limit of its own.
    uploads: bool,
}

fn on_get(path: &'static str, handler: MethodRouter<App>) -> Route {
    Route { method: Method::GET, path, handler, uploads: false }
}

fn on_upload(path: &'static str, handler: MethodRouter<App>) -> Route {
    Route { method: Method::POST, path, handler, uploads: true }
}

fn table() -> Vec<Route> {
    vec![
        on_upload("/similar", post(handlers::similar_to_photo)),
        on_get("/items/{id}", get(handlers::item)),
        on_get("/items/{id}/similar", get(handlers::similar_to_item)),
        on_get("/images/{id}", get(images::photo)),
        on_get("/random", get(handlers::random)),
        on_get("/livez", get(health::live)),
        on_get("/readyz", get(health::ready)),
        on_get("/metrics", get(health::metrics)),
        on_get("/openapi.yaml", get(page::openapi)),
        on_get("/", get(page::html)),
        on_get("/assets/{file}", get(page::asset)),
    ]
}

/// Method and path of every route, as `openapi.yaml` writes them.
pub fn endpoints() -> Vec<(Method, &'static str)> {
    table().into_iter().map(|route| (route.method, route.path)).collect()
}

/// The whole HTTP surface over this state. It needs no socket: tests may call it as it is.
pub fn router(app: App) -> Router {
    let options = app.options();
    let mut routes = Router::new();
    for Route { path, handler, uploads, .. } in table() {
        let coming_in = if uploads { options.upload_timeout } else { Duration::ZERO };
        let limit = options.request_timeout.saturating_add(coming_in);
        let timeout = TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, limit);
        routes = routes.route(path, handler.layer(timeout));
    }
    layers::around(routes.fallback(handlers::nowhere).with_state(app.clone()), app.options())
}
