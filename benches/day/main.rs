//! A shop's day in an hour: `make bench-day`.
//!
//! 139,709 items; 30 searches a second by photo, which come whether or not the earlier ones are answered; 5,000 puts (half with a
//! photo, half with numbers), 5,000 deletes and 100,000 patches (50 lines a request) spread over the hour, and three compactions in
//! it. Recorded over time: p50 and p99 of the searches, the server's memory, the sizes of the state's files, and recall@10, the
//! answers to `POST /search` beside those to the same question with `exact=true`.
//!
//! `HOUR=60` is its length in minutes (all rates stay), `SEARCHES=30` the searches a second, `PHOTOS=DIR` names the photos,
//! `BUNDLE=demo` another bundle. Writes `target/bench/day.json`, which `scripts/bench-day-plot.py` draws.
#![allow(missing_docs, clippy::print_stdout)]

// Of these some parts are the other benchmarks' alone.
#[allow(dead_code)]
#[path = "../serve/load.rs"]
mod load;
#[allow(dead_code)]
#[path = "../serve/server.rs"]
mod server;
#[allow(dead_code)]
#[path = "../serve/writes.rs"]
mod writes;

use std::{
    fs,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use load::{Load, arrivals};
use lookalike_items::{ItemId, Vectors};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use server::Server;
use tokio::task::JoinSet;
use writes::{KEY, Shop, items_of, near};

pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// How many photos are sent round and round.
const PHOTOS: usize = 400;
/// Of each in an hour.
const PUTS: f64 = 5_000.0;
const DELETES: f64 = 5_000.0;
const PATCHES: f64 = 100_000.0;
/// Patches in one request.
const LINES: usize = 50;
/// When it is compacted, as a share of the run.
const COMPACTIONS: [f64; 3] = [0.25, 0.5, 0.75];
/// Points drawn over the run.
const SAMPLES: f64 = 120.0;
/// Questions asked twice for each of them.
const QUESTIONS: usize = 10;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    if let Err(e) = runtime.map_err(Failed::from).and_then(|runtime| runtime.block_on(run())) {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}

fn setting(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| usual.into())
}

/// What all parts of the day share.
struct Day {
    shop: Shop,
    started: Instant,
    length: Duration,
    held: Vec<(ItemId, Vectors)>,
    /// Names of items that are there.
    there: Mutex<Vec<String>>,
}

