//! Who a request is counted as, by which name the server is asked, and what becomes of wrong keys.

use std::{
    fs,
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use tokio::task::spawn_blocking;

use crate::support::{
    running::{Answer, Running, send},
    tiny_shop,
};

const KEY: &str = "a-key-of-the-shops-pages";

/// A server with one read key, over these flags.
async fn keyed(more: &[&str]) -> (Running, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    fs::write(&path, KEY).unwrap();
    let flags = ["--read-keys-file", path.to_str().unwrap()];
    (Running::start(tiny_shop(), &[&flags[..], more].concat()).await, dir)
}

/// Asks as a proxy hands a request on.
async fn from(server: &Running, header: &str, value: &str, key: Option<&str>) -> Answer {
    let request = server.request("GET", "/info").header(header, value);
    send(key.into_iter().fold(request, |request, key| request.bearer_auth(key))).await
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_caller_has_a_rate_of_its_own() {
    let flags = ["--rate-limit", "2/h", "--trusted-proxy", "127.0.0.1,10.0.0.0/8"];
    let server = Running::start(tiny_shop(), &flags).await;
    let status = async |header: &str, value: &str| from(&server, header, value, None).await.status;
    for (header, one, again, other) in [
        ("x-forwarded-for", "203.0.113.1", "198.51.100.7, 203.0.113.1, 10.1.1.1", "203.0.113.2"),
        // The second half of an IPv6 address is the customer's own to choose.
        ("x-forwarded-for", "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"),
        (
            "forwarded",
            "for=203.0.113.3",
            "for=198.51.100.7, for=\"203.0.113.3:99\";proto=https",
            "for=203.0.113.4",
        ),
    ] {
        assert_eq!(status(header, one).await, 200, "{one}");
        assert_eq!(status(header, again).await, 200, "{again}");
        for late in [one, again] {
            from(&server, header, late, None).await.problem(429, "rate_limited");
        }
        assert_eq!(status(header, other).await, 200, "{other} is another caller");
    }
    // What cannot be read is the proxy's own.
    for (nonsense, expected) in [("unknown", 200), ("", 200), ("203.0.113.5, x", 429)] {
        assert_eq!(status("x-forwarded-for", nonsense).await, expected, "{nonsense}");
    }
    server.stop().await;
}

#[tokio::test]
async fn nobody_else_says_who_calls() {
    for flags in [&["--rate-limit", "2/h"][..], &["--rate-limit", "2/h", "--trusted-proxy", "10.0.0.0/8"]] {
        let server = Running::start(tiny_shop(), flags).await;
        for (n, expected) in [(1, 200), (2, 200), (3, 429), (4, 429)] {
            let answer = from(&server, "x-forwarded-for", &format!("203.0.113.{n}"), None).await;
            assert_eq!(answer.status, expected, "{n}");
        }
        server.stop().await;
    }
}

#[tokio::test]
async fn who_guesses_keys_is_not_listened_to_for_a_while() {
    let (server, _keys) = keyed(&["--trusted-proxy", "127.0.0.1"]).await;
    let ask = async |address: &str, key: &str| from(&server, "x-forwarded-for", address, Some(key)).await;
    assert_eq!(ask("203.0.113.1", KEY).await.status, 200);
    for n in 0..10 {
        ask("203.0.113.1", &format!("a-guess-of-a-key-{n}")).await.problem(401, "unauthorized");
    }
    let refused = ask("203.0.113.1", "one-guess-more-than-that").await;
    let detail = refused.problem(429, "too_many_wrong_keys");
    assert!(detail.contains("Retry-After"), "{detail}");
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!((1..=6).contains(&wait), "{wait}");
    assert_eq!(ask("203.0.113.1", KEY).await.status, 200, "who has used the key there goes on with it");
    assert_eq!(ask("203.0.113.2", "a-guess-of-a-key-0").await.status, 401, "another address");

    // A guess that is right is not told apart from a wrong one.
    for n in 0..10 {
        ask("203.0.113.3", &format!("a-guess-of-a-key-{n}")).await.problem(401, "unauthorized");
    }
    ask("203.0.113.3", KEY).await.problem(429, "too_many_wrong_keys");
    // Without a key nothing is guessed.
    from(&server, "x-forwarded-for", "203.0.113.3", None).await.problem(401, "unauthorized");
    server.stop().await;
}

#[tokio::test]
async fn on_this_machine_only_its_own_names_and_those_allowed_are_answered() {
    let server = Running::start(tiny_shop(), &["--allowed-host", "find.shop.example"]).await;
    let asked = |path: &str, host: &str| send(server.request("GET", path).header("host", host));
    for host in [
        "localhost",
        "LOCALHOST:1234",
        "127.0.0.1",
        "[::1]:8080",
        "find.shop.example",
        "Find.Shop.Example:443",
    ] {
        assert_eq!(asked("/info", host).await.status, 200, "{host}");
    }
    for host in ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "192.168.0.1"] {
        for path in ["/info", "/", "/images/circle-red~0", "/openapi.yaml"] {
            let detail = asked(path, host).await.problem(421, "unknown_host");
            assert!(
                detail.contains(host.split(':').next().unwrap()) && detail.contains("--allowed-host"),
                "{detail}"
            );
        }
        // A probe knows the server by its address.
        for probe in ["/livez", "/readyz"] {
            assert_eq!(asked(probe, host).await.status, 200, "{probe} by {host}");
        }
    }
    let address = server.address;
    let without = spawn_blocking(move || raw(address, "GET /info HTTP/1.0\r\n\r\n")).await.unwrap();
    assert!(without.starts_with("HTTP/1.0 200 "), "no browser asks without a name: {without}");
    let absolute = "GET http://evil.example/info HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let absolute = spawn_blocking(move || raw(address, absolute)).await.unwrap();
    assert!(absolute.starts_with("HTTP/1.1 421 "), "{absolute}");
    server.stop().await;
}

#[tokio::test]
async fn elsewhere_every_name_is_answered_unless_some_are_given() {
    for (flags, expected) in [(&[][..], 200), (&["--allowed-host", "find.shop.example"][..], 421)] {
        let server = Running::start(tiny_shop(), &[&["--listen", "0.0.0.0:0"], flags].concat()).await;
        let answer = send(server.request("GET", "/info").header("host", "other.example")).await;
        assert_eq!(answer.status, expected, "{flags:?}");
        assert_eq!(
            send(server.request("GET", "/info").header("host", "find.shop.example")).await.status,
            200
        );
        assert_eq!(send(server.request("GET", "/readyz").header("host", "10.1.2.3:8080")).await.status, 200);
        server.stop().await;
    }
}

/// A request as it is written here; the whole answer.
fn raw(address: std::net::SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}
