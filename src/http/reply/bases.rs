//! `GET /admin/generations`.

use jiff::Timestamp;
use serde::Serialize;

use crate::recommender::{BaseKind, Bases};

/// What could be served, and what is.
#[derive(Serialize)]
pub(crate) struct GenerationsReply<'a> {
    served: String,
    /// What a rollback holds.
    pinned: Option<String>,
    generations: Vec<BaseReply<'a>>,
}

/// One base.
#[derive(Serialize)]
struct BaseReply<'a> {
    name: String,
    kind: BaseKindReply,
    generation: u64,
    /// The bundle's generation that it is, or that it was compacted of.
    stands_for: u64,
    items: Option<usize>,
    /// Not known of a generation that an older program built.
    built_at: Option<String>,
    model_id: &'a str,
    served: bool,
    current: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum BaseKindReply {
    Bundle,
    Compacted,
    Shared,
}

impl<'a> GenerationsReply<'a> {
    pub(crate) fn new(bases: &'a Bases) -> Self {
        let told = bases.all.iter().map(|base| {
            let built_at = base.built_at.and_then(|seconds| i64::try_from(seconds).ok());
            BaseReply {
                name: base.name.to_string(),
                kind: match base.name.kind {
                    BaseKind::Bundle => BaseKindReply::Bundle,
                    BaseKind::Compacted => BaseKindReply::Compacted,
                    BaseKind::Shared => BaseKindReply::Shared,
                },
                generation: base.name.generation,
                stands_for: base.stands_for,
                items: base.items,
                built_at: built_at.and_then(|at| Timestamp::from_second(at).ok()).map(|at| at.to_string()),
                model_id: &base.model_id,
                served: base.name == bases.served,
                current: base.current,
            }
        });
        Self {
            served: bases.served.to_string(),
            pinned: bases.pinned.map(|name| name.to_string()),
            generations: told.collect(),
        }
    }
}
