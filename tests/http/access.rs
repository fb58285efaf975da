//! Who may ask: keys, origins, rates.

use std::{fs, path::PathBuf};

use crate::support::{
    running::{Running, send},
    tiny_shop,
};

const READ: &str = "read-key-of-the-shop-1";
const ADMIN: &str = "admin-key-of-the-shop";

/// Files of keys, and the flags that name them.
struct KeyFiles(tempfile::TempDir);

impl KeyFiles {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("read"), format!("# pages\n{READ}\nread-key-of-the-shop-2\n")).unwrap();
        fs::write(dir.path().join("admin"), ADMIN).unwrap();
        Self(dir)
    }

    fn file(&self, name: &str) -> String {
        let path: PathBuf = self.0.path().join(name);
        path.to_str().unwrap().to_owned()
    }

    async fn server(&self, more: &[&str]) -> Running {
        let (read, admin) = (self.file("read"), self.file("admin"));
        let flags = ["--read-keys-file", &read, "--admin-keys-file", &admin];
        Running::start(tiny_shop(), &[&flags[..], more].concat()).await
    }
}

#[tokio::test]
async fn with_keys_the_api_opens_to_those_who_have_one() {
    let server = KeyFiles::new().server(&["--trusted-proxy", "127.0.0.1"]).await;
    let mut callers = 1..=u8::MAX; // who sends many wrong keys is not told any more
    let photo = tiny_shop().photo("circle-red~0");
    for (method, path) in [
        ("GET", "/items/circle-red~0/similar"),
        ("GET", "/items"),
        ("GET", "/info"),
        ("GET", "/random"),
        ("POST", "/similar"),
        ("POST", "/search"),
        ("GET", "/metrics"),
    ] {
        let bare = send(server.request(method, path)).await;
        let detail = bare.problem(401, "unauthorized");
        assert!(detail.contains("Authorization: Bearer"), "{detail}");
        assert_eq!(bare.header("www-authenticate"), "Bearer");
        for wrong in ["read-key-of-the-shop-3", "", "read-key-of-the-shop-1 x"] {
            let caller = format!("203.0.113.{}", callers.next().unwrap());
            let request = server.request(method, path).header("x-forwarded-for", caller);
            let answer = send(request.header("authorization", format!("Bearer {wrong}"))).await;
            answer.problem(401, "unauthorized");
        }
    }
    for (header, value) in [
        ("authorization", format!("Bearer {READ}")),
        ("authorization", "bearer read-key-of-the-shop-2".to_owned()),
        ("x-api-key", READ.to_owned()),
        ("x-api-key", ADMIN.to_owned()),
    ] {
        let request =
            server.request("POST", "/similar?k=1").header(header, value).header("content-type", "image/png");
        assert_eq!(send(request.body(photo.clone())).await.status, 200, "{header}");
    }
    server.stop().await;
}

#[tokio::test]
async fn figures_are_the_operators() {
    let server = KeyFiles::new().server(&[]).await;
    send(server.request("GET", "/metrics").bearer_auth(READ)).await.problem(403, "forbidden");
    assert_eq!(send(server.request("GET", "/metrics").bearer_auth(ADMIN)).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn what_a_browser_or_a_probe_loads_needs_no_key() {
    let server = KeyFiles::new().server(&[]).await;
    for path in [
        "/",
        "/assets/base.css",
        "/assets/page.js",
        "/docs",
        "/openapi.yaml",
        "/livez",
        "/readyz",
        "/images/circle-red~0",
    ] {
        assert_eq!(server.get(path).await.status, 200, "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn pages_of_the_shop_can_read_refusals_and_ask_with_a_key() {
    let server = KeyFiles::new().server(&["--cors-origin", "https://shop.example"]).await;
    let refused = send(server.request("GET", "/info").header("origin", "https://shop.example")).await;
    refused.problem(401, "unauthorized");
    assert_eq!(refused.header("access-control-allow-origin"), "https://shop.example");
    let preflight = |origin: &str| {
        server
            .client()
            .request(reqwest::Method::OPTIONS, server.url("/similar"))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header(
                "access-control-request-headers",
                "authorization,content-type,x-api-key,x-request-id,traceparent",
            )
            .send()
    };
    let answer = preflight("https://shop.example").await.unwrap();
    assert_eq!(answer.status(), 200, "without a key");
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_ascii_lowercase();
    assert_eq!(header("access-control-allow-origin"), "https://shop.example");
    for name in ["authorization", "content-type", "x-api-key", "x-request-id", "traceparent"] {
        assert!(header("access-control-allow-headers").contains(name), "{name}");
    }
    assert!(header("access-control-allow-methods").contains("post"));
    let other = preflight("https://other.example").await.unwrap();
    assert!(!other.headers().contains_key("access-control-allow-origin"));
    server.stop().await;
}

#[tokio::test]
async fn a_key_that_asks_too_often_waits_and_others_do_not() {
    let server = KeyFiles::new().server(&["--rate-limit", "2/min", "--rate-burst", "3"]).await;
    let ask = |key: &'static str| send(server.request("GET", "/info").bearer_auth(key));
    for _ in 0..3 {
        assert_eq!(ask(READ).await.status, 200);
    }
    let refused = ask(READ).await;
    refused.problem(429, "rate_limited");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(ask("read-key-of-the-shop-2").await.status, 200);
    assert_eq!(ask(ADMIN).await.status, 200);
    assert_eq!(server.get("/livez").await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_batch_counts_its_photos_in_one_step_and_without_keys_an_address_is_counted() {
    let server = Running::start(tiny_shop(), &["--rate-limit", "5/h"]).await;
    let photo = tiny_shop().photo("circle-red~0");
    let fields = vec![("image", photo.as_slice()); 8];
    assert_eq!(server.form("/similar/batch", &fields[..3]).await.status, 200);
    let early = server.form("/similar/batch", &fields[..3]).await;
    early.problem(429, "rate_limited");
    let wait: u64 = early.header("retry-after").parse().unwrap();
    assert!((600..=720).contains(&wait), "one more comes in 720 s: {wait}");
    // What is refused costs nothing.
    assert_eq!(server.form("/similar/batch", &fields[..2]).await.status, 200);
    server.form("/similar/batch", &fields[..1]).await.problem(429, "rate_limited");
    let refused = server.get("/info").await;
    refused.problem(429, "rate_limited");
    assert!(refused.header("retry-after").parse::<u64>().unwrap() > 600);
    server.stop().await;
}

#[tokio::test]
async fn a_batch_that_never_comes_through_is_told_so() {
    let server = Running::start(tiny_shop(), &["--rate-limit", "20/s", "--rate-burst", "5"]).await;
    let photo = tiny_shop().photo("circle-red~0");
    let fields = vec![("image", photo.as_slice()); 6];
    let never = server.form("/similar/batch", &fields).await;
    let detail = never.problem(400, "batch_exceeds_burst");
    assert!(detail.contains("at most 5") && never.header("retry-after").is_empty(), "{detail}");
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    assert_eq!(server.form("/similar/batch", &fields[..5]).await.status, 200);
    server.stop().await;
}

#[tokio::test]
async fn a_batch_that_cannot_be_read_is_a_request_all_the_same() {
    let server = Running::start(tiny_shop(), &["--rate-limit", "2/h"]).await;
    for (status, code) in [(415, "unsupported_media_type"), (400, "bad_form"), (429, "rate_limited")] {
        let answer = match status {
            415 => server.post("/similar/batch", "text/plain", "no photos").await,
            _ => server.form("/similar/batch", &[("picture", b"none")]).await,
        };
        answer.problem(status, code);
    }
    server.stop().await;
}
