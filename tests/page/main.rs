//! The page, in a real Chromium: what a shopper does with it, and what it looks like (target/screenshots/).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

mod support;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use fantoccini::{Client, ClientBuilder, Locator, elements::Element, key::Key};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use support::{pictures, running::Running, tiny_shop};

/// A chromedriver with one browser.
struct Browser {
    page: Client,
    width: u32,
    _driver: Driver,
}

struct Driver(Child);

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Driver {
    fn start(port: u16) -> Self {
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let started = command.spawn();
        Self(started.expect("chromedriver does not start: `make test` installs chromium and chromium-driver"))
    }
}

impl Browser {
    async fn open(width: u32, height: u32) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let driver = Driver::start(port);
        let size = format!("--window-size={width},{height}");
        let arguments =
            json!(["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", size]);
        let mobile = json!({"deviceMetrics": {"width": width, "height": height, "pixelRatio": 2.0}});
        let mut options = json!({"args": arguments});
        if width < 500 {
            options["mobileEmulation"] = mobile;
        }
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".into(), options);
        for _ in 0..100 {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            builder.capabilities(capabilities.clone());
            if let Ok(page) = builder.connect(&format!("http://127.0.0.1:{port}")).await {
                return Self { page, width, _driver: driver };
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("chromedriver does not answer, or finds no chromium: `make test` installs both");
    }

    async fn wait(&self, css: &str) -> Element {
        let waiting = self.page.wait().at_most(Duration::from_secs(20)).for_element(Locator::Css(css));
        waiting.await.unwrap_or_else(|e| panic!("no {css}: {e}"))
    }

    async fn text(&self, css: &str) -> String {
        self.wait(css).await.text().await.unwrap()
    }

    async fn click(&self, css: &str) {
        self.wait(css).await.click().await.unwrap();
    }

    async fn choose(&self, photo: &Path) {
        let input = self.page.find(Locator::Css("#file")).await.unwrap();
        input.send_keys(photo.to_str().unwrap()).await.unwrap();
    }

    /// Waits until the first result's name is what is expected.
    async fn first_result(&self, expected: &str) {
        let mut seen = String::new();
        for _ in 0..200 {
            if let Ok(first) = self.page.find(Locator::Css("#gallery li:not(.ghost) small")).await {
                seen = first.text().await.unwrap_or_default();
                if seen == expected {
                    return;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the first result is '{seen}', not '{expected}'");
    }

    async fn shoot(&self, name: &str) {
        tokio::time::sleep(Duration::from_millis(400)).await; // pictures arrive, movements end
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), self.page.screenshot().await.unwrap()).unwrap();
    }

    /// Ends the session; fails if the page is wider than the window.
    async fn close(self) {
        let wide = "return document.documentElement.scrollWidth";
        let wide = self.page.execute(wide, vec![]).await.unwrap().as_u64().unwrap();
        assert!(
            wide <= u64::from(self.width),
            "the page is {wide} pixels wide in a window of {}",
            self.width
        );
        self.page.clone().close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shopper_finds_goes_on_and_comes_back() {
    let shop = tiny_shop();
    let server = Running::start(shop, &[]).await;
    let browser = Browser::open(1280, 900).await;
    browser.page.goto(&server.url("/")).await.unwrap();
    assert_eq!(browser.text("h1").await, "Find what looks like it");
    browser.shoot("desktop-start").await;

    let photo = shop.images.join("triangle-blue-0.png");
    browser.choose(&photo).await;
    browser.first_result("triangle-blue").await;
    assert!(browser.text("#status").await.starts_with("12 of 62 items"));
    assert_eq!(browser.text("#gallery .score").await, "1.00");
    assert_eq!(browser.text("#query .kind").await.to_lowercase(), "your photo");
    browser.shoot("desktop-photo").await;

    browser.click("#gallery li:nth-child(5) a").await;
    browser.wait("#query .chips li").await;
    let item = browser.text("#query .facts").await;
    assert!(browser.page.current_url().await.unwrap().as_str().contains("#item="));
    browser.shoot("desktop-item").await;

    browser.page.back().await.unwrap();
    browser.first_result("triangle-blue").await;
    assert_eq!(browser.text("#query .kind").await.to_lowercase(), "your photo");
    browser.page.forward().await.unwrap();
    browser.wait("#query .chips li").await;
    assert_eq!(browser.text("#query .facts").await, item);

    browser.click("#more").await;
    browser.wait("#gallery li:nth-child(24)").await;
    browser.page.refresh().await.unwrap();
    browser.wait("#query .chips li").await;
    assert_eq!(browser.text("#query .facts").await, item, "the address is enough to come back to an item");

    browser.click("#home").await;
    assert!(browser.wait("#start").await.is_displayed().await.unwrap());
    browser.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_random_item_leads_in_and_keys_are_enough() {
    let server = Running::start(tiny_shop(), &[]).await;
    let browser = Browser::open(1280, 900).await;
    browser.page.goto(&server.url("/")).await.unwrap();
    browser.click("#surprise").await;
    browser.wait("#gallery li:not(.ghost) a").await;
    let link = browser.wait("#gallery li:nth-child(2) a").await;
    let target = link.attr("href").await.unwrap().unwrap();
    link.send_keys(&Key::Enter.to_string()).await.unwrap();
    for _ in 0..100 {
        if browser.page.current_url().await.unwrap().as_str().ends_with(&target) {
            browser.wait("#query .chips li").await;
            browser.close().await;
            return server.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("Enter on a result leads nowhere");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_used_is_said_well_and_is_not_the_end() {
    let (shop, folder) = (tiny_shop(), tempfile::tempdir().unwrap());
    let server = Running::start(shop, &["--max-body", "200kB"]).await;
    let browser = Browser::open(1280, 900).await;
    browser.page.goto(&server.url("/")).await.unwrap();
    for (name, bytes, title) in [
        ("letter.jpg", b"Dear shop, ...".to_vec(), "That is not a photo we can read"),
        ("torn.png", pictures::png_header(100, 100), "That photo cannot be used"),
        ("large.bmp", vec![b'B'; 300_000], "That photo is too large"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        browser.choose(&path).await;
        for attempt in 0.. {
            if browser.text("#alert-title").await == title {
                break;
            }
            assert!(attempt < 100, "{name}: {}", browser.text("#alert").await);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(browser.text("#alert-detail").await.len() > 20);
    }
    browser.shoot("desktop-error").await;
    browser.choose(&shop.images.join("circle-green-0.png")).await;
    browser.first_result("circle-green").await;
    assert!(!browser.wait("#alert").await.is_displayed().await.unwrap());
    browser.close().await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_fits_a_phone() {
    let shop = tiny_shop();
    let server = Running::start(shop, &[]).await;
    let browser = Browser::open(390, 844).await;
    browser.page.goto(&server.url("/")).await.unwrap();
    browser.wait("h1").await;
    browser.shoot("phone-start").await;
    browser.choose(&shop.images.join("square-red-1.png")).await;
    browser.first_result("square-red").await;
    browser.shoot("phone-photo").await;
    browser.click("#gallery li:nth-child(3) a").await;
    browser.wait("#query .chips li").await;
    browser.shoot("phone-item").await;
    browser.close().await;
    server.stop().await;
}
