//! What is sent, and what comes of a server or a host that is busy, away or wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

mod support;

use std::{fs, time::Instant};

use lookalike_sync::{Summary, run};
use proptest::{collection::btree_map, prelude::*};
use serde_json::json;
use support::{Fake, Trick, options};
use tempfile::{NamedTempFile, TempDir};

fn line(id: &str, title: &str, photo: &str) -> String {
    json!({"id": id, "category": "Tee", "title": title, "photo": format!("https://cdn.example/{photo}.jpg")})
        .to_string()
}

fn feed(lines: &[String]) -> NamedTempFile {
    let file = NamedTempFile::new().unwrap();
    fs::write(file.path(), lines.join("\n") + "\n").unwrap();
    file
}

fn sync(server: &Fake, lines: &[String], flags: &[&str]) -> Summary {
    let file = feed(lines);
    run(&options(server, file.path().to_str().unwrap(), &[&["--format", "jsonl"], flags].concat())).unwrap()
}

fn counts(summary: &Summary) -> [u64; 4] {
    [summary.put, summary.patched, summary.deleted, summary.unchanged]
}

#[test]
fn what_changed_is_sent_and_nothing_else() {
    let server = Fake::start();
    let mut lines: Vec<String> = (10..35).map(|n| line(&format!("i{n}"), "Tee", &n.to_string())).collect();
    assert_eq!(counts(&sync(&server, &lines, &[])), [25, 0, 0, 0]);
    assert_eq!(server.writes(), 3);
    let again = sync(&server, &lines, &[]);
    assert_eq!((counts(&again), again.exit_code, server.writes()), ([0, 0, 0, 25], 0, 3));
    assert!(again.to_string().contains("nothing to send"), "{again}");
    server.lines();
    lines[0] = json!({"id": "i10", "category": "Tee", "numbers": {"price": 5}, "photo": "https://cdn.example/10.jpg"}).to_string();
    lines[1] = line("i11", "Tee", "other");
    lines.truncate(22);
    assert_eq!(counts(&sync(&server, &lines, &[])), [1, 1, 3, 20]);
    let item = server.item("i10");
    assert_eq!((item["item"].get("title"), &item["item"]["numbers"]), (None, &json!({"price": 5.0})));
    assert_eq!(item["photo"]["url"], "https://cdn.example/10.jpg", "a patch leaves the photo");
    // Batches travel at once: the order is that of their arrival.
    let mut ops: Vec<String> =
        server.lines().iter().map(|line| line["op"].as_str().unwrap().to_owned()).collect();
    ops.sort_unstable();
    assert_eq!(ops, ["delete", "delete", "delete", "patch", "patch", "put"]);
}

#[test]
fn others_items_are_left_alone() {
    let server = Fake::start();
    server.insert("base", json!({"category": "Coat"}));
    server.insert("theirs", json!({"category": "Coat", "source_hash": "other:x:y"}));
    server.insert("fee", json!({"category": "Coat", "source_hash": "fee:x:y"}));
    let lines = [line("base", "Tee", "1"), line("theirs", "Tee", "2"), line("mine", "Tee", "3")];
    let summary = sync(&server, &lines, &[]);
    assert_eq!((counts(&summary), summary.refused.len(), summary.exit_code), ([1, 0, 0, 0], 2, 4));
    assert_eq!(server.item("base")["item"], json!({"category": "Coat"}));
    let summary = sync(&server, &lines, &["--adopt"]);
    assert_eq!((counts(&summary), summary.exit_code), ([2, 0, 0, 1], 0));
    assert_eq!(server.ids(), ["base", "fee", "mine", "theirs"]);
    // Under another name it is another feed.
    let summary = sync(&server, &lines[..1], &["--name", "second"]);
    assert_eq!((counts(&summary), summary.refused.len()), ([0, 0, 0, 0], 1));
}

