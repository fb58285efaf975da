//! Settings: what goes before what, keys, and --check.

use std::{fs, path::Path};

use crate::{program, started::Started, support::tiny_shop};

fn file(dir: &Path, text: &str) -> String {
    let path = dir.join("lookalike.toml");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// How the program ends, and what it says.
fn ended(command: &mut std::process::Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Whether a body of so many bytes is too large.
fn takes(started: &Started, bytes: usize) -> bool {
    !started.ask("POST /similar", &vec![b'x'; bytes]).starts_with("HTTP/1.1 413 ")
}

#[test]
fn a_flag_goes_before_the_environment_that_before_the_file_that_before_the_default() {
    let dir = tempfile::tempdir().unwrap();
    let config = file(
        dir.path(),
        "max-body = '10B'\nmax_pixels = 1000\nrequest-timeout = 7.5\ncors-origin = ['https://a.example']\n",
    );
    let file_alone = Started::new(program(&tiny_shop().bundle).args(["--config", &config]));
    assert!(takes(&file_alone, 10) && !takes(&file_alone, 11));
    let foreign = file_alone.ask_with("GET /livez", "Origin: https://a.example", b"");
    assert!(foreign.contains("access-control-allow-origin: https://a.example"), "{foreign}");
    drop(file_alone);
    let mut with_variable = program(&tiny_shop().bundle);
    let with_variable =
        Started::new(with_variable.env("LOOKALIKE_CONFIG", &config).env("LOOKALIKE_MAX_BODY", "20B"));
    assert!(takes(&with_variable, 20) && !takes(&with_variable, 21));
    drop(with_variable);
    let mut with_flag = program(&tiny_shop().bundle);
    let with_flag =
        with_flag.args(["--config", &config, "--max-body", "30B"]).env("LOOKALIKE_MAX_BODY", "20B");
    let with_flag = Started::new(with_flag);
    assert!(takes(&with_flag, 30) && !takes(&with_flag, 31));
}

#[test]
fn what_is_wrong_in_the_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    for (text, hints) in [
        ("max-bodi = '1MB'", &["'max-bodi'", "max-body"][..]),
        ("max-body = '20mb'", &["'max-body'", "20MB"]),
        ("max-body = true", &["'max-body'", "20MB"]),
        ("max-body = 1979-05-27", &["'max-body'", "a text"]),
        ("image-private-addresses = 'yes'", &["'image-private-addresses'", "true"]),
        (
            "image-hosts = ['cdn.shop.example', 'https://shop.example']",
            &["'image-hosts'", "cdn.shop.example"],
        ),
        ("photos = 'gs://shop'", &["'photos'", "s3://BUCKET"]),
        ("queue = 0", &["'queue'", "zero"]),
        ("listen = ['127.0.0.1:1', '127.0.0.1:2']", &["'listen'", "one value"]),
        ("check = 'true'", &["no setting 'check'"]),
        ("device = ", &["lookalike.toml"]),
        ("read-keys-file = '/nowhere'", &["/nowhere"]),
    ] {
        let config = file(dir.path(), text);
        let (code, _, error) = ended(program(&tiny_shop().bundle).args(["--config", &config]));
        assert_eq!(code, Some(2), "{text}: {error}");
        assert!(hints.iter().all(|hint| error.contains(hint)), "{text}: {error}");
    }
    let (code, _, error) = ended(program(&tiny_shop().bundle).args(["--config", "/no/such.toml"]));
    assert_eq!((code, error.contains("/no/such.toml")), (Some(2), true), "{error}");
}

#[test]
fn the_bundle_may_be_named_in_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = format!("bundle = {:?}", tiny_shop().bundle);
    let config = file(dir.path(), &bundle);
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lookalike-server"));
    let command =
        command.env_remove("LOOKALIKE_BUNDLE").args(["--config", &config, "--device", "cpu", "--check"]);
    let (code, told, error) = ended(command);
    assert_eq!(code, Some(0), "{error}");
    assert!(told.contains("62 items") && told.contains("on cpu"), "{told}");
}

