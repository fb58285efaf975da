//! Items and their vectors: built offline, persisted, searched online.
//!
//! May enter: items and vectors (offline), [`Query`]s and filters (online). Nothing of libtorch does.
//!
//! ```text
//! contract  what every engine promises
//! local     the engine that is embedded in the server
//!   build     items + vectors → codes → graph (hnsw_rs) → relinked → every point reachable → a generation on disk
//!   format    the files of a generation: written once, checked when they are opened
//!   live      what came in online, laid over a generation
//!   search    a query → codes walked or scanned → the best re-ranked in f32 → hits
//! work      the threads on which searches run: bounded, dear ones apart
//! ```
//!
//! A file is checked once, when it is opened; after that nothing in it can make a search panic. A file that is cut short while it is open is
//! an error ([`CatalogueError::Lost`]) to whatever needs it. `unsafe` is confined to `local/kernel`, `local/format/mapping/` and
//! `local/live/memory.rs`.

pub mod contract;
mod local;
mod work;

pub use contract::{
    About, BINS, Bin, CATEGORY, Catalogue, CatalogueError, Condition, Effort, Etag, Facet, Hit, Listing,
    LivingCatalogue, Nearest, NumberCounts, OpenShared, Outcome, Query, SharedCatalogue, SharedGeneration,
    TOP_VALUES, ValueCounts, Visibility, Write, WriteKind,
};
pub use local::{
    Audit, Base, BaseKind, BaseName, BuildOptions, CameIn, Entry, Footprint, GenerationManifest, HandedOver,
    HeldWrites, LiveCatalogue, LiveOptions, LocalCatalogue, OpenTiming, OtherState, PieceError, Progress,
    RESTORING, Record, Records, Row, STATE_FILE, Snapshot, Stage, StateAbout, StateWriter, View, build,
    bundle_bases, distance, one_before,
};
pub use lookalike_common::FileSeal;
pub use work::{search_pools, search_work};
