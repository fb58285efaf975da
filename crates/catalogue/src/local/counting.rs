//! How many items have which value and which numbers, over all that a filter admits: bitmaps against bitmaps.

use std::sync::Arc;

use lookalike_items::{Filter, Item};
use roaring::RoaringBitmap;

use crate::{
    contract::{CatalogueError, Facet},
    local::{LocalCatalogue, changes::Changes, tally::Tally},
};

/// The layers of a catalogue: generations and what has changed of each.
pub(crate) type Layers<'a> = &'a [(&'a LocalCatalogue, &'a Changes)];

/// Counts these keys over all that the filter admits, in the layers and among the items that are in none.
pub(crate) fn facets(
    layers: Layers<'_>,
    rows: &[&Arc<Item>],
    filter: &Filter,
    keys: &[String],
) -> Result<Vec<Facet>, CatalogueError> {
    let admitted = |filter: &Filter| -> Result<Vec<RoaringBitmap>, CatalogueError> {
        layers.iter().map(|(catalogue, changes)| catalogue.points_admitted(filter, changes)).collect()
    };
    let all = admitted(filter)?;
    let count = |key: &String| {
        let less = filter.without(key);
        let own = less.as_ref().map(admitted).transpose()?;
        let filter = less.as_ref().unwrap_or(filter);
        let mut tally = Tally::default();
        for ((catalogue, changes), points) in layers.iter().zip(own.as_ref().unwrap_or(&all)) {
            catalogue.tally(key, points, changes, &mut tally);
        }
        rows.iter().filter(|item| filter.admits(item)).for_each(|item| tally.item(key, item));
        Ok(tally.facet(key))
    };
    keys.iter().map(count).collect()
}
