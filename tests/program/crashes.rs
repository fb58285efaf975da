//! Killed at a random moment of writes, compactions and reloads, the program has every write that it acknowledged, and of no other a
//! part.
//!
//! `CRASHES=1000 cargo test --release --workspace --test program crashes` kills it as often as that; a few times are usual.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::Command,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use lookalike_catalogue::{BuildOptions, LocalCatalogue, build};
use lookalike_items::{Item, Vectors};
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use crate::{
    program,
    started::Started,
    support::{pictures, tiny_shop},
};

pub const KEY: &str = "an-admin-key-of-the-tests";
/// So many items are written again and again, beside some of the bundle's.
const NAMES: usize = 12;

/// An item as it is told: its category, its product, and which photo came in with it.
type State = Option<(String, Option<String>, Option<usize>)>;

/// What each item is.
type Shop = BTreeMap<String, State>;

/// One request; nothing where the server was gone before its answer.
fn bytes_of(
    address: SocketAddr,
    method: &str,
    path: &str,
    kind: &str,
    body: &[u8],
) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body).ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let body = answer.split_off(end + 4);
    // Killed between the two it has sent a head alone.
    let length = head
        .lines()
        .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    if length.is_some_and(|length: usize| length > body.len()) {
        return None;
    }
    Some((head.split(' ').nth(1)?.parse().ok()?, body))
}

/// The same for an answer that is text.
pub fn ask(
    address: SocketAddr,
    method: &str,
    path: &str,
    kind: &str,
    body: impl AsRef<[u8]>,
) -> Option<(u16, String)> {
    let (status, body) = bytes_of(address, method, path, kind, body.as_ref())?;
    Some((status, String::from_utf8_lossy(&body).into_owned()))
}

/// Numbers that name the write they are of.
fn vector(n: u64) -> Vec<f64> {
    (0..193).map(|i| ((i * 31 + n * 17) % 101) as f64 - 50.5).collect()
}

/// Photos that come in, as they are sent.
fn photos() -> Vec<Vec<u8>> {
    let of = |(n, shape): (usize, &&str)| {
        let (_, colour) = pictures::COLOURS[n];
        pictures::jpeg(&pictures::shape(shape, colour, 1))
    };
    pictures::SHAPES.iter().enumerate().map(of).collect()
}

/// A form of a photo and an item.
fn form(photo: &[u8], item: &Value) -> Vec<u8> {
    let part = |name: &str, bytes: &[u8]| {
        let head = format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n");
        [head.as_bytes(), bytes, b"\r\n"].concat()
    };
    [part("image", photo), part("item", item.to_string().as_bytes()), b"--B--\r\n".to_vec()].concat()
}

/// A request, and what each item that it names is after it.
struct Sent {
    method: &'static str,
    path: String,
    kind: &'static str,
    body: Vec<u8>,
    then: Vec<(String, State)>,
}

/// One of the writes there are, each of its own category.
fn drawn(rng: &mut ChaCha8Rng, count: u64, names: &[String], shop: &Shop, photos: &[Vec<u8>]) -> Sent {
    let id = names.choose(rng).unwrap().clone();
    let (path, category) = (format!("/items/{id}"), format!("write-{count}"));
    let now = shop[&id].clone();
    let item = json!({"category": category, "product": id});
    let whole = |photo| Some((category.clone(), Some(id.clone()), photo));
    let sent = |method, kind, body, then: State| Sent {
        method,
        path: path.clone(),
        kind,
        body,
        then: vec![(id.clone(), then)],
    };
    match rng.random_range(0..8) {
        0 | 1 => {
            let body = json!({"item": item, "embedding": vector(count)}).to_string();
            sent("PUT", "application/json", body.into(), whole(None))
        }
        2 | 3 => {
            let which = rng.random_range(0..photos.len());
            sent("PUT", "multipart/form-data; boundary=B", form(&photos[which], &item), whole(Some(which)))
        }
        4 if now.is_some() => {
            let then = now.map(|(_, product, photo)| (category.clone(), product, photo));
            sent(
                "PATCH",
                "application/merge-patch+json",
                json!({"category": category}).to_string().into(),
                then,
            )
        }
        5 | 6 => {
            // One transaction: all of its lines or none.
            let some: Vec<String> = names.sample(rng, 4).cloned().collect();
            let (mut body, mut then) = (String::new(), Vec::new());
            for (n, id) in some.into_iter().enumerate() {
                let line = match n {
                    0 => json!({"op": "delete", "id": id}),
                    _ => {
                        json!({"op": "put", "id": id, "item": {"category": category}, "embedding": vector(count + n as u64)})
                    }
                };
                body += &format!("{line}\n");
                then.push((id, (n > 0).then(|| (category.clone(), None, None))));
            }
            Sent {
                method: "POST",
                path: "/items".into(),
                kind: "application/x-ndjson",
                body: body.into(),
                then,
            }
        }
        _ => sent("DELETE", "", Vec::new(), None),
    }
}

