//! One licence, said alike wherever it is said; and what others' licences ask to be told is told.
#![allow(clippy::unwrap_used)] // a test may fail

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

const SPDX: &str = "Apache-2.0";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

#[test]
fn the_licence_is_the_same_everywhere() {
    let text = read("LICENSE");
    assert!(text.trim_start().starts_with("Apache License\n"), "{}", &text[..80]);
    // The whole text, from its definitions to its appendix.
    assert_eq!(text.lines().count(), 202);
    assert!(text.contains("Version 2.0, January 2004") && text.contains("END OF TERMS AND CONDITIONS"));
    let packages = cargo("metadata --locked --offline --no-deps --format-version 1");
    let packages: Value = serde_json::from_str(&packages).unwrap();
    let packages = packages["packages"].as_array().unwrap();
    assert!(packages.len() > 8);
    for package in packages {
        assert_eq!(package["license"], SPDX, "{}", package["name"]);
    }
    let openapi: Value = serde_yaml_ng::from_str(&read("openapi.yaml")).unwrap();
    assert_eq!(openapi["info"]["license"]["identifier"], SPDX);
    let client: Value = serde_json::from_str(&read("clients/javascript/package.json")).unwrap();
    assert_eq!(client["license"], SPDX);
}

fn cargo(arguments: &str) -> String {
    let answer = Command::new(env!("CARGO")).args(arguments.split(' ')).current_dir(root()).output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    String::from_utf8(answer.stdout).unwrap()
}

/// A folder in libtorch's place that holds licences alone: the real one's are many and need a download.
fn libtorch() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let torch = folder.path().join("licenses/torch-2.11.0");
    fs::create_dir_all(&torch).unwrap();
    fs::write(torch.join("LICENSE"), "What PyTorch's licence says.").unwrap();
    fs::write(torch.join("LIBRARIES"), "libtorch_cpu.so\n").unwrap();
    folder
}

fn notices(out: &Path, libtorch: &Path, cargo: &str) -> Output {
    Command::new("python3")
        .arg(root().join("scripts/notices.py"))
        .arg(out)
        .env("LIBTORCH", libtorch)
        .env("CARGO", cargo)
        .output()
        .unwrap()
}

#[test]
fn the_notices_name_all_that_is_linked() {
    let libtorch = libtorch();
    let out = libtorch.path().join("notices.txt");
    let answer = notices(&out, libtorch.path(), env!("CARGO"));
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    let text = fs::read_to_string(&out).unwrap();
    let lines: Vec<&str> = text.lines().collect();

    let tree = "tree --locked --workspace --target x86_64-unknown-linux-gnu --edges normal --prefix none --no-dedupe";
    let mut crates = 0;
    for line in cargo(tree).lines().filter(|line| !line.is_empty() && !line.starts_with("lookalike")) {
        let mut words = line.split(' ');
        let name = format!("{} {}", words.next().unwrap(), &words.next().unwrap()[1..]);
        assert!(lines.contains(&name.as_str()), "{name} is linked, and the notices do not name it");
        crates += 1;
    }
    assert!(crates > 300, "cargo tree names {crates} crates");

    for (what, word) in [
        ("libjpeg-turbo, in turbojpeg-sys", "The Independent JPEG Group's JPEG software"),
        ("Swagger UI, in utoipa-swagger-ui-vendored", "SmartBear Software Inc."),
        ("what Swagger UI is made of", "react-dom"),
        ("the font of charts", "UBUNTU FONT LICENCE Version 1.0"),
        ("the font of the montage", "International Business Machines (public domain VGA fonts)"),
        ("Rust's standard library", "The Rust standard library"),
        ("libtorch", "libtorch_cpu.so"),
        ("libtorch's terms", "What PyTorch's licence says."),
        ("libgomp", "GCC RUNTIME LIBRARY EXCEPTION"),
        ("the GPL, libgomp's", "GNU GENERAL PUBLIC LICENSE"),
        ("a crate without a file", "no licence file in the crate"),
    ] {
        assert!(text.contains(word), "{what}: not in the notices");
    }
}

#[test]
fn a_licence_that_nobody_looked_at_is_refused() {
    let libtorch = libtorch();
    let cargo = libtorch.path().join("cargo");
    let tree = |crates: &str| {
        fs::write(
            &cargo,
            format!("#!/bin/sh\ncat <<'TREE'\nlookalike v0.1.0 (/src)|{SPDX}|\n{crates}\nTREE\n"),
        )
        .unwrap();
        fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
        let answer = notices(&libtorch.path().join("notices.txt"), libtorch.path(), cargo.to_str().unwrap());
        assert!(!answer.status.success());
        String::from_utf8(answer.stderr).unwrap()
    };
    let told = tree(
        "viral v1.0.0|GPL-3.0-only|\nboth v1.0.0|MIT AND GPL-3.0-only|\nmute v1.0.0 (proc-macro)||\n\
         broken v1.0.0|(MIT|\nchoice v1.0.0|GPL-3.0-only OR MIT|\nnested v1.0.0|(GPL-2.0 OR ISC) AND Zlib|\nold v1.0.0|MIT/Apache-2.0|",
    );
    for refused in
        ["  viral 1.0.0: GPL-3.0-only\n", "  both 1.0.0: ", "  mute 1.0.0: none\n", "  broken 1.0.0: (MIT\n"]
    {
        assert!(told.contains(refused), "{refused}: {told}");
    }
    for allowed in ["choice", "nested", "old"] {
        assert!(!told.contains(allowed), "{allowed}: {told}");
    }
    // One that is allowed, and whose source is not where cargo keeps them.
    assert!(tree("elsewhere v1.0.0 (/elsewhere)|MIT|").contains("the source of elsewhere 1.0.0 is not in"));
}

#[test]
fn no_notices_without_libtorchs_licences() {
    let empty = tempfile::tempdir().unwrap();
    let answer = notices(&empty.path().join("notices.txt"), empty.path(), env!("CARGO"));
    assert!(!answer.status.success());
    let told = String::from_utf8(answer.stderr).unwrap();
    assert!(
        told.contains("no licences of libtorch") && told.contains("scripts/install-libtorch.sh"),
        "{told}"
    );
    assert!(!empty.path().join("notices.txt").exists());
}
