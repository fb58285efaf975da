//! Another model takes over from the one that is served, with all that came in.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use lookalike::http::Server;
use lookalike_model::Bundle;
use serde_json::json;
use tempfile::TempDir;

use crate::{
    living::{Living, a_photo, vector},
    support::{Shop, network_shop, running, tiny_shop},
};

/// A shop whose bundle can be changed for one of another model.
struct Shops {
    folder: TempDir,
    shop: Shop,
}

impl Shops {
    fn new() -> Self {
        let tiny = tiny_shop();
        let folder = tempfile::tempdir().unwrap();
        let bundle = folder.path().join("bundle");
        fs::rename(tiny.copy_of_bundle().keep(), &bundle).unwrap();
        let shop = Shop { bundle, images: tiny.images.clone(), photos: tiny.photos.clone() };
        Self { folder, shop }
    }

    /// Puts the bundle of another model in place, and names it.
    fn change_model(&self) -> String {
        let other = network_shop(&self.folder.path().join("other"));
        fs::rename(&self.shop.bundle, self.folder.path().join("before")).unwrap();
        fs::rename(&other.bundle, &self.shop.bundle).unwrap();
        model_of(&self.shop.bundle)
    }
}

fn model_of(bundle: &Path) -> String {
    Bundle::open(bundle).unwrap().manifest().model_id.clone()
}

/// What is the same whatever the model: what came in, the base's items patched and deleted.
async fn holds_what_came_in(living: &Living, photos: usize) {
    for n in 0..photos {
        assert_eq!(living.first(&a_photo(n as u8)).await, format!("new-{n}"));
        assert_eq!(living.server.get(&format!("/images/new-{n}")).await.status, 200);
    }
    assert_eq!(living.server.get("/items/circle-red~0").await.json()["category"], "patched");
    living.server.get("/items/square-green~1").await.problem(404, "unknown_item");
}

async fn filled(living: &Living, photos: usize) {
    for n in 0..photos {
        let item = json!({"category": "circle", "payload": {"n": n}});
        assert_eq!(living.put(&format!("new-{n}"), &a_photo(n as u8), &item, &[]).await.status, 201);
    }
    living.patch("circle-red~0", &json!({"category": "patched"})).await;
    living.delete("square-green~1").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_model_takes_over_what_came_in_while_shoppers_ask_and_shops_write() {
    let shops = Shops::new();
    let living = Living::start(&shops.shop).await;
    filled(&living, 4).await;
    let before = model_of(&shops.shop.bundle);
    let (stop, written) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let asking = {
        let (stop, url) = (Arc::clone(&stop), living.server.url("/similar?k=5"));
        tokio::spawn(async move {
            let client = reqwest::Client::new();
            while !stop.load(Ordering::Relaxed) {
                let request = client.post(&url).header("content-type", "image/jpeg").body(a_photo(1));
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 200);
                let json: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
                // By whichever model: the photo of the item itself is the nearest.
                assert_eq!(json["results"][0]["id"], "new-1", "{json}");
            }
        })
    };
    let writing = {
        let (stop, written, request) =
            (Arc::clone(&stop), Arc::clone(&written), living.request("PUT", "/items/late"));
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                let n = written.load(Ordering::Relaxed);
                let form = reqwest::multipart::Form::new()
                    .part(
                        "image",
                        reqwest::multipart::Part::bytes(a_photo(60 + (n % 40) as u8)).file_name("p.jpg"),
                    )
                    .text("item", json!({"category": "late", "payload": {"n": n}}).to_string());
                let answer = request.try_clone().unwrap().multipart(form).send().await.unwrap();
                assert!(answer.status().is_success(), "{}", answer.status());
                written.fetch_add(1, Ordering::Relaxed);
            }
        })
    };
    while written.load(Ordering::Relaxed) < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let other = shops.change_model();
    let told = living.operate("/admin/reload").await;
    assert_eq!(told["state"], "done", "{told}");
    let at = written.load(Ordering::Relaxed);
    while written.load(Ordering::Relaxed) < at + 3 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    stop.store(true, Ordering::Relaxed);
    asking.await.unwrap();
    writing.await.unwrap();
    assert_ne!(before, other);
    assert_eq!(living.server.get("/info").await.json()["model"]["id"], other);
    let last = written.load(Ordering::Relaxed) - 1;
    let check = async |living: &Living| {
        holds_what_came_in(living, 4).await;
        assert_eq!(
            living.server.get("/items/late").await.json()["payload"]["n"],
            last,
            "every write is there"
        );
        assert_eq!(living.first(&a_photo(60 + (last % 40) as u8)).await, "late");
        assert_eq!(living.photos(), 5);
    };
    check(&living).await;
    let living = living.restarted(&shops.shop).await;
    check(&living).await;
    living.server.stop().await;
}

