//! The rooms keep to themselves: who may name whom.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

use std::{fs, path::Path};

/// Every Rust file below `src` with its text, by its path from there.
fn sources() -> Vec<(String, String)> {
    fn walk(dir: &Path, root: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    assert!(found.len() > 30);
    found
}

/// The files that name `what` in code (comments aside) must begin with one of `allowed`.
fn only_in(what: &[&str], allowed: &[&str]) {
    for (name, text) in sources() {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for (i, line) in code.enumerate() {
            let whole = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let named = what.iter().find(|w| line.match_indices(**w).any(|(at, _)| whole(at)));
            if let Some(word) = named {
                assert!(allowed.iter().any(|a| name.starts_with(a)), "src/{name} names {word} ({i}): {line}");
            }
        }
    }
}

#[test]
fn libraries_stay_in_their_rooms() {
    only_in(&["axum::", "hyper::", "hyper_util::", "tower_http::", "axum::{"], &["http/"]);
    only_in(&["hnsw_rs::", "hnsw_rs::{"], &["catalogue/build.rs"]);
    only_in(&["tch::"], &["libtorch/", "network/", "training/", "extraction/", "embedder/", "bundle/"]);
    only_in(&["governor::", "utoipa_swagger_ui::"], &["http/"]);
    only_in(&["opentelemetry", "tracing_opentelemetry", "metrics_exporter_prometheus"], &["telemetry/"]);
    only_in(&["toml::"], &["config/", "bin/trainer/recipe.rs"]);
    only_in(&["hf_hub::"], &["network/hub.rs"]);
    only_in(&["subtle::"], &["config/"]);
    only_in(&["resvg::", "epaint_default_fonts::"], &["training/chart/raster.rs"]);
    only_in(&["base64::"], &["training/report/"]);
    only_in(&["anyhow::"], &["bin/"]);
    only_in(&["env::var", "std::env::"], &["config/"]);
}

#[test]
fn unsafe_code_stays_where_it_is_explained() {
    only_in(
        &["unsafe {", "unsafe fn"],
        &[
            "catalogue/kernel/",
            "catalogue/mapping.rs",
            "executor/",
            "image/bilinear/",
            "libtorch/",
            "embedder/",
        ],
    );
}

#[test]
fn rooms_know_only_whom_they_may() {
    let room = |name: &str| format!("crate::{name}");
    let not = |who: &str, others: &[&str]| {
        for (name, text) in sources().iter().filter(|(name, _)| name.starts_with(who)) {
            for other in others {
                let direct = text.contains(&room(other));
                let grouped = text.split("use crate::{").skip(1).any(|rest| {
                    let block = rest.split(";\n").next().unwrap_or_default();
                    block.lines().any(|l| l.trim_start().starts_with(&format!("{other}::")))
                        || block.split(['{', ',', '\n']).any(|p| p.trim() == *other)
                });
                assert!(!direct && !grouped, "src/{name} names {other}");
            }
        }
    };
    not("catalogue/", &["http", "recommender", "embedder", "training", "network", "bundle", "dataset"]);
    not(
        "image/",
        &["http", "recommender", "embedder", "training", "network", "bundle", "dataset", "catalogue"],
    );
    not(
        "executor/",
        &[
            "http",
            "recommender",
            "embedder",
            "training",
            "network",
            "bundle",
            "dataset",
            "catalogue",
            "image",
        ],
    );
    not("training/", &["http", "recommender"]);
    not("http/", &["training", "network", "extraction", "dataset"]);
    not("embedder/", &["http", "recommender", "training", "network", "bundle", "dataset"]);
    not("recommender/", &["http", "training", "network", "dataset"]);
}
