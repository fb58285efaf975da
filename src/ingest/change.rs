//! A change that is asked for, before anything of it is read, fetched or embedded.

use bytes::Bytes;
use lookalike_catalogue::{Condition, Outcome};
use lookalike_items::{ItemId, ItemPatch};
use serde_json::{Map, Value};

use crate::ingest::error::IngestError;

/// What an item's vectors come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A photo, to be embedded and kept.
    Photo(Bytes),
    /// The address of one, to be fetched first.
    Address(String),
    /// Numbers of this model.
    Vectors {
        /// D numbers.
        deep: Vec<f32>,
        /// C numbers; none is for models without colour.
        colour: Vec<f32>,
        /// The id of the model they are from, where it was told.
        model: Option<String>,
    },
}

/// One change that was asked for.
#[derive(Clone, Debug)]
pub struct Change {
    /// Of which item.
    pub id: ItemId,
    /// What of it.
    pub kind: ChangeKind,
    /// Where it holds.
    pub condition: Condition,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub enum ChangeKind {
    /// The whole item: its fields, and what its vectors come from.
    Put(Map<String, Value>, Source),
    /// Its metadata.
    Patch(ItemPatch),
    /// It goes.
    Delete,
}

/// Many changes, read one by one when it is their turn: memory holds some of them, and not all.
pub trait Changes: Send + Sync + 'static {
    /// How many there are.
    fn count(&self) -> usize;

    /// Reads one of them, on a thread that may wait for a disk; none where it is no change. It may be read again.
    fn read(&self, place: usize) -> Option<Change>;
}

/// What became of each change, none where it was no change; and the revision they are in, where the engine has revisions.
pub type Made = (Vec<Option<Result<Outcome, IngestError>>>, Option<u64>);
