//! Which base is served: listed, gone back from, and come back to.

use std::{fs, path::Path};

use lookalike_catalogue::{self as catalogue, BuildOptions, LocalCatalogue};
use lookalike_items::{Item, Vectors};
use lookalike_model::Bundle;
use serde_json::{Value, json};

use crate::{
    living::{KEY, Living, a_photo},
    support::{
        Shop,
        running::{Running, send},
        tiny_shop,
    },
};

/// A shop whose bundle may change.
pub fn changing_shop() -> (tempfile::TempDir, Shop) {
    let shop = tiny_shop();
    let bundle = shop.copy_of_bundle();
    let shop =
        Shop { bundle: bundle.path().to_owned(), images: shop.images.clone(), photos: shop.photos.clone() };
    (bundle, shop)
}

/// The bundle's next generation: of these items of the one before.
fn index_again(bundle: &Path, keep: impl Fn(&Item) -> bool) {
    let model = Bundle::open(bundle).unwrap().manifest().model_id.clone();
    let now = LocalCatalogue::open(bundle, &model).unwrap();
    let items = now.items().map(|entry| {
        let (item, vectors) = entry.unwrap();
        (item, Vectors::stored(vectors))
    });
    let items = items.filter(|(item, _)| keep(item)).collect();
    catalogue::build(bundle, &model, items, &BuildOptions::default(), &|_, _, _| ()).unwrap();
}

impl Living {
    async fn list(&self) -> Value {
        self.server.get("/items?limit=100").await.json()["items"].clone()
    }

    async fn revision(&self) -> u64 {
        self.server.get("/info").await.json()["catalogue"]["revision"].as_u64().unwrap()
    }

    async fn bases(&self) -> Value {
        send(self.request("GET", "/admin/generations")).await.json()
    }

    /// What is served, and what a rollback holds.
    async fn served(&self) -> (String, Option<String>) {
        let bases = self.bases().await;
        let flagged: Vec<&Value> =
            bases["generations"].as_array().unwrap().iter().filter(|base| base["served"] == true).collect();
        assert_eq!(flagged.len(), 1, "{bases}");
        assert_eq!(flagged[0]["name"], bases["served"]);
        let text = |value: &Value| value.as_str().map(str::to_owned);
        (text(&bases["served"]).unwrap(), text(&bases["pinned"]))
    }

    async fn done(&self, path: &str) -> Value {
        let told = self.operate(path).await;
        assert_eq!(told["state"], "done", "{told}");
        told
    }
}