/// Writes until the server is gone; the shop learns of all that was acknowledged. What was sent last was not.
fn write_on(
    address: SocketAddr,
    rng: &mut ChaCha8Rng,
    count: &mut u64,
    shop: &mut Shop,
    photos: &[Vec<u8>],
) -> Vec<(String, State)> {
    let names: Vec<String> = shop.keys().cloned().collect();
    loop {
        *count += 1;
        let sent = drawn(rng, *count, &names, shop, photos);
        match ask(address, sent.method, &sent.path, sent.kind, &sent.body) {
            Some((200..=204, body)) => {
                assert!(sent.method != "POST" || body.lines().all(is_well), "{body}");
                shop.extend(sent.then);
            }
            Some((404, _)) if sent.method == "DELETE" => assert_eq!(shop[&sent.then[0].0], None),
            Some((status, body)) => panic!("{} {}: {status} {body}", sent.method, sent.path),
            None => return sent.then,
        }
    }
}

/// What a line of many is told that was done; what is not there cannot be deleted.
fn is_well(line: &str) -> bool {
    let told: Value = serde_json::from_str(line).unwrap();
    told["done"] == true || matches!(told["status"].as_u64(), Some(200 | 201 | 204 | 404))
}

/// What an operator does from this turn on until the server is gone: compactions, and reloads of generation after generation, asked
/// for and by signal. How many of each were ended.
fn operate(
    server: (SocketAddr, u32),
    bundle: &Path,
    first: usize,
    gone: &AtomicBool,
    ended: &[AtomicUsize; 2],
) {
    let (address, pid) = server;
    let items = base(bundle);
    let model = model(bundle);
    for turn in first.. {
        if turn % 2 == 1 {
            // The same items: what the shop holds does not change.
            build(bundle, &model, items.clone(), &BuildOptions::default(), &|_, _, _| ()).unwrap();
        }
        if turn % 6 == 5 {
            if gone.load(Relaxed) {
                return;
            }
            // It is not waited for until the server is gone, so the number is still its own.
            Command::new("kill").args(["-HUP", &pid.to_string()]).status().unwrap();
            std::thread::sleep(Duration::from_millis(20));
            continue;
        }
        let what = ["compact", "reload"][turn % 2];
        let Some((status, body)) = ask(address, "POST", &format!("/admin/{what}"), "", b"") else { return };
        assert_eq!(status, 202, "{body}");
        let operation: Value = serde_json::from_str(&body).unwrap();
        let path = format!("/admin/operations/{}", operation["id"].as_str().unwrap());
        loop {
            let Some((_, body)) = ask(address, "GET", &path, "", b"") else { return };
            let operation: Value = serde_json::from_str(&body).unwrap();
            assert_ne!(operation["state"], "failed", "{body}");
            if operation["state"] == "done" {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        ended[turn % 2].fetch_add(1, Relaxed);
    }
}

fn model(bundle: &Path) -> String {
    let manifest: Value = serde_json::from_slice(&fs::read(bundle.join("manifest.json")).unwrap()).unwrap();
    manifest["model_id"].as_str().unwrap().to_owned()
}

/// The items that a bundle holds.
fn base(bundle: &Path) -> Vec<(Item, Vectors)> {
    let catalogue = LocalCatalogue::open(bundle, &model(bundle)).unwrap();
    let items = catalogue.items().map(|entry| entry.unwrap());
    items.map(|(item, vectors)| (item, Vectors::stored(vectors))).collect()
}

/// What the server says that an item is; its photo, where it came in, must be whole.
fn told(address: SocketAddr, id: &str, photos: &[Vec<u8>]) -> State {
    let (status, body) = ask(address, "GET", &format!("/items/{id}"), "", b"").unwrap();
    if status == 404 {
        return None;
    }
    assert_eq!(status, 200, "{body}");
    let item: Value = serde_json::from_str(&body).unwrap();
    let text = |name: &str| item[name].as_str().map(str::to_owned);
    // Photos that came in are served as they were kept: each has a size of its own.
    let (status, photo) = bytes_of(address, "GET", &format!("/images/{id}"), "", b"").unwrap();
    let photo = (status == 200).then(|| image::load_from_memory(&photo).unwrap().into_rgb8());
    let is = |sent: &Vec<u8>| {
        let (sent, photo) = (image::load_from_memory(sent).unwrap().into_rgb8(), photo.as_ref()?);
        let apart: u64 = sent.iter().zip(photo.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        (apart < 10 * sent.len() as u64).then_some(())
    };
    let which = photos.iter().position(|sent| is(sent).is_some());
    Some((text("category").unwrap(), text("product"), which))
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    let crashes: usize = std::env::var("CRASHES").map_or(12, |n| n.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (state, keys) = (folder.path().join("state"), folder.path().join("keys"));
    fs::write(&keys, KEY).unwrap();
    let bundle = tiny_shop().copy_of_bundle();
    let start = || {
        let mut command = program(bundle.path());
        Started::new(command.arg("--state").arg(&state).arg("--admin-keys-file").arg(&keys))
    };
    let photos = photos();
    let mut shop: Shop = (0..NAMES).map(|n| (format!("w{n}"), None)).collect();
    let of_base = base(bundle.path()).into_iter().map(|(item, _)| item);
    // Some of the bundle's are written over, patched and deleted too.
    let total = tiny_shop().items();
    for item in of_base.filter(|item| item.id.as_str().starts_with("circle-red")) {
        shop.insert(item.id.to_string(), Some((item.category, item.product, None)));
    }
    let others = total - shop.values().flatten().count();
    let mut rng = ChaCha8Rng::seed_from_u64(9);
    let (mut count, ended) = (0, [const { AtomicUsize::new(0) }; 2]);
    let all_happened = || ended.iter().all(|ended| ended.load(Relaxed) > 0);
    for crash in 0.. {
        // On a slow machine no compaction may end in so short a life: then there are longer ones.
        if crash >= crashes && (all_happened() || crash >= 4 * crashes) {
            break;
        }
        let mut started = start();
        let (address, pid) = (started.address, started.child.id());
        let wait = Duration::from_millis(rng.random_range(0..500 * (1 + crash as u64 / crashes as u64)));
        let gone = AtomicBool::new(false);
        let sent = std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(wait);
                assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
                gone.store(true, Relaxed);
            });
            scope.spawn(|| operate((address, pid), bundle.path(), crash, &gone, &ended));
            write_on(address, &mut rng, &mut count, &mut shop, &photos)
        });
        started.child.wait().unwrap();

        let started = start();
        let found: Shop = shop.keys().map(|id| (id.clone(), told(started.address, id, &photos))).collect();
        let mut after = shop.clone();
        after.extend(sent);
        assert!(found == shop || found == after, "crash {crash}: {found:#?}\nwas {shop:#?}\nor {after:#?}");
        let (_, list) = ask(started.address, "GET", "/items?limit=1", "", b"").unwrap();
        let list: Value = serde_json::from_str(&list).unwrap();
        assert_eq!(list["total"], others + found.values().flatten().count(), "crash {crash}");
        shop = found;
        if crash % 50 == 49 {
            eprintln!("{} crashes, {count} writes", crash + 1); // seen with --nocapture
        }
    }
    let [compactions, reloads] = ended.map(AtomicUsize::into_inner);
    eprintln!("{crashes} crashes, {count} writes, {compactions} compactions, {reloads} reloads");
    assert!(count > crashes as u64 && compactions > 0 && reloads > 0);
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
            ask(started.address, "POST", "/items", "application/x-ndjson", lines.join("\n")).unwrap();
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
