//! What is done to files that must last, step by step, for whoever wants to know.
//!
//! Tests of power loss listen, and work out what a disk may hold when the power goes after any of the steps. A program has no
//! listener: a step costs it a look at a flag.

use std::{
    path::Path,
    sync::{
        Arc, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

/// One step. Nothing is on the disk before it is synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileStep<'a> {
    /// A folder was made.
    Folder(&'a Path),
    /// A file was made or written to, and is now as it can be read there.
    Written(&'a Path),
    /// A file's content, or the names in a folder, were brought to the disk.
    Synced(&'a Path),
    /// A file or a folder has another name.
    Renamed(&'a Path, &'a Path),
    /// A file is gone, or a folder with all that is in it.
    Removed(&'a Path),
}

type Listener = dyn Fn(FileStep<'_>) + Send + Sync;

static ANYBODY: AtomicBool = AtomicBool::new(false);
static LISTENERS: RwLock<Vec<Weak<Listener>>> = RwLock::new(Vec::new());

/// Somebody listens, until it is dropped.
pub struct Listening(#[allow(dead_code)] Arc<Listener>); // held, never read

/// Tells every step of this process from now on.
pub fn listen(listener: impl Fn(FileStep<'_>) + Send + Sync + 'static) -> Listening {
    let listener: Arc<Listener> = Arc::new(listener);
    let mut all = LISTENERS.write().unwrap_or_else(PoisonError::into_inner);
    all.retain(|listener| listener.strong_count() > 0);
    all.push(Arc::downgrade(&listener));
    ANYBODY.store(true, Ordering::Release);
    Listening(listener)
}

pub(crate) fn told(step: FileStep<'_>) {
    if ANYBODY.load(Ordering::Acquire) {
        let all = LISTENERS.read().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).for_each(|listener| listener(step));
    }
}
