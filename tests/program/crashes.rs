//! Killed at a random moment of its writes, the program has every write that it acknowledged, and of no other a part.
//!
//! `CRASHES=1000 cargo test --release --workspace --test program crashes` kills it as often as that; a few times are usual.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Command,
    time::Duration,
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::{program, started::Started, support::tiny_shop};

const KEY: &str = "an-admin-key-of-the-tests";
/// So many items are written again and again.
const NAMES: usize = 12;

/// What an item may be: as the last acknowledged write left it, or as a write left it whose answer did not come.
type Possible = BTreeMap<String, Vec<Option<Value>>>;

/// One request; nothing where the server was gone before its answer.
fn ask(address: SocketAddr, method: &str, path: &str, kind: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: shop\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Numbers that name the write they are of.
fn vector(n: u64) -> Vec<f64> {
    (0..193).map(|i| ((i * 31 + n * 17) % 101) as f64 - 50.5).collect()
}

/// Writes until the server is gone; `possible` learns what each item may be.
fn write_on(address: SocketAddr, rng: &mut ChaCha8Rng, count: &mut u64, possible: &mut Possible) {
    loop {
        *count += 1;
        let id = format!("w{}", rng.random_range(0..NAMES));
        let now = possible.get(&id).and_then(|states| states.last().cloned()).flatten();
        let category = format!("write-{count}");
        let (method, kind, body, then) = match rng.random_range(0..4) {
            0 | 1 => {
                let body =
                    json!({"item": {"category": category, "product": id}, "embedding": vector(*count)});
                ("PUT", "application/json", body.to_string(), Some(json!([category, id])))
            }
            2 if now.is_some() => {
                let then = now.map(|now| json!([category, now[1]]));
                let body = json!({"category": category}).to_string();
                ("PATCH", "application/merge-patch+json", body, then)
            }
            _ => ("DELETE", "", String::new(), None),
        };
        let states = possible.entry(id.clone()).or_insert_with(|| vec![None]);
        match ask(address, method, &format!("/items/{id}"), kind, &body) {
            Some((200..=204, _)) => *states = vec![then],
            Some((404, _)) if method != "PUT" => *states = vec![None],
            Some((status, body)) => panic!("{method} {id}: {status} {body}"),
            None => {
                states.push(then);
                return;
            }
        }
    }
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let crashes: usize = std::env::var("CRASHES").map_or(12, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (state, keys) = (folder.path().join("state"), folder.path().join("keys"));
    fs::write(&keys, KEY).unwrap();
    let start = || {
        let mut command = program(&tiny_shop().bundle);
        Started::new(command.arg("--state").arg(&state).arg("--admin-keys-file").arg(&keys))
    };
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let (mut possible, mut count) = (Possible::new(), 0);
    for crash in 0..crashes {
        let mut started = start();
        let (address, pid) = (started.address, started.child.id().to_string());
        let wait = Duration::from_millis(rng.random_range(0..400));
        let killer = std::thread::spawn(move || {
            std::thread::sleep(wait);
            assert!(Command::new("kill").args(["-9", &pid]).status().unwrap().success());
        });
        write_on(address, &mut rng, &mut count, &mut possible);
        killer.join().unwrap();
        started.child.wait().unwrap();

        let started = start();
        for (id, states) in &mut possible {
            let (status, body) = ask(started.address, "GET", &format!("/items/{id}"), "", "").unwrap();
            let found = (status == 200).then(|| {
                let item: Value = serde_json::from_str(&body).unwrap();
                json!([item["category"], item["product"]])
            });
            assert!(states.contains(&found), "crash {crash}, {id}: {found:?} is none of {states:?}");
            *states = vec![found];
        }
    }
    assert!(count > crashes as u64, "{count} writes");
}

/// The same program where no file may grow past so many KiB: what a full disk is to it.
fn limited(inner: &Command, kib: u32) -> Command {
    let mut command = Command::new("bash");
    command.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {kib}; exec \"$0\" \"$@\""));
    command.arg(inner.get_program()).args(inner.get_args());
    for (name, value) in inner.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

#[test]
fn a_full_disk_refuses_writes_and_loses_none() {
    let folder = tempfile::tempdir().unwrap();
    let (state, keys) = (folder.path().join("state"), folder.path().join("keys"));
    fs::write(&keys, KEY).unwrap();
    let mut inner = program(&tiny_shop().bundle);
    inner.arg("--state").arg(&state).arg("--admin-keys-file").arg(&keys);
    let started = Started::new(&mut limited(&inner, 8_000));
    let long: Vec<String> = (0..60).map(|n| format!("{n:0>120}")).collect();
    let (mut acknowledged, mut is_full) = (Vec::new(), false);
    for round in 0..40 {
        let line = |n: u64| {
            let item = json!({"category": "large", "attributes": {"long": long}});
            json!({"op": "put", "id": format!("l{round}-{n}"), "item": item, "embedding": vector(n)})
                .to_string()
        };
        let lines: Vec<String> = (0..100).map(line).collect();
        let (status, body) =
            ask(started.address, "POST", "/items", "application/x-ndjson", &lines.join("\n")).unwrap();
        assert_eq!(status, 200);
        for told in body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()) {
            match told["status"].as_u64() {
                Some(201) => acknowledged.push(told["id"].as_str().unwrap().to_owned()),
                Some(507) => is_full = true,
                Some(other) => panic!("{other}: {told}"),
                None => {}
            }
        }
        if is_full {
            break;
        }
    }
    assert!(is_full && acknowledged.len() >= 100, "{} writes went into 8 MB", acknowledged.len());
    let get = |address, path: &str| ask(address, "GET", path, "", "").unwrap();
    assert_eq!(get(started.address, "/items/circle-red~0/similar?k=3").0, 200);
    assert_eq!(get(started.address, &format!("/items/{}", acknowledged[0])).0, 200);
    drop(started);

    let started = Started::new(&mut inner);
    for id in &acknowledged {
        assert_eq!(get(started.address, &format!("/items/{id}")).0, 200, "{id}");
    }
    let total: Value = serde_json::from_str(&get(started.address, "/items?category=large").1).unwrap();
    assert_eq!(total["total"], acknowledged.len(), "and none that was refused");
    let body = json!({"item": {"category": "large"}, "embedding": vector(1)}).to_string();
    assert_eq!(ask(started.address, "PUT", "/items/more", "application/json", &body).unwrap().0, 201);
}
