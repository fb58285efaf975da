//! The whole server beside what people would set up instead, in one run: `make bench-serve`.
//!
//! Each server in turn answers the same load on the same cores over the same photos: closed loops of 1, 16 and 64 clients;
//! then open loops (Poisson arrivals) at half and at 70 % of our own peak; then far more clients than any queue holds. All run
//! ResNet-50 at full width at 224 pixels, 512 numbers a photo, 139,709 items, ten results. Prints tables, writes
//! `target/bench/serve.json`.
//!
//! `PHOTOS=DIR` names the photos, `PEERS=fastapi-torch,openvino-int8` the peers (`none`: ours alone), `SECONDS_EACH=20` the
//! length of each measurement, `SOAK=50000` the requests of the last part.
#![allow(missing_docs, clippy::print_stdout)]

// Of these some parts are the other benchmarks' alone.
#[allow(dead_code)]
mod load;
#[allow(dead_code)]
mod server;
mod simulation;

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use serde_json::{Value, json};

use load::{Load, Outcome, arrivals, closed, open};
use server::{Running, Server};

pub type Failed = Box<dyn std::error::Error + Send + Sync>;

/// How many photos are sent round and round.
const PHOTOS: usize = 400;
/// Clients of the closed loops.
const CLIENTS: [usize; 3] = [1, 16, 64];
/// Clients far beyond what is taken on.
const CROWD: usize = 400;
/// Shares of our own peak that the open loops arrive at.
const SHARES: [f64; 2] = [0.5, 0.7];

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
    let folder = setting("PHOTOS", "../shared/clothing/img");
    let photos = load::photos(Path::new(&folder), PHOTOS)?;
    let each = Duration::from_secs_f64(setting("SECONDS_EACH", "20").parse()?);
    let peers =
        match setting("PEERS", "fastapi-torch,litserve,openvino-bf16,openvino-int8,openvino-int8-latency")
            .as_str()
        {
            "none" => Vec::new(),
            names => names.split(',').map(|name| Server::peer(name, &folder)).collect(),
        };
    let cores = std::thread::available_parallelism()?.get();
    println!("{} photos of {folder}, {cores} cores", photos.len());
    let mut results: BTreeMap<String, BTreeMap<usize, Outcome>> = BTreeMap::new();
    let mut ours = Ours::default();
    // Ours first and last: what drifts in the machine meanwhile shows.
    for server in std::iter::once(Server::ours("full", &[])).chain(peers) {
        let running = server.start().await?;
        let load = Load::new(running.address, photos.clone(), server.name == "litserve");
        let mut warm = closed(&load, 4, Duration::from_secs(3)).await;
        // Some compile on the first photo, and page in their index.
        for _ in 0..5 {
            if warm.latencies.is_empty() {
                warm = closed(&load, 4, Duration::from_secs(5)).await;
            }
        }
        if warm.latencies.is_empty() {
            return Err(
                format!("{} answers nothing with 200: target/bench/serve-{0}.log", server.name).into()
            );
        }
        let mut of_server = BTreeMap::new();
        for clients in CLIENTS {
            let outcome = closed(&load, clients, each).await;
            println!("{:<24} {clients:>3} clients  {outcome}", server.name);
            of_server.insert(clients, outcome);
        }
        if server.is_ours() {
            ours = Ours::measure(&running, &load, &of_server, each).await?;
        } else {
            let peak = of_server.values().map(Outcome::rate).fold(0.0, f64::max);
            // Beyond its peak a queue only grows.
            for (share, rate) in ours.rates().into_iter().filter(|(_, rate)| *rate < peak) {
                let outcome = open(&load, &arrivals(rate, 2 * each)).await;
                println!(
                    "{:<24} {rate:>5.1} arrivals/s ({:.0} % of our peak)  {outcome}",
                    server.name,
                    100.0 * share
                );
                ours.peers_open.push(
                    json!({"peer": server.name, "share": share, "rate": rate, "outcome": outcome.json()}),
                );
            }
        }
        results.insert(server.name.clone(), of_server);
        running.stop().await?;
    }
    let soak = soak(&photos, setting("SOAK", "50000").parse()?).await?;
    let report = report(&results, &ours, &soak, &folder, cores);
    fs::create_dir_all("target/bench")?;
    fs::write("target/bench/serve.json", serde_json::to_string_pretty(&report)? + "\n")?;
    if let Some(ratios) = report["ratios"].as_object() {
        ratios
            .iter()
            .for_each(|(name, ratio)| println!("ratio {name:<40} {:.2}", ratio.as_f64().unwrap_or(f64::NAN)));
    }
    println!("written to target/bench/serve.json");
    Ok(())
}

