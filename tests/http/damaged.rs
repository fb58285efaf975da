//! A file of the generation that is served is cut short: the server lives, says so, answers what does not need it, and is whole again when
//! a whole generation was put in place and read.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    time::Duration,
};

use lookalike_catalogue::{self as catalogue, BuildOptions, Catalogue, LocalCatalogue};
use lookalike_items::{Dims, Item, ItemId, Vectors};
use lookalike_model::Bundle;
use serde_json::json;

use crate::{
    bases::changing_shop,
    living::{KEY, Living, a_photo},
    support::{
        Shop,
        running::{Answer, Running, send},
    },
};

fn file(bundle: &Path, name: &str) -> PathBuf {
    bundle.join("catalogue/gen-2").join(name)
}

/// A shop whose files are of many pages.
fn large_shop() -> (tempfile::TempDir, Shop) {
    let (bundle, shop) = changing_shop();
    let model = Bundle::open(bundle.path()).unwrap().manifest().model_id.clone();
    let held = LocalCatalogue::open(bundle.path(), &model).unwrap();
    let mut items: Vec<(Item, Vectors)> = Vec::new();
    for entry in held.items() {
        let (item, vectors) = entry.unwrap();
        items.push((item, Vectors::stored(vectors)));
    }
    let Dims { deep, colour } = held.dims();
    for n in 0..600 {
        let numbers = |count| (0..count).map(|i| ((i * 31 + n * 17) % 101) as f32 / 101.0).collect();
        let id = ItemId::parse(&format!("more-{n}")).unwrap();
        items.push((Item::new(id, "more"), Vectors::new(numbers(deep), numbers(colour)).unwrap()));
    }
    catalogue::build(bundle.path(), &model, items, &BuildOptions::default(), &|_, _, _| ()).unwrap();
    (bundle, shop)
}

fn damaged(answer: &Answer) {
    answer.problem(503, "catalogue_damaged");
    assert!(answer.headers.contains_key("retry-after"));
}

/// Until the metric is this: all servers of these tests share it, each as it was asked last.
async fn until_metric(server: &Running, key: Option<&str>, value: &str) {
    loop {
        let mut request = server.request("GET", "/metrics");
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let text = String::from_utf8(send(request).await.body).unwrap();
        let line = text.lines().find(|line| line.starts_with("lookalike_catalogue_damaged")).unwrap();
        if line.rsplit(' ').next() == Some(value) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn until_ready(server: &Running, status: u16) {
    // What was seen a second ago is told again.
    while server.get("/readyz").await.status != status {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn what_needs_a_file_that_was_cut_short_is_503_until_a_whole_one_is_read() {
    let (bundle, shop) = large_shop();
    let living = Living::start(&shop).await;
    let key = Some(KEY);
    living.put("new", &a_photo(7), &json!({"category": "circle"}), &[]).await;
    let asked = |k: usize| format!("/items/new/similar?k={k}");
    let before = living.server.get(&asked(9)).await.json()["results"].clone();
    until_metric(&living.server, key, "0").await;
    for name in ["graph.bin", "items.jsonl"] {
        let path = file(bundle.path(), name);
        let whole = fs::read(&path).unwrap();
        File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
        damaged(&living.server.post("/similar", "image/png", a_photo(3)).await);
        damaged(&living.server.get(&asked(9)).await);
        damaged(&living.server.get("/items/circle-red~0").await);
        let change = living
            .request("PATCH", "/items/circle-red~0")
            .header("content-type", "application/merge-patch+json");
        damaged(&send(change.body(json!({"category": "none"}).to_string())).await);
        let list = living.server.get("/items?limit=50").await;
        if name == "items.jsonl" {
            damaged(&list);
        }
        until_ready(&living.server, 503).await;
        until_metric(&living.server, key, "1").await;
        assert_eq!(living.server.get("/categories").await.status, 200, "what does not need it is answered");
        assert_eq!(living.server.get("/livez").await.status, 200);
        // What is there still is refused, and what was served is as it was.
        let told = living.operate("/admin/reload").await;
        assert_eq!(told["state"], "failed", "{told}");
        damaged(&living.server.get(&asked(9)).await);

        let beside = path.with_extension("new");
        fs::write(&beside, whole).unwrap();
        fs::rename(&beside, &path).unwrap();
        let told = living.operate("/admin/reload").await;
        assert_eq!(told["state"], "done", "{told}");
        until_ready(&living.server, 200).await;
        until_metric(&living.server, key, "0").await;
        assert_eq!(living.server.get(&asked(9)).await.json()["results"], before);
        assert_eq!(living.server.get("/items/circle-red~0").await.json()["category"], "circle");
    }
    living.server.stop().await;
}

#[tokio::test]
async fn a_server_that_takes_no_writes_lives_on_too() {
    let (bundle, shop) = large_shop();
    let server = Running::start(&shop, &[]).await;
    let path = file(bundle.path(), "graph.bin");
    let before = server.post("/similar", "image/png", a_photo(3)).await.ids();
    File::options().write(true).open(&path).unwrap().set_len(4_096).unwrap();
    damaged(&server.post("/similar", "image/png", a_photo(3)).await);
    damaged(&server.json("/search", &json!({"positive": ["circle-red~0"]})).await);
    until_ready(&server, 503).await;
    until_metric(&server, None, "1").await;
    assert!(!before.is_empty());
    server.stop().await;
}
