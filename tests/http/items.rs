//! Items and their photos; the page and the description.

use std::collections::BTreeSet;

use crate::support::{
    running::{Running, send},
    tiny_shop,
};

#[tokio::test]
async fn an_item_is_told_by_its_id() {
    let server = Running::start(tiny_shop(), &[]).await;
    let item = server.get("/items/stripes-black~2").await;
    assert_eq!(item.status, 200);
    let json = item.json();
    assert_eq!(json["id"], "stripes-black~2");
    assert_eq!(json["product"], "stripes-black");
    assert_eq!(server.get("/items/elsewhere").await.json()["product"], serde_json::Value::Null);
    server.stop().await;
}

#[tokio::test]
async fn what_is_no_item_is_not_found() {
    let server = Running::start(tiny_shop(), &[]).await;
    let too_long = format!("/items/{}", "x".repeat(129));
    for path in
        ["/items/none", "/items/none/similar", "/images/none", "/items/a%20b", "/items/%FF", &too_long]
    {
        let detail = server.get(path).await.problem(404, "unknown_item");
        assert!(detail.starts_with("there is no item '"), "{detail}");
    }
    server.stop().await;
}

#[tokio::test]
async fn random_items_differ() {
    let server = Running::start(tiny_shop(), &[]).await;
    let mut seen = BTreeSet::new();
    for _ in 0..30 {
        let answer = server.get("/random").await;
        assert_eq!(answer.header("cache-control"), "no-store");
        seen.insert(answer.json()["id"].as_str().unwrap().to_owned());
    }
    assert!(seen.len() > 5, "{seen:?}");
    server.stop().await;
}

#[tokio::test]
async fn a_photo_is_sent_as_it_lies_there_and_once() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    for (id, media) in [("circle-red~0", "image/png"), ("circle-red~2", "image/jpeg")] {
        let path = format!("/images/{id}");
        let answer = server.get(&path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, media));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("cache-control").contains("max-age="));
        assert_eq!(answer.body, shop.photo(id));
        let kept = server.request("GET", &path).header("if-none-match", answer.header("etag"));
        let again = send(kept).await;
        assert_eq!((again.status, again.body.len()), (304, 0));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_photo_kept_elsewhere_is_redirected_to() {
    let server = Running::start(tiny_shop(), &[]).await;
    let answer = server.get("/images/elsewhere").await;
    assert_eq!((answer.status, answer.header("location")), (307, "https://cdn.shop.example/elsewhere.jpg"));
    server.stop().await;
}

#[tokio::test]
async fn no_photo_leads_out_of_the_folder() {
    let server = Running::start(tiny_shop(), &[]).await;
    server.get("/images/escape").await.problem(404, "no_photo");
    for path in ["/images/..%2Fsecret.png", "/images/..%2F..%2Fetc%2Fpasswd", "/images/%2Fetc%2Fpasswd"] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn without_a_folder_there_are_no_photos() {
    let mut shop_flags = vec!["--images"];
    let empty = tempfile::tempdir().unwrap();
    shop_flags.push(empty.path().to_str().unwrap());
    let server = Running::start(tiny_shop(), &shop_flags).await;
    server.get("/images/circle-red~0").await.problem(404, "no_photo");
    server.stop().await;
}

#[tokio::test]
async fn the_page_loads_nothing_from_elsewhere() {
    let server = Running::start(tiny_shop(), &[]).await;
    let page = server.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    for path in ["/", "/page.css", "/page.js"] {
        let text = String::from_utf8(server.get(path).await.body).unwrap();
        for elsewhere in ["src=\"http", "href=\"http", "url(http", "//cdn", "@import"] {
            assert!(!text.contains(elsewhere), "{path} has {elsewhere}");
        }
    }
    server.stop().await;
}
