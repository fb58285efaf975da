//! What every handler can reach.

use std::{path::PathBuf, sync::Arc, time::Duration};

use super::health::Readiness;
use crate::recommender::Recommender;

/// How requests are taken.
#[derive(Clone, Debug)]
pub struct AppOptions {
    /// The folder the items' photos are under.
    pub images: Option<PathBuf>,
    /// The largest request body, in bytes.
    pub max_body: usize,
    /// How long an answer may take.
    pub request_timeout: Duration,
    /// How long a request body may take to come in.
    pub upload_timeout: Duration,
    /// Origins whose pages may call; all where none is named.
    pub cors_origins: Vec<String>,
}

/// The state behind the routes; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Parts>);

struct Parts {
    recommender: Recommender,
    readiness: Readiness,
    options: AppOptions,
}

impl App {
    /// Not ready until its readiness says so.
    pub fn new(recommender: Recommender, options: AppOptions) -> Self {
        Self(Arc::new(Parts { recommender, readiness: Readiness::default(), options }))
    }

    /// Who answers.
    pub fn recommender(&self) -> &Recommender {
        &self.0.recommender
    }

    /// How requests are taken.
    pub fn options(&self) -> &AppOptions {
        &self.0.options
    }

    pub(super) fn readiness(&self) -> &Readiness {
        &self.0.readiness
    }
}
