//! What waits for the model, who takes it, and what is at work: the state that callers, the model's threads and their watch share. It
//! knows no model.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    policy::Policy,
    seats::{Life, Seats},
};
use crate::embedding::{Embedded, EmbedderError};
use lookalike_photo::Pixels;
use lookalike_telemetry as telemetry;

/// Where an embedding's time went.
#[derive(Clone, Copy, Debug)]
pub struct EmbedTimes {
    /// Waiting for the model.
    pub queue: Duration,
    /// The forward pass of the batch it was in.
    pub model: Duration,
}

/// What a caller gets.
pub(crate) type Reply = Result<(Embedded, EmbedTimes), EmbedderError>;

/// A photo and whoever asked about it.
pub(crate) struct Job {
    pub pixels: Pixels,
    pub queued: Instant,
    pub reply: oneshot::Sender<Reply>,
}

/// Whoever waits for a photo that is at work, and how long it waited for the model.
pub(crate) struct Caller {
    pub reply: oneshot::Sender<Reply>,
    pub waited: Duration,
}

/// Callers push, the model's threads take.
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    most: usize,
}

/// All that changes, behind the queue's lock.
pub(crate) struct State {
    jobs: VecDeque<Job>,
    /// Who takes what.
    pub policy: Policy,
    /// The threads, and how each of them is.
    pub seats: Seats,
    at_work: BTreeMap<u64, AtWork>,
    batches: u64,
    closed: bool,
}

/// A batch that a thread has taken and not answered yet.
struct AtWork {
    seat: usize,
    began: Instant,
    callers: Vec<Caller>,
}

/// A batch as the thread has it that took it.
pub(crate) struct Batch {
    pub photos: Vec<Pixels>,
    number: u64,
}

impl State {
    /// Forgets callers that left.
    fn purge(&mut self) {
        let before = self.jobs.len();
        self.jobs.retain(|job| !job.reply.is_closed());
        if self.jobs.len() < before {
            telemetry::queued(self.jobs.len());
        }
    }

    /// Takes a batch back from the thread that has it; none where that was done before.
    fn end(&mut self, number: u64) -> Option<AtWork> {
        let batch = self.at_work.remove(&number)?;
        self.policy.ends(self.seats.way(batch.seat), batch.callers.len());
        Some(batch)
    }

    /// The thread of this seat takes nothing until it is [up](Queue::up) again. What waits hears so at once if nobody else takes it.
    fn lose(&mut self, seat: usize, why: &str) {
        if self.seats.lose(seat, why) {
            self.policy.set_taking(self.seats.way(seat), false);
        }
        if let Some(why) = self.seats.why_none() {
            let told = |job: Job| drop(job.reply.send(Err(EmbedderError::Down(why.clone()))));
            self.jobs.drain(..).for_each(told);
            telemetry::queued(0);
        }
    }
}

impl Queue {
    /// At most so many photos wait (one at least), at most so many go into a pass.
    pub fn new(most: usize, max_batch: usize) -> Self {
        let state = State {
            jobs: VecDeque::new(),
            policy: Policy::new(max_batch),
            seats: Seats::default(),
            at_work: BTreeMap::new(),
            batches: 0,
            closed: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new(), most: most.max(1) }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, job: Job) -> Result<(), EmbedderError> {
        let mut state = self.lock();
        if let Some(why) = state.seats.why_none() {
            return Err(EmbedderError::Down(why));
        }
        if state.jobs.len() >= self.most {
            state.purge();
        }
        if state.jobs.len() >= self.most {
            return Err(EmbedderError::Busy);
        }
        let waiting = state.jobs.len();
        state.policy.arrives(waiting);
        state.jobs.push_back(job);
        telemetry::queued(state.jobs.len());
        drop(state);
        self.changed.notify_all();
        Ok(())
    }

    /// A caller has left: its photo waits no more.
    pub fn left(&self) {
        let mut state = self.lock();
        state.purge();
        telemetry::queued(state.jobs.len());
    }

    /// Nobody will push any more: once it is empty, [`take`](Self::take) gives nothing.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Whether nobody will push any more.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How the model's threads are.
    pub fn life(&self) -> Life {
        self.lock().seats.life()
    }

