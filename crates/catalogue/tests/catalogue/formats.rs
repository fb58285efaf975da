//! States as earlier programs wrote them: each format's fixture is opened, and holds what was written.
//!
//! `state-N.redb.gz` was made by the program that wrote format N, with
//! `cargo test --release --workspace --test catalogue -- --ignored makes_the_fixture`. Raise the format, make the next, keep the old.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write as _},
    path::{Path, PathBuf},
};

use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use lookalike_catalogue::{
    Catalogue, Condition, LiveCatalogue, LiveOptions, LocalCatalogue, Write, WriteKind,
};
use lookalike_items::{Dims, Filter, Item, ItemId, ItemPatch, Vectors};
use redb::{ReadableDatabase, TableDefinition};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::samples::catalogue;

const DIMS: Dims = Dims { deep: 12, colour: 4 };
/// The revision that the writes end in: one a request.
const REVISION: u64 = 5;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// An item of JSON: what a later program adds to items, these do not have.
fn item(json: Value) -> Item {
    Item::parse(json).expect("an item")
}

/// Numbers that say whose they are.
fn vectors(n: usize) -> Vectors {
    let numbers = |from: usize, count| (from..from + count).map(|i| ((i * 31 + n * 17) % 101) as f32 - 50.5);
    let colour = numbers(500, DIMS.colour).map(|x| x.abs() / 51.0).collect();
    Vectors::new(numbers(0, DIMS.deep).collect(), colour).expect("vectors")
}

fn of_base(n: usize) -> Item {
    item(json!({"id": format!("base-{n}"), "product": format!("p{}", n / 2), "category": "Tee",
        "image": format!("img/{n}.jpg"), "attributes": {"colour": ["red"]}}))
}

/// Eight items, of vectors 0 to 7.
fn base() -> (TempDir, LocalCatalogue) {
    catalogue((0..8).map(|n| (of_base(n), vectors(n))).collect())
}

fn id(text: &str) -> ItemId {
    ItemId::parse(text).expect("an id")
}

/// What was written, a request a revision.
fn requests() -> [Vec<Write>; REVISION as usize] {
    let write = |name: &str, kind| Write { id: id(name), kind, condition: Condition::Always };
    let put = |json: Value, n| {
        let item = item(json);
        Write { id: item.id.clone(), kind: WriteKind::Put(item, vectors(n)), condition: Condition::Always }
    };
    let patch =
        |name: &str, json: Value| write(name, WriteKind::Patch(ItemPatch::parse(json).expect("a patch")));
    [
        vec![
            put(
                json!({"id": "new-1", "product": "p-new", "category": "Coat", "image": "https://cdn.shop.example/1.jpg",
                "attributes": {"colour": ["grün", "blue"], "size": ["M"]}}),
                20,
            ),
            put(
                json!({"id": "new-2", "category": "Cape", "image": format!("photo:{}", "ab".repeat(32))}),
                21,
            ),
            put(json!({"id": "gone", "category": "Cape", "image": ""}), 22),
        ],
        vec![
            put(json!({"id": "base-0", "category": "Dress", "image": ""}), 23),
            put(json!({"id": "base-1", "category": "Dress", "image": ""}), 1),
            patch("base-2", json!({"category": "Coat", "product": null})),
            write("base-3", WriteKind::Delete),
        ],
        vec![
            patch("new-2", json!({"attributes": {"stock": ["last"]}})),
            write("gone", WriteKind::Delete),
            write("base-4", WriteKind::Delete),
        ],
        vec![put(json!({"id": "base-4", "category": "Tee", "image": ""}), 24)],
        vec![patch("base-0", json!({"category": "Skirt"}))],
    ]
}

