//! Routes, extractors, errors, the API's description and the page: the only room that names axum.
//!
//! May enter: requests, trusted in nothing. Each is parsed into the recommender's types, asked, and written out; every
//! failure is turned into a problem document, once: of this room in `error.rs`, of others in `refusals.rs`. `openapi.yaml` is the truth, and tests hold the routes
//! (declared once, in `routes.rs`) and every answer to it.

mod app;
mod endpoints;
mod error;
mod hangup;
mod healthcheck;
mod listener;
mod listing;
mod operations;
mod params;
mod problem;
mod readiness;
mod refusals;
mod reply;
mod routes;
mod server;
mod signals;
mod spool;
mod thumbnails;
mod upkeep;
mod upload;

pub use app::{App, AppOptions};
pub use healthcheck::healthcheck;
pub use listener::host::Hosts;
pub use routes::{endpoints, router};
pub use server::{Server, ServerError, check, run};