#[test]
fn guards_send_nothing() {
    let server = Fake::start();
    let lines: Vec<String> = (0..10).map(|n| line(&format!("i{n}"), "Tee", "1")).collect();
    sync(&server, &lines, &[]);
    let writes = server.writes();
    let mut less = lines[..7].to_vec();
    less.push(line("new", "Tee", "2"));
    for (lines, flags) in [
        (less.as_slice(), &[][..]),
        (&lines[..9], &["--max-delete", "0"]),
        (&[][..], &["--max-delete", "100%"]),
    ] {
        let file = feed(lines);
        if lines.is_empty() {
            fs::write(file.path(), "<rss><channel></channel></rss>").unwrap();
        }
        let summary = run(&options(&server, file.path().to_str().unwrap(), flags)).unwrap();
        assert_eq!((summary.exit_code, server.writes()), (3, writes), "{summary}");
        assert!(summary.stopped.is_some() && summary.to_string().contains("nothing was changed"));
    }
    assert_eq!(counts(&sync(&server, &less, &["--max-delete", "30%"])), [1, 0, 3, 7]);
}

#[test]
fn a_refused_entry_keeps_what_the_server_has() {
    let server = Fake::start();
    let lines = [line("a", "Tee", "1"), line("b", "Tee", "2")];
    sync(&server, &lines, &[]);
    let summary = sync(
        &server,
        &[lines[0].clone(), json!({"id": "b", "category": "Tee"}).to_string()],
        &["--max-refused", "1"],
    );
    assert_eq!((counts(&summary), summary.kept, summary.exit_code), ([0, 0, 0, 1], 1, 4));
    assert_eq!(server.ids(), ["a", "b"]);
}

#[test]
fn a_busy_server_is_asked_again() {
    let server = Fake::start();
    server.trick(
        "GET /items?",
        &[Trick::Answer(503, ""), Trick::Cut, Trick::Answer(429, "Retry-After: 0\r\n")],
    );
    server.trick("GET /info", &[Trick::Cut]);
    let lines = [line("a", "Tee", "1")];
    assert_eq!(counts(&sync(&server, &lines, &[])), [1, 0, 0, 0]);
    // The answer was lost, not the write: it is sent again, which changes nothing.
    let server = Fake::start();
    server.trick("POST /items", &[Trick::Lost, Trick::Answer(503, "")]);
    assert_eq!((sync(&server, &lines, &[]).exit_code, server.writes()), (0, 2));
    let begun = Instant::now();
    server.trick("GET /items?", &[Trick::Answer(429, "Retry-After: 1\r\n")]);
    sync(&server, &lines, &[]);
    assert!(begun.elapsed().as_secs_f64() >= 1.0, "what the server asks to wait is waited");
}

#[test]
fn a_server_that_stays_away_and_one_that_refuses() {
    let (server, lines) = (Fake::start(), [line("a", "Tee", "1")]);
    let file = feed(&lines);
    let with = |flags: &[&str]| options(&server, file.path().to_str().unwrap(), flags);
    server.trick(
        "GET /items?",
        &[Trick::Answer(503, ""), Trick::Answer(503, ""), Trick::Answer(503, ""), Trick::Answer(503, "")],
    );
    let error = run(&with(&["--format", "jsonl"])).unwrap_err();
    assert_eq!(error.exit_code(), 1, "{error}");
    let mut wrong = with(&[]);
    wrong.key = Some("another-key-of-the-test".into());
    let error = run(&wrong).unwrap_err();
    assert!(
        error.exit_code() == 2
            && error.to_string().contains("--key-file")
            && !error.to_string().contains("another-key"),
        "{error}"
    );
    server.trick("POST /items", &[Trick::Answer(403, "")]);
    assert_eq!(run(&with(&[])).unwrap_err().exit_code(), 2, "a key to read with");
    server.trick("POST /items", &vec![Trick::Cut; 4]);
    let away = run(&with(&[])).unwrap();
    assert!(away.exit_code == 1 && away.broken_off.is_some(), "{away}");
    let unwritten = run(&with(&["--report", "/none/report.json"])).unwrap_err();
    assert!(unwritten.exit_code() == 1 && server.ids() == ["a"], "{unwritten}");
    let mut nobody = with(&[]);
    nobody.retries = 0;
    nobody.server = Some("http://127.0.0.1:1".into());
    assert_eq!(run(&nobody).unwrap_err().exit_code(), 1);
    nobody.server = Some("ftp://x".into());
    assert_eq!(run(&nobody).unwrap_err().exit_code(), 2);
}

