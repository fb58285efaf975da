//! Every route, declared once: the router is made of this table, and a test holds `openapi.yaml` to it.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    http::{Method, StatusCode},
    middleware::from_fn_with_state,
    routing::{MethodRouter, delete, get, patch, post, put},
};
use tower_http::{limit::RequestBodyLimitLayer, timeout::TimeoutLayer};

use crate::config::{BasePath, Role};
use crate::http::{
    app::App,
    endpoints::{admin, batch, docs, health, images, info, items, page, search, similar, snapshot, writes},
    error::ApiError,
    listener::{
        admission::admit,
        base,
        deadline::deadline,
        guard::{Access, Cost, guard},
        layers,
    },
};
use lookalike_telemetry as telemetry;

/// One operation of the API.
struct Route {
    method: Method,
    path: &'static str,
    handler: MethodRouter<App>,
    access: Access,
    /// It has a body, whose coming in has a time limit of its own.
    uploads: bool,
}

fn on_get(access: Access, path: &'static str, handler: MethodRouter<App>) -> Route {
    Route { method: Method::GET, path, handler, access, uploads: false }
}

/// Changes items: there where the server has a state, and for admins alone.
fn on_write(method: Method, path: &'static str, handler: MethodRouter<App>) -> Route {
    let uploads = method != Method::DELETE;
    Route { method, path, handler, access: Access::Admin, uploads }
}

/// For whoever runs the server: there where admin keys are.
fn on_admin(method: Method, path: &'static str, handler: MethodRouter<App>) -> Route {
    Route { method, path, handler, access: Access::Admin, uploads: false }
}

fn on_upload(path: &'static str, handler: MethodRouter<App>) -> Route {
    Route { method: Method::POST, path, handler, access: Access::Read, uploads: true }
}

/// Whether the route changes what is there.
fn is_write(method: &Method, path: &str) -> bool {
    path.starts_with("/items") && *method != Method::GET
}

/// What a request counts as where the rate is limited: a batch, as many as it has photos.
fn cost(path: &str) -> Cost {
    if path == "/similar/batch" { Cost::Later } else { Cost::One }
}

/// How much longer than another answer one to a write may take: a thousand photos are embedded in it.
const BULK: Duration = Duration::from_secs(600);

/// For every address that is none.
async fn nowhere() -> ApiError {
    ApiError::NoRoute
}

/// A page's pictures and scripts come without a key, and what probes ask for does.
fn table() -> Vec<Route> {
    use Access::{Admin, Public, Read};
    vec![
        on_upload("/similar", post(similar::similar_to_photo)),
        on_upload("/similar/batch", post(batch::similar_to_photos)),
        on_upload("/search", post(search::search)),
        on_upload("/embed", post(similar::embed)),
        on_get(Read, "/items", get(items::items)),
        on_get(Read, "/items/{id}", get(items::item)),
        on_write(Method::POST, "/items", post(writes::bulk)),
        on_write(Method::PUT, "/items/{id}", put(writes::put)),
        on_write(Method::PATCH, "/items/{id}", patch(writes::patch)),
        on_write(Method::DELETE, "/items/{id}", delete(writes::delete)),
        on_get(Read, "/items/{id}/similar", get(similar::similar_to_item)),
        on_get(Public, "/images/{id}", get(images::photo)),
        on_get(Read, "/random", get(items::random)),
        on_get(Read, "/categories", get(info::categories)),
        on_get(Read, "/facets", get(info::facets)),
        on_get(Read, "/info", get(info::info)),
        on_get(Public, "/livez", get(health::live)),
        on_get(Public, "/readyz", get(health::ready)),
        on_get(Admin, "/metrics", get(health::metrics)),
        on_admin(Method::POST, "/admin/reload", post(admin::reload)),
        on_admin(Method::POST, "/admin/rollback", post(admin::rollback)),
        on_admin(Method::POST, "/admin/compact", post(admin::compact)),
        on_admin(Method::GET, "/admin/generations", get(admin::generations)),
        on_admin(Method::GET, "/admin/snapshot", get(snapshot::snapshot)),
        on_admin(Method::GET, "/admin/operations/{id}", get(admin::operation)),
        on_get(Public, "/openapi.yaml", get(page::openapi)),
        on_get(Public, "/docs", get(docs::html)),
        on_get(Public, "/docs/{file}", get(docs::file)),
        on_get(Public, "/", get(page::html)),
        on_get(Public, "/assets/{file}", get(page::asset)),
    ]
}

/// Method and path of every route, as `openapi.yaml` writes them.
pub fn endpoints() -> Vec<(Method, &'static str)> {
    table().into_iter().map(|route| (route.method, route.path)).collect()
}

/// Whether a path that begins so is one of the server's own: behind a proxy that takes a path away it could not be told from those.
pub(crate) fn is_taken(base: &BasePath) -> bool {
    let first = |path: &str| path.split('/').nth(1).map(str::to_owned);
    !base.is_root() && endpoints().into_iter().any(|(_, path)| first(path) == first(base.as_str()))
}

/// The whole HTTP surface over this state. It needs no socket: tests may call it as it is.
pub fn router(app: App) -> Router {
    let options = app.options();
    let (mut routes, mut methods) = (Router::new(), vec![Method::HEAD]);
    let writes = app.recommender().ingest().is_some();
    for Route { method, path, handler, access, uploads } in table() {
        let needs_state = is_write(&method, path) || ["/admin/compact", "/admin/snapshot"].contains(&path);
        let needs_keys = path.starts_with("/admin/");
        if needs_state && !writes || needs_keys && !options.keys.has(Role::Admin) {
            continue;
        }
        telemetry::expect_route(path);
        if !methods.contains(&method) {
            methods.push(method.clone());
        }
        let handler = match access {
            Access::Public => handler,
            _ => handler.layer(from_fn_with_state((Arc::clone(app.gate()), access, cost(path)), guard)),
        };
        let coming_in = if uploads { options.upload_timeout } else { Duration::ZERO };
        // Many photos take their time, which whoever sends them knows.
        let many = if is_write(&method, path) { BULK } else { Duration::ZERO };
        let limit = options.request_timeout.saturating_add(many);
        let all =
            TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, limit.saturating_add(coming_in));
        // What is spooled has a limit of its own.
        let handler = match (&method, path) {
            (&Method::POST, "/items") => handler,
            _ => handler.layer(RequestBodyLimitLayer::new(options.max_body)),
        };
        let handler = if uploads { handler.layer(from_fn_with_state(limit, deadline)) } else { handler };
        let handler = match uploads && path != "/items" {
            true => handler.layer(from_fn_with_state((options.budget.clone(), options.max_body), admit)),
            false => handler,
        };
        routes = routes.route(path, handler.layer(all));
    }
    if !app.base().is_root() {
        routes = routes.route(app.base().as_str(), base::home(app.base()));
    }
    let routes = routes.fallback(nowhere).with_state(app.clone());
    base::below(app.base(), layers::around(routes, methods, options))
}
