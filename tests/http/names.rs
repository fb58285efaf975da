//! Items under the names that a shop gives them, and what comes along with them.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    living::{Living, a_photo, vector},
    support::{running::send, tiny_shop},
};

/// Names, and how an address has them.
const NAMES: [(&str, &str); 6] = [
    ("10/20 M", "10%2F20%20M"),
    ("été#1?", "%C3%A9t%C3%A9%231%3F"),
    ("連衣裙", "%E9%80%A3%E8%A1%A3%E8%A3%99"),
    ("100%", "100%25"),
    ("a+b&c=d", "a%2Bb%26c%3Dd"),
    ("<b>\"x\"</b>", "%3Cb%3E%22x%22%3C%2Fb%3E"),
];

#[tokio::test]
async fn a_shops_own_names_are_ids() {
    let shop = tiny_shop();
    let living = Living::start(shop).await;
    for (n, (name, address)) in (1..).zip(NAMES) {
        let created = living.put(address, &a_photo(10 + n), &json!({"category": "circle"}), &[]).await;
        assert_eq!(created.status, 201, "{name}");
        assert_eq!(created.header("location"), format!("/items/{address}"));
        let json = created.json();
        assert_eq!((&json["id"], &json["image_url"]), (&name.into(), &format!("/images/{address}").into()));
        assert_eq!(living.server.get(&format!("/items/{address}")).await.json()["id"], name);
        assert_eq!(living.server.get(&format!("/images/{address}")).await.status, 200);
        assert_eq!(living.first(&a_photo(10 + n)).await, name);
        let similar = living.server.get(&format!("/items/{address}/similar?k=100")).await;
        assert!(!similar.ids().contains(&name.to_owned()));
        let without =
            living.server.get(&format!("/items/circle-red~0/similar?k=100&exclude={address}")).await;
        assert!(!without.ids().contains(&name.to_owned()));
        let patched = living.patch(address, &json!({"product": "p"})).await;
        assert_eq!((patched.status, &patched.json()["id"]), (200, &name.into()));
        let found = living.server.json("/search", &json!({"positive": [name]})).await;
        assert_eq!(found.status, 200);
    }
    let lines: Vec<Value> =
        NAMES.iter().map(|(name, _)| json!({"op": "patch", "id": name, "item": {"product": "q"}})).collect();
    let told = living.bulk(&lines).await;
    assert!(told.iter().zip(NAMES).all(|(told, (name, _))| told["id"] == name && told["status"] == 200));

    // Ids are listed in the order of their bytes, from each one on.
    let listed = |json: Value| -> Vec<String> {
        json["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = listed(living.server.get("/items?limit=100").await.json());
    assert!(all.is_sorted() && NAMES.iter().all(|(name, _)| all.contains(&(*name).to_owned())));
    for (name, address) in NAMES {
        let rest = listed(living.server.get(&format!("/items?limit=100&after={address}")).await.json());
        let place = all.iter().position(|id| id == name).unwrap();
        assert_eq!(rest, all[place + 1..]);
    }
    let living = living.restarted(shop).await;
    for (name, address) in NAMES {
        assert_eq!(living.server.get(&format!("/items/{address}")).await.json()["product"], "q", "{name}");
        assert_eq!(living.delete(address).await.status, 204);
    }
    living.server.stop().await;
}

#[tokio::test]
async fn what_comes_along_is_kept_and_its_limits_hold() {
    let shop = tiny_shop();
    let living = Living::start(shop).await;
    let payload = json!({"price": {"EUR": 39.9}, "stock": [1, 2, null], "note": "größer als es aussieht"});
    let item = json!({"category": "circle", "title": "Circle, blue", "url": "https://shop.example/c?x=1#blue", "payload": payload,
        "source_hash": "feed:1f"});
    let created = living.put_vector("c", &json!({"item": item, "embedding": vector(1)})).await;
    let json = created.json();
    assert_eq!((created.status, &json["payload"]), (201, &payload));
    assert_eq!(
        (&json["title"], &json["url"], &json["source_hash"]),
        (&item["title"], &item["url"], &"feed:1f".into())
    );
    let updated = json["updated"].as_str().unwrap().to_owned();
    let found = living.server.json("/search?k=1", &json!({"vector": vector(1)})).await.json();
    assert_eq!((&found["results"][0]["payload"], &found["results"][0]["title"]), (&payload, &item["title"]));
    let plain = living.server.get("/items/circle-red~0").await.json();
    assert!(
        ["title", "url", "payload", "source_hash", "updated"].iter().all(|name| plain[name] == Value::Null)
    );

    tokio::time::sleep(Duration::from_millis(2)).await;
    let patched = living
        .patch("c", &json!({"title": null, "source_hash": "feed:2", "payload": {"stock": null, "price": {"EUR": 29}}}))
        .await
        .json();
    assert_eq!(patched["payload"], json!({"price": {"EUR": 29}, "note": payload["note"]}));
    assert_eq!((&patched["title"], &patched["url"]), (&Value::Null, &item["url"]));
    assert!(patched["updated"].as_str().unwrap() > updated.as_str());
    for (field, value) in [
        ("title", json!("")),
        ("title", json!("x".repeat(513))),
        ("url", json!("ftp://shop.example")),
        ("url", json!("javascript:alert(1)")),
        ("source_hash", json!("a\nb")),
        ("source_hash", json!("x".repeat(201))),
        ("payload", json!([1])),
        ("payload", json!({"long": "x".repeat(16_400)})),
        ("updated", json!("2026-11-26T00:00:00Z")),
    ] {
        living.patch("c", &json!({field: value})).await.problem(422, "bad_item");
        let item = json!({"category": "circle", field: value});
        let refused = living.put_vector("d", &json!({"item": item, "embedding": vector(2)})).await;
        refused.problem(422, "bad_item");
    }
    let living = living.restarted(shop).await;
    assert_eq!(living.server.get("/items/c").await.json(), patched);
    living.server.stop().await;
}

/// A real nginx before a server, gone when dropped.
struct Nginx {
    process: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Nginx {
    /// Hands requests on to this address as docs/deploy.md says.
    fn before(address: std::net::SocketAddr) -> Self {
        let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test/nginx/usr/sbin/nginx");
        let program = if unpacked.is_file() { unpacked } else { PathBuf::from("nginx") };
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let place = folder.path().display();
        let paths: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .iter()
            .map(|name| format!("    {name}_temp_path {place}/{name};\n"))
            .collect();
        let config = format!(
            "daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{paths}    access_log off;\n    \
             server {{\n        listen 127.0.0.1:{port};\n        client_max_body_size 20m;\n        \
             location / {{ proxy_pass http://{address}; }}\n    }}\n}}\n"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, config).unwrap();
        let process = Command::new(program)
            .arg("-c")
            .arg(&file)
            .arg("-p")
            .arg(folder.path())
            .stderr(Stdio::null())
            .spawn();
        Self {
            process: process.expect("nginx: scripts/install-test-tools.sh gets one"),
            port,
            _folder: folder,
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_slash_in_an_id_goes_through_nginx() {
    let living = Living::start(tiny_shop()).await;
    let nginx = Nginx::before(living.server.address);
    let url = |path: &str| format!("http://127.0.0.1:{}{path}", nginx.port);
    let client = living.server.client();
    let mut waited = 0;
    while client.get(url("/livez")).send().await.is_err() {
        waited += 1;
        assert!(waited < 500, "nginx does not answer");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (n, (name, address)) in (1..).zip(NAMES) {
        assert_eq!(
            living.put(address, &a_photo(20 + n), &json!({"category": "circle"}), &[]).await.status,
            201
        );
        let item = send(client.get(url(&format!("/items/{address}")))).await;
        assert_eq!(item.json()["id"], name, "{}", String::from_utf8_lossy(&item.body));
        let image = client.get(url(item.json()["image_url"].as_str().unwrap())).send().await.unwrap();
        assert_eq!(
            (image.status().as_u16(), &image.headers()["content-type"]),
            (200, &"image/jpeg".parse().unwrap())
        );
    }
    drop(nginx);
    living.server.stop().await;
}
