//! The clients against a real server: the JavaScript ones in a real Chromium, on a page of another origin; the Python one as
//! a program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

#[path = "../support/browser.rs"]
mod browser;
#[path = "../support/mod.rs"]
mod support;

mod element;
mod module;
mod python;
mod shop;

use std::{net::SocketAddr, path::Path};

use axum::{
    Router,
    http::{Uri, header},
    response::{IntoResponse, Response},
};
use browser::Browser;
use support::{running::Running, tiny_shop};
use tokio::net::TcpListener;

/// A shop's own web server, of another origin: the files of `clients/javascript` and the shop's photos.
///
/// Its policy is as strict as a shop's may be: scripts and styles of its own and of the search server alone.
fn serve_site(listener: TcpListener, server: &str) {
    let policy = format!(
        "default-src 'none'; script-src 'self' {server}; style-src 'self'; img-src 'self' {server}; \
         connect-src 'self' {server}"
    );
    let site = Router::new().fallback(move |uri: Uri| {
        let policy = policy.clone();
        async move { file(uri.path(), &policy) }
    });
    tokio::spawn(async move { axum::serve(listener, site).await.unwrap() });
}

fn file(path: &str, policy: &str) -> Response {
    let name = path.trim_start_matches('/');
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/javascript");
    let media_type = match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css",
        _ => "image/png",
    };
    let found = std::fs::read(folder.join(name)).or_else(|_| std::fs::read(tiny_shop().images.join(name)));
    let Ok(bytes) = found else { return axum::http::StatusCode::NOT_FOUND.into_response() };
    let headers = [(header::CONTENT_TYPE, media_type), (header::CONTENT_SECURITY_POLICY, policy)];
    (headers, bytes).into_response()
}

/// A server, a shop's site and a browser at the example's page, which shows `circle-red~0`.
struct Visit {
    server: Running,
    site: SocketAddr,
    browser: Browser,
}

impl Visit {
    /// The server lets pages of the shop's site ask.
    async fn begin() -> Self {
        Self::with(|site| vec!["--cors-origin".to_owned(), format!("http://{site}")]).await
    }

    /// The server has the flags that are made of the site's address.
    async fn with(flags: impl FnOnce(SocketAddr) -> Vec<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = listener.local_addr().unwrap();
        let flags = flags(site);
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let server = Running::start(tiny_shop(), &flags).await;
        serve_site(listener, &server.url(""));
        let browser = Browser::open(1100, 1000).await;
        let visit = Self { server, site, browser };
        visit.example().await;
        visit
    }

    async fn example(&self) {
        let page =
            format!("http://{}/example.html?item=circle-red~0&api={}", self.site, self.server.url("/"));
        self.browser.goto(&page).await;
    }

    async fn end(self) {
        self.browser.close().await;
        self.server.stop().await;
    }
}
