//! Every metric, its name and its meaning.

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Every metric's name, kind and meaning, once. `GET /metrics` writes them all, before any traffic too.
mod names {
    pub const REQUESTS: &str = "lookalike_http_requests_total";
    pub const CONNECTIONS: &str = "lookalike_http_connections";
    pub const REFUSED: &str = "lookalike_http_connections_refused_total";
    pub const TIMED_OUT: &str = "lookalike_http_connections_timed_out_total";
    pub const FAILED_KEYS: &str = "lookalike_http_failed_keys_total";
    pub const STAGE: &str = "lookalike_stage_seconds";
    pub const BATCH: &str = "lookalike_model_batch_photos";
    pub const QUEUE: &str = "lookalike_model_queue_photos";
    pub const RESTARTS: &str = "lookalike_model_restarts_total";
    pub const POOL_WORKING: &str = "lookalike_pool_working";
    pub const POOL_WAITING: &str = "lookalike_pool_waiting";
    pub const POOL_REFUSED: &str = "lookalike_pool_refused_total";
    pub const POOL_LEFT: &str = "lookalike_pool_left_total";
    pub const CACHE_HITS: &str = "lookalike_embedding_cache_hits_total";
    pub const CACHE_MISSES: &str = "lookalike_embedding_cache_misses_total";
    pub const MEMORY: &str = "lookalike_memory_budget_bytes";
    pub const MEMORY_HELD: &str = "lookalike_memory_held_bytes";
    pub const BODIES_REFUSED: &str = "lookalike_bodies_refused_total";
    pub const CACHE_BYTES: &str = "lookalike_embedding_cache_bytes";
    pub const RECALL: &str = "lookalike_ann_recall";
    pub const NEIGHBOURS: &str = "lookalike_ann_neighbours_total";
    pub const FOUND: &str = "lookalike_ann_neighbours_found_total";
    pub const WRITES: &str = "lookalike_writes_total";
    pub const ITEMS: &str = "lookalike_catalogue_items";
    pub const DAMAGED: &str = "lookalike_catalogue_damaged";
    pub const REVISION: &str = "lookalike_catalogue_revision";
    pub const BASES: &str = "lookalike_base_changes_total";
}

/// How much of the gauge of recall the last search makes up.
const LAST: f64 = 0.05;

/// A part of the way from a photo's bytes to its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Bytes to pixels at the model's size; waiting for a core to do it included.
    Decode,
    /// Waiting for the model.
    Queue,
    /// The forward pass of the photo's batch.
    Model,
    /// The catalogue.
    Search,
    /// All of it, from the body's last byte.
    Total,
}

impl Stage {
    /// All, in the order of the way.
    pub const ALL: [Self; 5] = [Self::Decode, Self::Queue, Self::Model, Self::Search, Self::Total];

    /// As `Server-Timing` and the metric's label write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::Queue => "queue",
            Self::Model => "model",
            Self::Search => "search",
            Self::Total => "total",
        }
    }
}

/// What a question began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// A photo.
    Photo,
    /// Items, or a vector: what has an embedding already.
    Known,
}

/// How a question ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With an answer.
    Answered,
    /// With an error, past its time, or with a caller that left.
    Failed,
}

impl Question {
    /// As the metrics' label writes it.
    fn name(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Known => "known",
        }
    }

    /// The stages that such a question has.
    fn stages(self) -> &'static [Stage] {
        match self {
            Self::Photo => &Stage::ALL,
            Self::Known => &[Stage::Search, Stage::Total],
        }
    }
}

impl Ended {
    /// As the metrics' label writes it.
    fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Failed => "failed",
        }
    }
}

/// The upper edges of the buckets of [`Stage`]s, in seconds.
const SECONDS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.035, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 10.0];
/// … and of batches, in photos.
const PHOTOS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0];

