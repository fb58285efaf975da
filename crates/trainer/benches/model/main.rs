//! The model alone, and a large photo's way to its tensor, beside OpenVINO, PyTorch, Pillow and torchvision, on one core:
//! `make bench-model`. Ours before and after the peers, the better of both. Prints a table, writes `target/bench/model.json`.
//!
//! `PHOTOS=DIR` names the photos, `PEERS=none` leaves the peers out, `SECONDS_EACH=5` is the length of each measurement.
#![allow(missing_docs, clippy::print_stdout)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use lookalike_model::{Bundle, Model, Precision};
use lookalike_photo::{Limits, Photo, Pixels};
use serde_json::json;

const BATCHES: [usize; 2] = [1, 8];
/// Multiply-adds of a photo, times two.
const OPERATIONS: f64 = 8.2e9;
/// The large photo: 12 megapixels, of small ones.
const LARGE: (u32, u32) = (4_000, 3_000);

type Failed = Box<dyn std::error::Error + Send + Sync>;

fn main() {
    // Cargo runs a benchmark in its package's folder; paths here are from the repository's root, or from where it was carried.
    let _ = std::env::set_current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    if let Err(e) = run() {
        eprintln!("error: {e}");
        std::process::exit(1);
    }
}

fn setting(name: &str, usual: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| usual.into())
}

fn run() -> Result<(), Failed> {
    let folder = PathBuf::from(setting("PHOTOS", "../shared/clothing/img"));
    let each = Duration::from_secs_f64(setting("SECONDS_EACH", "5").parse()?);
    let large = large_photo(&folder)?;
    tch::set_num_threads(1);
    let bundle = Bundle::open(Path::new("target/bench/full"))?;
    let models: Vec<Model> = [Precision::Int7, Precision::Int8, Precision::Bf16, Precision::F32]
        .into_iter()
        .filter(|precision| bundle.precisions().contains(precision))
        .map(|precision| bundle.load_model_in(precision, tch::Device::Cpu))
        .collect::<Result<_, _>>()?;
    let mut ours = BTreeMap::new();
    measure(&models, &large, each, &mut ours)?;
    let peers: BTreeMap<String, f64> = match setting("PEERS", "all").as_str() {
        "none" => BTreeMap::new(),
        _ => {
            let python = setting("PEER_PYTHON", "target/bench/peers/bin/python");
            let mut command = Command::new(&python);
            command.arg("benches/peers/model.py").arg(&large).arg(each.as_secs_f64().to_string());
            let output =
                command.env("BENCH_PHOTOS", &folder).output().map_err(|e| format!("{python}: {e}"))?;
            let last = String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().to_owned();
            serde_json::from_str(&last).map_err(|_| String::from_utf8_lossy(&output.stderr).into_owned())?
        }
    };
    measure(&models, &large, each, &mut ours)?;
    let peak = peak();
    for (name, seconds) in ours.iter().chain(&peers) {
        let share = match peak {
            Some(peak) if name.starts_with("int") => {
                format!("  {:.0} % of the core's peak", 100.0 * OPERATIONS / seconds / peak)
            }
            _ => String::new(),
        };
        println!("{name:<20} {:>8.2} ms{share}", seconds * 1e3);
    }
    let mut ratios = BTreeMap::new();
    for batch in BATCHES {
        for (peer, precisions) in [("int8", ["int7", "int8"].as_slice()), ("bf16", &["bf16"])] {
            // Quantised, the server takes whichever of the two suits the machine.
            let ours = precisions.iter().filter_map(|p| ours.get(&format!("{p}@{batch}")));
            let name = format!("openvino-{peer}@{batch}");
            if let (Some(a), Some(b)) = (ours.copied().reduce(f64::min), peers.get(&name)) {
                ratios.insert(name, b / a);
            }
        }
        if let (Some(a), Some(b)) =
            (ours.get(&format!("f32@{batch}")), peers.get(&format!("torch-f32@{batch}")))
        {
            ratios.insert(format!("torch-f32@{batch}"), b / a);
        }
    }
    if let (Some(a), Some(b)) = (ours.get("decode"), peers.get("decode")) {
        ratios.insert("pillow-12mp".into(), b / a);
    }
    ratios.iter().for_each(|(name, ratio)| println!("ratio {name:<20} {ratio:.2}"));
    let report =
        json!({"seconds": ours, "peers": peers, "ratios": ratios, "int8_peak_operations_per_second": peak});
    fs::write("target/bench/model.json", serde_json::to_string_pretty(&report)? + "\n")?;
    println!("written to target/bench/model.json");
    Ok(())
}

