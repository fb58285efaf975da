//! The memory that bodies and photos may take, and what is told past it.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use tokio::task::spawn_blocking;

use crate::{
    hostile::flat_png,
    support::{
        running::{Answer, Running},
        tiny_shop,
    },
};

/// Room for one photo of 20 MB, and for bodies of 5 MB in all, each counted twice.
const SMALL: [&str; 6] = ["--memory-budget", "40MB", "--max-photo-memory", "20MB", "--max-body", "1MB"];

/// A request whose body is announced, and of which so much comes.
fn stuck(address: SocketAddr, length: &str, sent: usize) -> TcpStream {
    let mut stream = announced(address, length);
    stream.write_all(&vec![0; sent]).unwrap();
    stream
}

/// A request whose body is announced and does not come.
fn announced(address: SocketAddr, length: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let head =
        format!("POST /similar HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\n{length}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// What is answered, as far as it comes in one piece.
fn answer(stream: &mut TcpStream) -> String {
    let mut bytes = [0; 4096];
    let length = stream.read(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_is_admitted_before_it_is_read() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &SMALL).await);
    // Something behind its end makes it larger than what is left.
    let (address, photo) = (server.address, [shop.photo("circle-red~0"), vec![0; 50_000]].concat());
    let waiting: Vec<TcpStream> =
        blocking(move || (0..5).map(|_| stuck(address, "Content-Length: 999000", 998_000)).collect()).await;
    // What came of those five has been taken once the sixth is refused.
    let begun = Instant::now();
    let refused = loop {
        let answer = server.post("/similar", "image/png", photo.clone()).await;
        if answer.status != 200 || begun.elapsed() > Duration::from_secs(10) {
            break answer;
        }
    };
    refused.problem(503, "no_memory_for_body");
    assert_eq!(refused.header("retry-after"), "1");
    // One that says nothing of its length is refused as it comes in.
    let chunked = blocking(move || {
        let mut stream = announced(address, "Transfer-Encoding: chunked");
        stream.write_all(format!("{:x}\r\n", 50_000).as_bytes()).unwrap();
        stream.write_all(&[0; 50_000]).unwrap();
        answer(&mut stream)
    });
    let chunked = chunked.await;
    assert!(chunked.starts_with("HTTP/1.1 503 ") && chunked.contains("no_memory_for_body"), "{chunked}");
    // What needs no body goes on.
    assert_eq!(server.get("/items/circle-red~0/similar").await.status, 200);
    let held = |answer: Answer| {
        let text = String::from_utf8(answer.body).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("lookalike_memory_held_bytes ")).unwrap();
        line.parse::<f64>().unwrap()
    };
    assert!(held(server.get("/metrics").await) > 9e6);
    drop(waiting);
    let begun = Instant::now();
    while server.post("/similar", "image/png", photo.clone()).await.status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(10), "their room is not given back");
    }
    assert_eq!(held(server.get("/metrics").await), 0.0);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_announces_a_body_and_sends_none_keeps_nobody_out() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &SMALL).await);
    let address = server.address;
    let waiting: Vec<TcpStream> =
        blocking(move || (0..50).map(|_| announced(address, "Content-Length: 999000")).collect()).await;
    for _ in 0..20 {
        let answer = server.post("/similar", "image/png", shop.photo("circle-red~0")).await;
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    }
    drop(waiting);
    server.stop().await;
}

#[tokio::test]
async fn a_photo_that_takes_too_much_is_told_what_it_takes() {
    let server = Running::start(tiny_shop(), &[]).await;
    let bytes = flat_png((8000, 8000), 6, 16);
    assert!(bytes.len() < 3_000_000);
    let refused = server.post("/similar", "image/png", bytes).await.problem(422, "too_much_memory");
    assert!(refused.contains("takes 518 MB of memory; at most"), "{refused}");
    let limits = server.get("/info").await.json()["limits"].clone();
    let of = |name: &str| limits[name].as_u64().unwrap();
    assert!(of("photo_memory_bytes") <= 400_000_000);
    assert!(of("photo_memory_bytes") + 4 * of("body_bytes") <= of("memory_budget_bytes"), "{limits}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_body_is_taken_in_as_far_as_one_that_is_not() {
    let server = Running::start(tiny_shop(), &["--max-body", "1MB"]).await;
    let address = server.address;
    let (answered, sent) = blocking(move || {
        let mut stream = announced(address, "Content-Length: 9000000000");
        let answered = answer(&mut stream);
        let (piece, mut sent) = ([0; 65_536], 0);
        let ended = loop {
            match stream.write(&piece) {
                Ok(length) => sent += length,
                Err(e) => break e.kind(),
            }
            assert!(sent < 1 << 30, "the body is taken in without end");
        };
        assert!(matches!(ended, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe), "{ended:?}");
        (answered, sent)
    })
    .await;
    assert!(answered.starts_with("HTTP/1.1 413 "), "{answered}");
    // What the sockets hold comes on top.
    assert!(sent < 30_000_000, "{sent}");
    server.stop().await;
}

#[tokio::test]
async fn a_budget_that_holds_no_request_is_refused_at_the_start() {
    let shop = tiny_shop();
    let config = crate::support::running::config(shop, &["--memory-budget", "100MB"]);
    let refused = lookalike::http::Server::open(&config).await.err().unwrap().to_string();
    assert!(
        refused.contains("--memory-budget of 100 MB is too small") && refused.contains("480 MB"),
        "{refused}"
    );
}
