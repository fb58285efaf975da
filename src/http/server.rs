//! A server's life: bundle opened, port taken, warmed up, serving, draining, gone.

use std::{
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, sync::oneshot};

use crate::http::{
    App, AppOptions,
    hangup::reload_when_told,
    listener::{self, ConnectionLimits, host::Hosts},
    router, routes,
    signals::Signals,
    upkeep::{keep_up, sweep_photos},
};
use crate::{
    budget::{BadBudget, PhotoRoom},
    config::{BasePath, Reads, Role, ServerConfig},
    ingest::{FetchOptions, Fetcher, PhotoStore, PhotosError, Unembeddable},
    recommender::{
        AskError, EmbedderOptions, Fault, Items, Life, Opening, Recommender, RecommenderOptions, ReloadError,
        SharedThreads,
    },
    traces::{Tracer, TracesError},
};
use lookalike_telemetry as telemetry;
use lookalike_telemetry::TelemetryError;

/// How often it is looked whether the model can be served on.
const MODEL_WATCHED: Duration = Duration::from_millis(500);

/// How often metrics are settled.
const SETTLED: Duration = Duration::from_secs(5);

/// How often it is looked which generation of a catalogue elsewhere should be served.
const FOLLOWED: Duration = Duration::from_secs(10);

/// How long the model's threads may take to end their last batches.
const LAST_BATCH: Duration = Duration::from_secs(5);

