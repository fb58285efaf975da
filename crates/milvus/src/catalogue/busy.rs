//! Who writes which items now: of several batches that change the same item one goes first, so that no change is lost between them.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use lookalike_items::ItemId;
use tokio::sync::Notify;

/// The items that are being written by this process.
#[derive(Default)]
pub(crate) struct Busy {
    ids: Mutex<HashSet<ItemId>>,
    freed: Notify,
}

/// The items are this batch's until it is dropped.
pub(crate) struct Held<'a> {
    busy: &'a Busy,
    ids: HashSet<ItemId>,
}

impl Busy {
    /// Waits until nobody else writes one of these, and holds all of them: never a part, so that no two batches wait for each other.
    pub async fn hold(&self, ids: HashSet<ItemId>) -> Held<'_> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // From here on no notice is missed.
            freed.as_mut().enable();
            {
                let mut held = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
                if held.is_disjoint(&ids) {
                    held.extend(ids.iter().cloned());
                    return Held { busy: self, ids };
                }
            }
            freed.await;
        }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut held = self.busy.ids.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|id| !self.ids.contains(id));
        drop(held);
        self.busy.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_item_is_written_by_one_batch_at_a_time() {
        let busy = Busy::default();
        let of =
            |names: &[&str]| names.iter().map(|name| ItemId::parse(name).unwrap()).collect::<HashSet<_>>();
        let first = busy.hold(of(&["a", "b"])).await;
        let _other = busy.hold(of(&["c"])).await;
        let waits = tokio::time::timeout(Duration::from_secs(1), busy.hold(of(&["b", "d"]))).await;
        assert!(waits.is_err());
        drop(first);
        let _now = busy.hold(of(&["b", "d"])).await;
    }
}
