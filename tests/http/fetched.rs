//! Photos that come in by their address.

use serde_json::json;

use crate::{
    living::Living,
    support::{
        photo_host::PhotoHost,
        pictures::{jpeg, shape, with_orientation},
        running::Answer,
        tiny_shop,
    },
};

/// A server that may ask this host, with these flags more.
async fn living(host: &PhotoHost, more: &[&str]) -> Living {
    let mut flags = host.flags();
    flags.extend(more.iter().map(|flag| (*flag).to_owned()));
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    Living::start_with(tiny_shop(), &flags).await
}

async fn put(living: &Living, id: &str, url: &str) -> Answer {
    living.put_vector(id, &json!({"item": {"category": "circle"}, "photo": {"url": url}})).await
}

#[tokio::test]
async fn a_photo_is_fetched_and_kept_like_one_that_is_sent() {
    let upright = shape("triangle", [10, 200, 150], 1);
    let turned = with_orientation(&jpeg(&image::imageops::rotate270(&upright)), 6);
    let host = PhotoHost::start(turned.clone()).await;
    let living = living(&host, &[]).await;
    assert_eq!(put(&living, "a", &host.url("/photo.jpg?size=large#top")).await.status, 422, "the host's 400");
    assert_eq!(put(&living, "a", &host.url("/photo.jpg#top")).await.status, 201);
    assert_eq!(living.first(&turned).await, "a");
    let shown = living.server.get("/images/a").await.body;
    assert!(!shown.windows(4).any(|four| four == b"Exif"));
    assert_eq!(image::load_from_memory(&shown).unwrap().into_rgb8().dimensions(), upright.dimensions());
    let body = json!({"item": {"category": "circle"}, "image_url": host.url("/moved")});
    assert_eq!(living.put_vector("b", &body).await.status, 201);
    let sent = living.put("c", &turned, &json!({"category": "circle"}), &[]).await;
    assert_eq!((sent.status, living.photos()), (201, 1), "it is the same photo");
    let head = host.heads()[1].to_ascii_lowercase();
    assert!(head.starts_with("get /photo.jpg http/1.1\r\n"), "{head}");
    assert!(
        head.contains("\r\nuser-agent: lookalike/") && head.contains("\r\naccept-encoding: identity\r\n")
    );
    assert!(head.contains(&format!("\r\nhost: localhost:{}\r\n", host.port)), "{head}");
    assert!(host.heads().iter().all(|head| !head.to_ascii_lowercase().contains("\r\ncookie")));
    assert!(!head.contains("referer"));
    living.server.stop().await;
}

#[tokio::test]
async fn what_is_not_to_be_asked_is_not() {
    let host = PhotoHost::start(jpeg(&shape("circle", [9, 9, 200], 0))).await;
    let open = living(&host, &[]).await;
    let port = host.port;
    for url in [
        format!("http://localhost:{port}/photo.jpg"),
        format!("https://127.0.0.1:{port}/photo.jpg"),
        format!("https://[::ffff:127.0.0.1]:{port}/photo.jpg"),
        format!("https://user:word@localhost:{port}/photo.jpg"),
        "https://localhost/photo.jpg".into(),
        "https://cdn.shop.example/photo.jpg".into(),
        "file:///etc/passwd".into(),
        "photo.jpg".into(),
        String::new(),
    ] {
        put(&open, "a", &url).await.problem(422, "bad_photo_address");
    }
    assert!(host.heads().is_empty());
    for (path, word) in [("/elsewhere", "--image-hosts"), ("/unsafe", "https://")] {
        let detail = put(&open, "a", &host.url(path)).await.problem(422, "bad_photo_address");
        assert!(detail.contains(word) && !detail.contains("127.0.0.1"), "{detail}");
    }
    assert_eq!(host.heads().len(), 2, "no redirect was followed");
    put(&open, "a", &host.url("/loop")).await.problem(422, "photo_not_fetched");
    assert_eq!(host.heads().len(), 6, "three redirects are");
    open.server.stop().await;

    // The same host, named, but in a network that no setting opens.
    let (hosts, ca) = (format!("localhost:{port},127.0.0.1:{port}"), host.ca());
    let flags = ["--image-hosts", &hosts, "--image-ca", ca.to_str().unwrap()];
    let closed = Living::start_with(tiny_shop(), &flags).await;
    for name in ["localhost", "127.0.0.1", "0x7f.1"] {
        let refused = put(&closed, "a", &format!("https://{name}:{port}/photo.jpg")).await;
        let detail = refused.problem(422, "bad_photo_address");
        assert!(detail.contains("--image-private-addresses"), "{detail}");
    }
    closed.server.stop().await;

    let none = Living::start_with(tiny_shop(), &[]).await;
    let detail = put(&none, "a", &host.url("/photo.jpg")).await.problem(422, "bad_photo_address");
    assert!(detail.contains("--image-hosts"), "{detail}");
    let both = json!({"item": {"category": "x"}, "photo": {"url": "https://a"}, "image_url": "https://a"});
    none.put_vector("a", &both).await.problem(422, "bad_item");
    let neither = json!({"item": {"category": "x"}, "photo": {}});
    none.put_vector("a", &neither).await.problem(400, "bad_body");
    let two = json!({"item": {"category": "x"}, "photo": {"url": "https://a", "base64": ""}});
    none.put_vector("a", &two).await.problem(400, "bad_body");
    none.server.stop().await;
    assert_eq!(host.heads().len(), 6);
}

