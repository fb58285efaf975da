//! What the server does without being asked: once much has changed since the last compaction, it begins the next; photos that no
//! item shows any more are swept.

use std::time::{Duration, Instant};

use crate::http::{
    app::App,
    endpoints::admin::begin_compaction,
    operations::{Operation, Progress},
};

/// How often it looks.
const LOOKS: Duration = Duration::from_secs(5);

/// Fewer changes than this cost a search nothing to speak of, however small the base.
const FEW: usize = 1_000;

/// So long after a compaction that failed none is begun.
const PAUSE: Duration = Duration::from_secs(600);

/// After so many that the program did not live to see the end of, it begins none by itself: each would be killed again.
const TRIES: u32 = 3;

/// How often photos are swept.
const SWEEPS: Duration = Duration::from_secs(60 * 60);

/// Sweeps photos for ever, at once for the first time.
pub(crate) async fn sweep_photos(app: App) {
    loop {
        let Some(ingest) = app.recommender().ingest() else { return };
        match ingest.sweep_photos().await {
            Ok(0) => {}
            Ok(erased) => tracing::info!(erased, "photos that no item shows were erased"),
            Err(e) => tracing::warn!(error = %e, "photos that no item shows are left until the next sweep"),
        }
        drop(ingest);
        tokio::time::sleep(SWEEPS).await;
    }
}

/// Looks for ever.
pub(crate) async fn keep_up(app: App) {
    let Some(share) = app.options().compact_at else { return };
    let (mut begun, mut pause, mut warned): (Option<Operation>, Option<Instant>, bool) = (None, None, false);
    loop {
        tokio::time::sleep(LOOKS).await;
        let Some(ingest) = app.recommender().ingest() else { return };
        let Some(live) = ingest.local() else { return };
        let failed = |operation: &Operation| {
            app.operations().get(&operation.id).is_some_and(|now| now.state == Progress::Failed)
        };
        if begun.take_if(|operation| failed(operation)).is_some() {
            pause = Some(Instant::now());
        }
        let (changed, of) = live.view().changed();
        let much = changed >= FEW && changed as f64 >= share * of as f64;
        if !much || pause.is_some_and(|since| since.elapsed() < PAUSE) {
            continue;
        }
        if live.unfinished_compactions() >= TRIES {
            if !warned {
                tracing::warn!(
                    changed,
                    "much has changed, and the last {TRIES} compactions were cut off: give the server more memory, and POST /admin/compact"
                );
                warned = true;
            }
            continue;
        }
        match begin_compaction(&app) {
            Ok(operation) => {
                tracing::info!(operation = operation.id, changed, of, "much has changed: compacting");
                begun = Some(operation);
            }
            Err(_) => tracing::debug!("another operation is under way: compaction waits"),
        }
    }
}