async fn run() -> Result<(), Failed> {
    let bundle = setting("BUNDLE", "full");
    let minutes: f64 = setting("HOUR", "60").parse()?;
    let rate: f64 = setting("SEARCHES", "30").parse()?;
    let photos = load::photos(Path::new(&setting("PHOTOS", "../shared/clothing/img")), PHOTOS)?;
    fs::create_dir_all("target/bench")?;
    // On a disk like the bundle's: a folder of the system's own may lie in memory.
    let folder = tempfile::tempdir_in("target/bench")?;
    let (state, keys) = (folder.path().join("state"), folder.path().join("keys"));
    fs::write(&keys, KEY)?;
    let text = |path: &Path| path.to_str().map(str::to_owned).ok_or("a path is not UTF-8");
    let flags = ["--reads", "open", "--state", &text(&state)?, "--admin-keys-file", &text(&keys)?];
    let running = Server::ours(&bundle, &flags).called("lookalike-day").start().await?;
    let shop = Shop::new(running.address, &photos);
    let load = Load::new(running.address, photos, false);
    load::closed(&load, 4, Duration::from_secs(5)).await;
    shop.put_photo().await?; // the f32 model is loaded at the first
    let held = items_of(&bundle)?;
    let there = Mutex::new(held.iter().map(|(id, _)| id.to_string()).collect());
    let length = Duration::from_secs_f64(60.0 * minutes);
    println!("{} items, {minutes} minutes, {rate} searches a second", held.len());
    let day = Arc::new(Day { shop, started: Instant::now(), length, held, there });

    let searching = tokio::spawn(searches(Arc::clone(&day), load, rate));
    let putting = tokio::spawn(puts(Arc::clone(&day)));
    let deleting = tokio::spawn(deletes(Arc::clone(&day)));
    let patching = tokio::spawn(patches(Arc::clone(&day)));
    let compacting = tokio::spawn(compactions(Arc::clone(&day)));
    let mut samples = Vec::new();
    let step = (length / SAMPLES as u32).max(Duration::from_secs(2));
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    while day.started.elapsed() < length {
        day.at((samples.len() + 1) as f64 * step.as_secs_f64()).await;
        let recall = day.recall(&mut rng).await?;
        let files = json!({"items": size(&state.join("items.redb")), "base": size(&state.join("base")),
            "segment": size(&state.join("segment")), "photos": size(&state.join("photos"))});
        samples.push(json!({"at": day.started.elapsed().as_secs_f64(), "resident": running.resident()?,
            "files": files, "recall": recall}));
    }
    let (writes, compacted) = ([putting.await??, deleting.await??, patching.await??], compacting.await??);
    let answers = searching.await?;
    for (n, sample) in samples.iter_mut().enumerate() {
        let (from, to) = (n as f64 * step.as_secs_f64(), (n + 1) as f64 * step.as_secs_f64());
        let here = answers.iter().filter(|answer| (from..to).contains(&answer.due));
        sample["searches"] = quantiles(here.cloned());
    }
    let all = quantiles(answers.iter().cloned());
    println!("searches: {all}");
    if all["answered"] == 0 {
        return Err("no search was answered with 200: target/bench/serve-lookalike-day.log".into());
    }
    println!("puts, deletes, patches made: {writes:?}; compactions in seconds: {compacted:?}");
    for sample in samples.iter().step_by((samples.len() / 12).max(1)) {
        println!("{sample}");
    }
    let report = json!({"items": day.held.len(), "minutes": minutes, "searches_per_second": rate, "searches": all,
        "puts": writes[0], "deletes": writes[1], "patches": writes[2], "compactions": compacted, "samples": samples});
    fs::write("target/bench/day.json", serde_json::to_string_pretty(&report)? + "\n")?;
    println!("written to target/bench/day.json");
    running.stop().await
}

/// A search: when it was due, what it was answered with, how long after it was due.
#[derive(Clone)]
struct Answer {
    due: f64,
    status: u16,
    took: f64,
}

fn quantiles(answers: impl Iterator<Item = Answer>) -> Value {
    let (good, others): (Vec<Answer>, Vec<Answer>) = answers.partition(|answer| answer.status == 200);
    let mut took: Vec<f64> = good.iter().map(|answer| answer.took * 1e3).collect();
    took.sort_by(f64::total_cmp);
    let at = |share: f64| took.get((share * took.len().saturating_sub(1) as f64).round() as usize);
    let refused = others.iter().filter(|answer| answer.status == 429).count();
    json!({"answered": took.len(), "refused_429": refused, "failed": others.len() - refused,
        "p50_ms": at(0.5), "p99_ms": at(0.99), "slowest_ms": took.last()})
}

async fn searches(day: Arc<Day>, load: Load, rate: f64) -> Vec<Answer> {
    let mut tasks = JoinSet::new();
    for due in arrivals(rate, day.length) {
        day.at(due).await;
        let (day, load) = (Arc::clone(&day), load.clone());
        tasks.spawn(async move {
            let (status, _) = load.ask().await;
            Answer { due, status, took: day.started.elapsed().as_secs_f64() - due }
        });
    }
    tasks.join_all().await
}

impl Day {
    /// Waits for so many seconds into the day.
    async fn at(&self, seconds: f64) {
        tokio::time::sleep_until((self.started + Duration::from_secs_f64(seconds)).into()).await;
    }

    /// The moments at which something happens that happens so often in an hour.
    fn moments(&self, an_hour: f64) -> impl Iterator<Item = f64> + use<> {
        let (length, apart) = (self.length.as_secs_f64(), 3_600.0 / an_hour);
        (1..).map(move |n| f64::from(n) * apart).take_while(move |at| *at < length)
    }

