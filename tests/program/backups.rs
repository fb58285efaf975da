//! `--restore`, as it is run.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Command, Output},
};

use serde_json::json;

use crate::{program, started::Started, support::tiny_shop};

const KEY: &str = "an-admin-key-of-the-tests";

/// By HTTP/1.0, whose bodies come as they are: the status line and the body.
fn ask(address: SocketAddr, method: &str, path: &str, body: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    let head = format!(
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    (head.lines().next().unwrap().to_owned(), answer[end + 4..].to_vec())
}

fn restore(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lookalike-server"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LOOKALIKE_")) {
        command.env_remove(name);
    }
    command.args(arguments).output().unwrap()
}

#[test]
fn a_snapshot_is_restored_by_the_program_and_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (first, second, tar) = (path("state"), path("restored"), path("state.tar"));
    fs::write(path("keys"), KEY).unwrap();
    let start = |state: &str| {
        let mut command = program(&tiny_shop().bundle);
        Started::new(command.args(["--state", state, "--admin-keys-file", &path("keys")]))
    };
    let started = start(&first);
    let vector: Vec<f64> = (0..193).map(|i| f64::from(i) - 96.5).collect();
    let body = json!({"item": {"category": "kept"}, "embedding": vector}).to_string();
    assert!(ask(started.address, "PUT", "/items/new", &body).0.contains(" 201 "));
    let (status, bytes) = ask(started.address, "GET", "/admin/snapshot", "");
    assert!(status.contains(" 200 "), "{status}");
    fs::write(&tar, bytes).unwrap();
    drop(started);

    let done = restore(&["--restore", &tar, "--state", &second]);
    let told = String::from_utf8(done.stdout).unwrap();
    assert_eq!(done.status.code(), Some(0), "{told}");
    assert!(told.starts_with("restored revision 1: 1 items that came in, 0 photos"), "{told}");
    let again = restore(&["--restore", &tar, "--state", &second]);
    let why = String::from_utf8(again.stderr).unwrap();
    assert_eq!((again.status.code(), why.lines().count()), (Some(1), 1), "{why}");
    assert!(why.contains("is not empty"), "{why}");
    let nowhere = restore(&["--restore", &tar]);
    assert_eq!(nowhere.status.code(), Some(2));
    assert!(String::from_utf8(nowhere.stderr).unwrap().contains("--state"));

    let started = start(&second);
    let (status, item) = ask(started.address, "GET", "/items/new", "");
    assert!(status.contains(" 200 ") && String::from_utf8_lossy(&item).contains("kept"), "{status}");
    drop(started);

    // Cut off before it was put in place: no server takes it for a state.
    fs::create_dir(folder.path().join("restored/restoring")).unwrap();
    let mut command = program(&tiny_shop().bundle);
    command.args(["--state", &second, "--admin-keys-file", &path("keys")]);
    assert!(crate::refusal(&mut command).contains("restore again"));
}
