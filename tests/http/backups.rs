//! A state as a tar, and back.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use lookalike::backup::{RestoreError, restore};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Archive, Builder, EntryType, Header};

use crate::{
    living::{KEY, Living, a_photo, vector},
    support::{running::send, tiny_shop},
};

async fn snapshot(living: &Living) -> (u64, Vec<u8>) {
    let answer = send(living.request("GET", "/admin/snapshot")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/x-tar"));
    let revision = answer.header("x-revision").parse().unwrap();
    assert!(answer.header("content-disposition").contains(&format!("lookalike-state-{revision}.tar")));
    (revision, answer.body)
}

/// A server over what is restored from this tar.
async fn restored(tar: &[u8]) -> Living {
    let state = tempfile::tempdir().unwrap();
    fs::write(state.path().join("keys"), KEY).unwrap();
    let path = state.path().join("snapshot.tar");
    fs::write(&path, tar).unwrap();
    restore(&path, &state.path().join("state")).unwrap();
    let server = Living::over(tiny_shop(), &state, &[]).await;
    Living { state, server }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_snapshot_taken_while_writes_go_on_is_one_revision_and_comes_back_whole() {
    let living = Arc::new(Living::start(tiny_shop()).await);
    living.patch("circle-red~0", &json!({"category": "patched"})).await;
    living.delete("square-green~1").await;
    living.put("photo-0", &a_photo(1), &json!({"category": "kept"}), &[]).await;
    // More than one piece of records.
    for part in 0..3 {
        let line = |n: usize| json!({"op": "put", "id": format!("many-{n}"), "item": {"category": "many"}, "embedding": vector(n)});
        living.bulk(&(part * 700..part * 700 + 700).map(line).collect::<Vec<_>>()).await;
    }
    let stop = Arc::new(AtomicBool::new(false));
    let writing = tokio::spawn({
        let (living, stop) = (Arc::clone(&living), Arc::clone(&stop));
        async move {
            // What each write left of its item, by the revision it is in.
            let mut log: Vec<(u64, String, Option<String>)> = Vec::new();
            for n in 0.. {
                if stop.load(Ordering::Relaxed) && n > 20 {
                    break;
                }
                let id = format!("photo-{}", n % 5);
                let answer = match n % 3 {
                    2 => living.delete(&id).await,
                    _ => {
                        living
                            .put(&id, &a_photo((n % 7) as u8), &json!({"category": format!("w{n}")}), &[])
                            .await
                    }
                };
                if answer.status == 404 {
                    continue;
                }
                let etag = (n % 3 != 2).then(|| answer.header("etag").to_owned());
                log.push((answer.header("x-revision").parse().unwrap(), id, etag));
            }
            log
        }
    });
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(snapshot(&living).await);
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let log = writing.await.unwrap();
    let first = log[0].0;
    let before = living.server.get("/items/photo-0").await; // whatever it is now, it has an answer
    assert!([200, 404].contains(&before.status));
    for (revision, tar) in taken {
        let other = restored(&tar).await;
        let info = other.server.get("/info").await.json();
        assert_eq!(info["catalogue"]["revision"], revision);
        let mut expected: BTreeMap<String, Option<String>> = BTreeMap::new();
        for (_, id, etag) in log.iter().filter(|(at, ..)| *at <= revision) {
            expected.insert(id.clone(), etag.clone());
        }
        assert!(revision + 1 >= first);
        for id in (0..5).map(|n| format!("photo-{n}")) {
            let found = other.server.get(&format!("/items/{id}")).await;
            match expected.get(&id).cloned() {
                Some(Some(etag)) => assert_eq!((found.status, found.header("etag")), (200, etag.as_str())),
                None if id == "photo-0" => assert_eq!(found.json()["category"], "kept"),
                Some(None) | None => drop(found.problem(404, "unknown_item")),
            }
            let shown = other.server.get(&format!("/images/{id}")).await;
            assert_eq!(shown.status, found_status(&expected, &id), "its photo came along");
        }
        for id in ["circle-red~0", "many-0", "many-2099"] {
            let (then, now) = (
                living.server.get(&format!("/items/{id}")).await,
                other.server.get(&format!("/items/{id}")).await,
            );
            assert_eq!((then.header("etag"), &then.body), (now.header("etag"), &now.body));
        }
        other.server.get("/items/square-green~1").await.problem(404, "unknown_item");
        assert_eq!(other.server.get("/items?category=many").await.json()["total"], 2100);
        other.server.stop().await;
    }
    let shown = send(living.request("GET", "/items?category=w0")).await;
    assert_eq!(shown.status, 200);
    // Photos that were let go of while a snapshot held them are gone after it.
    for n in 0..5 {
        living.delete(&format!("photo-{n}")).await;
    }
    assert_eq!(living.photos(), 0);
    Arc::into_inner(living).unwrap().server.stop().await;
}

fn found_status(expected: &BTreeMap<String, Option<String>>, id: &str) -> u16 {
    match expected.get(id) {
        Some(Some(_)) => 200,
        None if id == "photo-0" => 200,
        _ => 404,
    }
}

#[tokio::test]
async fn one_snapshot_at_a_time_and_who_leaves_ends_it() {
    let living = Living::start(tiny_shop()).await;
    // More than waits for a client, the sockets' buffers included.
    let title = "x".repeat(200);
    let long: Vec<String> = (0..60).map(|n| format!("{n}{title}").chars().take(100).collect()).collect();
    for part in 0..6 {
        let line = |n: usize| {
            let item = json!({"category": "large", "attributes": {"long": long}});
            json!({"op": "put", "id": format!("l{part}-{n}"), "item": item, "embedding": vector(n)})
        };
        living.bulk(&(0..1000).map(line).collect::<Vec<_>>()).await;
    }
    let first = living.request("GET", "/admin/snapshot").send().await.unwrap();
    assert_eq!(first.status(), 200);
    send(living.request("GET", "/admin/snapshot")).await.problem(409, "snapshot_running");
    assert_eq!(living.patch("circle-red~0", &json!({"category": "meanwhile"})).await.status, 200);
    assert_eq!(living.server.get("/items/circle-red~0/similar?k=1").await.status, 200);
    drop(first);
    let mut again = send(living.request("GET", "/admin/snapshot")).await;
    for _ in 0..500 {
        if again.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        again = send(living.request("GET", "/admin/snapshot")).await;
    }
    assert_eq!(again.status, 200);
    living.server.stop().await;
}

/// A small tar: one photo, some records.
async fn small() -> Vec<u8> {
    let living = Living::start(tiny_shop()).await;
    living.put("a", &a_photo(3), &json!({"category": "circle"}), &[]).await;
    living.put("b", &a_photo(4), &json!({"category": "circle"}), &[]).await;
    living.patch("circle-red~0", &json!({"category": "patched"})).await;
    living.delete("square-green~1").await;
    let (_, tar) = snapshot(&living).await;
    living.server.stop().await;
    tar
}

/// Tries to restore these bytes; where they are refused, nothing may be left.
struct Tried {
    _folder: tempfile::TempDir,
    state: PathBuf,
    outcome: Result<lookalike::backup::Restored, RestoreError>,
}

fn tried(tar: &[u8]) -> Tried {
    let folder = tempfile::tempdir().unwrap();
    let (path, state) = (folder.path().join("a.tar"), folder.path().join("state"));
    fs::write(&path, tar).unwrap();
    let outcome = restore(&path, &state);
    assert_eq!(outcome.is_ok(), state.exists(), "{outcome:?}");
    Tried { _folder: folder, state, outcome }
}

fn refused(tar: &[u8]) -> String {
    tried(tar).outcome.unwrap_err().to_string()
}

fn entries(tar: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut archive = Archive::new(tar);
    let all = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().to_string_lossy().into_owned();
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).unwrap();
        (name, bytes)
    });
    all.collect()
}

