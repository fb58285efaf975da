//! Logs and traces, from outside.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    program,
    started::Started,
    support::{network_shop, pictures, tiny_shop},
};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|i| u8::from_str_radix(&hex[i..i + 2], 16).unwrap()).collect()
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    body.windows(part.len()).any(|window| window == part)
}

/// A collector as small as they get: takes whatever is posted; its path and its bytes.
fn collector() -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, posted) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let sender = sender.clone();
            thread::spawn(move || {
                let mut reader = BufReader::new(stream);
                loop {
                    let (mut path, mut length) = (String::new(), 0);
                    loop {
                        let mut line = String::new();
                        if reader.read_line(&mut line).unwrap_or(0) == 0 {
                            return;
                        }
                        let lower = line.to_ascii_lowercase();
                        if let Some(rest) = lower.strip_prefix("content-length:") {
                            length = rest.trim().parse().unwrap();
                        }
                        if path.is_empty() {
                            path = line.split(' ').nth(1).unwrap().to_owned();
                        }
                        if line == "\r\n" {
                            break;
                        }
                    }
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).unwrap();
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
                    reader.get_mut().write_all(answer).unwrap();
                    if sender.send((path, body)).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (address, posted)
}

fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

#[test]
fn a_traceparent_is_taken_over_into_the_log() {
    let mut started = Started::new(program(&tiny_shop().bundle).args(["--log-format", "json"]));
    for header in [
        &format!("traceparent: 00-{TRACE}-{PARENT}-01"),
        "traceparent: 00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "traceparent: nonsense",
    ] {
        assert!(started.ask_with("GET /readyz", header, b"").starts_with("HTTP/1.1 200 "));
    }
    let (_, log) = started.signal("-TERM");
    let answered: Vec<Value> = lines(&log).into_iter().filter(|line| line["message"] == "answered").collect();
    let span = |i: usize| &answered[i]["span"];
    assert_eq!((&span(0)["trace_id"], &span(0)["parent_id"]), (&TRACE.into(), &PARENT.into()), "{log}");
    for i in [1, 2] {
        assert_eq!((&span(i)["trace_id"], &span(i)["parent_id"]), (&Value::Null, &Value::Null), "{log}");
    }
}

#[test]
fn spans_are_sent_to_the_collector_as_children_of_the_caller() {
    let (address, posted) = collector();
    // Whatever is logged, spans are sent.
    let mut command = program(&tiny_shop().bundle);
    command.args(["--log-format", "json", "--otlp-endpoint", &address]);
    let mut started = Started::new(&mut command);
    let header = format!("traceparent: 00-{TRACE}-{PARENT}-01");
    let photo = tiny_shop().photo("circle-red~0");
    assert!(started.ask_with("POST /similar", &header, &photo).starts_with("HTTP/1.1 200 "));
    assert!(started.ask("GET /livez", b"").starts_with("HTTP/1.1 200 "));
    let (code, log) = started.signal("-TERM");
    assert_eq!(code, Some(0), "{log}");
    let mut all = Vec::new();
    while let Ok((path, body)) = posted.recv_timeout(Duration::from_secs(2)) {
        assert_eq!(path, "/v1/traces");
        all.extend(body);
    }
    for text in [
        "lookalike-server",
        "POST /similar",
        "decode",
        "model",
        "search",
        "GET /livez",
        "http.response.status_code",
    ] {
        assert!(contains(&all, text.as_bytes()), "no {text}");
    }
    assert!(contains(&all, &bytes(TRACE)) && contains(&all, &bytes(PARENT)));
    let answered = lines(&log).into_iter().filter(|line| line["message"] == "answered");
    let own = answered
        .filter(|line| line["span"]["path"] == "/livez")
        .map(|line| line["span"]["trace_id"].clone())
        .next();
    let own = own.unwrap();
    assert!(contains(&all, &bytes(own.as_str().unwrap())), "a trace of its own, in the log too: {own}");
}

#[test]
fn a_collector_that_is_not_there_keeps_nobody_waiting() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut command = program(&tiny_shop().bundle);
    let mut started = Started::new(command.args(["--otlp-endpoint", &format!("http://{free}")]));
    assert!(started.ask("GET /readyz", b"").starts_with("HTTP/1.1 200 "));
    assert_eq!(started.signal("-TERM").0, Some(0));
}

