//! What the compiler does not hold: who links what, and which words stay in which rooms.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The folder of every crate with its name; the server's is the repository's root.
fn crates() -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(repository().join("crates")).unwrap().map(|entry| entry.unwrap().path());
    let named = entries.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), path));
    let mut all: Vec<_> = named.chain([("server".into(), repository().into())]).collect();
    all.sort();
    assert!(all.len() > 8);
    all
}

/// Every Rust file below `src` of every crate with its text, as `crate/path`.
fn sources() -> Vec<(String, String)> {
    fn walk(dir: &Path, root: &Path, name: &str, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, name, found);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let below = path.strip_prefix(root).unwrap().to_string_lossy();
                found.push((format!("{name}/{below}"), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    for (name, path) in crates() {
        walk(&path.join("src"), &path.join("src"), &name, &mut found);
    }
    assert!(found.len() > 200);
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
                assert!(allowed.iter().any(|a| name.starts_with(a)), "{name} names {word} ({i}): {line}");
            }
        }
    }
}

/// Names of the packages that this one links, with those of its tests where they are asked for.
fn linked(package: &str, edges: &str) -> BTreeSet<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["tree", "--locked", "--offline", "--prefix", "none", "-p", package, "-e", edges]);
    let output = command.current_dir(repository()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

#[test]
fn the_server_links_nothing_of_the_trainers() {
    let linked = linked("lookalike", "normal");
    assert!(linked.contains("axum") && linked.contains("lookalike-catalogue"));
    for name in
        ["resvg", "epaint_default_fonts", "hf-hub", "indicatif", "lookalike-trainer", "lookalike-sample-shop"]
    {
        assert!(!linked.contains(name), "the server links {name}");
    }
}

#[test]
fn only_model_libtorch_and_trainer_link_libtorch() {
    for (name, _) in crates().into_iter().filter(|(name, _)| name != "server") {
        let links = linked(&format!("lookalike-{name}"), "normal,dev").contains("tch");
        assert_eq!(links, ["libtorch", "model", "trainer"].contains(&name.as_str()), "{name}");
    }
}

#[test]
fn arrows_go_down_only() {
    let below = BTreeMap::from([
        ("catalogue", vec!["items", "common"]),
        ("common", vec![]),
        ("int7", vec!["common"]),
        ("items", vec![]),
        ("libtorch", vec![]),
        ("milvus", vec!["catalogue", "items"]),
        ("model", vec!["photo", "int7", "libtorch", "items", "telemetry", "common"]),
        ("photo", vec![]),
        ("sample-shop", vec!["items"]),
        ("server", vec!["catalogue", "milvus", "model", "photo", "items", "telemetry", "common"]),
        ("sync", vec!["items", "common"]),
        ("telemetry", vec![]),
    ]);
    for (name, path) in crates() {
        let text = fs::read_to_string(path.join("Cargo.toml")).unwrap();
        // The trainer is at the top beside the server: it may name every other crate.
        let Some(allowed) = below.get(name.as_str()) else {
            assert_eq!(name, "trainer");
            assert!(!text.contains("\nlookalike.workspace"), "the trainer names the server");
            continue;
        };
        let dependencies = text.split("\n[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        let own = dependencies.lines().filter_map(|line| line.strip_prefix("lookalike-"));
        for other in own.filter_map(|line| line.split(['.', ' ']).next()) {
            assert!(allowed.contains(&other), "{name} names {other}");
        }
    }
}

/// The paths that a file's code (its tests aside) names within its crate, as `a::b`, from `use` trees and in place.
fn named(module: &str, text: &str) -> BTreeSet<String> {
    fn expand(prefix: &str, tree: &str, found: &mut BTreeSet<String>) {
        let (mut depth, mut start) = (0, 0);
        for (at, c) in tree.char_indices().chain([(tree.len(), ',')]) {
            depth += i32::from(c == '{') - i32::from(c == '}');
            if c != ',' || depth > 0 {
                continue;
            }
            let one = tree[start..at].trim();
            start = (at + 1).min(tree.len());
            match one.split_once('{') {
                Some((head, rest)) => expand(&format!("{prefix}{head}"), rest.trim_end_matches('}'), found),
                None if one.is_empty() => {}
                None => drop(found.insert(format!("{prefix}{one}"))),
            }
        }
    }
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join(" ");
    let mut paths = BTreeSet::new();
    for (at, root) in ["crate::", "super::"].iter().flat_map(|root| code.match_indices(root)) {
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || "_:".contains(c)) {
            continue;
        }
        let rest = &code[at..];
        let head = rest.find(|c: char| !c.is_alphanumeric() && !"_:".contains(c)).unwrap_or(rest.len());
        let tree = if rest[head..].starts_with('{') { rest.find(';').unwrap_or(head) } else { head };
        let mut found = BTreeSet::new();
        expand("", &rest[..tree], &mut found);
        for path in found {
            let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
            let path = match path.strip_prefix(root).unwrap() {
                path if root == "crate::" => path.to_owned(),
                path => format!("{parent}::{path}").trim_start_matches(':').to_owned(),
            };
            paths.insert(path.replace(' ', ""));
        }
    }
    paths
}

#[test]
fn no_modules_name_each_other_in_a_circle() {
    let mut modules = BTreeMap::new();
    for (name, text) in sources() {
        let (krate, path) = name.split_once('/').unwrap();
        let path = path.trim_end_matches(".rs").trim_end_matches("/mod").replace('/', "::");
        let module = if ["lib", "main"].contains(&path.as_str()) { String::new() } else { path };
        modules.insert((krate.to_owned(), module), text);
    }
    let mut arrows: BTreeMap<&(String, String), BTreeSet<(String, String)>> = BTreeMap::new();
    for (key, text) in &modules {
        let (krate, module) = key;
        for path in named(module, text) {
            // The longest part of the path that is a module; the rest are names within it.
            let ends = path.match_indices("::").map(|(at, _)| at).chain([path.len()]);
            let known =
                ends.map(|end| (krate.clone(), path[..end].to_owned())).filter(|m| modules.contains_key(m));
            arrows.entry(key).or_default().extend(known.last().filter(|other| other != key));
        }
    }
    assert!(arrows.values().map(BTreeSet::len).sum::<usize>() > 300);
    // What names nothing that is left goes, again and again: a circle stays.
    loop {
        let left: BTreeSet<_> = arrows.keys().map(|key| (*key).clone()).collect();
        let before = arrows.len();
        arrows.retain(|_, names| names.iter().any(|name| left.contains(name)));
        if arrows.len() == before {
            break;
        }
    }
    let circle: Vec<String> = arrows.keys().map(|(krate, module)| format!("{krate}/{module}")).collect();
    assert!(circle.is_empty(), "a circle, and what leads to it: {}", circle.join(", "));
}

#[test]
fn words_stay_in_their_rooms() {
    only_in(&["hnsw_rs::"], &["catalogue/local/build/hnsw.rs"]);
    only_in(&["axum::", "tower_http::"], &["server/http/"]);
    let clients = ["server/ingest/fetch/", "server/ingest/photos/http.rs"];
    only_in(&["hyper::", "hyper_util::"], &[&["server/http/"], &clients[..]].concat());
    only_in(&["hyper_rustls::", "rustls::"], &clients);
    only_in(&["object_store::"], &["server/ingest/photos/"]);
    only_in(&["opentelemetry", "tracing_opentelemetry"], &["server/traces.rs"]);
    only_in(&["anyhow::"], &["trainer/commands/", "trainer/main.rs"]);
    let told = ["server/config/", "trainer/main.rs", "trainer/commands/elsewhere.rs", "sync/main.rs"];
    only_in(&["env::var", "env::args"], &told);
    only_in(&["milvus::v2"], &["milvus/"]);
    only_in(&["lookalike_milvus"], &["server/config/engine.rs", "trainer/commands/elsewhere.rs"]);
    only_in(&["quick_xml::", "ureq::", "encoding_rs"], &["sync/"]);
    only_in(&["crate::training"], &["trainer/"]);
    only_in(&["crate::report"], &["trainer/report/", "trainer/lib.rs", "trainer/commands/"]);
}

#[test]
fn unsafe_code_stays_where_it_is_explained() {
    let rooms = [
        "catalogue/local/kernel/",
        "catalogue/local/format/mapping/",
        "catalogue/local/live/memory.rs",
        "int7/",
        "photo/bilinear/",
        "photo/memory.rs",
        "libtorch/",
        "model/engines/",
    ];
    only_in(&["unsafe {", "unsafe fn"], &rooms);
}

#[test]
fn an_image_is_built_of_every_crate() {
    let dockerfile = fs::read_to_string(repository().join("Dockerfile")).unwrap();
    for (name, _) in crates().into_iter().filter(|(name, _)| name != "server") {
        let line = format!("COPY crates/{name}/Cargo.toml crates/{name}/");
        assert!(dockerfile.contains(&line), "the Dockerfile lacks: {line}");
    }
}
