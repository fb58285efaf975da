//! Searches are admitted by what they fetch: the rows of all that are under way are in this process' memory.

use std::time::Duration;

use lookalike_catalogue::CatalogueError;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};

use super::nearest::{MOST_FETCHED, SCANNED};

/// How many rows all walks may fetch at once: what some hundred usual searches fetch.
const WALKED: usize = 4 * MOST_FETCHED;

/// How long a search waits for its turn.
const WAIT: Duration = Duration::from_secs(2);

/// When whoever was refused should ask again.
const AGAIN: Duration = Duration::from_secs(1);

/// What is under way.
pub(crate) struct Admission {
    walks: Semaphore,
    /// Scans are asked for in the midst of a walk, and a walk never in the midst of a scan: so nobody waits for himself.
    scans: Semaphore,
}

impl Default for Admission {
    fn default() -> Self {
        Self { walks: Semaphore::new(WALKED), scans: Semaphore::new(2 * SCANNED) }
    }
}

impl Admission {
    /// Waits until a walk may fetch so many rows, until this is dropped.
    ///
    /// # Errors
    /// [`CatalogueError::Busy`] where its turn does not come in time.
    pub async fn walk(&self, rows: usize) -> Result<SemaphorePermit<'_>, CatalogueError> {
        turn(&self.walks, rows.min(WALKED)).await
    }

    /// The same for reading all of a filter's items.
    ///
    /// # Errors
    /// As [`walk`](Self::walk).
    pub async fn scan(&self, rows: usize) -> Result<SemaphorePermit<'_>, CatalogueError> {
        turn(&self.scans, rows.min(2 * SCANNED)).await
    }
}

async fn turn(of: &Semaphore, rows: usize) -> Result<SemaphorePermit<'_>, CatalogueError> {
    let rows = u32::try_from(rows).unwrap_or(u32::MAX);
    match timeout(WAIT, of.acquire_many(rows)).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) => Err(CatalogueError::Stopped),
        Err(_) => Err(CatalogueError::Busy { retry_after: AGAIN }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_does_not_get_a_turn_in_time_is_told_when_to_come_back() {
        let admission = Admission::default();
        let all: Vec<_> = walks(&admission, 4).await;
        let refused = admission.walk(1).await;
        assert!(matches!(refused, Err(CatalogueError::Busy { retry_after: AGAIN })));
        let _scan = admission.scan(SCANNED).await.unwrap();
        drop(all);
        let _next = admission.walk(usize::MAX).await.unwrap();
    }

    async fn walks(admission: &Admission, n: usize) -> Vec<SemaphorePermit<'_>> {
        let mut all = Vec::new();
        for _ in 0..n {
            all.push(admission.walk(MOST_FETCHED).await.unwrap());
        }
        all
    }
}
