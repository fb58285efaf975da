//! Files as somebody might make them, and a process of its own to open them in: with little memory, and watched.

// Every test program uses a part of it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rustix::process::{Resource, Rlimit, setrlimit};

/// So long one case may take; none that ends takes a tenth of it.
const STALLED: Duration = Duration::from_secs(120);
/// Where the process of its own writes which case it is at.
const PROGRESS: &str = "MUTATION_PROGRESS";
const CASES: &str = "MUTATION_CASES";

/// A file changed here and there: bits, bytes, numbers in bytes or in its text; cut, lengthened, a part of it doubled or gone.
pub fn mutated(bytes: &[u8], rng: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=rng.random_range(0..10u32).saturating_sub(6) {
        once(&mut bytes, rng);
    }
    bytes
}

fn once(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    if bytes.is_empty() {
        bytes.push(rng.random());
        return;
    }
    // Headers are short, and they are what matters most.
    let near = if rng.random_bool(0.5) { bytes.len().min(256) } else { bytes.len() };
    let at = rng.random_range(0..near);
    match rng.random_range(0..12) {
        0 => bytes[at] ^= 1 << rng.random_range(0..8),
        1 => bytes[at] = rng.random(),
        2..=4 => {
            let (number, width) = (number(rng), [1, 2, 4, 8][rng.random_range(0..4)]);
            let at = if rng.random_bool(0.7) { at / width * width } else { at };
            bytes.iter_mut().skip(at).zip(&number.to_le_bytes()[..width]).for_each(|(to, from)| *to = *from);
        }
        5..=7 => text_number(bytes, rng),
        8 => bytes.truncate(at),
        9 => bytes.extend((0..rng.random_range(1..200)).map(|n| n as u8)),
        10 => {
            let end = (at + rng.random_range(1..64)).min(bytes.len());
            let part = bytes[at..end].to_vec();
            let to = rng.random_range(0..=bytes.len());
            bytes.splice(to..to, part);
        }
        _ => {
            let end = (at + rng.random_range(1..64)).min(bytes.len());
            bytes.drain(at..end);
        }
    }
}

/// A number that programs stumble over.
pub fn number(rng: &mut ChaCha8Rng) -> u64 {
    let power = 1u64 << rng.random_range(0..64);
    match rng.random_range(0..6) {
        0 => power,
        1 => power - 1,
        2 => power.wrapping_add(1),
        3 => power.wrapping_neg(),
        4 => rng.random_range(0..64),
        _ => rng.random(),
    }
}

/// A number in a text becomes another.
fn text_number(bytes: &mut Vec<u8>, rng: &mut ChaCha8Rng) {
    let from = if rng.random_bool(0.7) { 0 } else { rng.random_range(0..bytes.len()) };
    let end = bytes.len().min(from + (1 << 14));
    let part = &bytes[from..end];
    let begins = |&i: &usize| part[i].is_ascii_digit() && (i == 0 || !part[i - 1].is_ascii_alphanumeric());
    let starts: Vec<usize> = (0..part.len()).filter(begins).collect();
    let Some(start) = starts.get(rng.random_range(0..starts.len().max(1))) else { return };
    let digits = part[*start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let number = match rng.random_range(0..8) {
        0 => format!("-{}", number(rng) >> 1),
        1 => "1e308".to_owned(),
        2 => "0.5".to_owned(),
        _ => number(rng).to_string(),
    };
    bytes.splice(from + start..from + start + digits, number.into_bytes());
}

/// How many cases: `MUTATIONS=10000` tries more than `usual`.
pub fn cases(usual: usize) -> usize {
    env::var("MUTATIONS").map_or(usual, |n| n.parse().expect("a number"))
}

/// Runs an ignored test of this program, which calls [`each_case`], in a process of its own. It must end, and well.
pub fn in_a_process(test: &str, cases: usize) {
    let folder = tempfile::tempdir().unwrap();
    let (progress, told) = (folder.path().join("progress"), folder.path().join("told"));
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "--test-threads", "1", test]);
    command.env(PROGRESS, &progress).env(CASES, cases.to_string()).env("RUST_BACKTRACE", "0");
    let out = fs::File::create(&told).unwrap();
    let mut child = command.stdout(out.try_clone().unwrap()).stderr(Stdio::from(out)).spawn().unwrap();
    let at = || fs::read_to_string(&progress).unwrap_or_default();
    let (mut last, mut since) = (at(), Instant::now());
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        std::thread::sleep(Duration::from_millis(50));
        let now = at();
        if now != last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() > STALLED {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("case {last} of {test} does not end");
        }
    };
    let told = fs::read_to_string(&told).unwrap();
    let end: Vec<&str> = told.lines().rev().take(30).collect();
    let end = end.into_iter().rev().collect::<Vec<_>>().join("\n");
    assert!(status.success(), "case {} of {test}: {status}\n{end}", at());
    assert_eq!(at(), cases.to_string(), "it ran no case: is its name right?\n{end}");
}

/// In the process of its own: each case, with the numbers that it draws from. The process may have so many bytes, unless `SANITIZED` says that
/// a sanitizer runs with it, which takes terabytes of addresses.
pub fn each_case(bytes: u64, mut case: impl FnMut(&mut ChaCha8Rng)) {
    if env::var_os("SANITIZED").is_none() {
        let limit = Rlimit { current: Some(bytes), maximum: Some(bytes) };
        setrlimit(Resource::As, limit).unwrap();
    }
    let (progress, cases) = (env::var(PROGRESS).unwrap(), env::var(CASES).unwrap());
    let cases: u64 = cases.parse().unwrap();
    for n in 0..cases {
        fs::write(&progress, n.to_string()).unwrap();
        case(&mut ChaCha8Rng::seed_from_u64(n));
    }
    fs::write(Path::new(&progress), cases.to_string()).unwrap();
}