/// Seconds a photo by precision and batch, and for the large photo; what is there already is only bettered.
fn measure(
    models: &[Model],
    large: &Path,
    each: Duration,
    into: &mut BTreeMap<String, f64>,
) -> Result<(), Failed> {
    let mut better = |name: String, seconds: f64| {
        let best = into.entry(name).or_insert(seconds);
        *best = best.min(seconds);
    };
    for model in models {
        for batch in BATCHES {
            let photos = vec![Pixels::grey(model.preprocessing().size()); batch];
            let seconds = median(each, || model.embed(&photos).map(drop))?;
            better(format!("{}@{batch}", model.precision()), seconds / batch as f64);
        }
    }
    let (bytes, rule) = (fs::read(large)?, models[0].preprocessing());
    let decode = || -> Result<(), Failed> {
        let photo = Photo::decode_for(&bytes, &Limits::default(), rule.wanted())?;
        let _numbers = rule.normalise(&[rule.apply(&photo)]);
        Ok(())
    };
    better("decode".into(), median(each, decode)?);
    Ok(())
}

fn median<E>(each: Duration, mut work: impl FnMut() -> Result<(), E>) -> Result<f64, E> {
    work()?;
    work()?;
    let (begun, mut times) = (Instant::now(), Vec::new());
    while times.len() < 5 || begun.elapsed() < each {
        let started = Instant::now();
        work()?;
        times.push(started.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// A JPEG of 12 megapixels as a phone writes them (4:2:0), laid out of the folder's photos.
fn large_photo(folder: &Path) -> Result<PathBuf, Failed> {
    let path = PathBuf::from("target/bench/12mp.jpg");
    if path.exists() {
        return Ok(path);
    }
    let mut canvas = image::RgbImage::new(LARGE.0, LARGE.1);
    let (mut x, mut y, mut row) = (0, 0, 0);
    let mut photos: Vec<PathBuf> = Vec::new();
    for class in
        fs::read_dir(folder).map_err(|e| format!("{}: {e}; PHOTOS=DIR names photos", folder.display()))?
    {
        photos.extend(fs::read_dir(class?.path())?.flatten().map(|e| e.path()).take(20));
    }
    photos.sort();
    for photo in photos.iter().cycle().take(1_000) {
        let photo = Photo::decode(&fs::read(photo)?, &Limits::default())?;
        if x >= LARGE.0 {
            (x, y, row) = (0, y + row, 0);
        }
        if y >= LARGE.1 {
            break;
        }
        image::imageops::replace(&mut canvas, photo.rgb(), i64::from(x), i64::from(y));
        (x, row) = (x + photo.width(), row.max(photo.height()));
    }
    let mut compressor = turbojpeg::Compressor::new()?;
    compressor.set_quality(90)?;
    compressor.set_subsamp(turbojpeg::Subsamp::Sub2x2)?;
    let picture = turbojpeg::Image {
        pixels: canvas.as_raw().as_slice(),
        width: LARGE.0 as usize,
        pitch: 3 * LARGE.0 as usize,
        height: LARGE.1 as usize,
        format: turbojpeg::PixelFormat::RGB,
    };
    fs::write(&path, compressor.compress_to_vec(picture)?)?;
    Ok(path)
}

/// Operations a second of one core's byte multiply-adds, if it has AVX-512 VNNI: 24 sums in flight, nothing read.
#[cfg(target_arch = "x86_64")]
fn peak() -> Option<f64> {
    if !is_x86_feature_detected!("avx512vnni") {
        return None;
    }
    let rounds = 10_000_000u64;
    let mut best: f64 = 0.0;
    for _ in 0..3 {
        let started = Instant::now();
        // SAFETY: registers alone are written, all of them named; the machine has the instruction.
        unsafe {
            std::arch::asm!(
                "2:",
                "vpdpbusd zmm0, zmm31, zmm30", "vpdpbusd zmm1, zmm31, zmm30", "vpdpbusd zmm2, zmm31, zmm30",
                "vpdpbusd zmm3, zmm31, zmm30", "vpdpbusd zmm4, zmm31, zmm30", "vpdpbusd zmm5, zmm31, zmm30",
                "vpdpbusd zmm6, zmm31, zmm30", "vpdpbusd zmm7, zmm31, zmm30", "vpdpbusd zmm8, zmm31, zmm30",
                "vpdpbusd zmm9, zmm31, zmm30", "vpdpbusd zmm10, zmm31, zmm30", "vpdpbusd zmm11, zmm31, zmm30",
                "sub {n}, 1",
                "jnz 2b",
                n = inout(reg) rounds => _,
                out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _, out("zmm5") _,
                out("zmm6") _, out("zmm7") _, out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _,
                options(nostack),
            );
        }
        best = best.max(rounds as f64 * 12.0 * 128.0 / started.elapsed().as_secs_f64());
    }
    Some(best)
}

#[cfg(not(target_arch = "x86_64"))]
fn peak() -> Option<f64> {
    None
}
