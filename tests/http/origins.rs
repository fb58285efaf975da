//! Which pages of other origins may ask, and what they may send.

use reqwest::header::HeaderMap;

use crate::support::{
    running::{Answer, Running, send},
    tiny_shop,
};

const SHOP: &str = "https://shop.example";
const ALLOWED: &str = "access-control-allow-origin";

async fn from(server: &Running, path: &str, origin: &str) -> Answer {
    send(server.request("GET", path).header("origin", origin)).await
}

/// What a browser is told before it sends what a page may not send unasked.
async fn preflight(server: &Running, path: &str, method: &str, headers: &str) -> HeaderMap {
    let request = server.client().request(reqwest::Method::OPTIONS, server.url(path)).header("origin", SHOP);
    let request = request.header("access-control-request-method", method);
    request.header("access-control-request-headers", headers).send().await.unwrap().headers().clone()
}

/// Whether a browser goes on after that.
fn granted(told: &HeaderMap, method: &str, headers: &str) -> bool {
    let list = |name: &str| -> Vec<String> {
        let value = told.get(name).map_or("", |value| value.to_str().unwrap());
        value.split(',').map(|one| one.trim().to_ascii_lowercase()).collect()
    };
    let (methods, allowed) = (list("access-control-allow-methods"), list("access-control-allow-headers"));
    told.contains_key(ALLOWED)
        && methods.contains(&method.to_ascii_lowercase())
        && headers.split(',').all(|header| allowed.contains(&header.to_owned()))
}

#[tokio::test]
async fn pages_of_other_origins_may_not_ask_unless_they_are_named() {
    let server = Running::start(tiny_shop(), &[]).await;
    for path in ["/random", "/items/none", "/info", "/", "/openapi.yaml", "/metrics", "/nothing"] {
        assert_eq!(from(&server, path, SHOP).await.header(ALLOWED), "", "{path}");
    }
    let told = preflight(&server, "/similar", "POST", "content-type").await;
    assert!(!told.contains_key(ALLOWED), "{told:?}");
    server.stop().await;
}

#[tokio::test]
async fn any_page_may_load_scripts_and_photos() {
    for flags in [&[][..], &["--cors-origin", "https://other.example"]] {
        let server = Running::start(tiny_shop(), flags).await;
        for path in ["/assets/similar-items.js", "/images/circle-red~0", "/images/none"] {
            assert_eq!(from(&server, path, SHOP).await.header(ALLOWED), "*", "{path}");
            // A browser that keeps what a picture loaded gives it to a script that asks later.
            assert_eq!(server.get(path).await.header(ALLOWED), "*", "{path}");
        }
        let told = preflight(&server, "/images/circle-red~0", "GET", "cache-control").await;
        assert!(granted(&told, "GET", "cache-control"), "{told:?}");
        server.stop().await;
    }
}

#[tokio::test]
async fn pages_of_the_origins_named_may() {
    let server =
        Running::start(tiny_shop(), &["--cors-origin", "https://shop.example,https://b.example"]).await;
    for origin in [SHOP, "https://b.example"] {
        assert_eq!(from(&server, "/random", origin).await.header(ALLOWED), origin);
        assert_eq!(from(&server, "/items/none", origin).await.header(ALLOWED), origin, "errors can be read");
    }
    for other in ["https://other.example", "http://shop.example", "null"] {
        assert_eq!(from(&server, "/random", other).await.header(ALLOWED), "", "{other}");
    }
    let vary = from(&server, "/random", SHOP).await.header("vary").to_ascii_lowercase();
    assert!(vary.contains("origin"), "{vary}");
    server.stop().await;

    let every = Running::start(tiny_shop(), &["--cors-origin", "*"]).await;
    assert_eq!(from(&every, "/random", SHOP).await.header(ALLOWED), "*");
    every.stop().await;
}

#[tokio::test]
async fn what_widgets_and_clients_send_is_granted() {
    let server = Running::start(tiny_shop(), &["--cors-origin", SHOP]).await;
    let headers = "authorization,cache-control,content-type,traceparent,tracestate,x-api-key,x-request-id,x-requested-with";
    let told = preflight(&server, "/similar", "POST", headers).await;
    assert!(granted(&told, "POST", headers), "{told:?}");
    for method in ["PUT", "PATCH", "DELETE"] {
        let told = preflight(&server, "/items/a", method, "content-type").await;
        assert!(
            !granted(&told, method, "content-type"),
            "a server without a state takes no {method}: {told:?}"
        );
    }
    server.stop().await;

    let dir = tempfile::tempdir().unwrap();
    let (state, keys) = (dir.path().join("state"), dir.path().join("keys"));
    std::fs::write(&keys, "an-admin-key-of-the-tests").unwrap();
    let flags = ["--state", state.to_str().unwrap(), "--admin-keys-file", keys.to_str().unwrap()];
    let server = Running::start(tiny_shop(), &[&flags[..], &["--cors-origin", SHOP]].concat()).await;
    for method in ["PUT", "PATCH", "DELETE"] {
        let headers = "content-type,if-match,if-none-match,x-api-key";
        let told = preflight(&server, "/items/a", method, headers).await;
        assert!(granted(&told, method, headers), "{method}: {told:?}");
    }
    let exposed = send(
        server
            .request("GET", "/items/circle-red~0")
            .header("origin", SHOP)
            .bearer_auth("an-admin-key-of-the-tests"),
    )
    .await;
    let exposed = exposed.header("access-control-expose-headers").to_ascii_lowercase();
    assert!(["etag", "x-revision", "retry-after"].iter().all(|name| exposed.contains(name)), "{exposed}");
    server.stop().await;
}
