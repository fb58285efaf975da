//! A change of one item, as it is asked for, and what became of it.

use std::sync::Arc;

use lookalike_items::{BadItem, Item, ItemId, ItemPatch, Vectors};

use crate::contract::etag::Etag;

/// What is to become of an item.
#[derive(Clone, Debug)]
#[allow(clippy::large_enum_variant)] // most are puts, and a thousand at once are few
pub enum WriteKind {
    /// It is this, whatever it was.
    Put(Item, Vectors),
    /// Its metadata changes.
    Patch(ItemPatch),
    /// It goes.
    Delete,
}

/// Under what condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Condition {
    /// None.
    #[default]
    Always,
    /// It is there.
    Exists,
    /// It is there, and known by one of these.
    Is(Vec<Etag>),
    /// It is not there.
    IsNew,
}

/// A change of one item.
#[derive(Clone, Debug)]
pub struct Write {
    /// Of which.
    pub id: ItemId,
    /// To what.
    pub kind: WriteKind,
    /// Where this holds.
    pub condition: Condition,
}

/// What became of a [`Write`].
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The item is new.
    Created(Arc<Item>, Etag),
    /// The item was there, and is this now.
    Changed(Arc<Item>, Etag),
    /// The item is gone.
    Deleted,
    /// There is no such item: nothing was done.
    Missing,
    /// The condition does not hold: nothing was done.
    ConditionFailed,
    /// What would come of it is no item: nothing was done.
    Refused(BadItem),
}