#[test]
fn check_finds_what_a_start_would_find() {
    let (code, told, _) = ended(program(&tiny_shop().bundle).arg("--check"));
    assert_eq!((code, told.lines().count()), (Some(0), 1), "{told}");
    let broken = tiny_shop().copy_of_bundle();
    fs::write(broken.path().join("catalogue/CURRENT"), "nothing").unwrap();
    for (bundle, more, hint) in [
        (broken.path(), &[][..], "CURRENT"),
        (tiny_shop().bundle.as_path(), &["--images", "/nowhere"], "--images /nowhere"),
        (tiny_shop().bundle.as_path(), &["--base-path", "/docs"], "--base-path /docs"),
        (tiny_shop().bundle.as_path(), &["--log", "lookalike=loud"], "no log filter"),
        (
            tiny_shop().bundle.as_path(),
            &["--image-hosts", "a.example", "--image-ca", "/nowhere.pem"],
            "--image-ca /nowhere.pem",
        ),
    ] {
        let (code, told, error) = ended(program(bundle).arg("--check").args(more));
        assert_eq!((code, told.as_str()), (Some(1), ""), "{error}");
        assert!(error.contains(hint), "{error}");
    }
}

#[test]
fn keys_come_from_files_and_the_environment_and_are_never_logged() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("keys");
    fs::write(&path, "a-key-from-the-file\n").unwrap();
    let mut command = program(&tiny_shop().bundle);
    command.args([
        "--log",
        "lookalike=trace,tower_http=trace,axum=trace",
        "--log-format",
        "json",
        "--read-keys-file",
        path.to_str().unwrap(),
    ]);
    command.env("LOOKALIKE_READ_KEYS", "a-key-from-outside, another-from-outside");
    command.env("LOOKALIKE_ADMIN_KEYS", "the-key-of-the-operator");
    let mut started = Started::new(&mut command);
    let with = |key: &str| started.ask_with("GET /metrics", &format!("Authorization: Bearer {key}"), b"");
    for key in ["a-key-from-the-file", "a-key-from-outside", "another-from-outside"] {
        assert!(with(key).starts_with("HTTP/1.1 403 "), "{key}");
    }
    assert!(with("the-key-of-the-operator").starts_with("HTTP/1.1 200 "));
    assert!(with("a-key-that-is-wrong").starts_with("HTTP/1.1 401 "));
    let (code, log) = started.signal("-TERM");
    assert_eq!(code, Some(0));
    assert!(log.contains("\"key\":\"admin-1\"") && log.contains("\"key\":\"read-3\""), "{log}");
    for secret in ["from-the-file", "from-outside", "of-the-operator", "that-is-wrong"] {
        assert!(!log.contains(secret), "{secret}");
    }
}

#[test]
fn keys_that_are_none_keep_the_server_from_starting_without_being_told() {
    let (code, _, error) = ended(program(&tiny_shop().bundle).env("LOOKALIKE_READ_KEYS", "too-short"));
    assert_eq!((code, error.contains("too-short")), (Some(2), false), "{error}");
    assert!(error.contains("LOOKALIKE_READ_KEYS") && error.contains("16"), "{error}");
}

#[test]
fn an_address_of_photos_that_is_wrong_is_not_repeated() {
    for more in [&["--photos", "s3://key:a-secret@shop/photos"][..], &["--photos=s3://shop/a?a-secret"]] {
        let (code, _, error) = ended(program(&tiny_shop().bundle).args(more));
        assert_eq!((code, error.contains("a-secret")), (Some(2), false), "{error}");
        assert!(error.contains("--photos"), "{error}");
    }
    let wrong = ("LOOKALIKE_PHOTOS", "https://key:a-secret@shop");
    let (code, _, error) = ended(program(&tiny_shop().bundle).env(wrong.0, wrong.1));
    assert_eq!((code, error.contains("a-secret")), (Some(2), false), "{error}");
    let (code, _, error) = ended(program(&tiny_shop().bundle).args(["--photos", "s3://shop"]));
    assert_eq!((code, error.contains("--state")), (Some(2), true), "{error}");
}

#[test]
fn help_names_every_setting_with_its_variable() {
    let (_, help, _) = ended(program(&tiny_shop().bundle).arg("--help"));
    for setting in [
        "config",
        "read-keys-file",
        "admin-keys-file",
        "rate-limit",
        "rate-burst",
        "otlp-endpoint",
        "max-body",
        "cors-origin",
        "trusted-proxy",
        "allowed-host",
        "base-path",
        "image-hosts",
        "image-ca",
        "image-timeout",
        "photos",
    ] {
        let variable = format!("LOOKALIKE_{}", setting.to_uppercase().replace('-', "_"));
        assert!(help.contains(&format!("--{setting} ")) && help.contains(&variable), "{setting} in\n{help}");
    }
    for word in ["LOOKALIKE_READ_KEYS", "LOOKALIKE_ADMIN_KEYS", "TOML", "--check"] {
        assert!(help.contains(word), "{word}");
    }
}