/// Why a server does not start, or does not go on.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Logging.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// Traces.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// Nothing to serve was named.
    #[error("no bundle is named: --bundle DIR (or LOOKALIKE_BUNDLE) does")]
    NoBundle,
    /// The bundle, or the state.
    #[error(transparent)]
    Open(#[from] ReloadError),
    /// The folder of photos.
    #[error("--images {}: {reason}", path.display())]
    Images {
        /// As it was given.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The memory for photos and bodies.
    #[error(transparent)]
    Budget(#[from] BadBudget),
    /// The path before all others.
    #[error(
        "--base-path {0} begins as addresses of this server's own do: choose another first part, as in /shop/find"
    )]
    BasePath(BasePath),
    /// The store of photos.
    #[error(transparent)]
    Photos(#[from] PhotosError),
    /// Fetching photos by their addresses.
    #[error("photos cannot be fetched by their addresses: {0}")]
    Fetching(io::Error),
    /// The address.
    #[error("cannot listen on {address}: {source}; --listen names another address")]
    Bind {
        /// As it was given.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The first pass through model and catalogue failed.
    #[error("the warm-up failed: {0}")]
    WarmUp(AskError),
    /// The model cannot be started again.
    #[error("{0}; the server ends, since a new process may be able to")]
    Model(String),
    /// The system refused something else.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// A server that has its port and its bundle and does not answer yet.
pub struct Server {
    app: App,
    listener: TcpListener,
    address: SocketAddr,
    model_threads: SharedThreads,
    limits: ConnectionLimits,
    shutdown_delay: Duration,
    drain_timeout: Duration,
}

impl Server {
    /// Verifies and loads the bundle, then takes the port.
    pub async fn open(config: &ServerConfig) -> Result<Self, ServerError> {
        Self::open_over(config, items(config)).await
    }

    /// The same over items that are elsewhere than the settings say.
    pub async fn open_over(config: &ServerConfig, items: Items) -> Result<Self, ServerError> {
        Self::open_parts(config, items, None).await
    }

    /// The same with a model that something goes wrong with, for tests.
    pub async fn open_faulty(config: &ServerConfig, fault: Fault) -> Result<Self, ServerError> {
        Self::open_parts(config, items(config), Some(fault)).await
    }

    async fn open_parts(
        config: &ServerConfig,
        items: Items,
        fault: Option<Fault>,
    ) -> Result<Self, ServerError> {
        telemetry::init_metrics();
        check_base_path(config)?;
        let (room, budget) = config.memory.room()?;
        let recommender = recommender(config, items, (room.clone(), fault)).await?;
        let model_threads = recommender.threads();
        let bind = |source| ServerError::Bind { address: config.listen, source };
        let listener = TcpListener::bind(config.listen).await.map_err(bind)?;
        let address = listener.local_addr()?;
        let options = AppOptions {
            images: config.images.clone(),
            max_body: config.memory.max_body.0,
            room,
            budget,
            request_timeout: config.request_timeout,
            upload_timeout: config.upload_timeout,
            cors_origins: config.cors_origins.clone(),
            trusted_proxies: config.callers.trusted_proxies.clone(),
            hosts: Hosts::of(address.ip(), &config.callers.allowed_hosts),
            base_path: config.callers.base_path.clone(),
            keys: config.keys.clone(),
            open_reads: config.reads == Reads::Open,
            rate: config.rate_limit,
            burst: config.rate_burst,
            compact_at: config.compact_at.0,
        };
        let app = App::new(recommender, options);
        let limits = ConnectionLimits {
            most: listener::allow_open_files(config.max_connections.get()),
            from_one: config.max_connections_per_address,
            header: config.header_timeout,
            idle: config.idle_timeout,
            write: config.write_timeout,
        };
        let (shutdown_delay, drain_timeout) = (config.shutdown_delay, config.drain_timeout);
        Ok(Self { app, listener, address, model_threads, limits, shutdown_delay, drain_timeout })
    }

    /// Where it listens; a port 0 asked for has become a real one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` comes, then ends what is under way and waits for the model's threads; unless `at_once`
    /// comes, which cuts all of it off.
    pub async fn serve(
        self,
        shutdown: impl Future<Output = ()> + Send + 'static,
        at_once: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), ServerError> {
        let Self { app, listener, model_threads, limits, shutdown_delay, drain_timeout, .. } = self;
        let (begun, begin) = oneshot::channel();
        let drain = {
            let app = app.clone();
            async move {
                shutdown.await;
                tracing::info!("shutting down: requests under way are ended first");
                app.readiness().drain();
                if let Some(Err(e)) =
                    app.recommender().ingest().and_then(|ingest| Some(ingest.local()?.stopping()))
                {
                    tracing::warn!(error = %e, "that this stop may cut a compaction off could not be noted");
                }
                tokio::time::sleep(shutdown_delay).await;
                let _ = begun.send(());
            }
        };
        let warming = tokio::spawn(warm_up(app.clone()));
        let settling = tokio::spawn(settle(app.clone()));
        let upkeep = tokio::spawn(keep_up(app.clone()));
        let following = tokio::spawn(follow(app.clone()));
        let sweeping = tokio::spawn(sweep_photos(app.clone()));
        let lost = model_lost(app.clone());
        let trusted = app.options().trusted_proxies.as_slice().into();
        let serving = listener::serve(listener, router(app), (limits, trusted), drain);
        tokio::select! {
            () = serving => {}
            () = at_once => {
                tracing::warn!("asked to stop once more: requests under way are cut off");
                return Ok(());
            }
            failed = failure(warming) => return Err(failed),
            why = lost => return Err(ServerError::Model(why)),
            () = too_late(begin, drain_timeout) => {
                tracing::warn!(?drain_timeout, "requests were still under way; they are cut off");
            }
        }
        settling.abort();
        upkeep.abort();
        following.abort();
        sweeping.abort();
        join(model_threads).await;
        tracing::info!("stopped");
        Ok(())
    }
}

/// Where the settings say that the items are.
fn items(config: &ServerConfig) -> Items {
    match config.engine.opener() {
        Some(engine) => Items::Shared { engine },
        None => Items::Bundle { state: config.state.clone() },
    }
}

/// Verifies and loads the bundle, and opens the state.
async fn recommender(
    config: &ServerConfig,
    items: Items,
    (photo_room, fault): (PhotoRoom, Option<Fault>),
) -> Result<Recommender, ServerError> {
    check_images(config)?;
    let queue = config.queue.get();
    let opening = Opening {
        bundle: config.bundle.clone().ok_or(ServerError::NoBundle)?,
        device: config.device,
        precision: config.precision,
        embedding: EmbedderOptions {
            queue,
            max_batch: config.max_batch,
            threads: config.threads,
            ..EmbedderOptions::default()
        },
        photo_room,
        items,
        writes: config.keys.has(Role::Admin),
        photos: match &config.photos {
            Some(address) => Some(PhotoStore::shared(address, &config.aws).await?),
            None => None,
        },
        fetcher: fetcher(config)?,
        unembeddable: if config.drop_unembeddable { Unembeddable::Drop } else { Unembeddable::Stop },
        fault,
    };
    let cores = std::thread::available_parallelism()?.get();
    let options = RecommenderOptions {
        // Those that wait, and one being decoded or searched for on each core.
        photos: queue.saturating_add(cores),
        cache: config.embedding_cache.0.map_or(0, |size| size.0 as u64),
        recall_check: config.recall_check,
    };
    let recommender = Recommender::open(opening, options).await?;
    let pair = recommender.pair();
    let (device, precision) = (pair.embedder.device(), pair.embedder.precision().name());
    tracing::info!(device, precision, generation = pair.generation, "opened the bundle");
    Ok(recommender)
}

/// What fetches photos by their addresses, where hosts are named.
fn fetcher(config: &ServerConfig) -> Result<Option<Arc<Fetcher>>, ServerError> {
    if config.image_hosts.is_empty() {
        return Ok(None);
    }
    let options = FetchOptions {
        hosts: config.image_hosts.clone(),
        private_addresses: config.image_private_addresses,
        ca: config.image_ca.clone(),
        timeout: config.image_timeout,
        max_bytes: config.memory.max_body.0,
    };
    Fetcher::new(options).map(|fetcher| Some(Arc::new(fetcher))).map_err(ServerError::Fetching)
}

fn check_base_path(config: &ServerConfig) -> Result<(), ServerError> {
    let base = &config.callers.base_path;
    if routes::is_taken(base) { Err(ServerError::BasePath(base.clone())) } else { Ok(()) }
}

fn check_images(config: &ServerConfig) -> Result<(), ServerError> {
    let Some(path) = &config.images else { return Ok(()) };
    let refuse = |reason: String| Err(ServerError::Images { path: path.clone(), reason });
    match path.metadata() {
        Ok(about) if about.is_dir() => Ok(()),
        Ok(_) => refuse("it is not a folder".into()),
        Err(e) => refuse(e.to_string()),
    }
}

async fn warm_up(app: App) -> Result<(), AskError> {
    let started = Instant::now();
    app.recommender().warm_up().await?;
    app.readiness().ready();
    tracing::info!(warm_up_ms = started.elapsed().as_millis() as u64, "ready");
    Ok(())
}

/// Resolves only if the warm-up fails.
async fn failure(warming: tokio::task::JoinHandle<Result<(), AskError>>) -> ServerError {
    match warming.await {
        Ok(Err(AskError::ShuttingDown)) | Ok(Ok(())) => std::future::pending().await,
        Ok(Err(e)) => ServerError::WarmUp(e),
        Err(e) => ServerError::WarmUp(AskError::Interrupted(e)),
    }
}

/// Resolves once the model that is served cannot be started again: why.
async fn model_lost(app: App) -> String {
    loop {
        tokio::time::sleep(MODEL_WATCHED).await;
        if let Life::GaveUp(why) = app.recommender().pair().embedder.life() {
            return why;
        }
    }
}

/// Resolves `limit` after the drain has begun.
async fn too_late(begin: oneshot::Receiver<()>, limit: Duration) {
    if begin.await.is_err() {
        return std::future::pending().await;
    }
    tokio::time::sleep(limit).await;
}

/// Serves the generation that an engine elsewhere names, soon after it names another. Ends where the items are in the bundle.
async fn follow(app: App) {
    let mut failed = false;
    while app.recommender().is_shared() {
        tokio::time::sleep(FOLLOWED).await;
        match app.recommender().refresh().await {
            Ok(()) => failed = false,
            Err(_) if failed => {}
            Err(e) => {
                tracing::warn!(error = %e, "whether the catalogue is another now cannot be seen, or it cannot be served");
                failed = true;
            }
        }
    }
}

/// Never resolves.
async fn settle(app: App) {
    loop {
        tokio::time::sleep(SETTLED).await;
        telemetry::settle_metrics();
        app.gate().forget();
    }
}

/// The model's threads end by themselves once nobody can send them photos.
async fn join(threads: SharedThreads) {
    let threads = std::mem::take(&mut *threads.lock().unwrap_or_else(PoisonError::into_inner));
    let waiting = Instant::now();
    while !threads.ended() && waiting.elapsed() < LAST_BATCH {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    if !threads.ended() {
        tracing::warn!("the model is still at work; it is cut off");
    } else if !threads.join() {
        tracing::error!("a thread of the model panicked");
    }
}

/// The whole life of the program `lookalike-server`, to SIGINT or SIGTERM: at once while the bundle is loaded, after a drain
/// when it is served, at once again where a second signal comes.
pub fn run(config: &ServerConfig) -> Result<(), ServerError> {
    // Before the runtime: the exporter has a thread of its own.
    let tracer = config.otlp_endpoint.as_deref().map(Tracer::to).transpose()?;
    let _logging =
        telemetry::init(&config.log_filter, config.log_format, tracer.as_ref().map(Tracer::layer))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        let signals = Signals::listen()?;
        let server = tokio::select! {
            opened = Server::open(config) => opened?,
            () = signals.asked(1) => {
                tracing::info!("stopped while the bundle was being loaded");
                return Ok(());
            }
        };
        tracing::info!("listening on http://{}", server.address());
        tokio::spawn(reload_when_told(server.app.weak(), config.clone(), signals.reloads()));
        server.serve(signals.asked(1), signals.asked(2)).await
    });
    // Whoever outlived the drain is not waited for a second time.
    runtime.shutdown_timeout(Duration::from_millis(100));
    tracer.into_iter().for_each(Tracer::close);
    outcome
}

/// Everything that a start would do short of listening: settings, keys, photos' folder, bundle, one pass of the model.
/// Says what would be served.
pub fn check(config: &ServerConfig) -> Result<String, ServerError> {
    telemetry::check(&config.log_filter)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(async {
        check_base_path(config)?;
        let recommender = recommender(config, items(config), (config.memory.room()?.0, None)).await?;
        let model_threads = recommender.threads();
        recommender.warm_up().await.map_err(ServerError::WarmUp)?;
        let pair = recommender.pair();
        let items = pair.catalogue.count().await.map_err(|e| ServerError::WarmUp(e.into()))?;
        let (model, device) = (&pair.manifest.architecture, pair.embedder.device());
        let precision = pair.embedder.precision().name();
        let told =
            format!("settings and bundle are sound: {model} in {precision} on {device}, {items} items");
        drop((pair, recommender));
        join(model_threads).await;
        Ok(told)
    });
    runtime.shutdown_timeout(Duration::from_millis(100));
    outcome
}
