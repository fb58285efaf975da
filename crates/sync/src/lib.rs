//! Keeps a server's catalogue in step with a shop's product feed, whichever program the shop exports it from.
//!
//! May enter: what shops write into feeds, and how it becomes items; and the server as its API has it, from the outside. No part of
//! the server, no model, no photo that is decoded.
//!
//! It runs where the shop's own programs do, and asks whatever hosts a feed names for photos, private addresses too, over http and
//! https alone: a feed of strangers' making belongs where it reaches nothing else, or is left to the server (`--photos pass`).

mod address;
mod categories;
mod draft;
mod entries;
mod error;
mod feed;
mod google;
mod hash;
mod http;
mod map;
mod money;
mod options;
mod photos;
mod plan;
mod progress;
mod record;
mod run;
mod sale;
mod send;
mod server;
mod summary;
mod text;
mod workers;

pub use entries::{Note, Refusal};
pub use error::SyncError;
pub use feed::format::Format;
pub use money::Currency;
pub use options::{Most, Name, Options, Photos};
pub use run::run;
pub use send::Failed;
pub use summary::Summary;
