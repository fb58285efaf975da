//! The contract of a catalogue, kept by a Milvus server: for a shop that has Milvus, or more items than one machine holds.
//!
//! May enter: items, vectors, filters and writes as the contract has them, and how Milvus is asked. No model, no photo, no HTTP.
//!
//! ```text
//! address      where a collection is, and who asks
//! secrets      who asks, as programs are told it
//! options      how long and how often
//! resilience   retries, the breaker
//! fault        what Milvus' failures mean
//! client       every request that is made of Milvus
//! schema       what a collection is made of
//! rows         items into columns, and back
//! expression   filters as Milvus reads them
//! catalogue    what is asked and written online
//! generations  collections by number, and which of them is served
//! shared       what servers that share a collection need of it
//! load         a whole catalogue, written as the next generation
//! ```

mod address;
mod catalogue;
mod client;
mod expression;
mod fault;
mod generations;
mod load;
mod options;
mod resilience;
mod rows;
mod schema;
mod secrets;
mod shared;

pub use address::{BadAddress, Credentials, MilvusAddress};
pub use catalogue::MilvusCatalogue;
pub use generations::Generation;
pub use load::{Load, LoadStep, Loaded, Source};
pub use options::Options;
pub use secrets::Told;
pub use shared::MilvusEngine;
