//! Whatever can go wrong in a benchmark.

/// It is said, and the benchmark ends.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;
