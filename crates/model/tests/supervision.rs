//! What becomes of photos, and of the model, where a thread of it panics, stalls, fails again and again or has no memory: a real model,
//! with which something goes wrong.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers of tests

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use lookalike_model::{
    Embedder, EmbedderError, EmbedderOptions, Fault, Life, Model, ModelThreads, Precision,
};
use lookalike_photo::{Pixels, Preprocessing};
use tch::{CModule, Device, Kind, Tensor};

const SIDE: u32 = 128;

/// What goes wrong from now on: nothing, or one of these.
const WELL: usize = 0;
const PANIC_ONCE: usize = 1;
const STALL_ONCE: usize = 2;
const POISONED: usize = 3;
const NO_MEMORY: usize = 4;
const NO_MEMORY_FOR_TWO: usize = 5;

struct Trouble {
    kind: Arc<AtomicUsize>,
    loads: Arc<AtomicUsize>,
    embedder: Embedder,
    threads: ModelThreads,
    runtime: tokio::runtime::Runtime,
}

/// A model whose fault is said by `kind`. A poisoned one is sound again once it is loaded anew. `loads` may be counted up to as many as
/// can be loaded.
fn model(threads: usize, most_loads: usize) -> Trouble {
    let mut forward = |inputs: &[Tensor]| vec![inputs[0].adaptive_avg_pool2d([2, 2]).flatten(1, -1) + 4.0];
    let side = i64::from(SIDE);
    let example = Tensor::zeros([1, 3, side, side], (Kind::Float, Device::Cpu));
    let module = CModule::create_by_tracing("tiny", "forward", &[example], &mut forward).unwrap();
    let file = tempfile::Builder::new().suffix(".ts").tempfile().unwrap();
    module.save(file.path()).unwrap();
    let (kind, loads) = (Arc::new(AtomicUsize::new(WELL)), Arc::new(AtomicUsize::new(0)));
    let load = {
        let (kind, loads) = (Arc::clone(&kind), Arc::clone(&loads));
        move |_| {
            let nth = loads.fetch_add(1, SeqCst) + 1;
            if nth > most_loads {
                return Err(EmbedderError::Torch("the file is gone".into()));
            }
            let preprocessing = Preprocessing::imagenet(SIDE).unwrap();
            let model = Model::load(file.path(), Precision::F32, Device::Cpu, preprocessing)?;
            let kind = Arc::clone(&kind);
            let fault = move |photos: usize| match kind.load(SeqCst) {
                PANIC_ONCE => {
                    kind.store(WELL, SeqCst);
                    panic!("a fault of the test's");
                }
                STALL_ONCE => {
                    kind.store(WELL, SeqCst);
                    std::thread::sleep(Duration::from_secs(3));
                    Ok(())
                }
                POISONED if nth == 1 => Err(EmbedderError::Torch("poisoned".into())),
                NO_MEMORY => Err(EmbedderError::NoMemory("none is left".into())),
                NO_MEMORY_FOR_TWO if photos > 1 => Err(EmbedderError::NoMemory("none is left".into())),
                _ => Ok(()),
            };
            Ok(model.with_fault(Arc::new(fault) as Fault))
        }
    };
    let options = EmbedderOptions { threads, stalled: Duration::from_millis(600), ..Default::default() };
    let (embedder, threads) = Embedder::start::<EmbedderError>(load, options).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    Trouble { kind, loads, embedder, threads, runtime }
}

impl Trouble {
    fn embed(&self) -> Result<(), EmbedderError> {
        let asked = self.embedder.embed(Pixels::grey(SIDE));
        let answer =
            self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), asked).await });
        answer.expect("a photo waited for ever").map(drop)
    }

    fn until(&self, what: &str, so: impl Fn(&Life) -> bool) -> Duration {
        let started = Instant::now();
        while !so(&self.embedder.life()) {
            assert!(started.elapsed() < Duration::from_secs(5), "not {what}: {:?}", self.embedder.life());
            std::thread::sleep(Duration::from_millis(2));
        }
        started.elapsed()
    }

    fn end(self) {
        drop(self.embedder);
        assert!(self.threads.join());
    }
}

fn is_up(life: &Life) -> bool {
    *life == Life::Up
}