/// What there is after it.
fn expected() -> BTreeMap<ItemId, (Item, Vectors)> {
    let whole = |json: Value, n| (item(json), vectors(n));
    let mut coat = of_base(2);
    (coat.category, coat.product) = ("Coat".into(), None);
    let held = [
        whole(
            json!({"id": "new-1", "product": "p-new", "category": "Coat", "image": "https://cdn.shop.example/1.jpg",
                "attributes": {"colour": ["grün", "blue"], "size": ["M"]}}),
            20,
        ),
        whole(
            json!({"id": "new-2", "category": "Cape", "image": format!("photo:{}", "ab".repeat(32)),
                "attributes": {"stock": ["last"]}}),
            21,
        ),
        whole(json!({"id": "base-0", "category": "Skirt", "image": ""}), 23),
        whole(json!({"id": "base-1", "category": "Dress", "image": ""}), 1),
        (coat, vectors(2)),
        whole(json!({"id": "base-4", "category": "Tee", "image": ""}), 24),
    ];
    let untouched = (5..8).map(|n| (of_base(n), vectors(n)));
    held.into_iter().chain(untouched).map(|both| (both.0.id.clone(), both)).collect()
}

async fn holds(live: &LiveCatalogue) {
    let view = live.view();
    assert_eq!(view.revision(), REVISION);
    let expected = expected();
    let listed = view.list(&Filter::default(), None, 100).await.expect("a list");
    let items: Vec<Item> = listed.items.iter().map(|item| (**item).clone()).collect();
    assert_eq!(items, expected.values().map(|(item, _)| item.clone()).collect::<Vec<_>>());
    for (id, (item, vectors)) in &expected {
        let held = view.get(id).await.expect("no failure").expect("an item");
        assert_eq!((&*held.0, &held.1), (item, vectors));
    }
    for gone in ["gone", "base-3"] {
        assert!(view.get(&id(gone)).await.expect("no failure").is_none());
    }
    // Whose vectors came in is known too: a base without these items has those that came whole.
    let (_other, without) = catalogue(vec![(of_base(9), vectors(9))]);
    live.rebase(without).await.expect("another base");
    let left = live.view().list(&Filter::default(), None, 100).await.expect("a list");
    let ids: Vec<&str> = left.items.iter().map(|item| item.id.as_str()).collect();
    assert_eq!(ids, ["base-0", "base-1", "base-4", "base-9", "new-1", "new-2"]);
}

#[tokio::test]
async fn what_earlier_programs_wrote_is_read() {
    let mut found = 0;
    for entry in fs::read_dir(fixtures()).expect("fixtures") {
        let path = entry.expect("an entry").path();
        if !path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("state-")) {
            continue;
        }
        let state = tempfile::tempdir().expect("a folder");
        let mut bytes = Vec::new();
        GzDecoder::new(File::open(&path).expect("opens")).read_to_end(&mut bytes).expect("unpacks");
        fs::write(state.path().join("items.redb"), bytes).expect("writable");
        let (_bundle, base) = base();
        let live = LiveCatalogue::open(state.path(), base, DIMS, LiveOptions::default());
        holds(&live.unwrap_or_else(|e| panic!("{}: {e}", path.display()))).await;
        found += 1;
    }
    assert!(found > 0);
}

#[tokio::test]
#[ignore = "makes the fixture of the format that this program writes"]
async fn makes_the_fixture() {
    let state = tempfile::tempdir().expect("a folder");
    let (_bundle, base) = base();
    let live = LiveCatalogue::open(state.path(), base, DIMS, LiveOptions::default()).expect("opens");
    for writes in requests() {
        live.write(writes).await.expect("written");
    }
    drop(live);
    let path = state.path().join("items.redb");
    let format = loop {
        // Its thread frees the file a moment later.
        let Ok(database) = redb::Database::open(&path) else { continue };
        let reading = database.begin_read().expect("a transaction");
        let numbers: TableDefinition<'_, &str, u64> = TableDefinition::new("numbers");
        let numbers = reading.open_table(numbers).expect("a table");
        break numbers.get("format").expect("readable").expect("a format").value();
    };
    fs::create_dir_all(fixtures()).expect("writable");
    let target = fixtures().join(format!("state-{format}.redb.gz"));
    let file = File::create_new(&target).expect("a fixture is made once");
    let mut packed = GzEncoder::new(file, Compression::best());
    packed.write_all(&fs::read(path).expect("readable")).expect("writable");
    packed.finish().expect("writable");
}
