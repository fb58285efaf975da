//! Whether traffic should come.

use std::sync::atomic::{AtomicU8, Ordering};

const STARTING: u8 = 0;
const READY: u8 = 1;
const DRAINING: u8 = 2;

/// Starting → ready → draining, never back.
#[derive(Debug, Default)]
pub(crate) struct Readiness(AtomicU8);

impl Readiness {
    /// The warm-up has passed. Draining stays draining.
    pub(crate) fn ready(&self) {
        let _ = self.0.compare_exchange(STARTING, READY, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// No new traffic, please.
    pub(crate) fn drain(&self) {
        self.0.store(DRAINING, Ordering::Relaxed);
    }

    /// Why no traffic should come, if none should.
    pub(crate) fn why_not(&self) -> Option<&'static str> {
        match self.0.load(Ordering::Relaxed) {
            READY => None,
            STARTING => Some("the server is starting and has not run its warm-up yet"),
            _ => Some("the server is shutting down"),
        }
    }
}
