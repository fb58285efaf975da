//! Feeds as shops write them, read to their ends: `tests/feeds`, and what the program makes of them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

mod support;

use std::{fs, io::Write, path::Path};

use lookalike_sync::{Options, SyncError, run};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{Fake, feed_file, options};

/// What is put of a feed, by id.
fn put(feed: &str, flags: &[&str]) -> (Fake, lookalike_sync::Summary) {
    let server = Fake::start();
    let options = options(&server, feed, &[&["--max-refused", "100%", "--photos", "pass"], flags].concat());
    let summary = run(&options).unwrap();
    (server, summary)
}

#[test]
fn a_nasty_google_feed() {
    let (server, summary) = put(&feed_file("nasty.xml"), &[]);
    assert_eq!((summary.entries, summary.put, summary.refused.len(), summary.exit_code), (8, 5, 5, 4));
    let dress = server.item("DRESS-1");
    assert_eq!(dress["photo"], json!({"url": "https://cdn.shop.example/w_300,h_400/dress-1.jpg"}));
    let mut item = dress["item"].clone();
    assert!(
        item.as_object_mut().unwrap().remove("source_hash").unwrap().as_str().unwrap().starts_with("feed:")
    );
    assert_eq!(
        item,
        json!({
            "product": "DRESS", "title": "Summer Dress & Belt", "category": "Dresses",
            "url": "https://shop.example/dress%201?a=1&b=2",
            "attributes": {"availability": ["in_stock"], "brand": ["Acme"], "colour": ["Red", "White"],
                "gender": ["female"], "age_group": ["adult"], "size": ["S/M"]},
            "numbers": {"price": 999.0, "list_price": 1299.0, "stock": 1.0},
            "payload": {"currency": "EUR", "description": "Light & airy café &b;"},
        })
    );
    assert_eq!(server.item("DRESS-1~~2")["photo"]["url"], "https://cdn.shop.example/dress-1c.jpg");
    assert_eq!(server.item("DRESS-1~~2")["item"]["product"], "DRESS");
    let tee = server.item("TEE-1");
    assert_eq!((&tee["item"]["category"], &tee["item"]["product"]), (&json!("212"), &json!("TEE-1")));
    assert_eq!(server.item("TEE-2")["item"].get("numbers"), None);
}

#[test]
fn tables_of_google_and_of_the_shop() {
    let (server, summary) = put(&feed_file("google-latin1.tsv"), &[]);
    assert_eq!((summary.put, summary.refused.len(), summary.notes.len()), (4, 1, 1));
    assert_eq!(server.item("1")["item"]["title"], "Hut, grün");
    assert_eq!(server.item("1")["item"]["category"], "Hats & Caps");
    assert_eq!(server.item("2")["item"]["title"], "Say \"hi\" cap");
    assert_eq!(server.item("2")["item"]["numbers"], json!({"stock": 0.0}));

    let map = feed_file("shop.toml");
    let (server, summary) = put(&feed_file("shop.csv"), &["--map", &map]);
    assert_eq!((summary.put, summary.refused.len(), summary.notes.len()), (4, 2, 2));
    let skirt = server.item("S1");
    assert_eq!(skirt["photo"], json!({"base64": "bm90IGEgcmVhbCBwaG90bzogc2tpcnQ="}));
    assert_eq!(skirt["item"]["category"], "Skirt");
    assert_eq!(skirt["item"]["title"], "Skirt; long");
    assert_eq!(skirt["item"]["attributes"], json!({"colour": ["red", "blue"], "season": ["winter"]}));
    assert_eq!(skirt["item"]["numbers"], json!({"price": 1099.0, "stock": 3.0, "vat": 19.0}));
    assert_eq!(skirt["item"]["payload"], json!({"note": "new"}));
}

#[test]
fn json_lines_and_atom() {
    let (server, summary) = put(&feed_file("items.jsonl"), &[]);
    assert_eq!((summary.put, summary.refused.len()), (3, 2));
    assert_eq!(server.item("j1")["item"]["payload"], json!({"b": [null]}));
    assert_eq!(server.item("j2~~1")["photo"]["url"], "https://cdn.shop.example/j2b.jpg");
    let (server, summary) = put(&feed_file("atom.xml"), &[]);
    assert_eq!((summary.exit_code, summary.currency.as_deref()), (0, Some("GBP")));
    assert_eq!(server.item("a")["item"]["url"], "https://shop.example/a?x=1&y=2");
    assert_eq!(server.item("a")["item"]["payload"]["description"], "Warm");
}

