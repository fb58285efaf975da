//! A state that goes from one model to another.

use std::{path::Path, sync::Arc};

use lookalike_catalogue::{
    BuildOptions, Catalogue, CatalogueError, Condition, LiveCatalogue, LiveOptions, LocalCatalogue,
    OtherState, Outcome, Record, Records, Row, Write, WriteKind, build,
};
use lookalike_items::{Dims, Item, ItemId, ItemPatch, Vectors};
use tempfile::TempDir;

use crate::samples::{MODEL, Source, catalogue, item};

const OTHER: &str = "another model";

/// Vectors of the other model: another width.
fn other_source() -> Source {
    Source::new(23, 9, 8, 3)
}

fn other_base() -> (TempDir, LocalCatalogue) {
    let bundle = tempfile::tempdir().unwrap();
    build(bundle.path(), OTHER, other_source().items(20), &BuildOptions::default(), &|_, _, _| ()).unwrap();
    let opened = LocalCatalogue::open(bundle.path(), OTHER).unwrap();
    (bundle, opened)
}

fn write(id: ItemId, kind: WriteKind) -> Write {
    Write { id, kind, condition: Condition::Always }
}

fn put(item: Item, vectors: Vectors) -> Write {
    write(item.id.clone(), WriteKind::Put(item, vectors))
}

/// An item of the base patched, one deleted, two that came in whole.
async fn filled(state: &Path, base: &LocalCatalogue, source: &mut Source) -> LiveCatalogue {
    let live = LiveCatalogue::open(state, base.clone(), base.dims(), LiveOptions::default()).unwrap();
    let patch = ItemPatch::parse(serde_json::json!({"category": "Cape"})).unwrap();
    live.write(vec![
        put(item(30), source.vectors()),
        put(item(31), source.vectors()),
        write(item(3).id, WriteKind::Patch(patch)),
        write(item(4).id, WriteKind::Delete),
    ])
    .await
    .unwrap();
    live
}

/// The same records, with vectors of the other model.
fn embedded(records: &Records, source: &mut Source) -> Records {
    let again = |(id, record): &(ItemId, Record)| {
        let record = match record {
            Record::Whole(row) => {
                Record::Whole(Row { item: Arc::clone(&row.item), vectors: Arc::new(source.vectors()) })
            }
            other => other.clone(),
        };
        (id.clone(), record)
    };
    Records { revision: records.revision + 1, records: records.records.iter().map(again).collect() }
}

async fn is_what_came_in(live: &LiveCatalogue, dims: Dims) {
    let view = live.view();
    let get = async |n: usize| view.get(&item(n).id).await.unwrap();
    assert_eq!(get(30).await.unwrap().1.dims(), dims);
    assert_eq!((get(3).await.unwrap().0.category.as_str(), get(4).await), ("Cape", None));
    assert_eq!((view.count().await.unwrap(), view.dims()), (21, dims));
}

#[tokio::test]
async fn a_state_that_nobody_serves_goes_to_another_model_wholly() {
    let mut source = Source::new(17, 6, 12, 4);
    let (_bundle, base) = catalogue(source.items(20));
    let (_other, other) = other_base();
    let state = tempfile::tempdir().unwrap();
    assert!(OtherState::open(state.path(), OTHER).unwrap().is_none(), "there is none");
    let live = filled(state.path(), &base, &mut source).await;
    assert!(
        matches!(OtherState::open(state.path(), OTHER), Err(CatalogueError::State { .. })),
        "it is served"
    );
    drop(live);
    let opened = loop {
        match OtherState::open(state.path(), OTHER) {
            Err(CatalogueError::State { .. }) => {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await
            }
            opened => break opened.unwrap(),
        }
    };
    let mut opened = opened.unwrap();
    let records = opened.records().unwrap();
    assert_eq!((records.revision, records.records.len()), (1, 4));
    assert!(records.records.is_sorted_by(|a, b| a.0 < b.0));
    let records = embedded(&records, &mut other_source());
    opened.hand_over(OTHER, &records).unwrap();
    assert!(OtherState::open(state.path(), OTHER).unwrap().is_none(), "it belongs to it");
    assert!(OtherState::open(state.path(), MODEL).unwrap().is_some());
    let live =
        LiveCatalogue::open(state.path(), other.clone(), other.dims(), LiveOptions::default()).unwrap();
    is_what_came_in(&live, other.dims()).await;
    assert_eq!(live.view().revision(), 2);
}

#[tokio::test]
async fn writes_wait_while_it_is_decided_and_go_on_or_hear_of_it() {
    let mut source = Source::new(17, 6, 12, 4);
    let (_bundle, base) = catalogue(source.items(20));
    let (_other, other) = other_base();
    let state = tempfile::tempdir().unwrap();
    let live = Arc::new(filled(state.path(), &base, &mut source).await);
    assert_eq!(live.records().await.unwrap().revision, 1);

    let held = live.hold().await.unwrap();
    let waiting = tokio::spawn({
        let (live, write) = (Arc::clone(&live), put(item(32), source.vectors()));
        async move { live.write(vec![write]).await }
    });
    for _ in 0..20 {
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
    }
    drop(held);
    assert!(matches!(waiting.await.unwrap().unwrap()[..], [Outcome::Created(..)]));
    live.write(vec![write(item(32).id, WriteKind::Delete)]).await.unwrap();

    let held = live.hold().await.unwrap();
    let waiting = tokio::spawn({
        let (live, write) = (Arc::clone(&live), put(item(33), source.vectors()));
        async move { live.write(vec![write]).await }
    });
    let records = embedded(&held.records, &mut other_source());
    let over = held.hand_over(OTHER, records).await.unwrap();
    let next =
        LiveCatalogue::open(state.path(), other.clone(), other.dims(), LiveOptions::default()).unwrap();
    assert!(!waiting.is_finished(), "it waits until the other is served");
    drop(over);
    assert!(matches!(waiting.await.unwrap(), Err(CatalogueError::Stopped)));
    assert!(matches!(live.records().await, Err(CatalogueError::Stopped)));
    is_what_came_in(&next, other.dims()).await;
    // Who holds the one before sees what it saw.
    is_what_came_in(&live, base.dims()).await;
}
