//! Whether the process lives, and whether traffic should come.

use std::sync::atomic::{AtomicU8, Ordering};

use axum::{
    Json,
    extract::State,
    http::{HeaderName, header},
};
use serde::Serialize;

use super::{app::App, error::ApiError};
use crate::telemetry;

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

/// Starting → ready → draining, never back.
#[derive(Debug, Default)]
pub(super) struct Readiness(AtomicU8);

impl Readiness {
    /// The warm-up has passed. Draining stays draining.
    pub(super) fn ready(&self) {
        let _ = self.0.compare_exchange(STARTING, READY, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// No new traffic, please.
    pub(super) fn drain(&self) {
        self.0.store(DRAINING, Ordering::Relaxed);
    }
}

/// The answer of both probes.
#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
}

/// `GET /livez`: the process answers.
pub(super) async fn live() -> Json<Health> {
    Json(Health { status: "alive" })
}

/// `GET /readyz`: a photo has gone through model and catalogue, and the server is not on its way out.
pub(super) async fn ready(State(app): State<App>) -> Result<Json<Health>, ApiError> {
    match app.readiness().0.load(Ordering::Relaxed) {
        READY => Ok(Json(Health { status: "ready" })),
        STARTING => Err(ApiError::NotReady("the server is starting and has not run its warm-up yet")),
        _ => Err(ApiError::NotReady("the server is shutting down")),
    }
}

/// `GET /metrics`: every metric in Prometheus' text form.
pub(super) async fn metrics() -> ([(HeaderName, &'static str); 1], String) {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry::render_metrics())
}
