//! What lies in `deploy/` and `docker-compose.yml`: as Kubernetes and HAProxy want it, with settings that the server knows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What `scripts/check-deploy.py` says of these files, and whether they are well.
fn checked(files: &[PathBuf]) -> (bool, String) {
    let schemas = root().join("target/test/kubernetes");
    assert!(schemas.is_dir(), "scripts/install-test-tools.sh gets Kubernetes' schemas");
    let mut python = Command::new("python3");
    python.arg(root().join("scripts/check-deploy.py")).args(files).env("PYTHONPATH", schemas);
    let Output { status, stdout, stderr } = python.output().unwrap();
    (status.success(), String::from_utf8([stdout, stderr].concat()).unwrap())
}

fn manifests() -> Vec<PathBuf> {
    let files = fs::read_dir(root().join("deploy")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect()
}

#[test]
fn kubernetes_knows_every_field() {
    let files = manifests();
    assert!(files.len() >= 3);
    let (well, said) = checked(&files);
    assert!(well, "{said}");
}

#[test]
fn what_compose_starts_is_there() {
    let (well, said) = checked(&[root().join("docker-compose.yml")]);
    assert!(well, "{said}");
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(root().join("docker-compose.yml")).unwrap();
    for (right, wrong, word) in [
        ("\n  replica-2:", "\n  replica-3:", "proxy names replica-2"),
        ("stop_grace_period: 35s", "stop_grace_period: 25s", "shutdown delay and drain take 25"),
        ("\n  etcd:\n    profiles", "\n  store:\n    profiles", "'store' stands there twice"),
    ] {
        assert!(text.contains(right), "{right}");
        let file = folder.path().join("docker-compose.yml");
        fs::write(&file, text.replacen(right, wrong, 1)).unwrap();
        let (well, said) = checked(&[file]);
        assert!(!well && said.contains(word), "{wrong}: {said}");
    }
}

#[test]
fn what_is_wrong_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let text = fs::read_to_string(root().join("deploy/server.yaml")).unwrap();
    for (right, wrong, word) in [
        (
            "readOnlyRootFilesystem: true",
            "readOnlyRootFileSystem: true",
            "'readOnlyRootFileSystem' was unexpected",
        ),
        ("apiVersion: autoscaling/v2", "apiVersion: autoscaling/v9", "autoscaling/v9"),
        ("minReplicas: 2", "minReplicas: two", "'two' is not of type 'integer'"),
        ("  minReplicas: 2", "  minReplicas: 2\n  minReplicas: 3", "'minReplicas' stands there twice"),
        ("GracePeriodSeconds: 45", "GracePeriodSeconds: 40", "shutdown delay and drain take 40"),
        (
            "  selector: { app.kubernetes.io/name: lookalike }",
            "  selector: { app: lookalike }",
            "does not select",
        ),
    ] {
        assert!(text.contains(right), "{right}");
        let file = folder.path().join("wrong.yaml");
        fs::write(&file, text.replacen(right, wrong, 1)).unwrap();
        let (well, said) = checked(&[file]);
        assert!(!well && said.contains(word), "{wrong}: {said}");
    }
}

/// Every `LOOKALIKE_…` in a text.
fn variables(text: &str) -> BTreeSet<String> {
    let starts = text.match_indices("LOOKALIKE_").map(|(at, _)| &text[at..]);
    let name =
        |rest: &str| rest.chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect::<String>();
    starts.map(name).collect()
}

/// A variable that the server does not know is passed over without a word: a slip of the pen would not be noticed.
#[test]
fn the_server_knows_every_setting() {
    let help = Command::new(env!("CARGO_BIN_EXE_lookalike-server")).arg("--help").output().unwrap();
    let known = variables(&String::from_utf8(help.stdout).unwrap());
    assert!(known.len() > 20);
    for file in ["deploy/server.yaml", "docker-compose.yml"] {
        let named = variables(&fs::read_to_string(root().join(file)).unwrap());
        assert!(named.contains("LOOKALIKE_CATALOGUE"), "{named:?}");
        let unknown: Vec<_> = named.difference(&known).collect();
        assert!(unknown.is_empty(), "{file}: lookalike-server --help does not name {unknown:?}");
    }
}

#[test]
fn haproxy_reads_its_file() {
    let unpacked = root().join("target/test/haproxy/usr");
    let program = unpacked.join("sbin/haproxy");
    let mut haproxy = Command::new(if program.is_file() { program } else { "haproxy".into() });
    haproxy.arg("-c").arg("-f").arg(root().join("deploy/haproxy.cfg"));
    haproxy.env("LD_LIBRARY_PATH", unpacked.join("lib/x86_64-linux-gnu"));
    haproxy.env("BIND", "127.0.0.1:1").env("REPLICA_1", "127.0.0.1:2").env("REPLICA_2", "127.0.0.1:3");
    let output = haproxy.output().expect("haproxy: scripts/install-test-tools.sh gets one");
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    assert!(output.status.success() && !said.contains("WARNING"), "{said}");
}
