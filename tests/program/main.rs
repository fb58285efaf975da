//! The program `lookalike-server` from outside: what it says when it cannot start, how it goes down, what it costs.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

#[path = "../support/mod.rs"]
mod support;

mod backups;
mod crashes;
mod embedding_once;
mod gpu_check;
mod lanes;
mod memory;
mod power_loss;
mod settings;
mod signals;
mod started;
mod telemetry;

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output},
    time::Duration,
};

use started::Started;
use support::tiny_shop;

/// The program over this bundle.
pub fn program(bundle: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lookalike-server"));
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("LOOKALIKE_")) {
        command.env_remove(name);
    }
    // Defaults of these tests, which a flag goes before.
    command.env("LOOKALIKE_LISTEN", "127.0.0.1:0").env("LOOKALIKE_DEVICE", "cpu");
    command.arg("--bundle").arg(bundle);
    command
}

/// Fails unless the program refuses to start, in one line; returns the line.
fn refusal(command: &mut Command) -> String {
    let Output { status, stdout, stderr } = command.args(["--log", "off"]).output().unwrap();
    let text = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{text}");
    assert!(stdout.is_empty());
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("lookalike-server: "), "{text}");
    text
}

#[test]
fn a_bundle_that_is_not_there() {
    let line = refusal(&mut program(Path::new("/nowhere/at/all")));
    assert!(line.contains("/nowhere/at/all") && line.contains("lookalike-trainer"), "{line}");
}

#[test]
fn no_bundle_named_is_a_matter_of_usage() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_lookalike-server")).env_remove("LOOKALIKE_BUNDLE").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--bundle"));
}

#[test]
fn one_byte_changed_anywhere_is_noticed() {
    for (file, position) in
        [("model.f32.ts", 1), ("model.f32.ts", 2), ("items.jsonl", 2), ("graph.bin", 2), ("graph.bin", 3)]
    {
        let bundle = tiny_shop().copy_of_bundle();
        let path = find(bundle.path(), file);
        let mut bytes = fs::read(&path).unwrap();
        let at = bytes.len() * position / 4;
        bytes[at] ^= 1;
        fs::write(&path, bytes).unwrap();
        let line = refusal(&mut program(bundle.path()));
        assert!(line.contains(file) && line.contains("damaged"), "{line}");
    }
}

#[test]
fn a_bundle_without_a_catalogue() {
    let bundle = tiny_shop().copy_of_bundle();
    fs::remove_dir_all(bundle.path().join("catalogue")).unwrap();
    let line = refusal(&mut program(bundle.path()));
    assert!(line.contains("lookalike-trainer index"), "{line}");
}

#[test]
fn a_catalogue_of_another_model() {
    let bundle = tiny_shop().copy_of_bundle();
    let manifest = bundle.path().join("manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let id = value["model_id"].as_str().unwrap();
    fs::write(&manifest, text.replace(id, &"ab".repeat(32))).unwrap();
    let line = refusal(&mut program(bundle.path()));
    assert!(line.contains("belongs to model"), "{line}");
}

fn find(folder: &Path, name: &str) -> std::path::PathBuf {
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.file_name().unwrap() == name {
                return path;
            }
        }
    }
    panic!("the bundle has no {name}");
}

#[test]
fn a_port_in_use_and_folders_that_are_none() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let line = refusal(program(&tiny_shop().bundle).args(["--listen", &address]));
    assert!(line.contains(&address) && line.contains("in use"), "{line}");
    let line = refusal(program(&tiny_shop().bundle).args(["--base-path", "/items/find"]));
    assert!(line.contains("--base-path /items/find") && line.contains("/shop/find"), "{line}");
    let line = refusal(program(&tiny_shop().bundle).args(["--images", "/nowhere"]));
    assert!(line.contains("--images /nowhere"), "{line}");
}

#[test]
fn values_that_are_none_are_refused_with_what_would_do() {
    for (flag, bad, hint) in [
        ("--device", "gpu", "cuda:0"),
        ("--max-body", "20mb", "20MB"),
        ("--listen", "8080", "invalid socket address"),
        ("--request-timeout", "-1", "seconds"),
        ("--queue", "0", "zero"),
        ("--cors-origin", "shop.example", "https://shop.example"),
        ("--trusted-proxy", "10.0.0.1/8", "10.0.0.0/8"),
        ("--allowed-host", "https://shop.example", "find.shop.example"),
        ("--base-path", "find", "/shop/find"),
    ] {
        let output = program(&tiny_shop().bundle).arg(format!("{flag}={bad}")).output().unwrap();
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(flag) && text.contains(hint), "{text}");
    }
}

#[test]
fn the_environment_speaks_where_flags_do_not() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lookalike-server"));
    command.env("LOOKALIKE_BUNDLE", &tiny_shop().bundle).env("LOOKALIKE_LISTEN", "127.0.0.1:0");
    command
        .env("LOOKALIKE_DEVICE", "cpu")
        .env("LOOKALIKE_LOG", "lookalike=info")
        .env("LOOKALIKE_MAX_BODY", "10B");
    let started = Started::new(&mut command);
    let answer = started.ask("POST /similar", b"more than ten bytes");
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[test]
fn the_health_check_asks_the_running_server() {
    let started = Started::new(&mut program(&tiny_shop().bundle));
    let check = |address: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lookalike-server"));
        command.args(["--healthcheck", "--listen", address]).env_remove("LOOKALIKE_BUNDLE").output().unwrap()
    };
    assert_eq!(check(&started.address.to_string()).status.code(), Some(0));
    let everywhere = format!("0.0.0.0:{}", started.address.port());
    assert_eq!(check(&everywhere).status.code(), Some(0));
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    std::thread::sleep(Duration::from_millis(10));
    let dead = check(&free);
    assert_eq!(dead.status.code(), Some(1));
    assert!(String::from_utf8(dead.stderr).unwrap().contains("is not ready"));
}
