//! The API's documentation, as it is served and as a browser shows it.

use std::process::Command;

use crate::support::{running::Running, tiny_shop};

#[tokio::test]
async fn the_docs_load_nothing_from_elsewhere() {
    let server = Running::start(tiny_shop(), &[]).await;
    let page = server.get("/docs").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("http"),
        "{policy}"
    );
    let html = String::from_utf8(page.body.clone()).unwrap();
    assert!(!html.contains("//") && html.contains("docs/swagger-ui-bundle.js"), "{html}");
    for (file, media) in [
        ("start.js", "text/javascript"),
        ("swagger-ui-bundle.js", "text/javascript"),
        ("swagger-ui.css", "text/css"),
    ] {
        let answer = server.get(&format!("/docs/{file}")).await;
        assert_eq!(answer.status, 200, "{file}");
        assert!(answer.header("content-type").starts_with(media) && answer.body.len() > 100, "{file}");
    }
    for none in ["index.html", "swagger-ui.css.map", "..%2Fopenapi.yaml"] {
        server.get(&format!("/docs/{none}")).await.problem(404, "not_found");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_shows_every_operation() {
    let server = Running::start(tiny_shop(), &[]).await;
    let profile = tempfile::tempdir().unwrap();
    let mut browser = Command::new("chromium");
    browser
        .args(["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])
        .args(["--virtual-time-budget=20000", "--dump-dom"])
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(server.url("/docs"));
    let shown = tokio::task::spawn_blocking(move || browser.output()).await.unwrap();
    let shown = shown.expect("chromium does not start: `make test` installs it");
    let html = String::from_utf8(shown.stdout).unwrap();
    for (_, path) in crate::support::spec::operations() {
        assert!(html.contains(&format!("data-path=\"{path}\"")), "{path} is not shown");
    }
    server.stop().await;
}
