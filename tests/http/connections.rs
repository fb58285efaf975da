//! Connections that ask for nothing, or for half of something, and more of them than are taken.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use tokio::task::spawn_blocking;

use crate::support::{running::Running, tiny_shop};

const REQUEST: &str = "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// How long it takes the server to close the connection, without a word.
fn closed_after(mut stream: TcpStream) -> Duration {
    let started = Instant::now();
    match stream.read(&mut [0; 64]) {
        Ok(0) => {}
        Err(e) if e.kind() == ErrorKind::ConnectionReset => {}
        other => panic!("the connection is not closed: {other:?}"),
    }
    started.elapsed()
}

/// One request on a connection that stays; the answer's head.
fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(REQUEST.as_bytes()).unwrap();
    let mut answer = vec![0; 4096];
    let mut read = 0;
    while !answer[..read].ends_with(b"}") {
        let more = stream.read(&mut answer[read..]).unwrap();
        assert!(more > 0, "the connection was closed instead of an answer");
        read += more;
    }
    String::from_utf8_lossy(&answer[..read]).into_owned()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_a_header_is_not_waited_for() {
    let server = Running::start(tiny_shop(), &["--header-timeout", "0.5", "--idle-timeout", "30"]).await;
    let address = server.address;
    let half_open: Vec<TcpStream> = (0..200).map(|_| connect(address)).collect();
    for mut stream in &half_open {
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: loc").unwrap();
    }
    let longest = blocking(move || half_open.into_iter().map(closed_after).max().unwrap()).await;
    assert!(longest < Duration::from_secs(5), "{longest:?}");
    // A byte now and then buys no time.
    let trickled = blocking(move || {
        let (mut stream, started) = (connect(address), Instant::now());
        for byte in REQUEST.as_bytes() {
            if stream.write_all(&[*byte]).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        (started.elapsed(), stream.read(&mut [0; 64]))
    });
    let (elapsed, answer) = trickled.await;
    assert!(!matches!(answer, Ok(1..)) && elapsed < Duration::from_secs(4), "{elapsed:?} {answer:?}");
    // The second request of a connection is held to it as the first.
    let second = blocking(move || {
        let mut stream = connect(address);
        assert!(ask(&mut stream).starts_with("HTTP/1.1 200 "));
        stream.write_all(b"GET /livez HT").unwrap();
        closed_after(stream)
    });
    assert!(second.await < Duration::from_secs(5));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_kept_for_a_while() {
    let server = Running::start(tiny_shop(), &["--idle-timeout", "2", "--header-timeout", "0.3"]).await;
    let address = server.address;
    let idle = blocking(move || {
        let mut used = connect(address);
        for _ in 0..4 {
            assert!(ask(&mut used).starts_with("HTTP/1.1 200 "));
            std::thread::sleep(Duration::from_millis(800)); // longer than a header's limit, together longer than the idle one
        }
        ask(&mut used);
        (closed_after(used), closed_after(connect(address)))
    });
    let (used, never_used) = idle.await;
    for waited in [used, never_used] {
        assert!((1400..10000).contains(&waited.as_millis()), "{waited:?}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_body_is_no_slow_header() {
    let shop = tiny_shop();
    let server = Running::start(shop, &["--header-timeout", "0.3", "--idle-timeout", "0.3"]).await;
    let (address, photo) = (server.address, shop.photo("circle-red~0"));
    let answer = blocking(move || {
        let mut stream = connect(address);
        let head = format!(
            "POST /similar?k=1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n",
            photo.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        for part in photo.chunks(photo.len() / 4 + 1) {
            std::thread::sleep(Duration::from_millis(400));
            stream.write_all(part).unwrap();
        }
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("circle-red~0"), "{answer}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_connection_too_many_is_told_so() {
    let server = Running::start_cold(tiny_shop(), &["--max-connections", "4"]).await;
    let address = server.address;
    let (first, refused) = blocking(move || {
        let mut taken: Vec<TcpStream> = (0..4).map(|_| connect(address)).collect();
        let first = taken.iter_mut().map(ask).collect::<Vec<_>>();
        let mut refused = String::new();
        let mut stream = connect(address);
        stream.write_all(REQUEST.as_bytes()).unwrap();
        stream.read_to_string(&mut refused).unwrap();
        (first, refused)
    })
    .await;
    assert!(first.iter().all(|answer| answer.starts_with("HTTP/1.1 200 ")));
    assert!(refused.starts_with("HTTP/1.1 503 Service Unavailable\r\n"), "{refused}");
    let (head, body) = refused.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains("content-type: application/problem+json") && head.contains("retry-after: 1"),
        "{head}"
    );
    assert!(head.contains(&format!("content-length: {}", body.len())) && head.contains("connection: close"));
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(problem["code"], "too_many_connections");
    assert!(problem["detail"].as_str().unwrap().contains("4 connections"), "{problem}");
    // Those of before were closed: there is room again, soon.
    let again = blocking(move || {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let mut stream = connect(address);
            let _ = stream.write_all(REQUEST.as_bytes());
            let mut start = [0; 12];
            if stream.read_exact(&mut start).is_ok() && &start == b"HTTP/1.1 200" {
                return true;
            }
            assert!(Instant::now() < deadline, "no connection is taken any more");
        }
    });
    assert!(again.await);
    let metrics = String::from_utf8(server.get("/metrics").await.body).unwrap();
    let refusals = metrics.lines().find_map(|l| l.strip_prefix("lookalike_http_connections_refused_total "));
    assert!(refusals.unwrap().parse::<f64>().unwrap() >= 1.0);
    server.stop().await;
}

/// As many requests at once as make an answer of megabytes.
fn ask_for_much(stream: &mut TcpStream, times: usize) {
    let request = "GET /openapi.yaml HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(times);
    stream.write_all(request.as_bytes()).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_its_answer_is_let_go() {
    let server = Running::start(tiny_shop(), &["--write-timeout", "0.5"]).await;
    let one = server.get("/openapi.yaml").await.body.len();
    let (address, times) = (server.address, 200);
    let read_after = move |pause: Duration, between: Duration| {
        let mut stream = connect(address);
        ask_for_much(&mut stream, times);
        std::thread::sleep(pause);
        let (mut buffer, mut read) = (vec![0; 1 << 18], 0);
        while read < one * times {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => read += length,
                Err(e) if e.kind() == ErrorKind::ConnectionReset => break,
                Err(e) => panic!("{e}"),
            }
            std::thread::sleep(between);
        }
        read
    };
    let none = blocking(move || read_after(Duration::from_secs(3), Duration::ZERO)).await;
    assert!(none < one * times, "all {none} bytes were kept for a client that did not read");
    // Who reads slowly, and reads, gets all of it.
    let slow = blocking(move || read_after(Duration::ZERO, Duration::from_millis(15))).await;
    assert!(slow >= one * times, "{slow} of {} bytes", one * times);
    let metrics = String::from_utf8(server.get("/metrics").await.body).unwrap();
    assert!(metrics.contains("waited_for=\"reader\"} 1"), "{metrics}");
    server.stop().await;
}
