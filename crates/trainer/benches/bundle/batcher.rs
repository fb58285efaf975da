//! Photos through the server's own batcher, without HTTP, JPEG and search: bytes of pixels in, embeddings out.
//!
//! Twice as many callers as the model takes at once, each with one photo under way: while a batch runs the next one queues
//! up. What is measured is the queue, the normalising of the photos, the way to the device, the pass and the way back.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use lookalike_model::{Bundle, DeviceChoice, EmbedTimes, Embedded, Embedder, EmbedderOptions, Precision};
use lookalike_photo::{Limits, Photo, Pixels};
use serde_json::{Value, json};
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{Failed, load};

/// Photos whose embeddings are held against those in f32 on the CPU.
const COMPARED: usize = 32;

#[derive(Args)]
pub struct Options {
    #[arg(long)]
    bundle: PathBuf,
    /// auto, cpu, cuda:0, …
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    #[arg(long, value_enum, value_delimiter = ',', default_value = "f16,bf16")]
    precisions: Vec<Precision>,
    /// Photos in one pass at most, one measurement for each number.
    #[arg(long, value_delimiter = ',', default_value = "1,8,32,128")]
    batches: Vec<usize>,
    /// The folder of the photos.
    #[arg(long)]
    photos: PathBuf,
    /// So many of them at the most.
    #[arg(long, default_value_t = 200)]
    most: usize,
    /// How long each measurement lasts.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// How long photos pass before it; again, five times at the most, while some take far longer than others.
    #[arg(long, default_value_t = 1.5)]
    warm_up: f64,
}

pub fn run(options: &Options) -> Result<(), Failed> {
    let device = options.device.open()?; // before anything else of torch
    let bundle = Bundle::open(&options.bundle)?;
    let rule = &bundle.manifest().preprocessing;
    let files = load::photos(&options.photos, options.most)?;
    let pixels = |bytes| Ok(rule.apply(&Photo::decode_for(bytes, &Limits::default(), rule.wanted())?));
    let photos: Vec<Pixels> = files.iter().map(|bytes| pixels(bytes)).collect::<Result<_, Failed>>()?;
    let photos = Arc::new(photos);
    let compared = &photos[..photos.len().min(COMPARED)];
    let exact: Vec<Embedded> =
        bundle.load_model(tch::Device::Cpu)?.embed(compared)?.into_iter().collect::<Result<_, _>>()?;
    let exact = deep(&exact);
    let runtime = Runtime::new()?;
    for &precision in &options.precisions {
        for (nth, &batch) in options.batches.iter().enumerate() {
            let (opened, started) = (bundle.clone(), Instant::now());
            let load = move |_| opened.load_model_in(precision, device);
            // Nobody is refused: there are no more callers than that.
            let shape = EmbedderOptions { queue: 1 << 16, max_batch: batch, ..EmbedderOptions::default() };
            let (embedder, threads) = Embedder::start(load, shape)?;
            let loading = started.elapsed().as_secs_f64();
            let callers = 2 * embedder.at_once();
            let measured = |seconds: f64| -> Result<Measured, Failed> {
                let time = Duration::from_secs_f64(seconds);
                runtime.block_on(measure(&embedder, &photos, callers, time))
            };
            let slowest_at_first = warm_up(&measured, options.warm_up)?;
            let found = measured(options.seconds)?;
            let mut line = json!({
                "device": embedder.device(), "precision": precision, "batch": batch, "callers": callers,
                "photos_per_second": found.rate(), "pass_ms": found.pass() * 1e3, "answer_ms": found.answer() * 1e3,
                "normalising_ms": normalising(&bundle, &photos, batch) * 1e3,
                "loading_s": loading, "slowest_at_first_ms": slowest_at_first * 1e3, "slowest_ms": found.slowest() * 1e3,
            });
            if nth == 0 {
                let embedded = runtime.block_on(embed(&embedder, compared))?;
                line["centred_cosine"] = cosines(&exact, &deep(&embedded));
            }
            drop(embedder);
            if !threads.join() {
                return Err("a thread of the model panicked".into());
            }
            eprintln!(
                "{precision} batch {batch}: {:.1} photos/s, {:.2} ms a pass",
                found.rate(),
                found.pass() * 1e3
            );
            println!("{line}");
        }
    }
    Ok(())
}

