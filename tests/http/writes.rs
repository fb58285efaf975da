//! Items that change while they are served.

use base64::{Engine, engine::general_purpose::STANDARD};
use lookalike_catalogue::{self as catalogue, BuildOptions, LocalCatalogue};
use lookalike_items::Vectors;
use lookalike_model::Bundle;
use reqwest::multipart;
use serde_json::{Value, json};

use crate::living::{Living, a_photo, vector};
use crate::support::{
    Shop,
    pictures::{jpeg, png, shape, with_orientation},
    running::{Running, send},
    tiny_shop,
};

#[tokio::test]
async fn what_is_put_is_in_the_very_next_search_and_after_a_restart() {
    let shop = tiny_shop();
    let living = Living::start(shop).await;
    let photo = a_photo(3);
    assert_ne!(living.first(&photo).await, "new~1");
    let item = json!({"product": "new", "category": "circle", "attributes": {"colour": ["violet"]}});
    let created = living.put("new~1", &photo, &item, &[]).await;
    assert_eq!((created.status, created.header("location")), (201, "/items/new~1"));
    let etag = created.header("etag").to_owned();
    assert!(etag.starts_with('"') && created.header("x-revision") == "1");
    let answer = living.server.post("/similar?k=1", "image/png", photo.clone()).await.json();
    assert_eq!(answer["results"][0]["id"], "new~1");
    assert!(answer["results"][0]["score"].as_f64().unwrap() > 0.999);
    assert_eq!(
        (&answer["catalogue"]["revision"], &answer["catalogue"]["items"]),
        (&1.into(), &(shop.items() + 1).into())
    );
    assert_eq!(living.server.get("/items?limit=100&attribute=colour:violet").await.json()["total"], 1);
    assert_eq!(living.server.get("/items/new~1").await.header("etag"), etag);
    let shown = living.server.get("/images/new~1").await;
    assert_eq!((shown.status, shown.header("content-type")), (200, "image/jpeg"));
    assert_eq!(living.server.get("/items/new~1/similar?box=0,0,0.5,0.5").await.status, 200);

    let living = living.restarted(shop).await;
    assert_eq!(living.first(&photo).await, "new~1");
    assert_eq!(living.server.get("/items/new~1").await.header("etag"), etag);
    assert_eq!(living.server.get("/info").await.json()["catalogue"]["revision"], 1);
    assert_eq!(living.delete("new~1").await.status, 204);
    assert_ne!(living.first(&photo).await, "new~1");
    living.delete("new~1").await.problem(404, "unknown_item");
    living.server.get("/images/new~1").await.problem(404, "unknown_item");
    assert_eq!(living.photos(), 0, "erased with the last item that shows it");
    living.server.stop().await;
}

#[tokio::test]
async fn items_of_the_base_change_and_go_like_any() {
    let shop = tiny_shop();
    let living = Living::start(shop).await;
    let patched = living
        .patch("circle-red~0", &json!({"category": "sold out", "attributes": {"colour": ["crimson"]}}))
        .await;
    assert_eq!((patched.status, &patched.json()["category"]), (200, &"sold out".into()));
    assert_eq!(patched.json()["product"], "circle-red", "what a patch does not name stays");
    assert_eq!(living.delete("square-green~1").await.status, 204);
    assert_eq!(
        living.put("stripes-blue~2", &a_photo(9), &json!({"category": "cape"}), &[]).await.status,
        200
    );
    let check = async |living: &Living| {
        let get = async |path: &str| living.server.get(path).await.json();
        assert_eq!(get("/items?category=sold%20out").await["items"][0]["id"], "circle-red~0");
        assert_eq!(get("/items?attribute=colour:crimson").await["total"], 1);
        let photo = shop.photo("circle-red~0");
        let found = living.server.post("/similar?k=1&category=sold%20out", "image/png", photo.clone()).await;
        assert_eq!(found.ids(), ["circle-red~0"]);
        let reds = living.server.post("/similar?k=100&attribute=colour:red", "image/png", photo).await;
        assert!(!reds.ids().contains(&"circle-red~0".to_owned()));
        assert_ne!(living.first(&shop.photo("square-green~1")).await, "square-green~1");
        living.server.get("/items/square-green~1").await.problem(404, "unknown_item");
        assert_eq!(living.first(&a_photo(9)).await, "stripes-blue~2");
        assert_ne!(living.first(&shop.photo("stripes-blue~2")).await, "stripes-blue~2");
        let categories = get("/categories").await;
        let count = |name: &str| {
            let all = categories["categories"].as_array().unwrap().iter();
            all.filter(|c| c["name"] == name).map(|c| c["items"].as_u64().unwrap()).sum::<u64>()
        };
        assert_eq!((count("sold out"), count("cape"), count("square")), (1, 1, 14));
        assert_eq!(get("/info").await["catalogue"]["items"], shop.items() - 1);
    };
    check(&living).await;
    let living = living.restarted(shop).await;
    check(&living).await;
    living.server.stop().await;
}

