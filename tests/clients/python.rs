//! `lookalike.py`, run as people run it.

use std::process::{Command, Output};

use serde_json::Value;

use crate::support::{running::Running, tiny_shop};

/// Runs the program against a server.
async fn run(server: &str, arguments: &[&str]) -> Output {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/python/lookalike.py");
    let mut command = Command::new("python3");
    command.arg("-B").arg(program).args(["--server", server]).args(arguments);
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

async fn answer(server: &str, arguments: &[&str]) -> Value {
    let output = run(server, &[&["--json"], arguments].concat()).await;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_asks_every_question() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let url = server.url("/");
    let photo = shop.images.join("stripes-yellow-0.png");
    let photo = photo.to_str().unwrap();

    let table = String::from_utf8(run(&url, &["similar", photo, "--k", "3"]).await.stdout).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[1].starts_with("1     1.000") && lines[1].ends_with("stripes-yellow~0"), "{table}");

    let found = answer(
        &url,
        &[
            "item-similar",
            "circle-red~0",
            "--k",
            "4",
            "--offset",
            "1",
            "--category",
            "circle",
            "--category",
            "square",
            "--attribute",
            "colour:red",
            "--exclude",
            "circle-red~1",
            "--collapse",
            "none",
            "--diversity",
            "0.1",
            "--exact",
        ],
    )
    .await;
    let results = found["results"].as_array().unwrap();
    assert!(!results.is_empty());
    assert!(
        results.iter().all(|r| r["attributes"]["colour"][0] == "red" && r["id"] != "circle-red~1"),
        "{found}"
    );
    let part = answer(&url, &["similar", photo, "--box", "0,0,0.5,0.5"]).await;
    assert_eq!(part["query"]["box"][2], 0.5);

    assert_eq!(answer(&url, &["item", "elsewhere"]).await["category"], "circle");
    assert!(answer(&url, &["random"]).await["id"].is_string());
    let filters = ["--not-category", "circle", "--not-attribute", "colour:red"];
    let counted = answer(&url, &[&["facets", "colour", "category"][..], &filters].concat()).await;
    let circles = counted["facets"][1]["values"].as_array().unwrap().iter().find(|v| v["value"] == "circle");
    assert!(
        circles.is_some_and(|circles| circles["items"].as_u64().unwrap() > 0),
        "a key's own filter is left out"
    );
    let few =
        answer(&url, &["item-similar", "circle-red~0", "--range", "price:1..", "--boost", "price:1..*2"])
            .await;
    assert_eq!((&few["results"], &few["exhausted"]), (&serde_json::json!([]), &true.into()));
    assert_eq!(answer(&url, &["categories"]).await["categories"].as_array().unwrap().len(), 4);
    assert_eq!(answer(&url, &["info"]).await["catalogue"]["items"], shop.items());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_says_in_one_line_what_is_wrong() {
    let server = Running::start(tiny_shop(), &[]).await;
    let url = server.url("");
    for (server, arguments, status, word) in [
        (url.as_str(), &["item", "none"][..], 1, "request "),
        (&url, &["item-similar", "circle-red~0", "--k", "0"], 1, "'k'"),
        (&url, &["similar", "/nowhere.jpg"], 1, "/nowhere.jpg"),
        (&url, &["similar", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")], 1, "JPEG"),
        ("http://127.0.0.1:9", &["random"], 1, "cannot be reached"),
        ("nonsense", &["random"], 1, "cannot be reached"),
        (&url, &["item-similar", "circle-red~0", "--collapse", "all"], 2, "--collapse"),
        (&url, &[], 2, "command"),
    ] {
        let output = run(server, arguments).await;
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {said}");
        assert!(said.contains(word) && !said.contains("Traceback"), "{arguments:?}: {said}");
        assert!(status == 2 || said.trim_end().lines().count() == 1, "{said}");
    }
    server.stop().await;
}

/// As a module.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_is_a_module_too() {
    let server = Running::start(tiny_shop(), &[]).await;
    let script = format!(
        "import sys; sys.path.insert(0, {:?}); from lookalike import Lookalike, LookalikeError\n\
         shop = Lookalike({:?})\n\
         print(shop.similar(open({:?}, 'rb').read(), k=1, category=['square', 'circle'], box=[0, 0, 1, 1])['results'][0]['id'])\n\
         try: shop.item_similar('circle-red~0', colour=1)\n\
         except LookalikeError as e: print(e.status, e.code, bool(e.request_id), e.retry_after)",
        concat!(env!("CARGO_MANIFEST_DIR"), "/clients/python"),
        server.url(""),
        tiny_shop().images.join("square-red-0.png"),
    );
    let mut command = Command::new("python3");
    command.args(["-B", "-c", &script]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        said,
        "square-red~0\n400 unknown_parameter True None\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    server.stop().await;
}

/// Writes with the module, and says what came of it.
const WRITES: &str = r#"
import sys
sys.path.insert(0, sys.argv[1])
from lookalike import Lookalike, LookalikeError
shop = Lookalike(sys.argv[2], api_key=sys.argv[3])
put = shop.put("from-python", {"category": "circle", "product": "p"}, photo=sys.argv[4], only_new=True)
assert put["category"] == "circle", put
assert shop.patch("from-python", {"product": None, "attributes": {"colour": ["violet"]}})["product"] is None
assert shop.similar(sys.argv[4], k=1, attribute="colour:violet")["results"][0]["id"] == "from-python"
try:
    shop.put("from-python", {"category": "circle"}, photo=sys.argv[4], only_new=True)
    raise SystemExit("it was there, and was put as new")
except LookalikeError as error:
    assert (error.status, error.code) == (412, "precondition_failed"), error
assert shop.delete("from-python") is None
try:
    shop.put("from-python", {"category": "circle"}, photo_url="https://cdn.shop.example/a.jpg")
    raise SystemExit("this server fetches nothing")
except LookalikeError as error:
    assert (error.status, error.code) == (422, "bad_photo_address"), error
by_address = {"op": "put", "id": "a", "item": {"category": "circle"}, "photo": {"url": "https://cdn.shop.example/a.jpg"}}
assert shop.write([by_address])[0]["problem"]["code"] == "bad_photo_address"
operations = [{"op": "put", "id": f"bulk-{n}", "item": {"category": "circle"}, "photo": sys.argv[4]} for n in range(5)]
told = shop.write(operations + [{"op": "delete", "id": "no-such"}], most=2)
assert [line["status"] for line in told] == [201] * 5 + [404], told
assert told[5]["problem"]["code"] == "unknown_item", told
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_writes() {
    const KEY: &str = "an-admin-key-of-the-tests";
    let (folder, shop) = (tempfile::tempdir().unwrap(), tiny_shop());
    let (state, keys) = (folder.path().join("state"), folder.path().join("keys"));
    std::fs::write(&keys, KEY).unwrap();
    let flags = ["--state", state.to_str().unwrap(), "--admin-keys-file", keys.to_str().unwrap()];
    let server = Running::start(shop, &flags).await;
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/python");
    let photo = shop.images.join("stripes-yellow-0.png");
    let mut command = Command::new("python3");
    command.args(["-B", "-c", WRITES, module, &server.url("/"), KEY]).arg(photo);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    server.stop().await;
}
