//! What came in, handed over to another model: every item with a vector of its own gets one of that model, and the state belongs
//! to it from one moment to the next.

use std::{path::Path, sync::mpsc};

use tokio::sync::oneshot;

use crate::{
    contract::CatalogueError,
    local::live::{record::Records, store::Store},
};

/// The state of another model than the one that is to be served, open and locked; no server writes it.
pub struct OtherState(Store);

impl OtherState {
    /// Opens the state in the folder where it belongs to another model than this one; none where it belongs to this one, or where
    /// there is no state.
    ///
    /// # Errors
    /// Where another process has the state open, where it has another format, where it is damaged.
    pub fn open(folder: &Path, model_id: &str) -> Result<Option<Self>, CatalogueError> {
        let Some(mut store) = Store::existing(folder)? else { return Ok(None) };
        Ok(if store.model()? == model_id { None } else { Some(Self(store)) })
    }

    /// What the state holds.
    ///
    /// # Errors
    /// Where it is damaged.
    pub fn records(&mut self) -> Result<Records, CatalogueError> {
        self.0.read()
    }

    /// Makes the state that model's, with these records, wholly or not at all: a revision of its own.
    ///
    /// # Errors
    /// Where the disk does not take it; then it is as it was.
    pub fn hand_over(self, model_id: &str, records: &Records) -> Result<(), CatalogueError> {
        self.0.replaced(model_id, records)
    }
}

/// The writes of a catalogue, held: what comes in waits until this is dropped, and then goes on; or until the state has been handed
/// over, and then fails with [`CatalogueError::Stopped`], to be tried again with the catalogue of the other model.
pub struct HeldWrites {
    /// What the state holds meanwhile.
    pub records: Records,
    pub(crate) decisions: mpsc::Sender<Decision>,
}

/// What becomes of a state whose writes are held.
pub(crate) enum Decision {
    HandOver(String, Records, oneshot::Sender<Result<(), CatalogueError>>),
}

impl HeldWrites {
    /// Makes the state that model's, with these records, wholly or not at all. Writes are held on until what comes back is dropped:
    /// when the other model's catalogue is served.
    ///
    /// # Errors
    /// Where the disk does not take it; then it is as it was, and writes go on.
    pub async fn hand_over(self, model_id: &str, records: Records) -> Result<HandedOver, CatalogueError> {
        let (tell, told) = oneshot::channel();
        let decision = Decision::HandOver(model_id.to_owned(), records, tell);
        self.decisions.send(decision).map_err(|_| CatalogueError::Stopped)?;
        told.await.map_err(|_| CatalogueError::Stopped)??;
        Ok(HandedOver { _decisions: self.decisions })
    }
}

/// A state that has been handed over. Dropped, it lets those who wrote to the catalogue before know.
pub struct HandedOver {
    _decisions: mpsc::Sender<Decision>,
}

/// The side of the thread that writes: waits for what becomes of the state. Whether it has been handed over.
pub(crate) fn held(store: &Store, decisions: &mpsc::Receiver<Decision>) -> bool {
    let mut over = false;
    // Nobody decides any more once the other side is gone.
    while let Ok(Decision::HandOver(model_id, records, reply)) = decisions.recv() {
        let done = store.replaced(&model_id, &records);
        over |= done.is_ok();
        let _ = reply.send(done);
    }
    over
}
