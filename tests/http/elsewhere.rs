//! A server whose items are in an engine elsewhere, which is slow, down, or able to do less than the local one.

use std::{sync::Arc, time::Duration};

use lookalike::recommender::Items;
use lookalike_catalogue::{
    LiveCatalogue, LiveOptions, LocalCatalogue,
    contract::conformance::{Faults, Faulty},
};
use serde_json::json;
use tempfile::TempDir;

use crate::{
    feed::synced,
    living::{KEY, Living, a_photo, vector},
    support::{
        Shop,
        running::{Answer, Running, send},
        tiny_shop,
    },
};

/// A server that writes into an engine elsewhere, whose faults are in a test's hands.
struct Elsewhere {
    living: Living,
    faults: Faults,
    _folder: TempDir,
}

impl Elsewhere {
    /// Over the tiny shop's own items.
    async fn start(shop: &Shop) -> Self {
        let (state, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(state.path().join("keys"), KEY).unwrap();
        let manifest = lookalike_model::Bundle::open(&shop.bundle).unwrap().manifest().clone();
        let base = LocalCatalogue::open(&shop.bundle, &manifest.model_id).unwrap();
        let live = LiveCatalogue::open(folder.path(), base, manifest.dims, LiveOptions::default()).unwrap();
        let faults = Faults::default();
        let engine = Arc::new(Faulty::new(Arc::new(live), faults.clone()));
        let (keys, photos) = (state.path().join("keys"), state.path().join("photos"));
        std::fs::create_dir(&photos).unwrap();
        let flags = ["--admin-keys-file", keys.to_str().unwrap(), "--photos", photos.to_str().unwrap()];
        // The address is not asked: the engine that is given takes its place.
        let flags = [&flags[..], &["--catalogue", "milvus://127.0.0.1:1/none", "--reads", "open"]].concat();
        let server = Running::start_over(shop, Items::Shared { engine }, &flags).await;
        Self { living: Living { state, server }, faults, _folder: folder }
    }
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn items_elsewhere_are_searched_and_written() {
    let shop = tiny_shop();
    let Elsewhere { living, faults, .. } = Elsewhere::start(shop).await;
    let info = living.server.get("/info").await.json();
    assert_eq!(info["catalogue"]["engine"], "faulty");
    assert_eq!(info["catalogue"]["can"]["facets"], true);
    let (id, _) = &shop.photos[0];
    assert_eq!(living.first(&shop.photo(id)).await, *id);

    let photo = a_photo(3);
    let created = living.put("new/one", &photo, &json!({"category": "circle"}), &[]).await;
    assert_eq!(created.status, 404, "a path of two parts is another address");
    let created = living.put("new-one", &photo, &json!({"category": "circle"}), &[]).await;
    assert_eq!(created.status, 201);
    assert_eq!(living.first(&photo).await, "new-one");
    let patched = living.patch("new-one", &json!({"title": "A circle"})).await;
    assert_eq!((patched.status, patched.json()["title"].as_str()), (200, Some("A circle")));
    let item = living.server.get("/items/new-one").await;
    assert_eq!(item.header("etag"), patched.header("etag"));
    assert_eq!(
        living
            .put_vector("by-numbers", &json!({"item": {"category": "x"}, "embedding": vector(1)}))
            .await
            .status,
        201
    );
    assert_eq!(living.delete("by-numbers").await.status, 204);
    assert_eq!(living.delete("by-numbers").await.status, 404);
    let bulk =
        living.bulk(&[json!({"op": "delete", "id": "new-one"}), json!({"op": "delete", "id": "none"})]).await;
    assert_eq!((bulk[0]["status"].as_u64(), bulk[1]["status"].as_u64()), (Some(204), Some(404)));

    // What belongs to a state of one's own is the engine's own business here.
    for (method, path) in [("POST", "/admin/compact"), ("GET", "/admin/snapshot")] {
        assert_eq!(code(&send(living.request(method, path)).await), (501, "not_supported".into()), "{path}");
    }
    let listed = send(living.request("GET", "/admin/generations")).await.json();
    assert_eq!(
        (listed["served"].as_str(), listed["generations"][0]["kind"].as_str()),
        (Some("shared-1"), Some("shared"))
    );
    assert_eq!(living.operate("/admin/reload").await["state"], "done");
    assert_eq!(code(&send(living.request("POST", "/admin/rollback")).await), (409, "nothing_before".into()));
    assert_eq!(
        code(&send(living.request("POST", "/admin/rollback?to=bundle-1")).await),
        (404, "unknown_base".into())
    );
    drop(faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_engine_cannot_do_is_501() {
    let shop = tiny_shop();
    let Elsewhere { living, faults, .. } = Elsewhere::start(shop).await;
    faults.plain(true);
    let (id, _) = &shop.photos[0];
    let info = living.server.get("/info").await.json();
    let can = &info["catalogue"]["can"];
    assert_eq!(
        (&can["facets"], &can["exact"], &can["conditional_writes"]),
        (&json!(false), &json!(false), &json!(false))
    );
    assert_eq!(info["catalogue"]["revision"], json!(null));
    for path in [
        "/facets?facet=colour".to_owned(),
        format!("/items/{id}/similar?facet=colour"),
        format!("/items/{id}/similar?exact=true"),
    ] {
        assert_eq!(code(&living.server.get(&path).await), (501, "not_supported".into()), "{path}");
    }
    let item = json!({"category": "circle"});
    let refused = living.put("new", &a_photo(1), &item, &[("if-none-match", "*")]).await;
    assert_eq!(code(&refused), (501, "not_supported".into()));
    assert_eq!(living.server.get("/items/new").await.status, 404, "nothing was written");
    let plain = living.server.get(&format!("/items/{id}/similar")).await;
    assert_eq!((plain.status, &plain.json()["catalogue"]["revision"]), (200, &json!(null)));
    let put = living.put("new", &a_photo(1), &item, &[]).await;
    assert_eq!(put.status, 201);
    assert!(put.headers.get("x-revision").is_none(), "there are no revisions to tell of");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_down_is_503_until_it_is_back() {
    let shop = tiny_shop();
    let Elsewhere { living, faults, .. } = Elsewhere::start(shop).await;
    let (id, _) = &shop.photos[0];
    let routes = [
        format!("/items/{id}"),
        format!("/items/{id}/similar"),
        "/items".into(),
        "/random".into(),
        "/categories".into(),
        "/facets?facet=colour".into(),
        "/info".into(),
        format!("/images/{id}"),
    ];
    faults.down(true);
    for path in &routes {
        let answer = living.server.get(path).await;
        assert_eq!(code(&answer), (503, "catalogue_unavailable".into()), "{path}");
        assert_eq!(answer.header("retry-after"), "2", "{path}");
    }
    let photo = shop.photo(id);
    let asked = living.server.post("/similar", "image/png", photo.clone()).await;
    assert_eq!(code(&asked), (503, "catalogue_unavailable".into()));
    for refused in [
        living.put("new", &a_photo(1), &json!({"category": "circle"}), &[]).await,
        living.patch(id, &json!({"title": "t"})).await,
        living.delete(id).await,
    ] {
        assert_eq!(code(&refused), (503, "catalogue_unavailable".into()));
        assert_eq!(refused.header("retry-after"), "2");
    }
    let lines = living.bulk(&[json!({"op": "delete", "id": id})]).await;
    assert_eq!(lines[0]["problem"]["code"], "catalogue_unavailable");
    // What was seen a second ago is told again.
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    let ready = living.server.get("/readyz").await;
    assert_eq!(code(&ready), (503, "not_ready".into()));
    assert_eq!(living.server.get("/livez").await.status, 200);

    faults.down(false);
    assert_eq!(living.first(&photo).await, *id, "it is back by itself");
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    assert_eq!(living.server.get("/readyz").await.status, 200);
    for path in &routes {
        assert!(living.server.get(path).await.status < 400, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_is_kept_in_step_with_an_engine_that_can_do_little() {
    let shop = tiny_shop();
    let Elsewhere { living, faults, .. } = Elsewhere::start(shop).await;
    faults.plain(true);
    let folder = tempfile::tempdir().unwrap();
    let feed = folder.path().join("feed.jsonl");
    let write = |numbers: std::ops::Range<u8>, price: u32| {
        let line = |n| {
            std::fs::write(folder.path().join(format!("{n}.jpg")), a_photo(n)).unwrap();
            let item = json!({"id": format!("sku {n}"), "category": "circle", "numbers": {"price": price}, "photo": format!("{n}.jpg")});
            format!("{item}\n")
        };
        std::fs::write(&feed, numbers.map(line).collect::<String>()).unwrap();
    };
    let (server, key) = (living.server.url(""), living.state.path().join("keys"));
    write(0..20, 10);
    let first = synced(&server, &feed, &key).await;
    assert_eq!((first.exit_code, first.put, first.failed.len()), (0, 20, 0), "{first}");
    write(2..20, 12);
    let next = synced(&server, &feed, &key).await;
    assert_eq!((next.exit_code, next.put, next.patched, next.deleted), (0, 0, 18, 2), "{next}");
    let again = synced(&server, &feed, &key).await;
    assert_eq!((again.put, again.patched, again.deleted, again.unchanged), (0, 0, 0, 18), "{again}");
    assert_eq!(living.first(&a_photo(7)).await, "sku 7");
}