#[tokio::test]
async fn conditions_hold() {
    let living = Living::start(tiny_shop()).await;
    let item = json!({"category": "circle"});
    let first = living.put("a", &a_photo(1), &item, &[("if-none-match", "*")]).await;
    assert_eq!(first.status, 201);
    living.put("a", &a_photo(1), &item, &[("if-none-match", "*")]).await.problem(412, "precondition_failed");
    living.put("b", &a_photo(1), &item, &[("if-match", "*")]).await.problem(412, "precondition_failed");
    let etag = first.header("etag").to_owned();
    let patch = |etag: &str| {
        let request =
            living.request("PATCH", "/items/a").header("content-type", "application/merge-patch+json");
        send(request.header("if-match", etag).body(r#"{"category":"square"}"#))
    };
    patch(&format!("W/{etag}")).await.problem(412, "precondition_failed");
    assert_eq!(patch(&format!("\"other\", {etag}")).await.status, 200);
    patch(&etag).await.problem(412, "precondition_failed");
    send(living.request("DELETE", "/items/a").header("if-match", &etag))
        .await
        .problem(412, "precondition_failed");
    assert_eq!(send(living.request("DELETE", "/items/a").header("if-match", "*")).await.status, 204);
    send(living.request("DELETE", "/items/a").header("if-match", "*"))
        .await
        .problem(412, "precondition_failed");
    let both = living.request("DELETE", "/items/a").header("if-match", "*").header("if-none-match", "*");
    send(both).await.problem(400, "bad_condition");
    living.server.stop().await;
}

#[tokio::test]
async fn the_same_photo_is_kept_once() {
    let living = Living::start(tiny_shop()).await;
    let photo = a_photo(2);
    let first = living.put("a", &photo, &json!({"category": "circle"}), &[]).await;
    living.put("b", &photo, &json!({"category": "circle"}), &[]).await;
    assert_eq!(living.photos(), 1);
    let again = living.put("a", &photo, &json!({"category": "square"}), &[]).await;
    assert_ne!(first.header("etag"), again.header("etag"));
    assert_eq!(living.delete("a").await.status, 204);
    assert_eq!(living.photos(), 1, "another item shows it");
    assert_eq!(living.server.get("/images/b").await.status, 200);
    assert_eq!(living.put("b", &a_photo(4), &json!({"category": "circle"}), &[]).await.status, 200);
    assert_eq!(living.photos(), 1, "the photo of before is gone");
    living.server.stop().await;
}

#[tokio::test]
async fn kept_photos_are_upright_and_hold_no_exif() {
    let living = Living::start(tiny_shop()).await;
    let upright = shape("triangle", [10, 200, 150], 1);
    let turned = with_orientation(&jpeg(&image::imageops::rotate270(&upright)), 6);
    assert_eq!(living.put("turned", &turned, &json!({"category": "triangle"}), &[]).await.status, 201);
    let shown = living.server.get("/images/turned").await.body;
    assert!(!shown.windows(4).any(|four| four == b"Exif"));
    assert_eq!(image::load_from_memory(&shown).unwrap().into_rgb8().dimensions(), upright.dimensions());
    assert_eq!(living.first(&png(&upright)).await, "turned");
    living.server.stop().await;
}

#[tokio::test]
async fn embeddings_come_in_and_are_checked() {
    let living = Living::start(tiny_shop()).await;
    let info = living.server.get("/info").await.json();
    let model = info["model"]["id"].as_str().unwrap();
    let body = json!({"item": {"category": "circle", "image": "https://cdn.shop.example/v.jpg"},
        "embedding": vector(1), "model": model});
    assert_eq!(living.put_vector("v", &body).await.status, 201);
    let found = living.server.json("/search?k=1", &json!({"vector": vector(1)})).await;
    assert_eq!(found.ids(), ["v"]);
    assert_eq!(living.server.get("/images/v").await.status, 307);
    let refuse = async |body: Value, status: u16, code: &str| {
        living.put_vector("w", &body).await.problem(status, code)
    };
    let item = json!({"category": "circle"});
    refuse(json!({"item": item, "embedding": vector(1), "model": "another"}), 409, "other_model").await;
    refuse(json!({"item": item, "embedding": [1.0, 2.0]}), 400, "bad_vector").await;
    refuse(json!({"item": item, "embedding": vec![0.0; 193]}), 400, "bad_vector").await;
    refuse(json!({"item": item, "embedding": vector(1), "colour": [0.5]}), 400, "bad_vector").await;
    refuse(json!({"item": item}), 422, "bad_item").await;
    refuse(json!({"item": item, "embedding": vector(1), "photo": {"base64": ""}}), 422, "bad_item").await;
    refuse(json!({"item": {}, "embedding": vector(1)}), 422, "bad_item").await;
    refuse(json!({"item": {"category": ""}, "embedding": vector(1)}), 422, "bad_item").await;
    refuse(json!({"item": {"category": "x", "size": "M"}, "embedding": vector(1)}), 422, "bad_item").await;
    refuse(json!({"item": {"category": "x", "id": "other"}, "embedding": vector(1)}), 422, "bad_item").await;
    for image in ["http://plain.example/a.jpg", "../secret.png", "photo:abc", "javascript:alert(1)"] {
        refuse(json!({"item": {"category": "x", "image": image}, "embedding": vector(1)}), 422, "bad_item")
            .await;
    }
    refuse(json!([]), 400, "bad_body").await;
    living.put_vector("no%00id", &body).await.problem(422, "bad_item");
    let text = living.request("PUT", "/items/w").header("content-type", "text/plain").body("x");
    send(text).await.problem(415, "unsupported_media_type");
    living.put("w", b"no photo at all", &item, &[]).await.problem(415, "unknown_format");
    living
        .put("w", &a_photo(1), &json!({"category": "x", "image": "https://a.example/b"}), &[])
        .await
        .problem(422, "bad_item");
    living.put("w", &a_photo(1), &json!("x"), &[]).await.problem(400, "bad_body");
    let half = multipart::Form::new().text("item", item.to_string());
    send(living.request("PUT", "/items/w").multipart(half)).await.problem(400, "bad_form");
    living.server.get("/items/w").await.problem(404, "unknown_item");
    assert_eq!(living.server.get("/info").await.json()["catalogue"]["revision"], 1);
    assert_eq!(living.photos(), 0, "a refused write leaves no photo");
    living.server.stop().await;
}

#[tokio::test]
async fn patches_are_merge_patches_within_limits() {
    let living = Living::start(tiny_shop()).await;
    for (patch, status, code) in [
        (json!({"id": "other"}), 422, "bad_item"),
        (json!({"image": "x"}), 422, "bad_item"),
        (json!({"category": null}), 422, "bad_item"),
        (json!({"category": "x".repeat(129)}), 422, "bad_item"),
        (json!({"attributes": {"colour": "red"}}), 422, "bad_item"),
        (json!([1]), 422, "bad_item"),
    ] {
        living.patch("circle-red~0", &patch).await.problem(status, code);
    }
    living.patch("no-such", &json!({"category": "x"})).await.problem(404, "unknown_item");
    let json =
        living.request("PATCH", "/items/circle-red~0").header("content-type", "application/json").body("{}");
    let refused = send(json).await;
    assert_eq!(refused.header("accept-patch"), "application/merge-patch+json");
    refused.problem(415, "unsupported_media_type");
    let patched = living.patch("circle-red~0", &json!({"product": null})).await.json();
    assert_eq!(patched["product"], Value::Null);
    living.server.stop().await;
}

#[tokio::test]
async fn many_writes_are_told_line_by_line() {
    let shop = tiny_shop();
    let living = Living::start(shop).await;
    let photo = json!({"base64": STANDARD.encode(a_photo(5))});
    let lines = [
        json!({"op": "put", "id": "n1", "item": {"category": "circle"}, "photo": photo}),
        json!({"op": "put", "id": "n2", "item": {"category": "circle"}, "embedding": vector(2)}),
        json!({"op": "patch", "id": "n2", "item": {"category": "square"}}),
        json!({"op": "delete", "id": "circle-red~0"}),
        json!({"op": "delete", "id": "no-such"}),
        json!({"op": "put", "id": "n3", "item": {"category": ""}, "embedding": vector(3)}),
        json!({"op": "fly", "id": "n4"}),
        json!({"op": "put", "id": "n5", "item": {"category": "circle"}, "photo": {"base64": "%"}}),
    ];
    let told = living.bulk(&lines).await;
    let statuses: Vec<u64> = told[..8].iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [201, 201, 200, 204, 404, 422, 400, 422]);
    assert_eq!(told[8], json!({"done": true, "ok": 4, "failed": 4, "revision": 1}));
    assert_eq!((&told[5]["problem"]["code"], &told[6]["id"]), (&"bad_item".into(), &"n4".into()));
    assert_eq!(living.first(&a_photo(5)).await, "n1");
    let again = living.bulk(&lines[..4]).await;
    let statuses: Vec<u64> = again[..4].iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 200, 200, 404], "safe to send again");
    let living = living.restarted(shop).await;
    assert_eq!(living.server.get("/items/n2").await.json()["category"], "square");
    for (body, code) in [("", "bad_body"), ("\n\n", "bad_body"), (&"{}\n".repeat(1_001), "bad_body")] {
        let request = living.request("POST", "/items").header("content-type", "application/x-ndjson");
        send(request.body(body.to_owned())).await.problem(400, code);
    }
    living.server.stop().await;
}

