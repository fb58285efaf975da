//! A server on a free port, started as the program starts it, and a client that holds every answer to `openapi.yaml`.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use lookalike::{
    config::ServerConfig,
    http::{Server, ServerError},
    recommender::{Fault, Items},
};
use reqwest::{RequestBuilder, header::HeaderMap, multipart};
use serde_json::Value;
use tokio::{sync::oneshot, task::JoinHandle};

use super::{Shop, spec};

/// A server that answers.
pub struct Running {
    pub address: SocketAddr,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), ServerError>>,
}

/// An answer that `openapi.yaml` describes.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
}

/// The command line of a server over this shop.
pub fn config(shop: &Shop, more: &[&str]) -> ServerConfig {
    let (bundle, images) = (shop.bundle.to_str().unwrap(), shop.images.to_str().unwrap());
    let mut arguments = vec!["lookalike-server", "--bundle", bundle, "--device", "cpu"];
    if !more.contains(&"--listen") {
        arguments.extend(["--listen", "127.0.0.1:0"]);
    }
    if !more.contains(&"--images") {
        arguments.extend(["--images", images]);
    }
    ServerConfig::from_arguments(arguments.into_iter().chain(more.iter().copied())).unwrap()
}

impl Running {
    /// Starts a server with these flags and waits until it is ready.
    pub async fn start(shop: &Shop, more: &[&str]) -> Self {
        Self::start_as(config(shop, more)).await
    }

    /// The same by these settings.
    pub async fn start_as(config: ServerConfig) -> Self {
        let running = Self::cold(config).await;
        while running.get("/readyz").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running
    }

    /// Starts a server over items that are elsewhere, and waits until it is ready.
    pub async fn start_over(shop: &Shop, items: Items, more: &[&str]) -> Self {
        let server = Server::open_over(&config(shop, more), items).await.unwrap();
        let running = Self::serving(server);
        while running.get("/readyz").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running
    }

    /// Starts a server with whose model something goes wrong, and waits until it is ready.
    pub async fn start_faulty(shop: &Shop, fault: Fault, more: &[&str]) -> Self {
        let server = Server::open_faulty(&config(shop, more), fault).await.unwrap();
        let running = Self::serving(server);
        while running.get("/readyz").await.status != 200 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        running
    }

    /// Starts a server and does not wait.
    pub async fn start_cold(shop: &Shop, more: &[&str]) -> Self {
        Self::cold(config(shop, more)).await
    }

    async fn cold(config: ServerConfig) -> Self {
        let begun = Instant::now();
        // Within one process, the thread of the server before frees its state a moment after it has stopped.
        let server = loop {
            match Server::open(&config).await {
                Err(e)
                    if e.to_string().contains("another process")
                        && begun.elapsed() < Duration::from_secs(10) =>
                {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                opened => break opened.unwrap(),
            }
        };
        Self::serving(server)
    }

    fn serving(server: Server) -> Self {
        let address = server.address();
        let (stop, stopped) = oneshot::channel::<()>();
        let stop_asked = async move {
            let _ = stopped.await;
        };
        let task = tokio::spawn(server.serve(stop_asked, std::future::pending()));
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { address, client, stop: Some(stop), task }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The client itself, for what is no operation of the API.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        self.client.request(method.parse().unwrap(), self.url(path))
    }

    pub async fn get(&self, path: &str) -> Answer {
        send(self.request("GET", path)).await
    }

    /// A raw body.
    pub async fn post(&self, path: &str, content_type: &str, body: impl Into<Vec<u8>>) -> Answer {
        let request = self.request("POST", path).header("content-type", content_type);
        send(request.body(body.into())).await
    }

    /// A body of JSON.
    pub async fn json(&self, path: &str, body: &Value) -> Answer {
        self.post(path, "application/json", body.to_string()).await
    }

    /// A form of fields, each with a file name.
    pub async fn form(&self, path: &str, fields: &[(&str, &[u8])]) -> Answer {
        let mut form = multipart::Form::new();
        for (name, bytes) in fields {
            let part = multipart::Part::bytes(bytes.to_vec()).file_name("photo.jpg");
            form = form.part((*name).to_owned(), part);
        }
        send(self.request("POST", path).multipart(form)).await
    }

    /// Asks the server to stop, without waiting.
    pub fn ask_to_stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// Waits for its end.
    pub async fn ended(self) -> Result<(), ServerError> {
        drop(self.client); // with the connections it keeps
        self.task.await.unwrap()
    }

    /// Asks the server to stop and waits for its end.
    pub async fn stop(mut self) {
        self.ask_to_stop();
        self.ended().await.unwrap();
    }
}

/// Sends a request, and holds the answer to the API's file.
pub async fn send(request: RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.unwrap();
    let (method, url) = (request.method().clone(), request.url().clone());
    let response = client.execute(request).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.unwrap().to_vec();
    let content_type = headers.get("content-type").map(|v| v.to_str().unwrap());
    spec::check(method.as_str(), url.path(), status, content_type, &body);
    assert!(headers.contains_key("x-request-id"), "{method} {url} has no request id");
    Answer { status, headers, body }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// Ids of the results, in order.
    pub fn ids(&self) -> Vec<String> {
        let json = self.json();
        let results = json["results"].as_array().unwrap_or_else(|| panic!("no results: {json}"));
        results.iter().map(|r| r["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Fails unless this is a problem of that status and code, and says of it what is shown to people.
    pub fn problem(&self, status: u16, code: &str) -> String {
        let json = self.json();
        assert_eq!((self.status, json["code"].as_str()), (status, Some(code)), "{json}");
        assert_eq!(json["status"], status);
        assert_eq!(json["request_id"], self.header("x-request-id"));
        json["detail"].as_str().unwrap().to_owned()
    }
}
