//! Clients: closed loops that send the next photo when the last is answered, and open loops that do not wait.

use std::{
    collections::BTreeMap,
    fmt, fs,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::Failed;

/// Up to `most` JPEGs below the folder, evenly chosen.
pub fn photos(folder: &Path, most: usize) -> Result<Vec<Bytes>, Failed> {
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder)
            .map_err(|e| format!("{}: {e}; PHOTOS=DIR names photos", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "jpg") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let n = paths.len().min(most);
    if n == 0 {
        return Err(format!("{}: no photos; PHOTOS=DIR names some", folder.display()).into());
    }
    (0..n).map(|i| Ok(fs::read(&paths[i * paths.len() / n])?.into())).collect()
}

/// Whom to ask, with which photos.
#[derive(Clone)]
pub struct Load {
    client: reqwest::Client,
    url: String,
    form: bool,
    photos: Arc<Vec<Bytes>>,
    next: Arc<AtomicUsize>,
}

impl Load {
    /// `form`: the photo is sent as a form's field `image`, not as it is.
    pub fn new(address: SocketAddr, photos: Vec<Bytes>, form: bool) -> Self {
        let client = reqwest::Client::builder()
            .pool_max_idle_per_host(1024)
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap_or_default();
        let url = format!("http://{address}/similar");
        Self { client, url, form, photos: Arc::new(photos), next: Arc::default() }
    }

    /// What is sent.
    pub fn photos(&self) -> Vec<Bytes> {
        self.photos.to_vec()
    }

    /// One photo there and the answer back; its status, 0 where there was none.
    pub async fn ask(&self) -> (u16, Duration) {
        let photo = self.photos[self.next.fetch_add(1, Ordering::Relaxed) % self.photos.len()].clone();
        let started = Instant::now();
        let request = self.client.post(&self.url);
        let request = if self.form {
            let part = reqwest::multipart::Part::stream(photo).file_name("photo.jpg");
            request.multipart(reqwest::multipart::Form::new().part("image", part))
        } else {
            request.header("content-type", "image/jpeg").body(photo)
        };
        let status = match request.send().await {
            Ok(response) => {
                let status = response.status().as_u16();
                if response.bytes().await.is_ok() { status } else { 0 }
            }
            Err(_) => 0,
        };
        (status, started.elapsed())
    }
}

/// What came of a load.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Of the answers 200, in seconds, sorted.
    pub latencies: Vec<f64>,
    /// Of the answers 429 and 503, in seconds, sorted.
    refusals: Vec<f64>,
    refused: usize,
    /// How often each other status came; 0 where no answer did.
    failed: BTreeMap<u16, usize>,
    seconds: f64,
}

impl Outcome {
    fn of(answers: Vec<(u16, Duration)>, seconds: f64) -> Self {
        let sorted = |wanted: &[u16]| {
            let wanted = answers.iter().filter(|(status, _)| wanted.contains(status));
            let mut seconds: Vec<f64> = wanted.map(|(_, took)| took.as_secs_f64()).collect();
            seconds.sort_by(f64::total_cmp);
            seconds
        };
        let (latencies, refusals) = (sorted(&[200]), sorted(&[429, 503]));
        let refused = answers.iter().filter(|(status, _)| *status == 429).count();
        let mut failed = BTreeMap::new();
        for (status, _) in answers.iter().filter(|(status, _)| ![200, 429].contains(status)) {
            *failed.entry(*status).or_insert(0) += 1;
        }
        Self { latencies, refusals, refused, failed, seconds }
    }

    /// Several as one.
    pub fn of_all(all: &[Self]) -> Self {
        let mut one = Self::default();
        for other in all {
            one.latencies.extend(&other.latencies);
            one.refusals.extend(&other.refusals);
            one.refused += other.refused;
            one.seconds += other.seconds;
            other.failed.iter().for_each(|(status, n)| *one.failed.entry(*status).or_insert(0) += n);
        }
        one.latencies.sort_by(f64::total_cmp);
        one.refusals.sort_by(f64::total_cmp);
        one
    }

    /// Answers a second.
    pub fn rate(&self) -> f64 {
        self.latencies.len() as f64 / self.seconds
    }

    /// In seconds.
    pub fn percentile(&self, share: f64) -> f64 {
        percentile(&self.latencies, share)
    }

    /// The same of what was refused.
    pub fn refusals_percentile(&self, share: f64) -> f64 {
        percentile(&self.refusals, share)
    }

    pub fn json(&self) -> Value {
        let ms = |share: f64| self.percentile(share) * 1e3;
        json!({"requests_per_second": self.rate(), "p50_ms": ms(0.5), "p95_ms": ms(0.95), "p99_ms": ms(0.99),
            "answered": self.latencies.len(), "refused_429": self.refused,
            "failed": self.failed.values().sum::<usize>(), "failed_by_status": self.failed})
    }
}

fn percentile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((share * last as f64).round() as usize).copied().unwrap_or(f64::NAN)
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |share: f64| self.percentile(share) * 1e3;
        write!(
            f,
            "{:>7.1} req/s  p50 {:>7.1}  p95 {:>7.1}  p99 {:>7.1} ms",
            self.rate(),
            ms(0.5),
            ms(0.95),
            ms(0.99)
        )?;
        if self.refused > 0 || !self.failed.is_empty() {
            write!(f, "  ({} × 429", self.refused)?;
            self.failed.iter().try_for_each(|(status, n)| write!(f, ", {n} failed with {status}"))?;
            write!(f, ")")?;
        }
        Ok(())
    }
}

/// So many clients, each with one photo under way, for so long.
pub async fn closed(load: &Load, clients: usize, time: Duration) -> Outcome {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let load = load.clone();
        tasks.spawn(async move {
            let mut answers = Vec::new();
            while started.elapsed() < time {
                let answer = load.ask().await;
                if answer.0 == 429 {
                    // A client that is told to come back does not come back at once; the header says a second.
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                answers.push(answer);
            }
            answers
        });
    }
    let answers = tasks.join_all().await.concat();
    Outcome::of(answers, started.elapsed().as_secs_f64())
}

/// So many requests over so many clients.
pub async fn so_many(load: &Load, clients: usize, requests: usize) {
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        let load = load.clone();
        tasks.spawn(async move {
            for _ in 0..requests / clients {
                load.ask().await;
            }
        });
    }
    tasks.join_all().await;
}

/// When photos arrive, in seconds: at random, `rate` a second on average.
pub fn arrivals(rate: f64, time: Duration) -> Vec<f64> {
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(4);
    let (mut at, mut times) = (0.0, Vec::new());
    while at < time.as_secs_f64() {
        at += -rng.random_range(f64::MIN_POSITIVE..1.0).ln() / rate;
        times.push(at);
    }
    times
}

/// Photos that arrive whether or not the earlier ones are answered.
pub async fn open(load: &Load, arrivals: &[f64]) -> Outcome {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for at in arrivals.iter().copied() {
        let due = started + Duration::from_secs_f64(at);
        tokio::time::sleep_until(due.into()).await;
        let load = load.clone();
        tasks.spawn(async move {
            let (status, _) = load.ask().await;
            (status, due.elapsed()) // from when it should have left
        });
    }
    let answers = tasks.join_all().await;
    Outcome::of(answers, arrivals.last().copied().unwrap_or(f64::NAN))
}
