//! A shop that writes: items with photos or with numbers, one by one and many at once.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use lookalike_catalogue::LocalCatalogue;
use lookalike_items::{ItemId, Vectors};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Failed;

/// What the servers of benchmarks let write.
pub const KEY: &str = "the-admin-key-of-benchmarks";

/// The folder of a bundle that benchmarks know by this name.
pub fn folder_of(bundle: &str) -> PathBuf {
    if bundle == "demo" { "target/demo/bundle".into() } else { Path::new("target/bench").join(bundle) }
}

/// The items of a bundle by rising id, with their numbers.
pub fn items_of(bundle: &str) -> Result<Vec<(ItemId, Vectors)>, Failed> {
    let folder = folder_of(bundle);
    let manifest: Value = serde_json::from_slice(&std::fs::read(folder.join("manifest.json"))?)?;
    let model = manifest["model_id"].as_str().ok_or("the bundle's manifest names no model")?;
    let catalogue = LocalCatalogue::open(&folder, model)?;
    let all = catalogue.items().map(|entry| {
        let (item, vectors) = entry?;
        Ok((item.id, Vectors::stored(vectors)))
    });
    all.collect()
}

/// Numbers near those of one of the items, as a shop's new stock is.
pub fn near(held: &[(ItemId, Vectors)], rng: &mut ChaCha8Rng) -> Result<Vectors, Failed> {
    let (_, vectors) = &held[rng.random_range(0..held.len())];
    let mut shaken = |numbers: &[f32], by: f32| -> Vec<f32> {
        numbers.iter().map(|x| x + rng.random_range(-by..by)).collect()
    };
    let (deep, colour) = (shaken(vectors.deep(), 0.03), shaken(vectors.colour(), 0.02));
    Ok(Vectors::new(deep, colour)?)
}

/// A line of `POST /items`.
pub fn put_line(id: &str, vectors: &Vectors) -> String {
    let (deep, colour) = (vectors.deep(), vectors.colour());
    json!({"op": "put", "id": id, "item": {"category": "new"}, "embedding": deep, "colour": colour})
        .to_string()
}

/// Whom to write to.
#[derive(Clone)]
pub struct Shop {
    client: reqwest::Client,
    address: SocketAddr,
    photos: Arc<Vec<Bytes>>,
    next: Arc<AtomicUsize>,
}

/// Writes that were acknowledged, and how long it took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Written {
    pub items: usize,
    pub refused: usize,
    pub seconds: f64,
}

impl Written {
    pub fn rate(self) -> f64 {
        self.items as f64 / self.seconds
    }
}

impl Shop {
    pub fn new(address: SocketAddr, photos: &[Bytes]) -> Self {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(600)).build().unwrap_or_default();
        Self { client, address, photos: Arc::new(photos.to_vec()), next: Arc::default() }
    }

    fn request(&self, method: &str, path: &str) -> Result<reqwest::RequestBuilder, Failed> {
        let url = format!("http://{}{path}", self.address);
        Ok(self.client.request(method.parse()?, url).header("authorization", format!("Bearer {KEY}")))
    }

    /// A number for an item that there was not yet, and a photo like no other: what follows a JPEG's end is no part of the picture.
    fn fresh(&self) -> (usize, Vec<u8>) {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        let photo = &self.photos[n % self.photos.len()];
        (n, [&photo[..], format!("{n}").as_bytes()].concat())
    }

    /// Puts an item with a photo; the status.
    pub async fn put_photo(&self) -> Result<u16, Failed> {
        let (n, photo) = self.fresh();
        let part = reqwest::multipart::Part::bytes(photo).file_name("photo.jpg");
        let item = json!({"category": "new"}).to_string();
        let form = reqwest::multipart::Form::new().part("image", part).text("item", item);
        let response = self.request("PUT", &format!("/items/photo-{n}"))?.multipart(form).send().await?;
        let status = response.status().as_u16();
        response.bytes().await?;
        Ok(status)
    }

    /// Puts as many items with photos in one request; how many were taken.
    pub async fn put_photos(&self, count: usize) -> Result<usize, Failed> {
        let lines = (0..count).map(|_| {
            let (n, photo) = self.fresh();
            let photo = json!({"base64": STANDARD.encode(photo)});
            json!({"op": "put", "id": format!("photo-{n}"), "item": {"category": "new"}, "photo": photo})
                .to_string()
        });
        self.lines(lines.collect::<Vec<_>>().join("\n")).await
    }

    /// Many lines at once; how many were taken.
    pub async fn lines(&self, lines: String) -> Result<usize, Failed> {
        let request = self.request("POST", "/items")?.header("content-type", "application/x-ndjson");
        let response = request.body(lines).send().await?;
        let (status, text) = (response.status(), response.text().await?);
        let done = text.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok());
        match done.as_ref().and_then(|done| done["ok"].as_u64()) {
            Some(ok) => Ok(ok as usize),
            None => Err(format!("POST /items: {status} {text}").into()),
        }
    }

    /// A request without a body, or with one of JSON; the status and the answer.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<(u16, Value), Failed> {
        let request = self.request(method, path)?;
        let request = match body {
            Some(body) => request.header("content-type", "application/json").body(body.to_string()),
            None => request,
        };
        let response = request.send().await?;
        let (status, bytes) = (response.status().as_u16(), response.bytes().await?);
        Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()))
    }

    /// So many clients, each of which puts one photo after the other, for so long.
    pub async fn put_on(&self, clients: usize, time: Duration) -> Result<Written, Failed> {
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let shop = self.clone();
            tasks.spawn(async move {
                let mut written = Written::default();
                while started.elapsed() < time {
                    match shop.put_photo().await? {
                        200 | 201 => written.items += 1,
                        429 => {
                            written.refused += 1;
                            tokio::time::sleep(Duration::from_millis(100)).await;
                        }
                        status => return Err(Failed::from(format!("a photo was answered with {status}"))),
                    }
                }
                Ok(written)
            });
        }
        let mut all = Written::default();
        while let Some(done) = tasks.join_next().await {
            let written = done??;
            all.items += written.items;
            all.refused += written.refused;
        }
        Ok(Written { seconds: started.elapsed().as_secs_f64(), ..all })
    }
}
