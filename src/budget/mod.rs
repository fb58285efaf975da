//! The memory that strangers can make the server take: bodies that came in and are not answered, and photos that are decoded. One
//! budget is divided between them.
//!
//! A body is refused at once where no room is left in the bodies' part. A photo waits for its turn in the photos' part: each photo takes
//! no more than one photo may, the part holds one such photo, and a decoder gives its room back without waiting for anything. So a
//! photo's turn always comes. The parts are apart because a photo that waits takes whatever gets free: bodies on their way would be
//! refused for its sake.

mod available;

use std::sync::Arc;

use lookalike_photo::{Limits, PhotoError, Undecoded, Wanted};
use lookalike_telemetry as telemetry;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use available::available_memory;

/// Bytes that are counted as one.
const UNIT: u64 = 1024;

/// Room for bodies that a budget must have beside one photo: so many times the largest body.
const BODIES: u64 = 4;

/// How many times its own size a body takes: as it comes in, and as it is put together.
pub(crate) const COPIES: u64 = 2;

/// A budget that cannot hold what one request may ask for.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadBudget(String);

/// The budget; clones share it.
#[derive(Clone, Debug)]
pub struct MemoryBudget {
    photos: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    total: u64,
    photo: u64,
}

/// Memory that is spoken for, until this is dropped.
#[must_use]
#[derive(Debug)]
pub struct Held(#[allow(dead_code, reason = "held, never read")] Option<OwnedSemaphorePermit>);

impl MemoryBudget {
    /// Of `total` bytes, where one photo may take `photo` bytes and one body `body` bytes.
    ///
    /// # Errors
    /// Where not one photo and some bodies fit into it.
    pub fn new(total: u64, photo: u64, body: u64) -> Result<Self, BadBudget> {
        let least = photo.saturating_add(body.saturating_mul(BODIES));
        if total < least {
            let mb = |bytes: u64| bytes.div_ceil(1_000_000);
            return Err(BadBudget(format!(
                "--memory-budget of {} MB is too small: a photo may take {} MB (--max-photo-memory), and bodies need {BODIES} times \
                 --max-body, {} MB in all: give more, or lower one of them",
                mb(total),
                mb(photo),
                mb(least)
            )));
        }
        telemetry::memory_budget(total);
        let semaphore = |bytes: u64| Arc::new(Semaphore::new(permits(bytes).min(Semaphore::MAX_PERMITS)));
        let bodies = ((total - photo) / 2).max(body.saturating_mul(BODIES));
        Ok(Self { photos: semaphore(total - bodies), bodies: semaphore(bodies), total, photo })
    }

    /// What the memory that this process may take allows: half of it, and the largest photo that it leaves room for, `photo` bytes at
    /// most.
    ///
    /// # Errors
    /// Where not even small photos fit into it.
    pub fn of_machine(photo: u64, body: u64) -> Result<Self, BadBudget> {
        let total = available_memory() / 2;
        let bodies = body.saturating_mul(BODIES);
        let fits = total.saturating_sub(bodies).min(photo);
        if fits < photo {
            tracing::warn!(
                memory_budget = total,
                max_photo_memory = fits,
                "half of the memory holds no photo of the size that --max-photo-memory allows: larger ones are refused"
            );
        }
        if fits < Undecoded::HEADERS_MEMORY {
            return Err(BadBudget(format!(
                "half of the memory that this process may take is {} MB, and that holds no photo beside bodies of --max-body: give it \
                 more memory, or lower --max-body",
                total / 1_000_000
            )));
        }
        Self::new(total, fits, body)
    }

    /// All of it, in bytes.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The most that one photo may take, in bytes.
    pub fn photo(&self) -> u64 {
        self.photo
    }

    /// No room yet, which can grow.
    pub(crate) fn body(&self) -> BodyRoom {
        BodyRoom { budget: self.clone(), held: None, permits: 0 }
    }

    /// What bodies could take at this moment, in bytes.
    pub(crate) fn free_for_bodies(&self) -> u64 {
        self.bodies.available_permits() as u64 * UNIT
    }

    /// Waits on this thread, which must not be one of the runtime's own, until so many bytes are free; of more than one photo may
    /// take, as many as that.
    pub(crate) fn wait(&self, bytes: u64) -> Held {
        let permits = u32::try_from(permits(bytes.min(self.photo))).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        Held(futures_executor::block_on(Arc::clone(&self.photos).acquire_many_owned(permits)).ok())
    }

    /// What is spoken for at this moment, in bytes.
    pub fn held(&self) -> u64 {
        let free = self.photos.available_permits() + self.bodies.available_permits();
        self.total.saturating_sub(free as u64 * UNIT)
    }
}

fn permits(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(UNIT)).unwrap_or(usize::MAX)
}

