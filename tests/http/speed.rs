//! What makes it fast, and what it says of that: times, figures, photos seen before, precisions.

use crate::support::{pictures::jpeg, running::Running, tiny_shop};

#[tokio::test]
async fn the_times_of_every_stage_are_told() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &["--embedding-cache", "off"]).await);
    for _ in 0..2 {
        let answer = server.post("/similar", "image/png", shop.photo("circle-red~0")).await;
        let timing = answer.header("server-timing").to_owned();
        let stages: Vec<(&str, f64)> = (timing.split(", "))
            .map(|part| part.split_once(";dur=").unwrap())
            .map(|(stage, ms)| (stage, ms.parse().unwrap()))
            .collect();
        assert_eq!(
            stages.iter().map(|s| s.0).collect::<Vec<_>>(),
            ["decode", "queue", "model", "search", "total"]
        );
        let (parts, total) = stages.split_at(4);
        let sum: f64 = parts.iter().map(|s| s.1).sum();
        assert!(parts[2].1 > 0.0 && sum <= total[0].1 + 0.01, "{timing}");
    }
    let neighbours = server.get("/items/circle-red~0/similar").await;
    assert!(neighbours.header("server-timing").starts_with("search;dur="));
    server.stop().await;
}

#[tokio::test]
async fn a_photo_seen_before_needs_no_model() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &["--embedding-cache", "1MiB"]).await);
    let (one, other) = (shop.photo("square-blue~1"), shop.photo("square-blue~2"));
    let first = server.post("/similar", "image/png", one.clone()).await;
    let again = server.form("/similar?k=5", &[("image", &one)]).await;
    let different = server.post("/similar", "image/jpeg", other).await;
    assert!(first.header("server-timing").contains("model"));
    assert!(!again.header("server-timing").contains("model"), "{}", again.header("server-timing"));
    assert!(different.header("server-timing").contains("model"));
    let (first, again) = (first.json(), again.json());
    assert_eq!(first["query"], again["query"]);
    assert_eq!(first["results"].as_array().unwrap()[..5], again["results"].as_array().unwrap()[..]);
    assert_eq!(again["timings_ms"]["model"], serde_json::Value::Null);
    let metrics = String::from_utf8(server.get("/metrics").await.body).unwrap();
    let figure = |name: &str| -> f64 {
        let line = metrics.lines().find_map(|l| l.strip_prefix(name)).unwrap_or_else(|| panic!("no {name}"));
        line.trim().parse().unwrap()
    };
    // Other servers of this process count in the same place.
    assert!(figure("lookalike_embedding_cache_hits_total ") >= 1.0);
    assert!(figure("lookalike_embedding_cache_misses_total ") >= 2.0);
    server.stop().await;
}

#[tokio::test]
async fn every_figure_is_there_before_any_traffic() {
    let server = Running::start(tiny_shop(), &[]).await;
    let answer = server.get("/metrics").await;
    let metrics = String::from_utf8(answer.body.clone()).unwrap();
    for name in [
        "lookalike_stage_seconds",
        "lookalike_model_batch_photos",
        "lookalike_model_queue_photos",
        "lookalike_embedding_cache_hits_total",
        "lookalike_embedding_cache_misses_total",
        "lookalike_embedding_cache_bytes",
        "lookalike_http_requests_total",
        "lookalike_http_failed_keys_total",
        "lookalike_http_connections",
        "lookalike_http_connections_refused_total",
        "lookalike_http_connections_timed_out_total",
    ] {
        for head in ["# HELP ", "# TYPE "] {
            let told = metrics.lines().filter(|l| l.starts_with(&format!("{head}{name} "))).count();
            assert_eq!(told, 1, "{head}{name} in\n{metrics}");
        }
    }
    for stage in ["decode", "queue", "model", "search", "total"] {
        assert!(metrics.contains(&format!("lookalike_stage_seconds_count{{stage=\"{stage}\"")), "{stage}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_large_jpeg_is_told_in_its_full_size_and_finds_the_same() {
    let (shop, server) = (tiny_shop(), Running::start(tiny_shop(), &[]).await);
    let photo = shop.photo("triangle-yellow~0");
    let small = image::load_from_memory(&photo).unwrap().into_rgb8();
    let large = image::imageops::resize(&small, 1600, 2000, image::imageops::FilterType::CatmullRom);
    let answer = server.post("/similar", "image/jpeg", jpeg(&large)).await.json();
    assert_eq!((&answer["query"]["width"], &answer["query"]["height"]), (&1600.into(), &2000.into()));
    assert_eq!(answer["results"][0]["id"], "triangle-yellow~0");
    assert!(answer["results"][0]["score"].as_f64().unwrap() > 0.98);
    server.stop().await;
}