/// However a feed is written down, it is the same feed.
#[test]
fn gzip_and_other_encodings() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(feed_file("atom.xml"))
        .unwrap()
        .replace("Warm", "Warm & süß €")
        .replace('&', "&amp;")
        .replace("&amp;amp;", "&amp;");
    let (server, _) = put(&written(folder.path(), "plain.xml", text.as_bytes()), &[]);
    let expected = server.item("a");
    assert_eq!(expected["item"]["payload"]["description"], "Warm & süß €");
    let utf16: Vec<u8> = [0xFEFF].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    let latin = text.replace("?>", " encoding='windows-1252'?>");
    let latin: Vec<u8> = encoding(&latin);
    for (name, bytes) in [
        ("utf16.xml", utf16),
        ("gzip", gzip.finish().unwrap()),
        ("latin.xml", latin),
        ("mixed.xml", encoding(&text)),
    ] {
        let (server, _) = put(&written(folder.path(), name, &bytes), &[]);
        assert_eq!(server.item("a"), expected, "{name}");
    }
}

fn encoding(text: &str) -> Vec<u8> {
    text.chars().map(|c| if c == '€' { 0x80 } else { u8::try_from(u32::from(c)).unwrap() }).collect()
}

fn written(folder: &Path, name: &str, bytes: &[u8]) -> String {
    fs::write(folder.join(name), bytes).unwrap();
    folder.join(name).display().to_string()
}

#[test]
fn what_cannot_be_read_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let nasty = fs::read(feed_file("nasty.xml")).unwrap();
    let cut = written(folder.path(), "cut.xml", &nasty[..nasty.len() - 40]);
    let huge =
        written(folder.path(), "huge.jsonl", &[b"{\"id\": \"".as_slice(), &vec![b'x'; 9 << 20]].concat());
    let page = written(folder.path(), "page.html", b"<!doctype html><html><body>Not found</body></html>");
    let columns = written(folder.path(), "columns.csv", b"a;b\n1;2\n");
    let (none, empty) =
        (folder.path().join("none").display().to_string(), written(folder.path(), "empty", b""));
    let map = feed_file("shop.toml");
    for (feed, flags) in [
        (&cut, vec![]),
        (&huge, vec![]),
        (&page, vec![]),
        (&columns, vec!["--map", &map]),
        (&columns, vec![]),
        (&none, vec![]),
        (&empty, vec![]),
        (&feed_file("nasty.xml"), vec!["--max-feed", "1000"]),
        (&feed_file("nasty.xml"), vec!["--max-entries", "3"]),
        (&feed_file("nasty.xml"), vec!["--encoding", "no-such"]),
        (&feed_file("nasty.xml"), vec!["--key-file", &empty]),
    ] {
        let server = Fake::start();
        let error = run(&options(&server, feed, &flags)).expect_err(feed);
        assert_eq!(error.exit_code(), 2, "{error}");
        assert_eq!(server.writes(), 0, "{feed}");
    }
}

#[test]
fn a_report_holds_all_and_a_dry_run_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.json").display().to_string();
    let server = Fake::start();
    let summary = run(&options(
        &server,
        &feed_file("nasty.xml"),
        &["--max-refused", "9", "--dry-run", "--report", &report],
    ))
    .unwrap();
    assert_eq!((server.writes(), summary.put), (0, 5));
    let told: Value = serde_json::from_slice(&fs::read(&report).unwrap()).unwrap();
    assert_eq!((told["refused"].as_array().unwrap().len(), &told["exit_code"]), (5, &json!(4)));
    assert_eq!(told["refused"][0]["id"], "NO-PHOTO");
    let text = summary.to_string();
    assert!(text.contains("5 to put") && text.contains("NO-PHOTO"), "{text}");
    // Past the bound nothing is sent.
    let summary = run(&options(&server, &feed_file("nasty.xml"), &[])).unwrap();
    assert_eq!((server.writes(), summary.exit_code, summary.put), (0, 3, 0));
    let alone =
        <Options as clap::Parser>::try_parse_from(["x", "--dry-run", "--feed", &feed_file("atom.xml")])
            .unwrap();
    assert_eq!(run(&alone).unwrap().put, 1);
    assert!(matches!(run(&Options { dry_run: false, ..alone }), Err(SyncError::Usage(_))));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// However a feed is spoilt, it is read or refused; and XML that is cut off is never taken for a smaller feed.
    #[test]
    fn no_feed_panics(which in 0usize..5, cut in any::<prop::sample::Index>(), other in proptest::collection::vec(any::<u8>(), 0..6), over: bool) {
        let name = ["nasty.xml", "atom.xml", "google-latin1.tsv", "shop.csv", "items.jsonl"][which];
        let bytes = fs::read(feed_file(name)).unwrap();
        let at = cut.index(bytes.len());
        let mut spoilt = bytes[..at].to_vec();
        spoilt.extend(&other);
        if !over {
            spoilt.extend(&bytes[at..]);
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), &spoilt).unwrap();
        let path = file.path().display().to_string();
        let map = feed_file("shop.toml");
        let mut flags = vec!["x", "--dry-run", "--feed", &path, "--max-refused", "100%"];
        if name == "shop.csv" {
            flags.extend(["--map", &map]);
        }
        let summary = run(&<Options as clap::Parser>::try_parse_from(flags).unwrap());
        let end = String::from_utf8_lossy(&bytes).trim_end().len();
        if over && other.is_empty() && which < 2 && at < end {
            prop_assert!(summary.is_err(), "{name} cut at {at}");
        }
    }
}
