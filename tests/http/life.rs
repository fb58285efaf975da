//! A server's life: warming up, request ids, going down.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use tokio::task::spawn_blocking;

use crate::support::{
    running::{Running, send},
    tiny_shop,
};

#[tokio::test]
async fn it_lives_at_once_and_is_ready_after_a_real_pass() {
    let server = Running::start_cold(tiny_shop(), &[]).await;
    assert_eq!(server.get("/livez").await.status, 200);
    let mut waited = 0;
    loop {
        let answer = server.get("/readyz").await;
        if answer.status == 200 {
            break;
        }
        answer.problem(503, "not_ready");
        waited += 1;
        assert!(waited < 2_000, "never ready");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn the_request_id_is_the_clients_if_it_is_one() {
    let server = Running::start(tiny_shop(), &[]).await;
    let with = |path: &str, id: &str| server.request("GET", path).header("x-request-id", id);
    for path in ["/items/circle-red~0/similar", "/items/none", "/nothing"] {
        let answer = send(with(path, "my-own.id_1")).await;
        assert_eq!(answer.header("x-request-id"), "my-own.id_1");
        assert_eq!(answer.json()["request_id"], "my-own.id_1");
    }
    for bad in ["", "a b", "x\"y", &"x".repeat(129)] {
        let answer = send(with("/items/none", bad)).await;
        let id = answer.header("x-request-id");
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        assert_eq!(answer.json()["request_id"], id);
    }
    let (one, two) = (server.get("/random").await, server.get("/random").await);
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_ended_before_the_server_goes() {
    let shop = tiny_shop();
    let mut server = Running::start(shop, &[]).await;
    let (address, photo) = (server.address, shop.photo("circle-red~0"));
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /similar?k=1 HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n",
        photo.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&photo[..photo.len() / 2]).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.ask_to_stop();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(TcpStream::connect(address).is_err(), "new connections are still taken");
    stream.write_all(&photo[photo.len() / 2..]).unwrap();
    let answer = spawn_blocking(move || {
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    });
    let answer = answer.await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("circle-red~0"), "{answer}");
    server.ended().await.unwrap();
}

#[tokio::test]
async fn while_a_balancer_looks_away_requests_are_still_answered() {
    let mut server = Running::start(tiny_shop(), &["--shutdown-delay", "1"]).await;
    server.ask_to_stop();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let detail = server.get("/readyz").await.problem(503, "not_ready");
    assert!(detail.contains("shutting down"), "{detail}");
    assert_eq!(server.get("/livez").await.status, 200);
    assert_eq!(server.get("/items/circle-red~0/similar").await.status, 200);
    server.ended().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_drain_has_an_end() {
    let mut server = Running::start(tiny_shop(), &["--drain-timeout", "0.3"]).await;
    let mut stream = TcpStream::connect(server.address).unwrap();
    let head = "POST /similar HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    server.ask_to_stop();
    let ended = tokio::time::timeout(Duration::from_secs(10), server.ended()).await;
    ended.expect("the server waits for a body that never comes").unwrap();
}