#[tokio::test]
async fn many_writes_may_be_larger_than_another_body() {
    let living = Living::start_with(tiny_shop(), &["--max-body", "100kB"]).await;
    let photo = STANDARD.encode(a_photo(6));
    let line = |n: usize, padding: usize| {
        let item = json!({"category": "circle", "title": format!("circle {n}")});
        let line = json!({"op": "put", "id": format!("n{n}"), "item": item, "photo": {"base64": photo}});
        format!("{line}{}", " ".repeat(padding))
    };
    let send_lines = |lines: Vec<String>| {
        let request = living.request("POST", "/items").header("content-type", "application/x-ndjson");
        send(request.body(lines.join("\n")))
    };
    let told = send_lines((0..40).map(|n| line(n, 80_000)).collect()).await;
    assert_eq!(told.status, 200);
    let told = String::from_utf8(told.body).unwrap();
    assert_eq!(told.lines().filter(|line| line.contains("\"status\":201")).count(), 40);
    assert_eq!(living.photos(), 1);
    let long = send_lines(vec![line(1, 0), line(2, 100_000)]).await.problem(400, "bad_body");
    assert!(long.contains("line 2") && long.contains("100000 bytes"), "{long}");
    let declared = living.request("POST", "/items").header("content-type", "application/x-ndjson");
    let much = send(declared.body(vec![b' '; (64 << 20) + 1])).await.problem(413, "body_too_large");
    assert!(much.contains("67108864 bytes"), "{much}");
    // A line that is no text is one that fails, and the others are made.
    let mixed = [line(50, 0).as_bytes(), b"\n\xff\xfe\n", line(51, 0).as_bytes()].concat();
    let request = living.request("POST", "/items").header("content-type", "application/x-ndjson");
    let told = String::from_utf8(send(request.body(mixed)).await.body).unwrap();
    let statuses: Vec<Value> =
        told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["status"].clone()).collect();
    assert_eq!(statuses, [json!(201), json!(400), json!(201), Value::Null]);
    let names = std::fs::read_dir(living.state.path().join("state")).unwrap();
    let names: Vec<_> = names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(!names.iter().any(|name| name.starts_with(".tmp")), "nothing is left of bodies: {names:?}");
    living.server.stop().await;
}