/// What a body has of the budget, until this is dropped.
#[derive(Debug)]
pub(crate) struct BodyRoom {
    budget: MemoryBudget,
    held: Option<OwnedSemaphorePermit>,
    permits: usize,
}

impl BodyRoom {
    /// Whether there is room for so many bytes in all. Where there is not, what is held stays held.
    #[must_use]
    pub(crate) fn grow_to(&mut self, bytes: u64) -> bool {
        let more = permits(bytes).saturating_sub(self.permits);
        let Ok(more) = u32::try_from(more) else { return false };
        if more == 0 {
            return true;
        }
        let Ok(taken) = Arc::clone(&self.budget.bodies).try_acquire_many_owned(more) else { return false };
        match &mut self.held {
            Some(held) => held.merge(taken),
            None => self.held = Some(taken),
        }
        self.permits += more as usize;
        true
    }
}

/// Photos within the budget: what a photo may be, and the memory it is decoded in.
#[derive(Clone, Debug)]
pub struct PhotoRoom {
    limits: Limits,
    memory: MemoryBudget,
}

/// A photo whose memory is spoken for.
#[must_use]
pub(crate) struct Admitted<'a> {
    pub(crate) photo: Undecoded<'a>,
    _held: Held,
}

impl PhotoRoom {
    /// Photos of so many pixels at most.
    pub fn new(max_pixels: u64, memory: MemoryBudget) -> Self {
        Self { limits: Limits { max_pixels, max_memory: memory.photo() }, memory }
    }

    /// What a photo may be.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Reads a photo's headers, and waits on this thread until there is room to decode it, and for `beside` bytes that are made of
    /// it. The thread must not be one of the runtime's own.
    ///
    /// # Errors
    /// What [`Undecoded::read`] says.
    pub(crate) fn admit<'a>(
        &self,
        bytes: &'a [u8],
        wanted: Wanted,
        beside: impl FnOnce(&Undecoded<'_>) -> u64,
    ) -> Result<Admitted<'a>, PhotoError> {
        let headers = self.memory.wait(Undecoded::headers_memory(bytes));
        let photo = Undecoded::read(bytes, &self.limits, wanted)?;
        drop(headers);
        let held = self.memory.wait(photo.memory().saturating_add(beside(&photo)));
        Ok(Admitted { photo, _held: held })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;

    #[test]
    fn bodies_leave_room_for_a_photo_and_are_refused_at_once() {
        let budget = MemoryBudget::new(100 * MB, 60 * MB, 10 * MB).unwrap();
        let (mut one, mut other) = (budget.body(), budget.body());
        assert!(one.grow_to(30 * MB));
        assert!(!other.grow_to(11 * MB), "40 MB are what bodies may have");
        assert!(other.grow_to(9 * MB) && budget.free_for_bodies() < 2 * MB);
        let photo = budget.wait(60 * MB);
        drop((one, photo));
        let mut third = budget.body();
        assert!(third.grow_to(20 * MB) && third.grow_to(30 * MB));
        drop((other, third));
        assert!(budget.held() < 2 * UNIT);
    }

    #[test]
    fn a_photo_that_waits_stops_no_body() {
        let budget = MemoryBudget::new(100 * MB, 60 * MB, 10 * MB).unwrap();
        let photo = budget.wait(60 * MB);
        let second = std::thread::spawn({
            let budget = budget.clone();
            move || budget.wait(60 * MB)
        });
        let mut body = budget.body();
        assert!(body.grow_to(MB) && body.grow_to(30 * MB));
        assert!(!body.grow_to(41 * MB));
        drop((photo, body));
        drop(second.join().unwrap());
        let mut body = budget.body();
        assert!(body.grow_to(40 * MB - UNIT), "what was refused holds nothing more");
    }

    #[test]
    fn a_photo_that_asks_for_more_than_one_may_gets_what_one_may() {
        let budget = MemoryBudget::new(100 * MB, 60 * MB, 10 * MB).unwrap();
        let held = budget.wait(u64::MAX);
        assert!(budget.held() >= 60 * MB - UNIT && budget.held() < 61 * MB);
        drop(held);
    }

    #[test]
    fn a_budget_without_room_for_one_request_is_refused() {
        let refused = MemoryBudget::new(400 * MB, 400 * MB, 20 * MB).unwrap_err().to_string();
        assert!(refused.contains("480 MB in all"), "{refused}");
        assert!(MemoryBudget::new(480 * MB, 400 * MB, 20 * MB).is_ok());
    }
}
