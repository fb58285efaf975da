//! The server of Lookalike, visual similarity search for fashion shops: a photo goes in over HTTP, the shop's most similar
//! items come out.
//!
//! ```text
//! http → recommender → photo → model (batcher) → catalogue → recommender → http
//! ```
//!
//! `ARCHITECTURE.md` maps the crates and follows a request from file to file.

pub mod backup;
pub mod budget;
pub mod config;
pub mod http;
pub mod ingest;
mod pools;
pub mod recommender;
mod traces;
