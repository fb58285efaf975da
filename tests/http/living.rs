//! A server whose catalogue changes while it is served, and what is written to it.

use lookalike::config::ServerConfig;
use reqwest::multipart;
use serde_json::Value;

use crate::support::{
    Shop,
    pictures::{jpeg, shape},
    running::{Answer, Running, config, send},
};

/// The admin key of these servers.
pub const KEY: &str = "an-admin-key-of-the-tests";

/// A server with a state, whose searches are open to everybody.
pub struct Living {
    pub state: tempfile::TempDir,
    pub server: Running,
}

impl Living {
    pub async fn start(shop: &Shop) -> Self {
        Self::start_with(shop, &[]).await
    }

    /// With these flags more.
    pub async fn start_with(shop: &Shop, more: &[&str]) -> Self {
        let state = tempfile::tempdir().unwrap();
        std::fs::write(state.path().join("keys"), KEY).unwrap();
        let server = Self::over(shop, &state, more).await;
        Self { state, server }
    }

    /// Compacts when it is told to, and not by itself.
    pub async fn over(shop: &Shop, state: &tempfile::TempDir, more: &[&str]) -> Running {
        Self::over_compacting(shop, state, "off", more).await
    }

    pub async fn over_compacting(shop: &Shop, state: &tempfile::TempDir, at: &str, more: &[&str]) -> Running {
        Running::start_as(Self::settings(shop, state, at, more)).await
    }

    /// The settings of such a server.
    pub fn settings(shop: &Shop, state: &tempfile::TempDir, at: &str, more: &[&str]) -> ServerConfig {
        let (folder, keys) = (state.path().join("state"), state.path().join("keys"));
        let arguments = [
            "--state",
            folder.to_str().unwrap(),
            "--admin-keys-file",
            keys.to_str().unwrap(),
            "--reads",
            "open",
            "--compact-at",
            at,
        ];
        config(shop, &[&arguments, more].concat())
    }

    pub async fn restarted(self, shop: &Shop) -> Self {
        let Self { state, server } = self;
        server.stop().await;
        let server = Self::over(shop, &state, &[]).await;
        Self { state, server }
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.server.request(method, path).bearer_auth(KEY)
    }

    pub async fn put(&self, id: &str, photo: &[u8], item: &Value, headers: &[(&str, &str)]) -> Answer {
        let image = multipart::Part::bytes(photo.to_vec()).file_name("photo.jpg");
        let form = multipart::Form::new().part("image", image).text("item", item.to_string());
        let request = self.request("PUT", &format!("/items/{id}")).multipart(form);
        send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
    }

    pub async fn put_vector(&self, id: &str, body: &Value) -> Answer {
        let request = self.request("PUT", &format!("/items/{id}")).header("content-type", "application/json");
        send(request.body(body.to_string())).await
    }

    pub async fn patch(&self, id: &str, patch: &Value) -> Answer {
        let request = self.request("PATCH", &format!("/items/{id}"));
        send(request.header("content-type", "application/merge-patch+json").body(patch.to_string())).await
    }

    pub async fn delete(&self, id: &str) -> Answer {
        send(self.request("DELETE", &format!("/items/{id}"))).await
    }

    pub async fn bulk(&self, lines: &[Value]) -> Vec<Value> {
        let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
        let request = self.request("POST", "/items").header("content-type", "application/x-ndjson");
        let answer = send(request.body(body)).await;
        assert_eq!(answer.status, 200);
        String::from_utf8(answer.body)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub async fn first(&self, photo: &[u8]) -> String {
        self.server.post("/similar?k=1", "image/png", photo.to_vec()).await.ids().remove(0)
    }

    pub fn photos(&self) -> usize {
        let Ok(folders) = std::fs::read_dir(self.state.path().join("state/photos")) else { return 0 };
        folders.map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap().count()).sum()
    }

    /// Begins an operation and waits for its end.
    pub async fn operate(&self, path: &str) -> Value {
        let begun = send(self.request("POST", path)).await;
        assert_eq!(begun.status, 202);
        loop {
            let told = send(self.request("GET", begun.header("location"))).await.json();
            if told["state"] != "running" {
                return told;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

pub fn a_photo(n: u8) -> Vec<u8> {
    jpeg(&shape("circle", [255 - n, 30 * (n % 8), 240], u32::from(n % 5)))
}

pub fn vector(n: usize) -> Vec<f64> {
    (0..193).map(|i| (((i * 31 + n * 17) % 101) as f64 - 50.0) / 50.0).collect()
}
