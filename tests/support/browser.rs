//! A real Chromium, driven by chromedriver. Not every test program uses all of it.
#![allow(dead_code)]

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fantoccini::{
    Client, ClientBuilder, Locator,
    actions::{InputSource, MOUSE_BUTTON_LEFT, MouseActions, PointerAction, TouchActions},
    elements::Element,
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

/// A chromedriver with one browser.
pub struct Browser {
    pub page: Client,
    width: u32,
    driver: Driver,
}

struct Driver {
    process: Child,
    port: u16,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Driver {
    fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut command = Command::new("chromedriver");
        command.arg(format!("--port={port}")).stdout(Stdio::null()).stderr(Stdio::null());
        let started = command.spawn();
        let process =
            started.expect("chromedriver does not start: `make test` installs chromium and chromium-driver");
        Self { process, port }
    }
}

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

impl Browser {
    /// A window of this size; under 500 pixels it is a telephone's, with fingers.
    pub async fn open(width: u32, height: u32) -> Self {
        let driver = Driver::start();
        let size = format!("--window-size={width},{height}");
        let arguments = json!([
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--hide-scrollbars",
            size
        ]);
        let mut options = json!({"args": arguments});
        if width < 500 {
            options["mobileEmulation"] =
                json!({"deviceMetrics": {"width": width, "height": height, "pixelRatio": 2.0}});
        }
        let mut capabilities = serde_json::Map::new();
        capabilities.insert("goog:chromeOptions".into(), options);
        for _ in 0..100 {
            let mut builder = ClientBuilder::new(HttpConnector::new());
            builder.capabilities(capabilities.clone());
            if let Ok(page) = builder.connect(&format!("http://127.0.0.1:{}", driver.port)).await {
                return Self { page, width, driver };
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("chromedriver does not answer, or finds no chromium: `make test` installs both");
    }

    pub async fn goto(&self, url: &str) {
        self.page.goto(url).await.unwrap();
    }

    pub async fn address(&self) -> String {
        self.page.current_url().await.unwrap().to_string()
    }

    pub async fn wait(&self, css: &str) -> Element {
        let waiting = self.page.wait().at_most(PATIENCE).for_element(Locator::Css(css));
        waiting.await.unwrap_or_else(|e| panic!("no {css}: {e}"))
    }

    pub async fn text(&self, css: &str) -> String {
        self.wait(css).await.text().await.unwrap()
    }

    pub async fn click(&self, css: &str) {
        self.wait(css).await.click().await.unwrap_or_else(|e| panic!("{css} cannot be clicked: {e}"));
    }

    pub async fn shown(&self, css: &str) -> bool {
        self.wait(css).await.is_displayed().await.unwrap()
    }

    pub async fn keys(&self, css: &str, keys: &str) {
        self.wait(css).await.send_keys(keys).await.unwrap();
    }

    /// Keys for whatever has the focus.
    pub async fn type_keys(&self, keys: &str) {
        self.page.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// What a script returns.
    pub async fn run(&self, script: &str) -> Value {
        self.page.execute(script, vec![]).await.unwrap_or_else(|e| panic!("{script}: {e}"))
    }

    /// What an asynchronous function's body returns.
    pub async fn run_async(&self, body: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; \
             (async () => {{ {body} }})().then(done, (e) => done(`${{e}}`));"
        );
        self.page.execute_async(&script, vec![]).await.unwrap_or_else(|e| panic!("{body}: {e}"))
    }

    /// Waits until an expression is true.
    pub async fn until(&self, expression: &str) {
        let started = Instant::now();
        while self.run(&format!("return Boolean({expression})")).await != json!(true) {
            assert!(started.elapsed() < PATIENCE, "never: {expression}");
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
    }

    /// Chooses a file as a person does.
    pub async fn choose(&self, input: &str, photo: &Path) {
        let input = self.page.find(Locator::Css(input)).await.unwrap();
        input.send_keys(photo.to_str().unwrap()).await.unwrap();
    }

    /// Presses, moves and lets go over an element: `from` and `to` are shares of its width and height.
    pub async fn drag(&self, css: &str, from: (f64, f64), to: (f64, f64)) {
        let element = self.wait(css).await;
        let (_, _, width, height) = element.rectangle().await.unwrap();
        let place = |(x, y): (f64, f64)| PointerAction::MoveToElement {
            element: element.clone(),
            duration: Some(Duration::from_millis(80)),
            x: ((x - 0.5) * width).round(),
            y: ((y - 0.5) * height).round(),
        };
        let (down, up) = (
            PointerAction::Down { button: MOUSE_BUTTON_LEFT },
            PointerAction::Up { button: MOUSE_BUTTON_LEFT },
        );
        let steps = [place(from), down, place(to), up];
        if self.width < 500 {
            let finger = steps.into_iter().fold(TouchActions::new("finger".into()), InputSource::then);
            self.page.perform_actions(finger).await.unwrap();
        } else {
            let mouse = steps.into_iter().fold(MouseActions::new("mouse".into()), InputSource::then);
            self.page.perform_actions(mouse).await.unwrap();
        }
    }

    /// A command of the DevTools protocol.
    pub async fn devtools(&self, command: &str, parameters: Value) {
        let session = self.page.session_id().await.unwrap().unwrap();
        let url = format!("http://127.0.0.1:{}/session/{session}/goog/cdp/execute", self.driver.port);
        let body = json!({"cmd": command, "params": parameters});
        let answer = reqwest::Client::new().post(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{command}: {}", answer.text().await.unwrap());
    }

    /// As a person has set it up: `prefers-color-scheme` and the like.
    pub async fn prefer(&self, feature: &str, value: &str) {
        let features = json!({"features": [{"name": feature, "value": value}]});
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    /// A picture of the window, under target/screenshots.
    pub async fn shoot(&self, name: &str) {
        tokio::time::sleep(Duration::from_millis(500)).await; // pictures arrive, movements end
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{name}.png")), self.page.screenshot().await.unwrap()).unwrap();
    }

    /// Fails where an accessibility rule of WCAG 2.2 AA, or a practice axe-core holds to be good, is broken on the page.
    pub async fn audit(&self, place: &str) {
        let file = "target/test/axe/axe_playwright_python/axe.min.js";
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(file);
        let axe = fs::read_to_string(&path)
            .unwrap_or_else(|e| panic!("{file}: {e}: scripts/install-test-tools.sh installs axe-core"));
        self.run(&axe).await;
        let broken = self
            .run_async(
                "const { violations } = await axe.run(document); \
                 return violations.flatMap(({ id, nodes }) => nodes.map((n) => `${id}: ${n.html} ${n.failureSummary}`));",
            )
            .await;
        assert_eq!(broken, json!([]), "{place}");
    }

    /// Ends the session; fails if the page is wider than the window.
    pub async fn close(self) {
        let wide = self.run("return document.documentElement.scrollWidth").await.as_u64().unwrap();
        assert!(
            wide <= u64::from(self.width),
            "the page is {wide} pixels wide in a window of {}",
            self.width
        );
        self.page.clone().close().await.unwrap();
    }
}