/// What is measured of our own server alone.
#[derive(Default)]
struct Ours {
    peak: f64,
    open: Vec<Value>,
    peers_open: Vec<Value>,
    crowd: Option<Outcome>,
    shares: Value,
}

impl Ours {
    fn rates(&self) -> Vec<(f64, f64)> {
        SHARES.into_iter().filter(|_| self.peak > 0.0).map(|share| (share, share * self.peak)).collect()
    }

    async fn measure(
        running: &Running,
        load: &Load,
        closed_loops: &BTreeMap<usize, Outcome>,
        each: Duration,
    ) -> Result<Self, Failed> {
        let peak = closed_loops.values().map(Outcome::rate).fold(0.0, f64::max);
        let mut ours = Self { peak, ..Self::default() };
        let cores = std::thread::available_parallelism()?.get();
        let single = Server::ours("full", &["--threads", "1"]).start().await?;
        let one_core = closed(&Load::new(single.address, load.photos(), false), 1, each / 2).await;
        single.stop().await?;
        println!("lookalike on one core      1 client   {one_core}");
        for (share, rate) in ours.rates() {
            let arrivals = arrivals(rate, 2 * each);
            let outcome = open(load, &arrivals).await;
            let simulated = simulation::p99(&arrivals, &one_core.latencies, cores);
            let ratio = outcome.percentile(0.99) / simulated;
            println!(
                "lookalike                {rate:>5.1} arrivals/s ({:.0} % of our peak)  {outcome}; p99 of a simulated queue {:.1} ms, ours {ratio:.2} ×",
                100.0 * share,
                simulated * 1e3
            );
            ours.open.push(json!({"share": share, "rate": rate, "outcome": outcome.json(), "simulated_p99_ms": simulated * 1e3, "p99_over_simulated": ratio}));
        }
        let crowd = closed(load, CROWD, each).await;
        println!("lookalike                {CROWD} clients  {crowd}");
        ours.crowd = Some(crowd);
        ours.shares = running.shares().await?;
        println!("lookalike                seconds by stage: {}", ours.shares);
        Ok(ours)
    }
}

/// Many requests through the slim network: resident memory along the way, in bytes.
async fn soak(photos: &[bytes::Bytes], requests: usize) -> Result<Vec<(usize, u64)>, Failed> {
    if requests == 0 || !Path::new("target/demo/bundle").is_dir() {
        println!("no soak: it needs `make demo`'s bundle");
        return Ok(Vec::new());
    }
    let running = Server::ours("demo", &[]).start().await?;
    let load = Load::new(running.address, photos.to_vec(), false);
    let mut resident = Vec::new();
    for part in 0..=10 {
        if part > 0 {
            load::so_many(&load, 16, requests / 10).await;
        }
        resident.push((part * requests / 10, running.resident()?));
    }
    running.stop().await?;
    let mib: Vec<String> = resident.iter().map(|(n, bytes)| format!("{n}: {}", bytes >> 20)).collect();
    println!("resident MiB after so many requests of the slim network: {}", mib.join(", "));
    Ok(resident)
}

fn report(
    results: &BTreeMap<String, BTreeMap<usize, Outcome>>,
    ours: &Ours,
    soak: &[(usize, u64)],
    photos: &str,
    cores: usize,
) -> Value {
    let mut ratios = serde_json::Map::new();
    let own = &results["lookalike"];
    for (name, peer) in results.iter().filter(|(name, _)| *name != "lookalike") {
        for (clients, outcome) in peer {
            ratios.insert(format!("{name}@{clients}"), json!(own[clients].rate() / outcome.rate()));
        }
    }
    let servers: serde_json::Map<String, Value> = (results.iter())
        .map(|(name, loops)| {
            let loops: serde_json::Map<_, _> = loops.iter().map(|(n, o)| (n.to_string(), o.json())).collect();
            (name.clone(), Value::Object(loops))
        })
        .collect();
    json!({
        "cores": cores,
        "photos": photos,
        "clients": servers,
        "open_loop": {"lookalike": ours.open, "peers": ours.peers_open},
        "crowd": {"clients": CROWD, "outcome": ours.crowd.as_ref().map(Outcome::json)},
        "stage_seconds": ours.shares,
        "soak_resident_bytes": soak,
        "ratios": ratios,
    })
}