/// The bundle's next generation: the same items.
fn indexed_again(bundle: &std::path::Path) {
    let model = Bundle::open(bundle).unwrap().manifest().model_id.clone();
    let now = LocalCatalogue::open(bundle, &model).unwrap();
    let items = now.items().map(|entry| {
        let (item, vectors) = entry.unwrap();
        (item, Vectors::stored(vectors))
    });
    catalogue::build(bundle, &model, items.collect(), &BuildOptions::default(), &|_, _, _| ()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn compaction_and_reload_keep_every_write_and_no_request_fails() {
    let shop = tiny_shop();
    let bundle = shop.copy_of_bundle();
    let shop =
        Shop { bundle: bundle.path().to_owned(), images: shop.images.clone(), photos: shop.photos.clone() };
    let living = Living::start(&shop).await;
    let photo = a_photo(7);
    living.put("new", &photo, &json!({"category": "circle"}), &[]).await;
    living.patch("circle-red~0", &json!({"category": "patched"})).await;
    living.delete("square-green~1").await;
    let list = async |living: &Living| living.server.get("/items?limit=100").await.json()["items"].clone();
    let before = list(&living).await;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let asking = {
        let (stop, photo) = (std::sync::Arc::clone(&stop), shop.photo("circle-red~0"));
        let url = living.server.url("/similar?k=20&category=patched&category=circle");
        tokio::spawn(async move {
            let (client, mut asked) = (reqwest::Client::new(), 0);
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let request = client.post(&url).header("content-type", "image/png").body(photo.clone());
                let answer = request.send().await.unwrap();
                assert_eq!(answer.status(), 200);
                let json: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
                // Of one revision: the patched item and the new one are in all of them, the deleted one in none.
                assert_eq!(json["results"].as_array().unwrap().len(), 18, "{json}");
                assert_eq!(json["results"][0]["category"], "patched");
                asked += 1;
            }
            asked
        })
    };
    // More by hand.
    let times = std::env::var("RELOADS").map_or(5, |n| n.parse().unwrap());
    for _ in 0..times {
        let told = living.operate("/admin/compact").await;
        assert_eq!((&told["state"], &told["detail"]), (&"done".into(), &"62 items in one graph".into()));
        indexed_again(bundle.path());
        let told = living.operate("/admin/reload").await;
        assert_eq!(told["state"], "done", "{told}");
        assert_eq!(list(&living).await, before);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    assert!(asking.await.unwrap() > 5);
    assert_eq!(living.operate("/admin/compact").await["state"], "done");
    let living = living.restarted(&shop).await;
    assert_eq!(list(&living).await, before);
    assert_eq!(living.first(&photo).await, "new");

    // A bundle that cannot be served leaves the one before.
    std::fs::write(bundle.path().join("catalogue/CURRENT"), "gen-9 sha256:00\n").unwrap();
    let told = living.operate("/admin/reload").await;
    assert_eq!(told["state"], "failed", "{told}");
    assert_eq!(list(&living).await, before);
    send(living.request("GET", "/admin/operations/none")).await.problem(404, "unknown_operation");
    living.server.stop().await;
}

#[tokio::test]
async fn without_a_state_nothing_changes_and_without_a_key_neither() {
    let server = Running::start(tiny_shop(), &[]).await;
    for (method, path, allow) in
        [("PUT", "/items/a", "GET,HEAD"), ("DELETE", "/items/a", "GET,HEAD"), ("POST", "/items", "GET,HEAD")]
    {
        let answer = send(server.request(method, path)).await;
        assert_eq!(answer.header("allow").replace(' ', ""), allow);
        answer.problem(405, "method_not_allowed");
    }
    server.stop().await;
    let living = Living::start(tiny_shop()).await;
    for (method, path) in
        [("PUT", "/items/a"), ("PATCH", "/items/a"), ("DELETE", "/items/circle-red~0"), ("POST", "/items")]
    {
        send(living.server.request(method, path)).await.problem(401, "unauthorized");
        send(living.server.request(method, path).bearer_auth("some-other-key-than-that"))
            .await
            .problem(401, "unauthorized");
    }
    living.server.get("/metrics").await.problem(401, "unauthorized");
    assert_eq!(living.server.get("/items/circle-red~0").await.status, 200);
    living.server.stop().await;
}
