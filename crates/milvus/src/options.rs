//! How long and how often Milvus is asked.

use std::time::Duration;

/// How long and how often Milvus is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// To connect at first.
    pub connect: Duration,
    /// The longest that a search or a read may take, its retries included.
    pub read: Duration,
    /// The longest that a batch of writes may take, its retries included.
    pub write: Duration,
    /// The longest that loading a collection into memory may take.
    pub load: Duration,
    /// How often one request is made, the first time included.
    pub attempts: u32,
    /// The least candidate list (`ef`) of a search of the usual effort.
    pub ef: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(3),
            write: Duration::from_secs(15),
            load: Duration::from_secs(120),
            attempts: 4,
            ef: 512,
        }
    }
}
