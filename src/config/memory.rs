//! What photos and bodies may cost.

use std::num::NonZeroU64;

use clap::Args;

use crate::{
    budget::{BadBudget, MemoryBudget, PhotoRoom},
    config::ByteSize,
};

/// What photos and bodies may cost.
#[derive(Clone, Debug, Args)]
pub struct MemoryConfig {
    /// The largest request body, e.g. 20MB.
    #[arg(long, env = "LOOKALIKE_MAX_BODY", value_name = "SIZE", default_value = "20MB")]
    pub max_body: ByteSize,
    /// The most pixels a photo may have.
    #[arg(long, env = "LOOKALIKE_MAX_PIXELS", value_name = "N", default_value = "64000000")]
    pub max_pixels: NonZeroU64,
    /// Memory that decoding one photo may take, whatever its format, e.g. 400MB.
    #[arg(long, env = "LOOKALIKE_MAX_PHOTO_MEMORY", value_name = "SIZE", default_value = "400MB")]
    pub max_photo_memory: ByteSize,
    /// Memory for all bodies that came in and are not answered and all photos that are decoded, e.g. 2GB. By default half of what the
    /// container (its cgroup) or the machine has.
    #[arg(long, env = "LOOKALIKE_MEMORY_BUDGET", value_name = "SIZE")]
    pub memory_budget: Option<ByteSize>,
}

impl MemoryConfig {
    /// The room that photos are decoded in, and the budget it belongs to.
    ///
    /// # Errors
    /// Where one request does not fit into the budget.
    pub fn room(&self) -> Result<(PhotoRoom, MemoryBudget), BadBudget> {
        let (photo, body) = (self.max_photo_memory.0 as u64, self.max_body.0 as u64);
        let budget = match self.memory_budget {
            Some(total) => MemoryBudget::new(total.0 as u64, photo, body),
            None => MemoryBudget::of_machine(photo, body),
        }?;
        Ok((PhotoRoom::new(self.max_pixels.get(), budget.clone()), budget))
    }
}