#[test]
fn lines_that_fail_are_told_and_made_up_for() {
    let server = Fake::start();
    let lines = [line("a", "Tee", "1"), line("b", "Tee", "2"), line("c", "Tee", "3")];
    server.refuse("b", 422, "photo_not_fetched");
    let summary = sync(&server, &lines, &[]);
    assert_eq!((counts(&summary), summary.exit_code, summary.failed.len()), ([2, 0, 0, 0], 1, 1));
    server.refuse("b", 422, "unreadable_photo");
    assert_eq!(sync(&server, &lines, &[]).exit_code, 4);
    server.accept_all();
    let summary = sync(&server, &lines, &[]);
    assert_eq!((counts(&summary), summary.exit_code), ([1, 0, 0, 2], 0));
}

#[test]
fn photos_are_downloaded_within_bounds() {
    let server = Fake::start();
    let good = server.file("/good.jpg", b"a photo");
    let large = server.file("/large.jpg", &vec![1; 20_000_001]);
    let (empty, busy) = (server.file("/empty.jpg", b""), server.file("/busy.jpg", b"at last"));
    let loops = format!("{}/loop.jpg", server.address);
    server.trick("GET /busy.jpg", &[Trick::Answer(503, ""), Trick::Cut]);
    server.trick("GET /loop.jpg", &vec![Trick::Answer(302, "Location: /loop.jpg\r\n"); 9]);
    let gone = format!("{}/gone.jpg", server.address);
    let photos = [("a", &good), ("b", &large), ("c", &empty), ("d", &busy), ("e", &gone), ("f", &loops)];
    let lines = photos.map(|(id, photo)| json!({"id": id, "category": "Tee", "photo": photo}).to_string());
    let summary = sync(&server, &lines, &["--photos", "download", "--parallel", "3"]);
    assert_eq!((summary.put, summary.failed.len(), summary.exit_code), (2, 4, 4), "{summary}");
    assert_eq!(server.item("a")["photo"], json!({"base64": "YSBwaG90bw=="}));
    assert_eq!(server.item("d")["photo"], json!({"base64": "YXQgbGFzdA=="}));
    assert!(server.asked("/loop.jpg") <= 6 && server.asked("/gone.jpg") == 1);
}

#[test]
fn a_file_that_changed_is_sent_again() {
    let (server, folder) = (Fake::start(), TempDir::new().unwrap());
    let (feed, photo) = (folder.path().join("feed.jsonl"), folder.path().join("a.jpg"));
    fs::write(&feed, json!({"id": "a", "category": "Tee", "photo": "a.jpg"}).to_string() + "\n").unwrap();
    let again = || counts(&run(&options(&server, feed.to_str().unwrap(), &[])).unwrap());
    fs::write(&photo, "one").unwrap();
    assert_eq!((again(), again()), ([1, 0, 0, 0], [0, 0, 0, 1]));
    fs::write(&photo, "two").unwrap();
    assert_eq!(again(), [1, 0, 0, 0]);
    assert_eq!(server.item("a")["photo"], json!({"base64": "dHdv"}));
}