#[test]
fn a_panic_costs_its_batch_alone_and_the_thread_is_started_again() {
    for threads in [1, 3] {
        let trouble = model(threads, usize::MAX);
        let loads = trouble.loads.load(SeqCst);
        trouble.embed().unwrap();
        trouble.kind.store(PANIC_ONCE, SeqCst);
        let failed = trouble.embed().unwrap_err();
        assert!(failed.to_string().contains("a fault of the test's"), "{failed}");
        // Where there are lanes they take what comes meanwhile.
        if threads > 1 {
            trouble.embed().unwrap();
        }
        let started = Instant::now();
        while trouble.loads.load(SeqCst) == loads {
            assert!(started.elapsed() < Duration::from_secs(5), "it is not started again");
            std::thread::sleep(Duration::from_millis(2));
        }
        trouble.until("up again", is_up);
        trouble.embed().unwrap();
        trouble.end();
    }
}

#[test]
fn a_stall_is_given_up_and_nobody_waits_for_it() {
    let trouble = model(1, usize::MAX);
    trouble.kind.store(STALL_ONCE, SeqCst);
    let started = Instant::now();
    let caller = {
        let embedder = trouble.embedder.clone();
        trouble.runtime.spawn(async move { embedder.embed(Pixels::grey(SIDE)).await.map(drop) })
    };
    trouble.until("down", |life| matches!(life, Life::Down(_)));
    let answer = trouble.runtime.block_on(caller).unwrap();
    assert!(matches!(answer, Err(EmbedderError::Down(_))), "{answer:?}");
    trouble.until("up again", is_up);
    trouble.embed().unwrap();
    let took = started.elapsed();
    assert!(took < Duration::from_millis(2_800), "that the stall was over was waited for: {took:?}");
    // The thread that stalled finds its seat taken, and takes nothing.
    std::thread::sleep(Duration::from_secs(3).saturating_sub(took) + Duration::from_millis(200));
    for _ in 0..20 {
        trouble.embed().unwrap();
    }
    trouble.end();
}

#[test]
fn a_poisoned_model_is_loaded_anew_after_a_run_of_failures() {
    let trouble = model(1, usize::MAX);
    trouble.kind.store(POISONED, SeqCst);
    for _ in 0..5 {
        assert!(matches!(trouble.embed(), Err(EmbedderError::Torch(_))));
    }
    let started = Instant::now();
    while trouble.embed().is_err() {
        assert!(started.elapsed() < Duration::from_secs(5), "it stays poisoned");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(trouble.loads.load(SeqCst), 2);
    trouble.until("up again", is_up);
    trouble.end();
}

#[test]
fn without_memory_it_is_down_until_there_is_some_and_nothing_is_loaded() {
    let trouble = model(1, usize::MAX);
    trouble.kind.store(NO_MEMORY, SeqCst);
    for _ in 0..5 {
        assert!(matches!(trouble.embed(), Err(EmbedderError::NoMemory(_))));
    }
    trouble.until("down", |life| matches!(life, Life::Down(_)));
    assert!(matches!(trouble.embed(), Err(EmbedderError::Down(_))));
    trouble.kind.store(WELL, SeqCst);
    trouble.until("up again", is_up);
    trouble.embed().unwrap();
    assert_eq!(trouble.loads.load(SeqCst), 1);
    trouble.end();
}

#[test]
fn a_lack_of_memory_that_passes_makes_no_batch_smaller_for_good() {
    let trouble = model(1, usize::MAX);
    let at_once = |photos: usize| {
        let answers = trouble.runtime.block_on(async {
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..photos {
                let embedder = trouble.embedder.clone();
                tasks.spawn(async move { embedder.embed(Pixels::grey(SIDE)).await.map(drop) });
            }
            tasks.join_all().await
        });
        assert!(answers.into_iter().all(|answer| answer.is_ok()));
    };
    let most = trouble.embedder.largest_batch();
    assert_eq!(most, 4);
    trouble.kind.store(NO_MEMORY_FOR_TWO, SeqCst);
    let started = Instant::now();
    while trouble.embedder.largest_batch() > 1 {
        assert!(started.elapsed() < Duration::from_secs(20), "no batch was too large");
        at_once(32);
    }
    assert!(is_up(&trouble.embedder.life()), "photos are answered, by ones");
    trouble.kind.store(WELL, SeqCst);
    while trouble.embedder.largest_batch() < most {
        assert!(started.elapsed() < Duration::from_secs(30), "batches stay small");
        at_once(32);
    }
    trouble.end();
}

#[test]
fn a_model_that_cannot_be_loaded_again_is_given_up() {
    let trouble = model(1, 1);
    trouble.kind.store(PANIC_ONCE, SeqCst);
    trouble.embed().unwrap_err();
    trouble.until("given up", |life| matches!(life, Life::GaveUp(why) if why.contains("the file is gone")));
    assert_eq!(trouble.loads.load(SeqCst), 4, "once, and three attempts");
    assert!(matches!(trouble.embed(), Err(EmbedderError::Down(_))));
    trouble.end();
}
