//! More photos than can be answered, and dear searches beside photos: `make bench-overload`.
//!
//! The peak is what 64 clients get, each with one photo under way. Then photos arrive at random, 2, 5 and 10 times as many as that,
//! whether or not earlier ones are answered. Told are: good answers a second beside the peak, what the good ones and the refused ones
//! took, the server's memory, and when it is well again. Last, 300 exact searches at once beside one client with photos.
//!
//! `PHOTOS=DIR` names the photos, `SECONDS_EACH=20` the length of each measurement, `BUNDLE=demo` another bundle, `TIMES=2,5,10` how much
//! more arrives. The load is made on the same cores: how much of them it took is told. Writes `target/bench/overload.json`.
#![allow(missing_docs, clippy::print_stdout)]

// Of these some parts are the other benchmarks' alone.
#[allow(dead_code)]
#[path = "../serve/load.rs"]
mod load;
#[allow(dead_code)]
#[path = "../serve/server.rs"]
mod server;

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use load::{Load, Outcome, arrivals, closed, open};
use serde_json::{Value, json};
use server::{Running, Server};
use tokio::task::JoinSet;

pub type Failed = Box<dyn std::error::Error + Send + Sync>;

const PHOTOS: usize = 400;
/// Clients that get the peak.
const CLIENTS: usize = 64;
/// Exact searches at once.
const EXACT: usize = 300;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    if let Err(e) = runtime.map_err(Failed::from).and_then(|runtime| runtime.block_on(run())) {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}

fn setting(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| usual.into())
}

async fn run() -> Result<(), Failed> {
    let photos = load::photos(Path::new(&setting("PHOTOS", "../shared/clothing/img")), PHOTOS)?;
    let each = Duration::from_secs_f64(setting("SECONDS_EACH", "20").parse()?);
    let times: Vec<f64> = setting("TIMES", "2,5,10").split(',').map(str::parse).collect::<Result<_, _>>()?;
    let running = Server::ours(&setting("BUNDLE", "full"), &[]).called("overload").start().await?;
    let load = Load::new(running.address, photos, false);
    closed(&load, 4, Duration::from_secs(3)).await;

    let alone = closed(&load, 1, each / 2).await;
    println!("1 client               {alone}");
    let before = Spent::now(&running)?;
    let peak = closed(&load, CLIENTS, each).await;
    println!("{CLIENTS} clients             {peak}; {}", before.since(&running)?);
    let mut rows = Vec::new();
    for times in times {
        let before = Spent::now(&running)?;
        let outcome = open(&load, &arrivals(times * peak.rate(), each)).await;
        let spent = before.since(&running)?;
        let well = well_again(&load, &alone).await;
        let resident = running.resident()?;
        let (goodput, slower) =
            (outcome.rate() / peak.rate(), outcome.percentile(0.99) / peak.percentile(0.99));
        let refused = outcome.refusals_percentile(0.99) * 1e3;
        println!(
            "{times:>2} × the peak          {outcome}\n    goodput {goodput:.2} of the peak, accepted p99 {slower:.2} × that of {CLIENTS} clients, refused p99 \
             {refused:.1} ms, {} MiB before, {} after; well again in {:.1} s; {spent}",
            before.resident >> 20,
            resident >> 20,
            well.as_secs_f64()
        );
        rows.push(json!({"times": times, "outcome": outcome.json(), "goodput": goodput, "accepted_p99_ratio": slower,
            "refused_p99_ms": refused, "resident_before": before.resident, "resident_after": resident,
            "well_again_s": well.as_secs_f64(), "spent": spent.json()}));
    }
    let exact = beside_exact_searches(&running, &load, each).await?;
    running.stop().await?;
    fs::create_dir_all("target/bench")?;
    let report = json!({"alone": alone.json(), "peak": peak.json(), "overload": rows, "exact": exact});
    fs::write("target/bench/overload.json", serde_json::to_string_pretty(&report)? + "\n")?;
    println!("written to target/bench/overload.json");
    Ok(())
}

/// How long it takes until five photos in a row, one after the other, are answered as fast as before.
async fn well_again(load: &Load, alone: &Outcome) -> Duration {
    let (begun, enough) = (Instant::now(), alone.percentile(0.99) * 1.25);
    let (mut since, mut good) = (begun.elapsed(), 0);
    while good < 5 && begun.elapsed() < Duration::from_secs(30) {
        let (status, took) = load.ask().await;
        if status == 200 && took.as_secs_f64() <= enough {
            good += 1;
        } else {
            (since, good) = (begun.elapsed(), 0);
        }
    }
    since
}

/// One client with photos while 300 exact searches are asked at once, over and over.
async fn beside_exact_searches(running: &Running, load: &Load, each: Duration) -> Result<Value, Failed> {
    let address = running.address;
    let listed: Value = reqwest::get(format!("http://{address}/items?limit=50")).await?.json().await?;
    let ids: Vec<String> = (listed["items"].as_array().into_iter().flatten())
        .filter_map(|item| Some(item["id"].as_str()?.to_owned()))
        .collect();
    if ids.is_empty() {
        return Err(format!("no items are listed: {listed}").into());
    }
    let alone = closed(load, 1, each).await;
    let (client, begun) = (reqwest::Client::new(), Instant::now());
    let mut asking = JoinSet::new();
    for number in 0..EXACT {
        let (client, id) = (client.clone(), ids[number % ids.len()].clone());
        asking.spawn(async move {
            let (mut good, mut refused, mut other) = (0_usize, 0_usize, 0_usize);
            while begun.elapsed() < each {
                let url = format!("http://{address}/items/{id}/similar?exact=true&k=100&offset=400");
                match client.get(url).send().await.map(|answer| answer.status().as_u16()) {
                    Ok(200) => good += 1,
                    Ok(429 | 503) => {
                        refused += 1;
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                    _ => other += 1,
                }
            }
            (good, refused, other)
        });
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    let beside = closed(load, 1, each.saturating_sub(begun.elapsed())).await;
    let counts = asking.join_all().await;
    let sum = |of: fn(&(usize, usize, usize)) -> usize| counts.iter().map(of).sum::<usize>();
    let (good, refused, other) = (sum(|c| c.0), sum(|c| c.1), sum(|c| c.2));
    let worst = beside.percentile(1.0);
    println!(
        "1 client               {alone}\nbeside {EXACT} exact        {beside}, {:.0} ms at most; {good} of them answered, {refused} refused, {other} others",
        worst * 1e3
    );
    Ok(
        json!({"alone": alone.json(), "beside": beside.json(), "most_ms": worst * 1e3, "answered": good, "refused": refused, "other": other}),
    )
}

/// What server and load took so far.
struct Spent {
    at: Instant,
    server: f64,
    load: f64,
    resident: u64,
}

impl Spent {
    fn now(running: &Running) -> Result<Self, Failed> {
        Ok(Self {
            at: Instant::now(),
            server: running.worked()?,
            load: server::worked("self")?,
            resident: running.resident()?,
        })
    }

    fn since(&self, running: &Running) -> Result<Cores, Failed> {
        let seconds = self.at.elapsed().as_secs_f64();
        Ok(Cores {
            server: (running.worked()? - self.server) / seconds,
            load: (server::worked("self")? - self.load) / seconds,
        })
    }
}

/// Cores that server and load took.
struct Cores {
    server: f64,
    load: f64,
}

impl Cores {
    fn json(&self) -> Value {
        json!({"server_cores": self.server, "load_cores": self.load})
    }
}

impl std::fmt::Display for Cores {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} cores for the server, {:.2} for the load", self.server, self.load)
    }
}
