//! What lists, counts and searches cost, in rows of codes compared, or so: by this they are admitted (`work.rs`).

use lookalike_items::Filter;

/// Searches that compare more than this many photos leave the async threads to others.
pub(crate) const INLINE: usize = 20_000;

/// What one item of an answer costs to be read and parsed, in rows of codes compared.
pub(crate) const LISTED: usize = 200;

/// What a filter costs an item, in parts of a row: bitmaps are counted many items at a time.
const FILTERED: usize = 16;

/// What a list costs, in rows of codes compared, or so.
pub(crate) fn listing_cost(items: usize, filter: &Filter, limit: usize) -> usize {
    let filtered = if *filter == Filter::default() { 0 } else { items / FILTERED };
    limit.min(items).saturating_mul(LISTED).saturating_add(filtered)
}

/// What counting values costs, in rows of codes compared, or so. It is never dear: a page shows counts beside every search.
pub(crate) fn counting_cost(items: usize, keys: usize) -> usize {
    (items / FILTERED).saturating_mul(1 + keys).min(COUNTED)
}

/// The most that counting is said to cost.
const COUNTED: usize = 200_000;