#[test]
fn a_feed_comes_by_its_address() {
    let server = Fake::start();
    let address = server.file("/feed.jsonl?secret=1", b"");
    server.file("/feed.jsonl", (line("a", "Tee", "1") + "\n").as_bytes());
    server.trick("GET /feed", &[Trick::Answer(503, "")]);
    let summary = run(&options(&server, &address, &[])).unwrap();
    assert!(summary.put == 1 && !summary.feed.contains("secret"));
    server.trick("GET /feed", &vec![Trick::Answer(503, ""); 4]);
    assert_eq!(run(&options(&server, &address, &[])).unwrap_err().exit_code(), 1);
    server.trick("GET /feed", &[Trick::Cut]);
    assert_eq!(run(&options(&server, &address, &[])).unwrap_err().exit_code(), 1, "cut off on its way");
    assert_eq!(run(&options(&server, &format!("{}/none", server.address), &[])).unwrap_err().exit_code(), 2);
    // A feed from elsewhere does not read this machine's files.
    server.file("/files.jsonl", b"{\"id\": \"x\", \"category\": \"Tee\", \"photo\": \"Cargo.toml\"}\n");
    let summary =
        run(&options(&server, &format!("{}/files.jsonl", server.address), &["--max-refused", "1"])).unwrap();
    assert_eq!((summary.put, summary.refused.len()), (0, 1));
}

#[test]
fn the_program_takes_its_key_from_the_environment_and_exits_as_it_says() {
    let (server, file) = (Fake::start(), feed(&[line("a", "Tee", "1")]));
    let program = |flags: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lookalike-sync"));
        command.env("LOOKALIKE_ADMIN_KEY", support::KEY).env_remove("LOOKALIKE_SERVER").args(flags);
        let output = command.output().unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let feed = file.path().to_str().unwrap();
    let (code, said, errors) = program(&["--server", &server.address, "--feed", feed]);
    assert_eq!((code, errors.as_str()), (0, ""), "{said}");
    assert!(said.contains("1 put"), "{said}");
    let (code, said, _) = program(&["--server", &server.address, "--feed", feed]);
    assert!(code == 0 && said.contains("nothing to send"), "{said}");
    for (flags, expected) in [
        (vec!["--server", "http://127.0.0.1:1", "--feed", feed, "--retries", "0"], 1),
        (vec!["--server", &server.address, "--feed", "/none"], 2),
        (vec!["--feed", feed], 2),
        (vec!["--no-such-flag"], 2),
        (vec!["--server", &server.address, "--feed", &support::feed_file("nasty.xml")], 3),
        (
            vec![
                "--server",
                &server.address,
                "--feed",
                &support::feed_file("items.jsonl"),
                "--max-refused",
                "2",
                "--name",
                "x",
            ],
            4,
        ),
    ] {
        let (code, said, errors) = program(&flags);
        assert_eq!(code, expected, "{flags:?}: {said}{errors}");
        assert!(!format!("{said}{errors}").contains(support::KEY));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the feed was before, what the server holds after a run is what the feed says now, and a further run sends nothing.
    #[test]
    fn any_feed_after_any_other(feeds in proptest::collection::vec(
        btree_map("[a-e]", ("[xy]{1,2}", "[pq]", any::<bool>()), 1..5), 1..4)
    ) {
        let server = Fake::start();
        server.insert("base", json!({"category": "Coat"}));
        for feed in feeds {
            let lines: Vec<String> = feed.iter().map(|(id, (title, photo, priced))| {
                let mut line = json!({"id": id, "category": "Tee", "photo": format!("https://cdn.example/{photo}.jpg")});
                if *priced { line["numbers"] = json!({"price": 1.5}) } else { line["title"] = json!(title) }
                line.to_string()
            }).collect();
            let summary = sync(&server, &lines, &["--max-delete", "100%"]);
            prop_assert_eq!(summary.exit_code, 0);
            let mut ids: Vec<String> = feed.keys().cloned().collect();
            ids.push("base".into());
            ids.sort();
            prop_assert_eq!(server.ids(), ids);
            for (id, (title, photo, priced)) in &feed {
                let whole = server.item(id);
                prop_assert_eq!(&whole["photo"]["url"], &json!(format!("https://cdn.example/{photo}.jpg")));
                let (title, numbers) = if *priced { (None, Some(json!({"price": 1.5}))) } else { (Some(json!(title)), None) };
                prop_assert_eq!((whole["item"].get("title"), whole["item"].get("numbers")), (title.as_ref(), numbers.as_ref()));
            }
            let writes = server.writes();
            sync(&server, &lines, &[]);
            prop_assert_eq!(server.writes(), writes);
        }
    }
}
