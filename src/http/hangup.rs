//! What SIGHUP asks for: API keys and bundle are read again.

use tokio::sync::watch;

use crate::{config::ServerConfig, http::app::App, ingest::Unembeddable};
use lookalike_telemetry as telemetry;

/// Reads the API keys again, and says what came of it.
fn reload_keys(app: &App, config: &ServerConfig) {
    if !config.has_key_files() {
        return;
    }
    match config.keys_again() {
        Ok(keys) => {
            tracing::info!(keys = keys.count(), "SIGHUP: the API keys were read again");
            app.gate().change_keys(keys);
        }
        Err(e) => {
            tracing::error!(error = %e, "SIGHUP: the API keys were not read again, and those before hold on")
        }
    }
}

/// Reads API keys and bundle again whenever the program is told to, and says what came of it.
pub(crate) async fn reload_when_told(
    app: impl Fn() -> Option<App>,
    config: ServerConfig,
    mut told: watch::Receiver<u32>,
) {
    while told.changed().await.is_ok() {
        let Some(app) = app() else { return };
        reload_keys(&app, &config);
        let read = app.recommender().reload(Unembeddable::Stop, &|_| ()).await;
        telemetry::base_changed("reload", read.is_ok());
        match read {
            Ok(generation) => tracing::info!(generation, "SIGHUP: the bundle was read again"),
            Err(e) => {
                tracing::error!(error = %e, "SIGHUP: the bundle was not read again, and the one before is served on")
            }
        }
    }
}
