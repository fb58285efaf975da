//! What every handler can reach.

use std::{num::NonZeroU32, path::PathBuf, sync::Arc, time::Duration};

use crate::http::{
    listener::{guard::Gate, host::Hosts},
    operations::Operations,
    readiness::Readiness,
    thumbnails::Thumbnails,
};
use crate::{
    budget::{MemoryBudget, PhotoRoom},
    config::{ApiKeys, BasePath, Network, RateLimit},
    recommender::Recommender,
};

/// How requests are taken.
#[derive(Clone, Debug)]
pub struct AppOptions {
    /// The folder the items' photos are under.
    pub images: Option<PathBuf>,
    /// The largest request body, in bytes.
    pub max_body: usize,
    /// What a photo may be, and the memory it is decoded in.
    pub room: PhotoRoom,
    /// The memory for bodies and photos.
    pub budget: MemoryBudget,
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// How long a request body may take to come in.
    pub upload_timeout: Duration,
    /// Origins whose pages may call, `*` for all; none may where none is named.
    pub cors_origins: Vec<String>,
    /// Proxies that are believed when they say who calls.
    pub trusted_proxies: Vec<Network>,
    /// The names that it may be asked by.
    pub hosts: Hosts,
    /// The path that a proxy puts before all others.
    pub base_path: BasePath,
    /// The keys it is asked with; everybody may ask where there are none.
    pub keys: ApiKeys,
    /// Searches need no key, even where there are keys.
    pub open_reads: bool,
    /// How often a key may ask, …
    pub rate: Option<RateLimit>,
    /// … and how often at once.
    pub burst: Option<NonZeroU32>,
    /// The share of the catalogue whose change begins a compaction; without one, none begins by itself.
    pub compact_at: Option<f64>,
}

/// The state behind the routes; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    recommender: Recommender,
    readiness: Readiness,
    operations: Operations,
    thumbnails: Thumbnails,
    gate: Arc<Gate>,
    options: AppOptions,
}

impl App {
    /// Not ready until its readiness says so.
    pub fn new(recommender: Recommender, options: AppOptions) -> Self {
        let gate =
            Arc::new(Gate::new((options.keys.clone(), options.open_reads), options.rate, options.burst));
        Self(Arc::new(Parts {
            recommender,
            readiness: Readiness::default(),
            operations: Operations::default(),
            thumbnails: Thumbnails::new(options.room.clone()),
            gate,
            options,
        }))
    }

    /// Who answers.
    pub fn recommender(&self) -> &Recommender {
        &self.0.recommender
    }

    /// How requests are taken.
    pub fn options(&self) -> &AppOptions {
        &self.0.options
    }

    /// For who may not keep it alive: the model's threads end when nobody can ask them any more.
    pub(crate) fn weak(&self) -> impl Fn() -> Option<Self> + Send + 'static {
        let weak = Arc::downgrade(&self.0);
        move || weak.upgrade().map(Self)
    }

    pub(crate) fn operations(&self) -> &Operations {
        &self.0.operations
    }

    pub(crate) fn thumbnails(&self) -> &Thumbnails {
        &self.0.thumbnails
    }

    pub(crate) fn gate(&self) -> &Arc<Gate> {
        &self.0.gate
    }

    /// The path that is put before those of all addresses that are told.
    pub(crate) fn base(&self) -> &BasePath {
        &self.0.options.base_path
    }

    pub(crate) fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }
}