#[test]
fn the_log_says_who_calls() {
    let mut command = program(&tiny_shop().bundle);
    let mut started = Started::new(command.args(["--log-format", "json", "--trusted-proxy", "127.0.0.0/8"]));
    for header in ["X-Forwarded-For: 203.0.113.9, 2001:db8::7", "X-Forwarded-For: nobody"] {
        assert!(started.ask_with("GET /readyz", header, b"").starts_with("HTTP/1.1 200 "));
    }
    let (_, log) = started.signal("-TERM");
    let answered = lines(&log).into_iter().filter(|line| line["message"] == "answered");
    let clients: Vec<Value> = answered.map(|line| line["span"]["client"].clone()).collect();
    assert_eq!(clients, ["2001:db8::7", "127.0.0.1"], "{log}");
}

/// A figure of `/metrics`, by its whole name.
fn figure(started: &Started, name: &str) -> f64 {
    let metrics = started.ask("GET /metrics", b"");
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in {metrics}")).trim().parse().unwrap()
}

#[test]
fn stages_of_what_fails_and_of_what_has_no_photo_are_counted_too() {
    let started = Started::new(&mut program(&tiny_shop().bundle));
    let count = |stage: &str, asked: &str, outcome: &str| {
        let name = "lookalike_stage_seconds_count";
        figure(&started, &format!("{name}{{stage=\"{stage}\",asked=\"{asked}\",outcome=\"{outcome}\"}}"))
    };
    let photo = tiny_shop().photo("circle-red~0");
    assert!(started.ask("POST /similar", &photo).starts_with("HTTP/1.1 200 "));
    assert!(started.ask("POST /similar", &photo[..photo.len() / 2]).starts_with("HTTP/1.1 422 "));
    assert!(started.ask("GET /items/circle-red~0/similar", b"").starts_with("HTTP/1.1 200 "));
    assert!(started.ask("GET /items/none/similar", b"").starts_with("HTTP/1.1 404 "));
    for (stage, asked, outcome, expected) in [
        ("decode", "photo", "answered", 1.0),
        ("decode", "photo", "failed", 1.0),
        ("model", "photo", "answered", 1.0),
        ("model", "photo", "failed", 0.0),
        ("total", "photo", "answered", 1.0),
        ("total", "photo", "failed", 1.0),
        ("search", "known", "answered", 1.0),
        ("total", "known", "answered", 1.0),
        ("total", "known", "failed", 1.0),
    ] {
        assert_eq!(count(stage, asked, outcome), expected, "{stage} {asked} {outcome}");
    }
}

#[test]
fn wrong_keys_are_counted() {
    let mut command = program(&tiny_shop().bundle);
    let started = Started::new(
        command.env("LOOKALIKE_READ_KEYS", "a-key-of-the-shops-pages").args(["--reads", "open"]),
    );
    for _ in 0..12 {
        started.ask_with("GET /info", "X-API-Key: a-guess-of-somebody", b"");
    }
    assert!(started.ask("GET /info", b"").starts_with("HTTP/1.1 200 "));
    assert!(started.ask("GET /metrics", b"").starts_with("HTTP/1.1 401 "), "no key is no wrong key");
    let mut command = program(&tiny_shop().bundle);
    command.env("LOOKALIKE_ADMIN_KEYS", "the-key-of-the-operator");
    let started = Started::new(&mut command);
    let metrics =
        |started: &Started| started.ask_with("GET /metrics", "X-API-Key: the-key-of-the-operator", b"");
    metrics(&started);
    for _ in 0..12 {
        started.ask_with("GET /info", "X-API-Key: a-guess-of-somebody", b"");
    }
    started.ask("GET /info", b"");
    let metrics = metrics(&started);
    for line in [
        "lookalike_http_failed_keys_total{why=\"wrong\"} 10",
        "lookalike_http_failed_keys_total{why=\"not_tried\"} 2",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in {metrics}");
    }
}

#[test]
fn who_leaves_the_queue_is_no_more_counted_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let shop = network_shop(folder.path());
    let mut command = program(&shop.bundle);
    let started =
        Started::new(command.args(["--threads", "1", "--max-batch", "1", "--embedding-cache", "off"]));
    let queued = || figure(&started, "lookalike_model_queue_photos");
    let photo = pictures::png(&pictures::shape("circle", [200, 30, 30], 0));
    let begun = Instant::now();
    loop {
        let head = format!(
            "POST /similar HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n",
            photo.len()
        );
        let request = [head.as_bytes(), &photo].concat();
        let crowd: Vec<TcpStream> = (0..60)
            .map(|_| {
                let mut stream = TcpStream::connect(started.address).unwrap();
                stream.write_all(&request).unwrap();
                stream
            })
            .collect();
        let waiting = queued();
        drop(crowd);
        if waiting > 5.0 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody ever waits for the model");
    }
    let left = Instant::now();
    while queued() > 0.0 {
        assert!(
            left.elapsed() < Duration::from_secs(10),
            "{} are still counted, and nobody is there",
            queued()
        );
        thread::sleep(Duration::from_millis(20));
    }
}