    fn names(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn any(&self, rng: &mut ChaCha8Rng) -> String {
        let names = self.names();
        names[rng.random_range(0..names.len())].clone()
    }

    /// How many of the ten nearest are found, of questions near items that there are.
    async fn recall(&self, rng: &mut ChaCha8Rng) -> Result<f64, Failed> {
        let (mut hits, mut wanted) = (0, 0);
        for _ in 0..QUESTIONS {
            let vectors = near(&self.held, rng)?;
            let body = json!({"vector": vectors.deep(), "colour": vectors.colour()});
            let mut ids = Vec::new();
            for path in ["/search?k=10", "/search?k=10&exact=true"] {
                let (status, answer) = self.shop.ask("POST", path, Some(&body)).await?;
                let results = answer["results"].as_array().cloned().unwrap_or_default();
                if status != 200 {
                    return Err(format!("{path}: {status} {answer}").into());
                }
                ids.push(results.iter().map(|hit| hit["id"].to_string()).collect::<Vec<_>>());
            }
            hits += ids[0].iter().filter(|id| ids[1].contains(id)).count();
            wanted += ids[1].len();
        }
        Ok(hits as f64 / wanted.max(1) as f64)
    }
}

async fn puts(day: Arc<Day>) -> Result<usize, Failed> {
    let (mut rng, mut made) = (ChaCha8Rng::seed_from_u64(1), 0);
    for (n, at) in day.moments(PUTS).enumerate() {
        day.at(at).await;
        let status = if n % 2 == 0 {
            day.shop.put_photo().await?
        } else {
            let vectors = near(&day.held, &mut rng)?;
            let body =
                json!({"item": {"category": "new"}, "embedding": vectors.deep(), "colour": vectors.colour()});
            let id = format!("new-{n:06}");
            let (status, _) = day.shop.ask("PUT", &format!("/items/{id}"), Some(&body)).await?;
            day.names().push(id);
            status
        };
        made += usize::from([200, 201].contains(&status));
    }
    Ok(made)
}

async fn deletes(day: Arc<Day>) -> Result<usize, Failed> {
    let (mut rng, mut made) = (ChaCha8Rng::seed_from_u64(2), 0);
    for at in day.moments(DELETES) {
        day.at(at).await;
        let id = {
            let mut names = day.names();
            let which = rng.random_range(0..names.len());
            names.swap_remove(which)
        };
        let (status, _) = day.shop.ask("DELETE", &format!("/items/{id}"), None).await?;
        made += usize::from(status == 204);
    }
    Ok(made)
}

async fn patches(day: Arc<Day>) -> Result<usize, Failed> {
    let (mut rng, mut made) = (ChaCha8Rng::seed_from_u64(3), 0);
    for at in day.moments(PATCHES / LINES as f64) {
        day.at(at).await;
        let lines = (0..LINES).map(|_| {
            let price = rng.random_range(10..200).to_string();
            let item = json!({"attributes": {"price": [price]}});
            json!({"op": "patch", "id": day.any(&mut rng), "item": item}).to_string()
        });
        let lines = lines.collect::<Vec<_>>().join("\n");
        made += day.shop.lines(lines).await?;
    }
    Ok(made)
}

/// From when to when, in seconds.
async fn compactions(day: Arc<Day>) -> Result<Vec<[f64; 2]>, Failed> {
    let mut all = Vec::new();
    for share in COMPACTIONS {
        day.at(share * day.length.as_secs_f64()).await;
        let began = day.started.elapsed().as_secs_f64();
        let (status, operation) = day.shop.ask("POST", "/admin/compact", None).await?;
        if status != 202 {
            return Err(format!("a compaction is answered with {status}: {operation}").into());
        }
        let path = format!("/admin/operations/{}", operation["id"].as_str().unwrap_or_default());
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let (_, operation) = day.shop.ask("GET", &path, None).await?;
            match operation["state"].as_str() {
                Some("running") => {}
                Some("done") => break,
                _ => return Err(format!("a compaction has failed: {operation}").into()),
            }
        }
        all.push([began, day.started.elapsed().as_secs_f64()]);
    }
    Ok(all)
}

/// The bytes of a file, or of all files below a folder; 0 where there is neither.
fn size(path: &Path) -> u64 {
    match fs::read_dir(path) {
        Ok(entries) => entries.flatten().map(|entry| size(&entry.path())).sum(),
        Err(_) => path.metadata().map_or(0, |about| about.len()),
    }
}