/// Photos until the model is as fast as it will be: libtorch compiles what it fuses for each size of batch it meets. Returns
/// the slowest answer on the way.
fn warm_up(measured: &dyn Fn(f64) -> Result<Measured, Failed>, seconds: f64) -> Result<f64, Failed> {
    let mut slowest = 0.0f64;
    for _ in 0..5 {
        let part = measured(seconds)?;
        slowest = slowest.max(part.slowest());
        if part.slowest() < 4.0 * part.answer() {
            break;
        }
    }
    Ok(slowest)
}

/// What came of photos that were embedded one after the other by each caller.
struct Measured {
    /// From asking to the answer, in seconds, sorted; and the passes they were in.
    answers: Vec<f64>,
    passes: Vec<f64>,
    seconds: f64,
}

impl Measured {
    fn rate(&self) -> f64 {
        self.answers.len() as f64 / self.seconds
    }

    /// The median pass, from normalising to numbers.
    fn pass(&self) -> f64 {
        self.passes.get(self.passes.len() / 2).copied().unwrap_or(f64::NAN)
    }

    /// The median answer.
    fn answer(&self) -> f64 {
        self.answers.get(self.answers.len() / 2).copied().unwrap_or(f64::NAN)
    }

    fn slowest(&self) -> f64 {
        self.answers.last().copied().unwrap_or(f64::NAN)
    }
}

async fn measure(
    embedder: &Embedder,
    photos: &Arc<Vec<Pixels>>,
    callers: usize,
    time: Duration,
) -> Result<Measured, Failed> {
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (embedder, photos) = (embedder.clone(), Arc::clone(photos));
        tasks.spawn(async move {
            let (mut answers, mut next): (Vec<(Duration, EmbedTimes)>, usize) = (Vec::new(), caller);
            while started.elapsed() < time {
                let asked = Instant::now();
                let (_, times) = embedder.embed(photos[next % photos.len()].clone()).await?;
                answers.push((asked.elapsed(), times));
                next += callers;
            }
            Ok::<_, Failed>(answers)
        });
    }
    let mut all = Vec::new();
    while let Some(done) = tasks.join_next().await {
        all.extend(done??);
    }
    let seconds = started.elapsed().as_secs_f64();
    let sorted = |of: fn(&(Duration, EmbedTimes)) -> Duration| {
        let mut times: Vec<f64> = all.iter().map(|one| of(one).as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);
        times
    };
    Ok(Measured { answers: sorted(|one| one.0), passes: sorted(|one| one.1.model), seconds })
}

/// The photos one by one, in order.
async fn embed(embedder: &Embedder, photos: &[Pixels]) -> Result<Vec<Embedded>, Failed> {
    let mut embedded = Vec::new();
    for photo in photos {
        embedded.push(embedder.embed(photo.clone()).await?.0);
    }
    Ok(embedded)
}

fn deep(embedded: &[Embedded]) -> Vec<Vec<f32>> {
    embedded.iter().map(|one| one.vectors.deep().to_vec()).collect()
}

/// Seconds that normalising a batch takes by itself, of the pass: the median of five.
fn normalising(bundle: &Bundle, photos: &[Pixels], batch: usize) -> f64 {
    let photos: Vec<Pixels> = photos.iter().cycle().take(batch).cloned().collect();
    let mut times = [0.0; 5].map(|_| {
        let started = Instant::now();
        std::hint::black_box(bundle.manifest().preprocessing.normalise(&photos));
        started.elapsed().as_secs_f64()
    });
    times.sort_by(f64::total_cmp);
    times[2]
}

/// Mean and least cosine, photo by photo, once the mean of the exact ones is taken off both.
fn cosines(exact: &[Vec<f32>], others: &[Vec<f32>]) -> Value {
    let width = exact.first().map_or(0, Vec::len);
    let mean: Vec<f64> =
        (0..width).map(|d| exact.iter().map(|v| f64::from(v[d])).sum::<f64>() / exact.len() as f64).collect();
    let centred = |v: &[f32]| -> Vec<f64> { v.iter().zip(&mean).map(|(x, m)| f64::from(*x) - m).collect() };
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
    let cosine = |(a, b): (&Vec<f32>, &Vec<f32>)| {
        let (a, b) = (centred(a), centred(b));
        dot(&a, &b) / (dot(&a, &a) * dot(&b, &b)).sqrt()
    };
    let found: Vec<f64> = exact.iter().zip(others).map(cosine).collect();
    let least = found.iter().copied().fold(f64::INFINITY, f64::min);
    json!({"photos": found.len(), "mean": found.iter().sum::<f64>() / found.len() as f64, "least": least})
}
