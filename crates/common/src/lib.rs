//! What several crates share and no published crate does: files that are written whole or not at all, their seals, and who
//! hears of it, huge pages, the instructions a CPU has, work that gives way, threads for one kind of work.
//!
//! May enter: what three crates need, and no word of photos, models or items.

mod atomic_file;
mod file_steps;
mod hex;
mod huge_pages;
mod instructions;
mod pool;
mod priority;
mod say;
mod sealed_file;

pub use atomic_file::{create_folder, remove, rename_durably, sync, write_atomically, write_atomically_with};
pub use file_steps::{FileStep, Listening, listen};
pub use hex::hex;
pub use huge_pages::{HUGE_PAGE, HugePages};
pub use instructions::{InstructionSet, Instructions};
pub use pool::{Pool, PoolError, PoolFigures, PoolLimits, Wanted};
pub use priority::{low_priority, lowest_priority};
pub use say::say;
pub use sealed_file::{FileSeal, SealedFile};
