//! A model that panics or stalls, and what shoppers and probes hear of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use tokio::task::JoinSet;

use crate::support::{
    running::{Running, send},
    tiny_shop,
};

const WELL: usize = 0;
const PANIC: usize = 1;
const STALL: usize = 2;

/// A server whose model does what the number says, once.
async fn faulty(more: &[&str], slow: Duration) -> (Arc<Running>, Arc<AtomicUsize>) {
    let kind = Arc::new(AtomicUsize::new(WELL));
    let fault = {
        let kind = Arc::clone(&kind);
        move |photos: usize| {
            if photos == 0 {
                // A model of some size takes so long to load.
                std::thread::sleep(Duration::from_millis(700));
                return Ok(());
            }
            match kind.swap(WELL, SeqCst) {
                PANIC => panic!("a fault of the test's"),
                STALL => std::thread::sleep(slow),
                _ => {}
            }
            Ok(())
        }
    };
    (Arc::new(Running::start_faulty(tiny_shop(), Arc::new(fault), more).await), kind)
}

async fn until(server: &Running, status: u16, within: Duration) -> Duration {
    let started = Instant::now();
    while server.get("/readyz").await.status != status {
        assert!(started.elapsed() < within, "/readyz is not {status} after {within:?}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_of_the_model_costs_one_answer_and_no_more() {
    let (server, kind) = faulty(&["--threads", "1", "--embedding-cache", "off"], Duration::ZERO).await;
    let photo = tiny_shop().photo("circle-red~0");
    kind.store(PANIC, SeqCst);
    server.post("/similar", "image/png", photo.clone()).await.problem(500, "internal_error");
    until(&server, 503, Duration::from_secs(5)).await;
    let started = Instant::now();
    loop {
        let answer = server.post("/similar", "image/png", photo.clone()).await;
        if answer.status == 200 {
            break;
        }
        answer.problem(503, "model_down");
        assert_eq!(answer.header("retry-after"), "5");
        assert!(started.elapsed() < Duration::from_secs(5), "it is not started again");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    until(&server, 200, Duration::from_secs(5)).await;
    let metrics = server.get("/metrics").await;
    assert!(String::from_utf8_lossy(&metrics.body).contains("lookalike_model_restarts_total"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stall_is_told_by_readyz_and_to_all_that_wait() {
    let more = ["--threads", "1", "--embedding-cache", "off"];
    let (server, kind) = faulty(&more, Duration::from_secs(12)).await;
    kind.store(STALL, SeqCst);
    let (photo, started) = (tiny_shop().photo("circle-red~0"), Instant::now());
    let mut waiting = JoinSet::new();
    for _ in 0..6 {
        let request =
            server.request("POST", "/similar").header("content-type", "image/png").body(photo.clone());
        waiting.spawn(async move { (send(request).await, started.elapsed()) });
    }
    until(&server, 503, Duration::from_secs(5)).await;
    for (answer, took) in waiting.join_all().await {
        if answer.status != 200 {
            answer.problem(503, "model_down");
        }
        assert!(took < Duration::from_secs(6), "it waited for {took:?}");
    }
    until(&server, 200, Duration::from_secs(3)).await;
    assert_eq!(server.post("/similar", "image/png", photo).await.status, 200);
    assert!(started.elapsed() < Duration::from_secs(12), "the stall is not over yet");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_queue_is_no_reason_to_send_traffic_elsewhere() {
    let more = ["--threads", "1", "--queue", "1", "--embedding-cache", "off"];
    let (server, kind) = faulty(&more, Duration::from_millis(2_500)).await;
    kind.store(STALL, SeqCst);
    let photo = tiny_shop().photo("circle-red~0");
    let mut waiting = JoinSet::new();
    for _ in 0..12 {
        let request =
            server.request("POST", "/similar").header("content-type", "image/png").body(photo.clone());
        waiting.spawn(async move { send(request).await.status });
    }
    let mut asked = 0;
    let mut refused = 0;
    while let Some(status) = waiting.join_next().await {
        let status = status.unwrap();
        assert!([200, 429].contains(&status), "{status}");
        if status == 429 {
            refused += 1;
            assert_eq!(server.get("/readyz").await.status, 200);
            asked += 1;
        }
    }
    assert!(refused > 0 && asked > 0, "the queue was never full");
}