fn names(bases: &Value) -> Vec<&str> {
    bases["generations"].as_array().unwrap().iter().map(|base| base["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_rollback_goes_back_base_by_base_and_loses_no_write() {
    let (_bundle, shop) = changing_shop();
    let living = Living::start(&shop).await;
    let bases = living.bases().await;
    assert_eq!(names(&bases), ["bundle-1"]);
    let first = &bases["generations"][0];
    assert_eq!((&first["items"], &first["current"]), (&shop.items().into(), &true.into()));
    assert!(first["built_at"].as_str().unwrap().starts_with("20"), "{first}");
    send(living.request("POST", "/admin/rollback")).await.problem(409, "nothing_before");
    send(living.request("POST", "/admin/rollback?to=bundle-9")).await.problem(404, "unknown_base");
    for wrong in ["to=gen-1", "to=", "to=bundle-01", "to=../bundle-1"] {
        let refused = send(living.request("POST", &format!("/admin/rollback?{wrong}"))).await;
        assert!(refused.problem(400, "bad_parameter").contains("'to'"));
    }
    send(living.server.request("POST", "/admin/rollback")).await.problem(401, "unauthorized");

    living.put("new", &a_photo(7), &json!({"category": "circle"}), &[]).await;
    living.patch("circle-red~0", &json!({"category": "patched"})).await;
    living.done("/admin/compact").await;
    living.delete("square-green~1").await;
    living.done("/admin/compact").await;
    living.patch("new", &json!({"category": "square"})).await;
    assert_eq!(names(&living.bases().await), ["bundle-1", "compacted-1", "compacted-2"]);
    let (list, revision) = (living.list().await, living.revision().await);
    let told = living.done("/admin/rollback").await;
    assert!(told["detail"].as_str().unwrap().contains("compacted-1 is served"), "{told}");
    assert_eq!(living.served().await, ("compacted-1".into(), Some("compacted-1".into())));
    assert_eq!((living.list().await, living.revision().await), (list.clone(), revision));

    let living = living.restarted(&shop).await;
    assert_eq!(living.served().await.0, "compacted-1", "it outlives a restart");
    living.done("/admin/rollback").await;
    assert_eq!(living.served().await, ("bundle-1".into(), Some("bundle-1".into())));
    assert_eq!((living.list().await, living.revision().await), (list.clone(), revision));
    send(living.request("POST", "/admin/rollback")).await.problem(409, "nothing_before");
    living.done("/admin/compact").await;
    assert_eq!(living.served().await, ("compacted-3".into(), Some("compacted-3".into())));
    let living = living.restarted(&shop).await;
    assert_eq!(living.served().await.0, "compacted-3");
    living.done("/admin/reload").await;
    assert_eq!(living.served().await, ("compacted-3".into(), None));
    assert_eq!((living.list().await, living.revision().await), (list, revision));
    assert_eq!(living.server.get("/images/new").await.status, 200);
    living.server.stop().await;
}

#[tokio::test]
async fn a_rollback_from_a_bad_generation_holds_until_the_bundle_has_another() {
    let (bundle, shop) = changing_shop();
    let living = Living::start(&shop).await;
    living.put("new", &a_photo(7), &json!({"category": "circle"}), &[]).await;
    let before = living.list().await;
    index_again(bundle.path(), |item| item.category != "square");
    living.done("/admin/reload").await;
    let few = living.list().await;
    assert_eq!((few.as_array().unwrap().len(), living.revision().await), (shop.items() + 1 - 15, 2));

    living.done("/admin/rollback").await;
    assert_eq!((living.list().await, living.revision().await), (before.clone(), 3));
    assert_eq!(living.server.get("/info").await.json()["catalogue"]["generation"], 1);
    living.patch("new", &json!({"category": "kept"})).await;
    let living = living.restarted(&shop).await;
    assert_eq!(living.served().await, ("bundle-1".into(), Some("bundle-1".into())));
    assert_eq!(living.server.get("/items/square-green~1").await.status, 200);
    living.done("/admin/reload").await;
    assert_eq!(living.served().await, ("bundle-2".into(), None));
    assert_eq!(living.server.get("/items/new").await.json()["category"], "kept");

    // One that is damaged leaves the one before, in answer and metric.
    let graph = bundle.path().join("catalogue/gen-1/graph.bin");
    let mut bytes = fs::read(&graph).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&graph, bytes).unwrap();
    let told = living.operate("/admin/rollback?to=bundle-1").await;
    assert_eq!(told["state"], "failed", "{told}");
    assert!(told["detail"].as_str().unwrap().contains("damaged"), "{told}");
    assert_eq!(living.served().await, ("bundle-2".into(), None));
    let metrics = String::from_utf8(send(living.request("GET", "/metrics")).await.body).unwrap();
    let count = |labels: &str| -> u64 {
        let name = format!("lookalike_base_changes_total{{{labels}}} ");
        metrics.lines().find_map(|line| line.strip_prefix(name.as_str())).unwrap().parse().unwrap()
    };
    // Others of this process count there too.
    assert!(
        count(r#"kind="rollback",outcome="failed""#) >= 1 && count(r#"kind="rollback",outcome="ok""#) >= 1
    );
    living.server.stop().await;
}

#[tokio::test]
async fn without_a_state_a_rollback_lasts_until_a_restart_and_says_so() {
    let (bundle, shop) = changing_shop();
    index_again(bundle.path(), |item| item.category == "square");
    let keys = tempfile::NamedTempFile::new().unwrap();
    fs::write(keys.path(), KEY).unwrap();
    let arguments = ["--admin-keys-file", keys.path().to_str().unwrap(), "--reads", "open"];
    let server = Running::start(&shop, &arguments).await;
    let living = Living { state: tempfile::tempdir().unwrap(), server };
    assert_eq!(living.server.get("/items?limit=1").await.json()["total"], 15);
    let told = living.done("/admin/rollback").await;
    assert!(told["detail"].as_str().unwrap().contains("without --state"), "{told}");
    assert_eq!(living.served().await, ("bundle-1".into(), None));
    assert_eq!(living.server.get("/items?limit=1").await.json()["total"], shop.items());
    send(living.request("POST", "/admin/rollback?to=compacted-1")).await.problem(404, "unknown_base");
    send(living.request("GET", "/admin/snapshot")).await.problem(404, "not_found");
    living.done("/admin/reload").await;
    assert_eq!(living.server.get("/items?limit=1").await.json()["total"], 15);
    living.server.stop().await;
}