#[tokio::test]
async fn hosts_that_answer_ill_are_told_of_and_bounded() {
    let host = PhotoHost::start(jpeg(&shape("circle", [9, 9, 200], 0))).await;
    let living = living(&host, &["--image-timeout", "0.5", "--max-body", "100kB"]).await;
    for (path, status, code, word) in [
        ("/missing", 422, "photo_not_fetched", "404"),
        ("/drip", 422, "photo_not_fetched", "0.5 s"),
        ("/silent", 422, "photo_not_fetched", "--image-timeout"),
        ("/broken", 422, "photo_not_fetched", "broke off"),
        ("/endless", 422, "fetched_photo_too_large", "100000"),
        ("/text", 415, "unknown_format", "JPEG"),
    ] {
        let detail = put(&living, "a", &host.url(path)).await.problem(status, code);
        assert!(detail.contains(word) && !detail.contains("secret"), "{path}: {detail}");
    }
    assert!(host.sent() < 8 << 20, "{} bytes were taken", host.sent());
    living.server.get("/items/a").await.problem(404, "unknown_item");
    assert_eq!(living.photos(), 0);
    assert_eq!(put(&living, "a", &host.url("/photo.jpg")).await.status, 201, "and others are served");
    living.server.stop().await;

    // An authority that nobody trusts, and a port where nobody is.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let hosts = format!("localhost:{},localhost:{gone}", host.port);
    let flags = ["--image-hosts", &hosts, "--image-private-addresses"];
    let strict = Living::start_with(tiny_shop(), &flags).await;
    let detail = put(&strict, "a", &host.url("/photo.jpg")).await.problem(422, "photo_not_fetched");
    assert!(detail.contains("--image-ca"), "{detail}");
    let nobody = format!("https://localhost:{gone}/photo.jpg");
    let detail = put(&strict, "a", &nobody).await.problem(422, "photo_not_fetched");
    assert!(detail.contains("cannot be reached") && !detail.contains("127.0.0.1"), "{detail}");
    strict.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_are_fetched_together_and_made_in_their_order() {
    let host = PhotoHost::start(jpeg(&shape("circle", [9, 9, 200], 0))).await;
    // A queue of one: photos of many wait where a single one would be refused.
    let living = living(&host, &["--queue", "1", "--precision", "f32"]).await;
    let line = |n: usize, id: &str, category: &str| {
        let url = host.url(&format!("/photos/{n}"));
        json!({"op": "put", "id": id, "item": {"category": category}, "photo": {"url": url}})
    };
    let mut lines: Vec<_> = (0..40).map(|n| line(n, &format!("n{n}"), "circle")).collect();
    lines.push(line(40, "n0", "square"));
    lines.push(json!({"op": "put", "id": "bad", "item": {"category": "x"}, "photo": {"url": "https://a"}}));
    lines.push(json!({"op": "delete", "id": "n1"}));
    lines.push(json!({"op": "patch", "id": "n2", "item": {"category": "stripes"}}));
    let told = living.bulk(&lines).await;
    let statuses: Vec<u64> = told[..44].iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses[..40], [201; 40]);
    assert_eq!(statuses[40..], [200, 422, 204, 200]);
    assert_eq!(told[41]["problem"]["code"], "bad_photo_address");
    assert_eq!(living.server.get("/items/n0").await.json()["category"], "square");
    assert_eq!(living.server.get("/items/n2").await.json()["category"], "stripes");
    living.server.get("/items/n1").await.problem(404, "unknown_item");
    assert_eq!((host.heads().len(), living.photos()), (41, 1));
    assert!((2..=8).contains(&host.most_at_once()), "{} at once", host.most_at_once());
    living.server.stop().await;
}
