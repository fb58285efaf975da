//! A server that keeps items as the real one does where it matters here, and does not when it is told so.
#![allow(dead_code)] // each test uses its own part

use std::{
    collections::{BTreeMap, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use clap::Parser;
use lookalike_sync::Options;
use serde_json::{Map, Value, json};

pub const KEY: &str = "an-admin-key-of-the-test";

/// The path of a feed in `tests/feeds`.
pub fn feed_file(name: &str) -> String {
    format!("{}/tests/feeds/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The options of a run against this server.
pub fn options(server: &Fake, feed: &str, flags: &[&str]) -> Options {
    let fixed = [
        "lookalike-sync",
        "--server",
        &server.address,
        "--feed",
        feed,
        "--retry-wait",
        "0.01",
        "--retries",
        "3",
    ];
    let mut options = Options::try_parse_from([&fixed, flags].concat()).unwrap();
    options.key = Some(KEY.to_owned());
    options
}

/// What the server does with the next request instead of answering it.
#[derive(Clone, Debug)]
pub enum Trick {
    /// Answers so.
    Answer(u16, &'static str),
    /// Closes the connection within the answer.
    Cut,
    /// Makes the write, and closes the connection before it is told.
    Lost,
}

#[derive(Default)]
struct State {
    items: BTreeMap<String, Value>,
    /// Bytes that are served by path.
    files: BTreeMap<String, Vec<u8>>,
    /// By the beginning of method and path.
    tricks: BTreeMap<&'static str, VecDeque<Trick>>,
    /// Statuses that lines of these ids get.
    refused: BTreeMap<String, (u16, &'static str)>,
    writes: usize,
    lines: Vec<Value>,
    asked: Vec<String>,
}

/// A server on a port of its own, until the test ends.
pub struct Fake {
    pub address: String,
    state: Arc<Mutex<State>>,
}

impl Fake {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Self { address, state }
    }

    /// The item as it was put and patched, with its photo.
    pub fn item(&self, id: &str) -> Value {
        self.state.lock().unwrap().items.get(id).cloned().unwrap_or_else(|| panic!("no item {id}"))
    }

    pub fn ids(&self) -> Vec<String> {
        self.state.lock().unwrap().items.keys().cloned().collect()
    }

    pub fn insert(&self, id: &str, item: Value) {
        self.state.lock().unwrap().items.insert(id.to_owned(), json!({"item": item, "photo": null}));
    }

    /// Bulk requests so far.
    pub fn writes(&self) -> usize {
        self.state.lock().unwrap().writes
    }

    /// The lines since the last call.
    pub fn lines(&self) -> Vec<Value> {
        std::mem::take(&mut self.state.lock().unwrap().lines)
    }

    pub fn asked(&self, path: &str) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|asked| asked.starts_with(path)).count()
    }

    pub fn trick(&self, request: &'static str, tricks: &[Trick]) {
        self.state.lock().unwrap().tricks.insert(request, tricks.iter().cloned().collect());
    }

    pub fn file(&self, path: &str, bytes: &[u8]) -> String {
        self.state.lock().unwrap().files.insert(path.to_owned(), bytes.to_vec());
        format!("{}{path}", self.address)
    }

    pub fn refuse(&self, id: &str, status: u16, code: &'static str) {
        self.state.lock().unwrap().refused.insert(id.to_owned(), (status, code));
    }

    pub fn accept_all(&self) {
        self.state.lock().unwrap().refused.clear();
    }
}

fn serve(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let mut body = vec![0; header("content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body)?;
    let mut words = head.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut state = state.lock().unwrap();
    state.asked.push(target.to_owned());
    let asked = format!("{method} {target}");
    let trick =
        state.tricks.iter_mut().find(|(request, tricks)| asked.starts_with(**request) && !tricks.is_empty());
    let trick = trick.and_then(|(_, tricks)| tricks.pop_front());
    let allowed = header("authorization").is_some_and(|key| key == format!("Bearer {KEY}"));
    let path = target.split('?').next().unwrap_or_default();
    let (status, extra, answer) = match (trick, method, path) {
        (Some(Trick::Answer(status, extra)), ..) => {
            (status, extra, b"{\"detail\": \"as told\", \"code\": \"told\"}".to_vec())
        }
        (Some(trick), ..) => {
            if matches!(trick, Trick::Lost) {
                write(&mut state, &body);
            }
            drop(state);
            let mut stream = stream;
            return stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"items\"");
        }
        (None, "GET", path) if state.files.contains_key(path) => (200, "", state.files[path].clone()),
        (None, _, "/items" | "/info") if !allowed => (401, "", b"{}".to_vec()),
        (None, "GET", "/items") => (200, "", list(&state, target)),
        (None, "GET", "/info") => (
            200,
            "",
            br#"{"limits": {"body_bytes": 20000000, "bulk_bytes": 67108864, "bulk_lines": 10}, "more": 1}"#
                .to_vec(),
        ),
        (None, "POST", "/items") => (200, "", write(&mut state, &body)),
        _ => (404, "", b"{}".to_vec()),
    };
    drop(state);
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n{extra}\r\n",
        answer.len()
    )?;
    stream.write_all(&answer)
}

/// Two items a page, so that there are pages.
fn list(state: &State, target: &str) -> Vec<u8> {
    let url = url::Url::parse(&format!("http://x{target}")).unwrap();
    let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!((query["limit"].as_str(), query["fields"].as_str()), ("1000", "id,source_hash"));
    let after = query.get("after").cloned().unwrap_or_default();
    let rest: Vec<_> = state.items.iter().filter(|(id, _)| **id > after).collect();
    let page = rest.iter().take(2);
    let items: Vec<Value> = page
        .clone()
        .map(|(id, whole)| json!({"id": id, "source_hash": whole["item"].get("source_hash")}))
        .collect();
    let next = if rest.len() > 2 { json!(rest[1].0) } else { Value::Null };
    json!({"items": items, "total": state.items.len(), "next": next}).to_string().into_bytes()
}

fn write(state: &mut State, body: &[u8]) -> Vec<u8> {
    state.writes += 1;
    let text = std::str::from_utf8(body).unwrap();
    assert!(text.lines().count() <= 10, "more lines than the limit");
    let mut told = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line: Value = serde_json::from_str(line).unwrap();
        let id = line["id"].as_str().unwrap().to_owned();
        let status = match (state.refused.get(&id), line["op"].as_str().unwrap()) {
            (Some((status, _)), _) => *status,
            (None, "put") => {
                let whole = json!({"item": line["item"], "photo": line["photo"]});
                if state.items.insert(id.clone(), whole).is_some() { 200 } else { 201 }
            }
            (None, "patch") => match state.items.get_mut(&id) {
                Some(whole) => {
                    merge(&mut whole["item"], &line["item"]);
                    200
                }
                None => 404,
            },
            (None, _) => {
                if state.items.remove(&id).is_some() {
                    204
                } else {
                    404
                }
            }
        };
        let code = state.refused.get(&id).map_or("not_found", |(_, code)| code);
        let mut answer = json!({"line": number, "id": id, "status": status});
        if status >= 400 {
            answer["problem"] = json!({"code": code, "detail": "as told", "status": status});
        }
        told.push_str(&format!("{answer}\n"));
        state.lines.push(line);
    }
    (told + "{\"done\": true, \"ok\": 0, \"failed\": 0, \"revision\": 1}\n").into_bytes()
}

/// RFC 7396.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (name, value) in fields {
        let target = target.as_object_mut().unwrap();
        if value.is_null() {
            target.remove(name);
        } else {
            merge(target.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}
