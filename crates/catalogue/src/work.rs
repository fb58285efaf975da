//! Where searches run: on threads of their own, so that those that decode photos, serve files and answer probes never wait for them,
//! and dear ones on few of these, so that others never wait for those. One set for the process: its cores are.
//!
//! Costs are in rows of codes compared, or so; an exact comparison counts as eight. A core compares some fifty million a second.

use std::{sync::LazyLock, time::Duration};

use lookalike_common::{Pool, PoolError, PoolLimits, Wanted};

use crate::contract::CatalogueError;

/// What costs more than this is dear: some five milliseconds of a core.
const DEAR: usize = 250_000;

/// What may wait for the threads of dear searches, in rows for each thread: a second of work, or so.
const WAITING_FOR_EACH: u64 = 50_000_000;

/// How long a search waits for a thread.
const WAIT: Duration = Duration::from_secs(2);

/// When whoever was refused should ask again.
const AGAIN: Duration = Duration::from_secs(1);

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// For all searches that are not made where they are asked for, and are not dear.
static SEARCH: LazyLock<Pool> = LazyLock::new(|| {
    let limits = PoolLimits {
        threads: cores(),
        waiting: 1_024,
        cost: WAITING_FOR_EACH * cores() as u64,
        wait: WAIT,
        gives_way: false,
    };
    Pool::new("search", limits)
});

/// For dear ones: a quarter of the cores, and a tenth of those where they are short.
static SCAN: LazyLock<Pool> = LazyLock::new(|| {
    let threads = (cores() / 4).max(1);
    let cost = WAITING_FOR_EACH * threads as u64;
    Pool::new("scan", PoolLimits { threads, waiting: 256, cost, wait: WAIT, gives_way: true })
});

/// The pools, with their names.
pub fn search_pools() -> [(&'static str, &'static Pool); 2] {
    [("search", &SEARCH), ("scan", &SCAN)]
}

/// Does what belongs to a search, and costs so many rows, on a thread for it. To be awaited where there is a tokio runtime.
///
/// # Errors
/// [`CatalogueError::Busy`] where there is no room, or no thread in time.
pub async fn search_work<T: Send + 'static>(
    rows: usize,
    work: impl FnOnce(&Wanted) -> T + Send + 'static,
) -> Result<T, CatalogueError> {
    let pool = if rows > DEAR { &SCAN } else { &SEARCH };
    pool.run(rows as u64, work).await.map_err(|e| match e {
        PoolError::Busy => CatalogueError::Busy { retry_after: AGAIN },
        PoolError::Stopped => CatalogueError::Stopped,
    })
}
