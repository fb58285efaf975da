//! Whether the catalogue can be asked: looked at once for all who want to know, since everybody may.

use std::time::{Duration, Instant};

use lookalike_catalogue::Catalogue;
use tokio::sync::Mutex;

/// So long what was seen is told again.
const LASTS: Duration = Duration::from_secs(1);

/// What was seen last, and when.
#[derive(Default)]
pub(crate) struct Health(Mutex<Option<(Instant, Result<(), String>)>>);

impl Health {
    /// As it was seen a second ago at most; else as it is. Who asks meanwhile waits for the same look.
    pub(crate) async fn of(&self, catalogue: &dyn Catalogue) -> Result<(), String> {
        let mut seen = self.0.lock().await;
        if let Some((when, told)) = &*seen
            && when.elapsed() < LASTS
        {
            return told.clone();
        }
        let told = catalogue.health().await.map_err(|e| e.to_string());
        if let Err(why) = &told
            && seen.as_ref().is_none_or(|(_, before)| before.is_ok())
        {
            tracing::warn!(why, "the catalogue cannot be asked: /readyz says no until it can");
        }
        *seen = Some((Instant::now(), told.clone()));
        told
    }
}
