//! Logs and traces, from outside.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::Value;

use crate::{program, started::Started, support::tiny_shop};

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
