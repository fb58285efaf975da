//! A server that a proxy shows below a path: `--base-path`.

use serde_json::Value;

use crate::{
    living::a_photo,
    support::{running::Running, tiny_shop},
};

const KEY: &str = "an-admin-key-of-the-tests";

/// What is at a path of the server, as a proxy asks for it.
async fn get(server: &Running, path: &str) -> (u16, String, reqwest::header::HeaderMap) {
    let answer = server.client().get(server.url(path)).send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    (status, String::from_utf8_lossy(&answer.bytes().await.unwrap()).into_owned(), headers)
}

/// Every `image_url` of an answer.
fn image_urls(value: &Value) -> Vec<&str> {
    match value {
        Value::Object(fields) => {
            let own = fields.get("image_url").and_then(Value::as_str);
            own.into_iter().chain(fields.values().flat_map(image_urls)).collect()
        }
        Value::Array(all) => all.iter().flat_map(image_urls).collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn a_proxy_may_take_the_path_away_or_leave_it() {
    let server = Running::start(tiny_shop(), &["--base-path", "/shop/find/"]).await;
    for before in ["", "/shop/find"] {
        for path in ["/items/circle-red~0", "/items?limit=3", "/items/circle-red~0/similar?k=3", "/random"] {
            let (status, text, headers) = get(&server, &format!("{before}{path}")).await;
            assert_eq!(status, 200, "{before}{path}: {text}");
            assert!(headers.contains_key("x-request-id"));
            let answer: Value = serde_json::from_str(&text).unwrap();
            let urls = image_urls(&answer);
            assert!(
                !urls.is_empty() && urls.iter().all(|url| url.starts_with("/shop/find/images/")),
                "{text}"
            );
            // As whoever stands before the server asks for it.
            assert!([200, 307].contains(&get(&server, urls[0]).await.0), "{}", urls[0]);
        }
        let (status, _, headers) = get(&server, &format!("{before}/readyz")).await;
        assert_eq!((status, headers.contains_key("x-content-type-options")), (200, true));
        let (status, page, _) = get(&server, &format!("{before}/")).await;
        assert_eq!(status, 200);
        // Its links are relative to where it is.
        for part in ["href=\"/", "src=\"/"] {
            assert!(!page.contains(part), "{page}");
        }
        let (_, docs, _) = get(&server, &format!("{before}/docs")).await;
        assert!(docs.contains("\"docs/start.js\""), "{docs}");
        let (_, description, _) = get(&server, &format!("{before}/openapi.yaml")).await;
        let description: Value = serde_yaml_ng::from_str(&description).unwrap();
        assert_eq!(description["servers"], serde_json::json!([{"url": "/shop/find/"}]));
    }
    let (status, _, headers) = get(&server, "/shop/find").await;
    assert_eq!((status, headers["location"].to_str().unwrap()), (308, "/shop/find/"));
    for other in
        ["/shop", "/shop/finder/random", "/find/random", "/shop/find/shop/find/random", "/shop/find/none"]
    {
        let (status, text, _) = get(&server, other).await;
        assert_eq!((status, text.contains("\"not_found\"")), (404, true), "{other}: {text}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_a_write_leads_to_is_below_the_path() {
    let dir = tempfile::tempdir().unwrap();
    let (state, keys) = (dir.path().join("state"), dir.path().join("keys"));
    std::fs::write(&keys, KEY).unwrap();
    let flags = ["--state", state.to_str().unwrap(), "--admin-keys-file", keys.to_str().unwrap()];
    let server = Running::start(tiny_shop(), &[&flags[..], &["--base-path", "/find"]].concat()).await;
    let form = reqwest::multipart::Form::new()
        .part("image", reqwest::multipart::Part::bytes(a_photo(1)).file_name("a.png"))
        .text("item", "{\"category\": \"circle\"}");
    let put = server.client().put(server.url("/find/items/new")).bearer_auth(KEY).multipart(form);
    let answer = put.send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.headers()["location"].to_str().unwrap()),
        (201, "/find/items/new")
    );
    let item: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    assert_eq!(item["image_url"], "/find/images/new");
    let answer =
        server.client().post(server.url("/find/admin/compact")).bearer_auth(KEY).send().await.unwrap();
    let location = answer.headers()["location"].to_str().unwrap().to_owned();
    assert!(answer.status() == 202 && location.starts_with("/find/admin/operations/"), "{location}");
    let answer = server.client().get(server.url(&location)).bearer_auth(KEY).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    server.stop().await;
}
