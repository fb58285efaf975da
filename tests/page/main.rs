//! The page, in a real Chromium: what a shopper does with it, and what it looks like (target/screenshots/).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

#[path = "../support/browser.rs"]
mod browser;
#[path = "../support/mod.rs"]
mod support;

mod access;
mod crop;
mod errors;
mod facets;
mod files;
mod incoming;
mod journey;
mod mounted;
mod settings;

use std::{path::Path, time::Duration};

use browser::Browser;
use support::{Shop, running::Running, tiny_shop};

/// A tiny shop's server, and a browser at its page.
struct Visit {
    shop: &'static Shop,
    server: Running,
    browser: Browser,
}

impl Visit {
    /// On a desk.
    async fn desk() -> Self {
        Self::with(1280, &[]).await
    }

    /// On a telephone.
    async fn phone() -> Self {
        Self::with(390, &[]).await
    }

    /// A window of this width; the server has these flags.
    async fn with(width: u32, flags: &[&str]) -> Self {
        Self::of(tiny_shop(), width, flags).await
    }

    async fn of(shop: &'static Shop, width: u32, flags: &[&str]) -> Self {
        let server = Running::start(shop, flags).await;
        let browser = Browser::open(width, if width < 500 { 844 } else { 1000 }).await;
        browser.goto(&server.url("/")).await;
        browser.until("document.querySelector('#start:not([hidden])')").await;
        Self { shop, server, browser }
    }

    /// Shows a photo of the shop by its file's name.
    async fn show(&self, file: &str) {
        self.show_file(&self.shop.images.join(file)).await;
    }

    async fn show_file(&self, photo: &Path) {
        self.browser.choose("#file", photo).await;
        self.answered().await;
    }

    /// Waits until the newest question is answered.
    async fn answered(&self) {
        // Changes are gathered for a moment before they are asked with.
        tokio::time::sleep(Duration::from_millis(250)).await;
        self.browser
            .until("!document.body.classList.contains('busy') && document.querySelector('#facts .facts, #alert:not([hidden])')")
            .await;
    }

    /// Goes to a state by its address.
    async fn go(&self, fragment: &str) {
        self.browser.goto(&self.server.url(&format!("/{fragment}"))).await;
        self.answered().await;
    }

    /// The products of the results, in order.
    async fn products(&self) -> Vec<String> {
        let script = "return [...document.querySelectorAll('#gallery small')].map((e) => e.textContent)";
        serde_json::from_value(self.browser.run(script).await).unwrap()
    }

    /// The ids of the results, in order.
    async fn ids(&self) -> Vec<String> {
        let script =
            "return [...document.querySelectorAll('#gallery a')].map((a) => /item=([^&]+)/.exec(a.hash)[1])";
        serde_json::from_value(self.browser.run(script).await).unwrap()
    }

    async fn end(self) {
        self.browser.close().await;
        self.server.stop().await;
    }
}