#[tokio::test]
async fn what_cannot_be_embedded_again_stops_another_model_unless_it_is_dropped() {
    let shops = Shops::new();
    let living = Living::start(&shops.shop).await;
    filled(&living, 2).await;
    for id in ["bare%201", "circle-blue~0"] {
        let body = json!({"item": {"category": "bare", "title": "by its vector"}, "embedding": vector(1)});
        assert!(living.put_vector(id, &body).await.status < 300);
    }
    let other = shops.change_model();
    let told = living.operate("/admin/reload").await;
    let why = told["detail"].as_str().unwrap();
    assert_eq!(told["state"], "failed");
    assert!(
        why.contains("2 items") && why.contains("'bare 1'") && why.contains("drop_unembeddable"),
        "{why}"
    );
    assert_ne!(living.server.get("/info").await.json()["model"]["id"], other);
    holds_what_came_in(&living, 2).await;
    assert_eq!(living.server.get("/items/bare%201").await.status, 200);
    assert_eq!(living.put("new-1", &a_photo(1), &json!({"category": "circle"}), &[]).await.status, 200);

    let told = living.operate("/admin/reload?drop_unembeddable=true").await;
    assert_eq!(told["state"], "done", "{told}");
    assert_eq!(living.server.get("/info").await.json()["model"]["id"], other);
    holds_what_came_in(&living, 2).await;
    living.server.get("/items/bare%201").await.problem(404, "unknown_item");
    // The base has this one, embedded by its own model; what was known of it stays.
    assert_eq!(living.server.get("/items/circle-blue~0").await.json()["title"], "by its vector");
    living.server.stop().await;
}

#[tokio::test]
async fn a_state_of_another_model_is_embedded_again_at_the_start() {
    let shops = Shops::new();
    let living = Living::start(&shops.shop).await;
    filled(&living, 3).await;
    let body = json!({"item": {"category": "bare"}, "embedding": vector(1)});
    living.put_vector("bare", &body).await;
    let Living { state, server } = living;
    server.stop().await;
    let other = shops.change_model();
    let flags = |more: &[&str]| -> Vec<String> {
        let path = |name: &str| -> PathBuf { state.path().join(name) };
        let mut flags = vec!["--state".to_owned(), path("state").display().to_string()];
        flags.extend(["--admin-keys-file".to_owned(), path("keys").display().to_string()]);
        flags.extend(["--reads".to_owned(), "open".to_owned()]);
        flags.extend(more.iter().map(|flag| (*flag).to_owned()));
        flags
    };
    let refused = flags(&[]);
    let refused: Vec<&str> = refused.iter().map(String::as_str).collect();
    let why = match Server::open(&running::config(&shops.shop, &refused)).await {
        Err(why) => why.to_string(),
        Ok(_) => panic!("it starts"),
    };
    assert!(why.contains("'bare'") && why.contains("drop_unembeddable"), "{why}");
    let dropping = flags(&["--drop-unembeddable"]);
    let dropping: Vec<&str> = dropping.iter().map(String::as_str).collect();
    let server = running::Running::start(&shops.shop, &dropping).await;
    let living = Living { state, server };
    assert_eq!(living.server.get("/info").await.json()["model"]["id"], other);
    holds_what_came_in(&living, 3).await;
    living.server.get("/items/bare").await.problem(404, "unknown_item");
    let living = living.restarted(&shops.shop).await;
    holds_what_came_in(&living, 3).await;
    living.server.stop().await;
}