static METRICS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Begins to count; what was begun stays for the life of the process. To be called before the first metric.
pub fn init_metrics() {
    METRICS.get_or_init(|| {
        let full = |name: &str| Matcher::Full(name.to_owned());
        let builder = PrometheusBuilder::new().set_buckets_for_metric(full(names::STAGE), &SECONDS).ok()?;
        let builder = builder.set_buckets_for_metric(full(names::BATCH), &PHOTOS).ok()?;
        let handle = builder.install_recorder().ok()?;
        metrics::describe_counter!(names::REQUESTS, "Answers, by route and status.");
        metrics::describe_gauge!(names::CONNECTIONS, "Connections open.");
        metrics::describe_counter!(names::REFUSED, "Connections refused, for there were too many.");
        metrics::describe_counter!(
            names::TIMED_OUT,
            "Connections closed for want of a request, by what was waited for: the rest of a header, or its first byte (idle)."
        );
        metrics::describe_counter!(
            names::FAILED_KEYS,
            "Requests whose API key did not open: wrong ones, and those not_tried, for too many wrong ones came from the caller's address."
        );
        metrics::describe_histogram!(
            names::STAGE,
            "Seconds from a photo's bytes, or from a question about what is known, to its end, by stage."
        );
        metrics::describe_histogram!(names::BATCH, "Photos in one forward pass of the model.");
        metrics::describe_gauge!(names::QUEUE, "Photos waiting for the model.");
        metrics::describe_counter!(names::RESTARTS, "Threads of the model that were started again.");
        metrics::describe_gauge!(
            names::POOL_WORKING,
            "Threads at work, by what they do: decode, files, search, scan (dear searches)."
        );
        metrics::describe_gauge!(names::POOL_WAITING, "Pieces of work that wait for these threads.");
        metrics::describe_counter!(names::POOL_REFUSED, "Those that were refused, or waited in vain.");
        metrics::describe_counter!(names::POOL_LEFT, "Those that whoever asked had left before their turn.");
        for name in ["decode", "files", "search", "scan"] {
            pool(name, (0, 0), (0, 0));
        }
        metrics::describe_counter!(names::CACHE_HITS, "Photos whose embedding was known already.");
        metrics::describe_counter!(names::CACHE_MISSES, "Photos whose embedding was not known.");
        metrics::describe_gauge!(names::MEMORY, "Bytes that bodies and photos under way may take together.");
        metrics::describe_gauge!(names::MEMORY_HELD, "Bytes of them that are spoken for.");
        metrics::describe_counter!(names::BODIES_REFUSED, "Bodies refused, for those under way filled the memory.");
        metrics::describe_gauge!(names::CACHE_BYTES, "Bytes the known embeddings take.");
        metrics::describe_gauge!(
            names::RECALL,
            "Of the ten nearest, the share that the graph finds: lately, by searches that were made again exactly."
        );
        metrics::describe_counter!(names::NEIGHBOURS, "Neighbours that exact searches found, to compare.");
        metrics::describe_counter!(names::FOUND, "Those of them that the graph found.");
        metrics::describe_counter!(names::WRITES, "Changes of items that were asked for, by what became of them.");
        metrics::describe_gauge!(
            names::ITEMS,
            "Items, by where they are: base, segment (came in, with a graph), rows (came in, without), hidden (of the base, and gone)."
        );
        metrics::describe_gauge!(names::REVISION, "The revision of the catalogue.");
        metrics::describe_gauge!(
            names::DAMAGED,
            "1 where a file of the catalogue that is served is not whole any more: what needs it is 503."
        );
        metrics::gauge!(names::DAMAGED).set(0.0);
        metrics::counter!(names::NEIGHBOURS).absolute(0);
        metrics::counter!(names::FOUND).absolute(0);
        metrics::describe_counter!(
            names::BASES,
            "Other bases of the catalogue that were asked for, by what asked and whether they are served: a failed one leaves the one before."
        );
        for kind in ["reload", "rollback", "compact"] {
            for outcome in ["ok", "failed"] {
                metrics::counter!(names::BASES, "kind" => kind, "outcome" => outcome).absolute(0);
            }
        }
        for (asked, ended) in [
            (Question::Photo, Ended::Answered),
            (Question::Photo, Ended::Failed),
            (Question::Known, Ended::Answered),
            (Question::Known, Ended::Failed),
        ] {
            asked.stages().iter().for_each(|stage| drop(stage_seconds(*stage, asked, ended)));
        }
        drop(metrics::histogram!(names::BATCH));
        metrics::gauge!(names::CONNECTIONS).set(0.0);
        metrics::counter!(names::REFUSED).absolute(0);
        for waited_for in ["header", "idle", "reader"] {
            metrics::counter!(names::TIMED_OUT, "waited_for" => waited_for).absolute(0);
        }
        for why in ["wrong", "not_tried"] {
            metrics::counter!(names::FAILED_KEYS, "why" => why).absolute(0);
        }
        metrics::gauge!(names::QUEUE).set(0.0);
        metrics::counter!(names::RESTARTS).absolute(0);
        metrics::counter!(names::CACHE_HITS).absolute(0);
        metrics::counter!(names::CACHE_MISSES).absolute(0);
        metrics::gauge!(names::CACHE_BYTES).set(0.0);
        metrics::gauge!(names::MEMORY_HELD).set(0.0);
        metrics::counter!(names::BODIES_REFUSED).absolute(0);
        Some(handle)
    });
}

/// All metrics in Prometheus' text form.
pub fn render_metrics() -> String {
    METRICS.get().and_then(Option::as_ref).map(PrometheusHandle::render).unwrap_or_default()
}

/// Folds what histograms have collected into their buckets, so that it takes no memory: to be called every few seconds.
pub fn settle_metrics() {
    if let Some(Some(handle)) = METRICS.get() {
        handle.run_upkeep();
    }
}

/// A route that will be asked: its answers are counted from 0.
pub fn expect_route(route: &'static str) {
    metrics::counter!(names::REQUESTS, "route" => route, "status" => "200").absolute(0);
}

/// An answer left.
pub fn answered(route: &str, status: u16) {
    metrics::counter!(names::REQUESTS, "route" => route.to_owned(), "status" => status.to_string())
        .increment(1);
}

