//! What signals do to the program.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    net::TcpStream,
    os::unix::{fs::OpenOptionsExt, process::ExitStatusExt},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{
    program,
    started::Started,
    support::{network_shop, tiny_shop},
};

fn send(child: &Child, signal: &str) {
    let pid = child.id().to_string();
    assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
}

/// Its exit code; `None` where it was still there after this long, and is killed.
fn ended_within(child: &mut Child, limit: Duration) -> Option<i32> {
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status.code().unwrap_or(-1));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    child.kill().unwrap();
    None
}

#[test]
fn it_ends_well_on_sigterm_and_on_sigint() {
    for signal in ["-TERM", "-INT"] {
        let mut started = Started::new(program(&tiny_shop().bundle).args(["--log-format", "json"]));
        assert!(started.ask("GET /readyz", b"").starts_with("HTTP/1.1 200 "));
        let (code, log) = started.signal(signal);
        assert_eq!(code, Some(0), "{log}");
        assert!(!log.contains("cut off"), "the model's threads did not end: {log}");
        assert!(log.contains("shutting down") && log.contains("stopped"), "{log}");
        let answered = log.lines().find(|line| line.contains("\"answered\"")).unwrap();
        let line: serde_json::Value = serde_json::from_str(answered).unwrap();
        assert_eq!((&line["status"], &line["span"]["path"]), (&200.into(), &"/readyz".into()), "{line}");
        assert_eq!(line["span"]["request_id"], "from-the-test");
        assert!(line["latency_ms"].is_number() && line["span"]["method"] == "GET", "{line}");
    }
}

#[test]
fn a_hangup_reads_the_bundle_again_and_a_bad_one_leaves_the_one_before() {
    let bundle = tiny_shop().copy_of_bundle();
    let mut started = Started::new(&mut program(bundle.path()));
    let ids = |started: &Started| started.ask("GET /items?limit=100", b"");
    let before = ids(&started);
    let current = bundle.path().join("catalogue/CURRENT");
    let good = fs::read_to_string(&current).unwrap();
    for (text, word) in
        [(good.as_str(), "the bundle was read again"), ("gen-9 sha256:00\n", "not read again")]
    {
        fs::write(&current, text).unwrap();
        send(&started.child, "-HUP");
        started.wait_for(word);
        let item = started.ask("GET /items/circle-red~0", b"");
        assert!(item.starts_with("HTTP/1.1 200 "), "{item}");
    }
    let body = |answer: &str| answer.split_once("\r\n\r\n").unwrap().1.to_owned();
    assert_eq!(body(&ids(&started)), body(&before));
    let (code, log) = started.signal("-TERM");
    assert_eq!(code, Some(0), "{log}");
}

#[test]
fn a_hangup_reads_the_keys_again_and_a_bad_file_leaves_those_before() {
    let dir = tempfile::tempdir().unwrap();
    let (read, admin) = (dir.path().join("read"), dir.path().join("admin"));
    fs::write(&read, "the-first-key-of-the-shop\n").unwrap();
    fs::write(&admin, "the-key-of-the-operator\n").unwrap();
    let mut command = program(&tiny_shop().bundle);
    command.arg("--read-keys-file").arg(&read).arg("--admin-keys-file").arg(&admin);
    command.env("LOOKALIKE_READ_KEYS", "a-key-of-the-environment");
    let mut started = Started::new(&mut command);
    let status = |started: &Started, key: &str| -> String {
        let answer = started.ask_with("GET /info", &format!("X-API-Key: {key}"), b"");
        answer.split(' ').nth(1).unwrap().to_owned()
    };
    let statuses = |started: &Started| {
        [
            "the-first-key-of-the-shop",
            "a-second-key-of-the-shop",
            "a-key-of-the-environment",
            "the-key-of-the-operator",
        ]
        .map(|key| status(started, key))
    };
    assert_eq!(statuses(&started), ["200", "401", "200", "200"]);
    fs::write(&read, "a-second-key-of-the-shop\n").unwrap();
    send(&started.child, "-HUP");
    started.wait_for("the API keys were read again");
    started.wait_for("the bundle was read again");
    assert_eq!(statuses(&started), ["401", "200", "200", "200"]);
    for broken in ["# none\n", "short\n", "a-second-key-of-the-shop\na-second-key-of-the-shop\n"] {
        fs::write(&read, broken).unwrap();
        send(&started.child, "-HUP");
        started.wait_for("the API keys were not read again");
        started.wait_for("the bundle was read again");
        assert_eq!(statuses(&started), ["401", "200", "200", "200"], "{broken}");
    }
    fs::remove_file(&admin).unwrap();
    send(&started.child, "-HUP");
    started.wait_for("the API keys were not read again");
    assert_eq!(statuses(&started), ["401", "200", "200", "200"]);
    let (code, log) = started.signal("-TERM");
    assert_eq!((code, log.contains("a-second-key")), (Some(0), false), "{log}");
}

/// The pipe's other end, once the program has opened its own.
fn written_to(pipe: &Path) -> File {
    const O_NONBLOCK: i32 = 0o4000; // an open without a reader fails, and does not wait
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        match OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(pipe) {
            Ok(file) => return file,
            Err(e) => assert!(Instant::now() < deadline, "the program does not read the pipe: {e}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn while_a_bundle_is_loaded_a_signal_ends_it_at_once() {
    // A bundle that never ends loading: what it is made of comes from a pipe that nobody writes to.
    let bundle = tiny_shop().copy_of_bundle();
    let model = bundle.path().join("model.f32.ts");
    fs::remove_file(&model).unwrap();
    assert!(Command::new("mkfifo").arg(&model).status().unwrap().success());
    for signal in ["-TERM", "-INT", "-HUP"] {
        let mut command = program(bundle.path());
        let mut child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        let _pipe = written_to(&model); // open, so that whoever reads it waits
        send(&child, signal);
        let ended = ended_within(&mut child, Duration::from_secs(2));
        let expected = (signal != "-HUP").then_some(0);
        assert_eq!(ended, expected, "{signal}");
    }
}

#[test]
fn whenever_it_is_asked_to_stop_it_does_not_crash() {
    // A network of convolutions: loading it keeps libtorch's threads at work.
    let folder = tempfile::tempdir().unwrap();
    let shop = network_shop(folder.path());
    for wait in (0..24).map(|step| Duration::from_millis(60 * step)) {
        let mut command = program(&shop.bundle);
        let mut child = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(wait);
        send(&child, "-TERM");
        child
            .wait()
            .map(|ended| {
                // Before it listens to signals, the signal ends it; after that it ends by itself.
                assert!(ended.signal() == Some(15) || ended.code() == Some(0), "after {wait:?}: {ended}");
            })
            .unwrap();
    }
}

#[test]
fn a_second_signal_ends_a_drain() {
    let mut started = Started::new(&mut program(&tiny_shop().bundle));
    let mut stream = TcpStream::connect(started.address).unwrap();
    let head = "POST /similar HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: 1000\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    send(&started.child, "-TERM");
    std::thread::sleep(Duration::from_millis(500));
    assert!(started.child.try_wait().unwrap().is_none(), "the drain does not wait for a request under way");
    let asked = Instant::now();
    let (code, log) = started.signal("-TERM");
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("cut off"), "{log}");
}
