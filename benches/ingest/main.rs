//! What writing costs, over HTTP: `make bench-ingest`.
//!
//! Three ratios, each of sides measured in turns in this one run, over 139,709 items and real photos:
//! whole `POST /similar` of a server that 18,000 items came in to and that lost a tenth of its items, beside the same server without a
//! state; photos put a second, one by one and by many lines, beside what the f32 model alone embeds; and shoppers' p99 at half the
//! peak while photos come in, beside the same without.
//!
//! `PHOTOS=DIR` names the photos, `SECONDS_EACH=20` the length of each measurement, `ROUNDS=4` how often sides take turns,
//! `BUNDLE=demo` another bundle, `NEW=500` how many items come in. Writes `target/bench/ingest.json`.
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
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use load::{Load, Outcome, arrivals, closed, open};
use lookalike_model::{Bundle, Embedder, EmbedderOptions, Precision};
use lookalike_photo::{Limits, Photo, Pixels};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use server::{Running, Server};
use tokio::task::JoinSet;
use writes::{KEY, Shop, Written, folder_of, items_of, near, put_line};

pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// How many photos are sent round and round.
const PHOTOS: usize = 400;
/// Clients of the closed loops.
const CLIENTS: usize = 16;
/// Clients that put photos while shoppers ask.
const PUTTING: usize = 2;
/// Photos in one request of many lines.
const LINES: usize = 32;

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

async fn run() -> Result<(), Failed> {
    let bundle = setting("BUNDLE", "full");
    let photos = load::photos(Path::new(&setting("PHOTOS", "../shared/clothing/img")), PHOTOS)?;
    let each = Duration::from_secs_f64(setting("SECONDS_EACH", "20").parse()?);
    let rounds: usize = setting("ROUNDS", "4").parse()?;
    fs::create_dir_all("target/bench")?;
    let alone = embedded_alone(&bundle, &photos, each).await?;
    println!("the f32 model alone: {alone:.1} photos/s");

    // On a disk like the bundle's: a folder of the system's own may lie in memory.
    let folder = tempfile::tempdir_in("target/bench")?;
    let (state, keys) = (folder.path().join("state"), folder.path().join("keys"));
    fs::write(&keys, KEY)?;
    let flags = ["--reads", "open", "--state", path(&state)?, "--admin-keys-file", path(&keys)?];
    let frozen = Server::ours(&bundle, &[]).called("lookalike-frozen").start().await?;
    let living = Server::ours(&bundle, &flags).called("lookalike-living").start().await?;
    let shop = Shop::new(living.address, &photos);
    fill(&bundle, &shop).await?;
    living.settle().await?;

    let loads = [&frozen, &living].map(|running| Load::new(running.address, photos.clone(), false));
    let mut rates = [0.0; 2];
    for round in 0..=rounds {
        for (load, rate) in loads.iter().zip(&mut rates) {
            let outcome = closed(load, CLIENTS, each).await;
            // The first round warms up.
            if round > 0 {
                *rate += outcome.rate() / rounds as f64;
            }
        }
    }
    if rates.contains(&0.0) {
        return Err("no search was answered with 200: target/bench/serve-lookalike-*.log".into());
    }
    let whole = rates[1] / rates[0];
    println!(
        "POST /similar, {CLIENTS} clients: {:.1} req/s without a state, {:.1} with: {whole:.3} ×",
        rates[0], rates[1]
    );

    shop.put_photo().await?; // the model is loaded at the first
    let mut put = Vec::new();
    for clients in [1, 4, 16] {
        let written = shop.put_on(clients, each).await?;
        told(&format!("PUT, {clients} clients"), written, alone);
        put.push(
            json!({"clients": clients, "photos_per_second": written.rate(), "ratio": written.rate() / alone}),
        );
    }
    let bulk = many_lines(&shop, each).await?;
    told(&format!("POST /items, {LINES} photos each"), bulk, alone);
    living.settle().await?;

    let peak = closed(&loads[1], CLIENTS, each).await.rate();
    let arrivals = arrivals(peak / 2.0, 2 * each);
    let mut sides: [Vec<Outcome>; 2] = [Vec::new(), Vec::new()];
    let mut meanwhile = Vec::new();
    for _ in 0..rounds.div_ceil(2) {
        sides[0].push(open(&loads[1], &arrivals).await);
        let (outcome, written) = tokio::join!(open(&loads[1], &arrivals), shop.put_on(PUTTING, 2 * each));
        sides[1].push(outcome);
        meanwhile.push(written?.rate());
        living.settle().await?;
    }
    for (name, side) in ["alone", "while photos come in"].iter().zip(&sides) {
        side.iter().for_each(|outcome| println!("shoppers at half the peak, {name:<22} {outcome}"));
    }
    let p99 = sides.each_ref().map(|side| Outcome::of_all(side).percentile(0.99) * 1e3);
    let late = p99[1] / p99[0];
    let came: f64 = meanwhile.iter().sum::<f64>() / meanwhile.len() as f64;
    println!("p99 {:.0} ms, {:.0} while {came:.1} photos/s come in: {late:.2} ×", p99[0], p99[1]);
    let resident = [&frozen, &living].map(|running| running.resident().unwrap_or(0));
    let report = json!({
        "similar": {"frozen": rates[0], "living": rates[1], "ratio": whole},
        "put": {"model_alone": alone, "one_by_one": put, "lines": bulk.rate(), "lines_ratio": bulk.rate() / alone},
        "shoppers": {"peak": peak, "p99_ms": p99, "ratio": late, "photos_per_second": came,
            "alone": sides[0].iter().map(Outcome::json).collect::<Vec<_>>(),
            "while_photos_come_in": sides[1].iter().map(Outcome::json).collect::<Vec<_>>()},
        "resident_bytes": resident,
    });
    fs::write("target/bench/ingest.json", serde_json::to_string_pretty(&report)? + "\n")?;
    println!("written to target/bench/ingest.json");
    frozen.stop().await?;
    living.stop().await
}