/// A stage of one question, which began and ended so, took this long.
pub fn took(stage: Stage, asked: Question, ended: Ended, time: Duration) {
    stage_seconds(stage, asked, ended).record(time.as_secs_f64());
}

fn stage_seconds(stage: Stage, asked: Question, ended: Ended) -> metrics::Histogram {
    let (stage, asked, ended) = (stage.name(), asked.name(), ended.name());
    metrics::histogram!(names::STAGE, "stage" => stage, "asked" => asked, "outcome" => ended)
}

/// A batch of so many photos went into the model.
pub fn batch(photos: usize) {
    metrics::histogram!(names::BATCH).record(photos as f64);
}

/// So many photos wait for the model.
pub fn queued(photos: usize) {
    metrics::gauge!(names::QUEUE).set(photos as f64);
}

/// What the threads of this name do: how many are at work and how many pieces wait; how many were refused and left.
pub fn pool(name: &'static str, (working, waiting): (usize, usize), (refused, left): (u64, u64)) {
    metrics::gauge!(names::POOL_WORKING, "pool" => name).set(working as f64);
    metrics::gauge!(names::POOL_WAITING, "pool" => name).set(waiting as f64);
    metrics::counter!(names::POOL_REFUSED, "pool" => name).absolute(refused);
    metrics::counter!(names::POOL_LEFT, "pool" => name).absolute(left);
}

/// A thread of the model was started again.
pub fn model_restarted() {
    metrics::counter!(names::RESTARTS).increment(1);
}

/// Whether a photo's embedding was known, and what the known ones take, in bytes.
pub fn looked_up(known: bool, bytes: u64) {
    let name = if known { names::CACHE_HITS } else { names::CACHE_MISSES };
    metrics::counter!(name).increment(1);
    metrics::gauge!(names::CACHE_BYTES).set(bytes as f64);
}

/// Bodies and photos under way may take so many bytes together.
pub fn memory_budget(bytes: u64) {
    metrics::gauge!(names::MEMORY).set(bytes as f64);
}

/// So many bytes of them are spoken for.
pub fn memory_held(bytes: u64) {
    metrics::gauge!(names::MEMORY_HELD).set(bytes as f64);
}

/// A body was refused, for those under way filled the memory.
pub fn body_refused() {
    metrics::counter!(names::BODIES_REFUSED).increment(1);
}

/// Of `of` nearest neighbours the graph found so many.
pub fn recalled(found: usize, of: usize) {
    static LATELY: Mutex<Option<f64>> = Mutex::new(None);
    metrics::counter!(names::NEIGHBOURS).increment(of as u64);
    metrics::counter!(names::FOUND).increment(found as u64);
    let now = found as f64 / of.max(1) as f64;
    let mut lately = LATELY.lock().unwrap_or_else(PoisonError::into_inner);
    let recall = lately.map_or(now, |before| before + LAST * (now - before));
    *lately = Some(recall);
    metrics::gauge!(names::RECALL).set(recall);
}

/// A change of an item was asked for, and this became of it.
pub fn written(outcome: &'static str) {
    metrics::counter!(names::WRITES, "outcome" => outcome).increment(1);
}

/// What the catalogue is: its revision, where it has one, and the items by where they are.
pub fn catalogue(revision: Option<u64>, items: &[(&'static str, usize)]) {
    if let Some(revision) = revision {
        metrics::gauge!(names::REVISION).set(revision as f64);
    }
    for &(place, count) in items {
        metrics::gauge!(names::ITEMS, "place" => place).set(count as f64);
    }
}

/// Whether a file of the catalogue that is served is not whole any more.
pub fn catalogue_damaged(is_damaged: bool) {
    metrics::gauge!(names::DAMAGED).set(if is_damaged { 1.0 } else { 0.0 });
}

/// A `reload`, `rollback` or `compact` has ended: with another base, or with the one before.
pub fn base_changed(kind: &'static str, is_served: bool) {
    let outcome = if is_served { "ok" } else { "failed" };
    metrics::counter!(names::BASES, "kind" => kind, "outcome" => outcome).increment(1);
}

/// A connection that is counted among those open until it is dropped.
pub struct OpenConnection(());

impl OpenConnection {
    /// Counts it.
    #[allow(clippy::new_without_default)] // it counts
    pub fn new() -> Self {
        metrics::gauge!(names::CONNECTIONS).increment(1.0);
        Self(())
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        metrics::gauge!(names::CONNECTIONS).decrement(1.0);
    }
}

/// An API key did not open: it is `wrong`, or was `not_tried` after many wrong ones from the same address.
pub fn key_failed(why: &'static str) {
    metrics::counter!(names::FAILED_KEYS, "why" => why).increment(1);
}

/// A connection was refused, for there were too many.
pub fn connection_refused() {
    metrics::counter!(names::REFUSED).increment(1);
}

/// A connection was closed for want of a request: the rest of its `header`, or its first byte (`idle`).
pub fn connection_timed_out(waited_for: &'static str) {
    metrics::counter!(names::TIMED_OUT, "waited_for" => waited_for).increment(1);
}
