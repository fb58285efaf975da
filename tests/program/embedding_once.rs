//! A photo is embedded once, however often it comes in: counted by the program's own metrics, which no other test adds to.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use crate::{
    crashes::{KEY, ask},
    program,
    started::Started,
    support::{
        pictures::{jpeg, shape},
        tiny_shop,
    },
};

#[test]
fn a_photo_that_many_writes_show_is_embedded_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("keys"), KEY).unwrap();
    let mut command = program(&tiny_shop().bundle);
    let started =
        Started::new(command.arg("--state").arg(path("state")).arg("--admin-keys-file").arg(path("keys")));
    let embedded = || -> f64 {
        let (status, metrics) = ask(started.address, "GET", "/metrics", "text/plain", "").unwrap();
        assert_eq!(status, 200);
        let sum = metrics.lines().find_map(|line| line.strip_prefix("lookalike_model_batch_photos_sum "));
        sum.map_or(0.0, |sum| sum.trim().parse().unwrap())
    };
    let photo = |n: u8| STANDARD.encode(jpeg(&shape("circle", [40 * n, 90, 240], 1)));
    let line = |id: &str, n: u8| json!({"op": "put", "id": id, "item": {"category": "circle"}, "photo": {"base64": photo(n)}});
    let bulk = |lines: &[Value]| {
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let (_, told) = ask(started.address, "POST", "/items", "application/x-ndjson", body).unwrap();
        let last: Value = serde_json::from_str(told.lines().last().unwrap()).unwrap();
        assert_eq!(last["ok"], lines.len(), "{told}");
    };
    bulk(&[line("first", 1)]);
    let before = embedded();
    let many: Vec<Value> = (0..100).map(|n| line(&format!("n{n}"), 2 + n % 2)).collect();
    bulk(&many);
    assert_eq!(embedded() - before, 2.0, "two photos, each of fifty lines");
    bulk(&many);
    assert_eq!(embedded() - before, 2.0, "the items show them already");
}
