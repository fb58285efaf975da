//! What every engine must do, as a test: a plain list of items in memory says what is right, and the engine is held to it.
//!
//! ```text
//! shop    the items, their vectors, the queries: drawn from a seed
//! plain   the list in memory: what every answer should be
//! checks  one function for each promise
//! faulty  an engine that is slow or down when it is told to be
//! ```
//!
//! It is a part of the library, and not of its tests, for engines in crates of their own. Programs that do not call it do not hold it.
//!
//! [`holds`] writes its own items into the engine, which must be empty, of [`DIMS`], and nobody else's meanwhile.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing)] // what fails here is a test

mod checks;
mod faulty;
mod plain;
mod shop;

use std::{sync::Arc, time::Duration};

pub use faulty::{Faults, Faulty};
pub use plain::Plain;
pub use shop::{DIMS, Shop};

use lookalike_items::ItemId;

use crate::contract::{Catalogue, Condition, LivingCatalogue, Visibility, Write, WriteKind};

/// How many items the suite begins with.
const ITEMS: usize = 600;

/// Holds an engine to the contract, on its own items.
///
/// # Panics
/// Where it does not hold, with what was asked and what came.
pub async fn holds(engine: &dyn LivingCatalogue) {
    let mut shop = Shop::new(7);
    let mut plain = Plain::default();
    checks::empty(&*engine.now()).await;

    let mut items: Vec<_> = (0..ITEMS).map(|n| shop.item(n)).collect();
    items.extend(shop.odd_items());
    for some in items.chunks(250) {
        let writes = some.iter().map(|(item, vectors)| put(item.clone(), vectors.clone())).collect();
        checks::written(engine, &mut plain, writes).await;
    }
    checks::all(&*settled(engine, &plain).await, &plain, &mut shop).await;

    checks::changes(engine, &mut plain, &mut shop).await;
    checks::all(&*settled(engine, &plain).await, &plain, &mut shop).await;

    checks::conditions(engine, &mut plain, &mut shop).await;
    checks::refusals(engine, &plain, &mut shop).await;

    let gone = plain.ids().into_iter().map(delete).collect();
    checks::written(engine, &mut plain, gone).await;
    checks::empty(&*settled(engine, &plain).await).await;
}

/// Holds an engine that cannot be asked at the moment to the contract: it says so, whatever it is asked, and gives no answer that looks
/// like one.
///
/// # Panics
/// Where it does not hold.
pub async fn fails(engine: &dyn LivingCatalogue) {
    checks::fails(engine, &mut Shop::new(8)).await;
}

/// The engine once all that was written is in searches.
async fn settled(engine: &dyn LivingCatalogue, plain: &Plain) -> Arc<dyn Catalogue> {
    let catalogue = engine.now();
    match catalogue.about().visibility {
        Visibility::Immediate => catalogue,
        Visibility::Within(time) => {
            tokio::time::sleep(time + Duration::from_millis(200)).await;
            let catalogue = engine.now();
            let held = catalogue.count().await.expect("counts");
            assert_eq!(held, plain.len(), "items, {time:?} after the last write");
            catalogue
        }
    }
}

/// A write of a whole item.
pub fn put(item: lookalike_items::Item, vectors: lookalike_items::Vectors) -> Write {
    Write { id: item.id.clone(), kind: WriteKind::Put(item, vectors), condition: Condition::Always }
}

/// A write that takes an item away.
pub fn delete(id: ItemId) -> Write {
    Write { id, kind: WriteKind::Delete, condition: Condition::Always }
}
