//! Threads for what takes a core or a disk: those that decode photos and those that read files, apart from each other, from the
//! [searches'](lookalike_catalogue::search_pools) and from the ones that speak HTTP. One set for the process: its cores are.

use std::{sync::LazyLock, time::Duration};

use lookalike_catalogue::search_pools;
use lookalike_common::{Pool, PoolLimits};
use lookalike_telemetry as telemetry;

/// Threads that read files: most of their time they wait for a disk.
const READERS: usize = 8;

/// How long a file may wait to be read.
const READING: Duration = Duration::from_secs(10);

/// Photos are admitted before they are decoded, and wait as long as their requests do.
const DECODING: Duration = Duration::from_secs(600);

/// Decodes photos, and makes thumbnails of them: a thread a core.
pub(crate) static DECODE: LazyLock<Pool> = LazyLock::new(|| {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let limits = PoolLimits { threads, waiting: 100_000, cost: u64::MAX, wait: DECODING, gives_way: false };
    Pool::new("decode", limits)
});

/// Reads photos from a disk.
pub(crate) static FILES: LazyLock<Pool> = LazyLock::new(|| {
    let limits =
        PoolLimits { threads: READERS, waiting: 1_024, cost: u64::MAX, wait: READING, gives_way: false };
    Pool::new("files", limits)
});

/// Tells the metrics what all pools do.
pub(crate) fn tell() {
    let own: [(&'static str, &Pool); 2] = [("decode", &DECODE), ("files", &FILES)];
    for (name, pool) in own.into_iter().chain(search_pools()) {
        let figures = pool.figures();
        telemetry::pool(name, (figures.working, figures.waiting), (figures.refused, figures.left));
    }
}