/// A tar of these entries, the checksums made anew.
fn packed(entries: &[(String, Vec<u8>)], kind: EntryType) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    let mut sums = String::new();
    let mut add = |name: &str, bytes: &[u8], kind: EntryType| {
        let mut header = Header::new_ustar();
        // As it is: the library's own way refuses what leads out of a folder.
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_size(bytes.len() as u64);
        header.set_mode(0o600);
        header.set_cksum();
        tar.append(&header, bytes).unwrap();
    };
    for (name, bytes) in entries.iter().filter(|(name, _)| name != "checksums") {
        let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        sums.push_str(&format!("{hex}  {name}\n"));
        add(name, bytes, if name.starts_with("photos/") { kind } else { EntryType::Regular });
    }
    add("checksums", sums.as_bytes(), EntryType::Regular);
    tar.into_inner().unwrap()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_string_lossy().into_owned();
                found.insert(name, fs::read(path).unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn a_tar_that_is_cut_or_has_another_bit_is_refused_and_leaves_nothing() {
    let tar = small().await;
    let whole = tried(&tar);
    let told = whole.outcome.as_ref().unwrap();
    assert_eq!((told.revision, told.records, told.photos), (4, 4, 2));
    let photos = |state: &Path| {
        let mut files = files(state);
        files.retain(|name, _| name.starts_with("photos/"));
        files
    };
    assert_eq!(photos(&whole.state).len(), 2);
    for end in (0..tar.len()).step_by(97).chain([tar.len() - 1, tar.len() - 512, tar.len() - 1024]) {
        refused(&tar[..end]);
    }
    for at in (0..tar.len()).step_by(53) {
        let mut other = tar.clone();
        other[at] ^= 1 << (at % 8);
        let tried = tried(&other);
        if tried.outcome.is_ok() {
            // The two bytes that end a header's own checksum mean nothing.
            assert!([154, 155].contains(&(at % 512)), "byte {at}");
            assert_eq!(photos(&tried.state), photos(&whole.state));
        }
    }
    refused(&[tar.as_slice(), b"more"].concat());
    for (text, why) in [("", "ends before"), ("no tar at all", "ends before")] {
        let told = refused(text.as_bytes());
        assert!(told.contains(why) || told.contains("failed to read entire block"), "{told}");
    }
    refused(&vec![7; 10_000]);
    refused(&vec![0; 10_240]);
}

#[tokio::test]
async fn what_is_no_snapshot_is_refused_by_name() {
    let all = entries(&small().await);
    let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        (names[0], names[1], names[names.len() - 1]),
        ("snapshot.json", "records/000001", "checksums")
    );
    assert!(tried(&packed(&all, EntryType::Regular)).outcome.is_ok(), "packed as it was");
    let with = |name: &str, at: usize| {
        let mut more = all.clone();
        more.insert(at, (name.to_owned(), b"x".to_vec()));
        refused(&packed(&more, EntryType::Regular))
    };
    for name in [
        "../x",
        "/etc/x",
        "photos/../../x",
        "photos/ab/x.jpg",
        "photos/ab",
        "items.redb",
        "records/../x",
        "records/000009",
    ] {
        assert!(with(name, 2).contains("no entry of a snapshot"), "{name}: {}", with(name, 2));
    }
    assert!(with("x", 0).contains("first entry"));
    let sha = "f".repeat(64);
    assert!(with(&format!("photos/ff/{sha}.jpg"), 2).contains("out of its order"));
    assert!(with(&format!("photos/ff/{sha}.jpg"), all.len() - 1).contains("photos of 2"));
    for kind in [EntryType::Symlink, EntryType::Link, EntryType::Directory, EntryType::GNULongName] {
        assert!(refused(&packed(&all, kind)).contains("no plain file"), "{kind:?}");
    }
    for missing in [1, 2, 3] {
        let mut less = all.clone();
        less.remove(missing);
        let told = refused(&packed(&less, EntryType::Regular));
        assert!(told.contains("records of 4") || told.contains("photos of 2"), "{told}");
    }
    let edited = |field: &str, value: Value| {
        let mut other = all.clone();
        let mut about: Value = serde_json::from_slice(&other[0].1).unwrap();
        about[field] = value;
        other[0].1 = about.to_string().into_bytes();
        refused(&packed(&other, EntryType::Regular))
    };
    assert!(edited("format", json!(2)).contains("format 2, and this program reads 1"));
    assert!(edited("state_format", json!(99)).contains("format 99"));
    assert!(edited("records", json!(3)).contains("4 records of 3"));
    assert!(edited("dims", json!({"deep": 7, "colour": 0})).contains("another length"));
    assert!(edited("revision", json!("x")).contains("snapshot.json"));
    let mut other = all.clone();
    other[1].1[9] ^= 1;
    refused(&packed(&other, EntryType::Regular));
}

#[tokio::test]
async fn a_folder_that_holds_something_is_left_as_it_is() {
    let tar = small().await;
    let folder = tempfile::tempdir().unwrap();
    let (path, state) = (folder.path().join("a.tar"), folder.path().join("state"));
    fs::write(&path, &tar).unwrap();
    fs::create_dir(&state).unwrap();
    fs::write(state.join("precious"), "as it was").unwrap();
    let told = restore(&path, &state).unwrap_err().to_string();
    assert!(told.contains("is not empty"), "{told}");
    assert_eq!(files(&state), BTreeMap::from([("precious".to_owned(), b"as it was".to_vec())]));
    fs::remove_file(state.join("precious")).unwrap();
    restore(&path, &state).unwrap();
    assert!(restore(&path, &state).unwrap_err().to_string().contains("is not empty"));
    let empty = folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    fs::write(&path, &tar[..tar.len() / 2]).unwrap();
    restore(&path, &empty).unwrap_err();
    assert!(empty.exists() && files(&empty).is_empty(), "a folder that was there stays");
    assert!(restore(&folder.path().join("none.tar"), &folder.path().join("new")).is_err());
    assert!(!folder.path().join("new").exists());
}
