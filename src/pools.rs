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

/// Decodes photos that take long: a thread for two cores, which gives way, so that the others are not behind them.
pub(crate) static DECODE_LARGE: LazyLock<Pool> = LazyLock::new(|| {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).div_ceil(2);
    let limits = PoolLimits { threads, waiting: 100_000, cost: u64::MAX, wait: DECODING, gives_way: true };
    Pool::new("decode_large", limits)
});

/// The threads that suit a photo, told by its first headers.
pub(crate) fn decode(photo: &[u8]) -> &'static Pool {
    if lookalike_photo::is_large(photo) { &DECODE_LARGE } else { &DECODE }
}

/// Reads photos from a disk.
pub(crate) static FILES: LazyLock<Pool> = LazyLock::new(|| {
    let limits =
        PoolLimits { threads: READERS, waiting: 1_024, cost: u64::MAX, wait: READING, gives_way: false };
    Pool::new("files", limits)
});

/// Tells the metrics what all pools do.
pub(crate) fn tell() {
    let own: [(&'static str, &Pool); 3] =
        [("decode", &DECODE), ("decode_large", &DECODE_LARGE), ("files", &FILES)];
    for (name, pool) in own.into_iter().chain(search_pools()) {
        let figures = pool.figures();
        telemetry::pool(name, (figures.working, figures.waiting), (figures.refused, figures.left));
    }
}