    /// Whether nobody starts the threads again.
    pub fn is_abandoned(&self) -> bool {
        matches!(self.life(), Life::GaveUp(_))
    }

    /// Waits for a batch for the thread of this seat, which has to [finish](Self::finish) it; `None` once the queue is closed and empty.
    pub fn take(&self, seat: usize) -> Option<Batch> {
        let mut state = self.lock();
        let way = state.seats.way(seat);
        loop {
            state.purge();
            let share = state.policy.share(way, state.jobs.len());
            if share > 0 {
                let (mut photos, mut callers) = (Vec::with_capacity(share), Vec::with_capacity(share));
                for job in state.jobs.drain(..share) {
                    callers.push(Caller { reply: job.reply, waited: job.queued.elapsed() });
                    photos.push(job.pixels);
                }
                state.policy.begins(way, share);
                state.batches += 1;
                let number = state.batches;
                state.at_work.insert(number, AtWork { seat, began: Instant::now(), callers });
                telemetry::queued(state.jobs.len());
                return Some(Batch { photos, number });
            }
            if state.closed && state.jobs.is_empty() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The batch is done, whatever came of it, and its way is free. Whom to tell; `None` where the batch was given up meanwhile, and
    /// the thread's seat is another's now.
    pub fn finish(&self, batch: &Batch) -> Option<Vec<Caller>> {
        let ended = self.lock().end(batch.number);
        self.changed.notify_all();
        ended.map(|at_work| at_work.callers)
    }

    /// The thread of this seat takes nothing for now: it has to be started again, or waits for what it needs.
    pub fn lose(&self, seat: usize, why: &str) {
        self.lock().lose(seat, why);
        self.changed.notify_all();
    }

    /// The thread of this seat takes photos.
    pub fn up(&self, seat: usize) {
        let mut state = self.lock();
        if state.seats.up(seat) {
            let way = state.seats.way(seat);
            state.policy.set_taking(way, true);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Gives up what takes longer than `limit` allows for so many photos: the callers hear so at once. The seats to be taken by others.
    pub fn give_up(&self, limit: impl Fn(usize) -> Duration) -> Vec<usize> {
        let mut state = self.lock();
        state.purge();
        let late = |at_work: &AtWork| at_work.began.elapsed() > limit(at_work.callers.len());
        let late: Vec<u64> =
            state.at_work.iter().filter(|(_, at_work)| late(at_work)).map(|(number, _)| *number).collect();
        let mut seats = Vec::new();
        for AtWork { seat, began, callers } in
            late.into_iter().filter_map(|number| state.end(number)).collect::<Vec<_>>()
        {
            let why = format!("a pass has not ended after {:.1} s", began.elapsed().as_secs_f64());
            tracing::error!(
                photos = callers.len(),
                why,
                "a thread of the model stalls: another takes its place"
            );
            callers.into_iter().for_each(|c| drop(c.reply.send(Err(EmbedderError::Down(why.clone())))));
            state.lose(seat, &why);
            seats.push(seat);
        }
        drop(state);
        self.changed.notify_all();
        seats
    }

    /// Nobody starts the threads again: whoever waits and whoever asks from now on hears so at once.
    pub fn abandon(&self, why: &str) {
        let mut state = self.lock();
        state.seats.give_up(why.to_owned());
        let left: Vec<u64> = state.at_work.keys().copied().collect();
        let under_way: Vec<AtWork> = left.into_iter().filter_map(|number| state.end(number)).collect();
        let at_work = under_way.into_iter().flat_map(|batch| batch.callers).map(|caller| caller.reply);
        let replies: Vec<_> = at_work.chain(state.jobs.drain(..).map(|job| job.reply)).collect();
        drop(state);
        replies.into_iter().for_each(|reply| drop(reply.send(Err(EmbedderError::Down(why.to_owned())))));
        self.changed.notify_all();
    }

    /// Waits for something to happen, at most so long.
    pub fn wait(&self, at_most: Duration) {
        let state = self.lock();
        drop(self.changed.wait_timeout(state, at_most).unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests;
