//! The graph of what came in online, built beside the searches: one thread of low priority, which never has more than one
//! build under way. Its files are a copy: what they hold is in the state, and they are built again when it is opened.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use lookalike_common::{create_folder, low_priority};

use crate::{
    contract::CatalogueError,
    local::{
        LocalCatalogue,
        build::{BuildOptions, build_coded},
        live::{memory, record::Row, view::View},
    },
};

/// How long nothing is built after a build that failed.
const AGAIN: Duration = Duration::from_secs(60);

/// Beyond what is few anyway, rows may be one in so many of what the segment holds: each item is so built a few times over its
/// life, not a thousand times.
const PART: usize = 4;

/// Hands views to the thread that builds.
pub(crate) struct Builder {
    views: mpsc::SyncSender<Arc<View>>,
    busy: Arc<AtomicBool>,
    few: usize,
}

impl Builder {
    /// Starts the thread, which hands what it has built to `done`; false is that nobody takes it. It ends when the builder is dropped; a build under way is ended first.
    pub fn start(
        state: &Path,
        model_id: String,
        few: usize,
        done: impl Fn(LocalCatalogue, Vec<Row>) -> bool + Send + 'static,
    ) -> Result<Self, CatalogueError> {
        let folder = state.join("segment");
        let (views, waiting) = mpsc::sync_channel::<Arc<View>>(1);
        let busy = Arc::new(AtomicBool::new(false));
        let at_work = Arc::clone(&busy);
        let run = move || {
            low_priority();
            while let Ok(view) = waiting.recv() {
                let told = match built(&folder, &model_id, &view) {
                    Ok((catalogue, rows)) => {
                        memory::give_back();
                        done(catalogue, rows)
                    }
                    Err(e) => {
                        tracing::error!(error = %e, "no graph of what came in can be built: it is compared row by row");
                        false
                    }
                };
                if !told {
                    // What failed now fails again at once: every write would have it tried.
                    thread::sleep(AGAIN);
                    at_work.store(false, Ordering::Release);
                }
            }
        };
        let thread = thread::Builder::new().name("segment".into()).spawn(run);
        thread.map_err(CatalogueError::io("start a thread for", state))?;
        Ok(Self { views, busy, few })
    }

    /// Has a segment built, if there are rows enough for one and none is being built.
    pub fn look(&self, view: &Arc<View>) {
        let many = view.rows() > self.few.max(view.in_segment() / PART);
        if many && !self.busy.swap(true, Ordering::AcqRel) && self.views.try_send(Arc::clone(view)).is_err() {
            self.is_idle();
        }
    }

    /// What was built has been taken.
    pub fn is_idle(&self) {
        self.busy.store(false, Ordering::Release);
    }
}

/// The segment, and the rows it was built of, by id.
fn built(folder: &Path, model_id: &str, view: &View) -> Result<(LocalCatalogue, Vec<Row>), CatalogueError> {
    let started = Instant::now();
    let rows = view.whole()?;
    create_folder(folder).map_err(CatalogueError::io("create", folder))?;
    let items = rows.iter().map(|row| ((*row.item).clone(), (*row.vectors).clone())).collect();
    // In the codes of the base, so that a search of both compares what it finds in one order.
    let book = view.base().codes_fit_others(rows.len()).then(|| view.base().codebook());
    build_coded(folder, model_id, (items, book), &BuildOptions::default(), &|_, _, _| ())?;
    let catalogue = LocalCatalogue::open(folder, model_id)?;
    tracing::debug!(items = rows.len(), took = ?started.elapsed(), "built a graph of what came in");
    Ok((catalogue, rows))
}
