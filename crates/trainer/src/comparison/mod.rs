//! The questions a study asks, answered side by side: which network, and which way to search.

mod cells;
mod networks;
mod strategies;

pub use networks::{NetworkRow, network_row, networks_table};
pub use strategies::{StrategyOptions, StrategyRow, strategies, strategies_table};

/// Bytes, or a count, as people read them.
fn count(n: f64) -> String {
    match n {
        n if n >= 1e9 => format!("{:.2} G", n / 1e9),
        n if n >= 1e6 => format!("{:.1} M", n / 1e6),
        n if n >= 1e3 => format!("{:.1} k", n / 1e3),
        n => format!("{n:.0}"),
    }
}