fn path(path: &Path) -> Result<&str, Failed> {
    path.to_str().ok_or_else(|| "a path is not UTF-8".into())
}

fn told(what: &str, written: Written, alone: f64) {
    let rate = written.rate();
    println!(
        "{what:<32} {rate:>6.1} photos/s, {} times 429: {:.2} × the model alone",
        written.refused,
        rate / alone
    );
}

/// Many lines at once, one request after the other.
async fn many_lines(shop: &Shop, time: Duration) -> Result<Written, Failed> {
    let (started, mut written) = (Instant::now(), Written::default());
    while started.elapsed() < time {
        let taken = shop.put_photos(LINES).await?;
        written.items += taken;
        written.refused += LINES - taken;
    }
    Ok(Written { seconds: started.elapsed().as_secs_f64(), ..written })
}

/// Items put; a tenth of them and of the base deleted again.
async fn fill(bundle: &str, shop: &Shop) -> Result<(), Failed> {
    let held = items_of(bundle)?;
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let new: usize = setting("NEW", "20000").parse()?;
    let started = Instant::now();
    for from in (0..new).step_by(500) {
        let lines: Result<Vec<String>, Failed> = (from..new.min(from + 500))
            .map(|n| Ok(put_line(&format!("new-{n:06}"), &near(&held, &mut rng)?)))
            .collect();
        shop.lines(lines?.join("\n")).await?;
    }
    let took = started.elapsed().as_secs_f64();
    println!("{new} items put in {took:.1} s, 500 a request");
    let names = held.iter().map(|(id, _)| id.to_string()).chain((0..new).map(|n| format!("new-{n:06}")));
    let gone: Vec<String> = names.filter(|_| rng.random_bool(0.1)).collect();
    for some in gone.chunks(1_000) {
        let lines: Vec<String> =
            some.iter().map(|id| json!({"op": "delete", "id": id}).to_string()).collect();
        shop.lines(lines.join("\n")).await?;
    }
    Ok(())
}

/// How many photos a second the model embeds in f32 where nothing else is to be done.
async fn embedded_alone(bundle: &str, photos: &[Bytes], time: Duration) -> Result<f64, Failed> {
    let bundle = Bundle::open(&folder_of(bundle))?;
    let rule = bundle.manifest().preprocessing.clone();
    let pixels = |bytes: &Bytes| Ok(rule.apply(&Photo::decode(bytes, &Limits::default())?));
    let photos: Arc<Vec<Pixels>> =
        Arc::new(photos.iter().take(50).map(pixels).collect::<Result<_, Failed>>()?);
    let load = move |_| bundle.load_model_in(Precision::F32, tch::Device::Cpu);
    let (embedder, threads) = Embedder::start(load, EmbedderOptions::default())?;
    let mut rate = 0.0f64;
    // Twice: the first warms up.
    for _ in 0..2 {
        let started = Instant::now();
        let mut tasks = JoinSet::new();
        let callers = 2 * embedder.at_once();
        for caller in 0..callers {
            let (embedder, photos) = (embedder.clone(), Arc::clone(&photos));
            tasks.spawn(async move {
                let mut done = 0;
                while started.elapsed() < time {
                    embedder.embed(photos[(caller + done * callers) % photos.len()].clone()).await?;
                    done += 1;
                }
                Ok::<_, Failed>(done)
            });
        }
        let mut done = 0;
        while let Some(one) = tasks.join_next().await {
            done += one??;
        }
        rate = done as f64 / started.elapsed().as_secs_f64();
    }
    drop(embedder);
    threads.join();
    Ok(rate)
}

impl Running {
    /// Waits until the server does nothing any more: graphs are built beside the searches.
    async fn settle(&self) -> Result<(), Failed> {
        let started = Instant::now();
        loop {
            let before = self.worked()?;
            tokio::time::sleep(Duration::from_secs(3)).await;
            if self.worked()? - before < 0.1 || started.elapsed() > Duration::from_secs(600) {
                return Ok(());
            }
        }
    }
}
