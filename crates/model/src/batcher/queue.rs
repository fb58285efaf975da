//! What waits for the model, and who takes it: the state that callers and the model's threads share. It knows no model.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::policy::{Policy, Way};
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
    closed: bool,
}

impl State {
    /// Forgets callers that left.
    fn purge(&mut self) {
        self.jobs.retain(|job| !job.reply.is_closed());
    }
}

impl Queue {
    /// At most so many photos wait (one at least), at most so many go into a pass.
    pub fn new(most: usize, max_batch: usize) -> Self {
        let state = State { jobs: VecDeque::new(), policy: Policy::new(max_batch), closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new(), most: most.max(1) }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn push(&self, job: Job) -> Result<(), EmbedderError> {
        let mut state = self.lock();
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

    /// Waits for a batch, which keeps its way until what comes with it is dropped; `None` once the queue is closed and empty.
    pub fn take(&self, way: Way) -> Option<(Vec<Job>, AtWork<'_>)> {
        let mut state = self.lock();
        loop {
            state.purge();
            let share = state.policy.share(way, state.jobs.len());
            if share > 0 {
                let batch = state.jobs.drain(..share).collect();
                state.policy.begins(way, share);
                telemetry::queued(state.jobs.len());
                return Some((batch, AtWork { queue: self, way, photos: share }));
            }
            if state.closed && state.jobs.is_empty() {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Held while a batch is being answered; whatever comes of it, the way is free again afterwards.
pub(crate) struct AtWork<'a> {
    queue: &'a Queue,
    way: Way,
    photos: usize,
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.policy.ends(self.way, self.photos);
        drop(state);
        self.queue.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::{super::policy::QUIET_AFTER, *};

    fn job() -> (Job, oneshot::Receiver<Reply>) {
        let (reply, answer) = oneshot::channel();
        (Job { pixels: Pixels::grey(128), queued: Instant::now(), reply }, answer)
    }

    fn queue(lanes: usize) -> Queue {
        let queue = Queue::new(6, 4);
        queue.lock().policy.set_lanes(lanes);
        queue
    }

    /// So many photos, and who waits for them.
    fn pushed(queue: &Queue, n: usize) -> Vec<oneshot::Receiver<Reply>> {
        let push = |(job, answer)| {
            queue.push(job).unwrap();
            answer
        };
        (0..n).map(|_| push(job())).collect()
    }

    #[test]
    fn where_wide_costs_no_more_what_waits_alone_runs_wide_in_a_crowd() {
        let queue = queue(2);
        queue.lock().policy.set_model(4, true);
        let mut callers = Vec::new();
        let mut push = |n: usize| callers.extend(pushed(&queue, n));
        let share = |way| {
            let state = queue.lock();
            state.policy.share(way, state.jobs.len())
        };
        push(2);
        let first = queue.take(Way::Lane).unwrap();
        assert_eq!((share(Way::Wide), share(Way::Lane)), (0, 1), "a lane is at work: the other takes it");
        drop(first);
        assert_eq!((share(Way::Wide), share(Way::Lane)), (1, 0));
        drop(queue.take(Way::Wide).unwrap());
        push(2);
        assert_eq!((share(Way::Wide), share(Way::Lane)), (0, 1));
    }

    #[test]
    fn a_full_queue_refuses_until_a_caller_leaves() {
        let queue = queue(0);
        let mut callers = Vec::new();
        for _ in 0..6 {
            let (job, answer) = job();
            queue.push(job).unwrap();
            callers.push(answer);
        }
        let (one_more, _answer) = job();
        assert!(matches!(queue.push(one_more), Err(EmbedderError::Busy)));
        callers.remove(2);
        let (another, answer) = job();
        queue.push(another).unwrap();
        callers.push(answer);
        assert_eq!(queue.take(Way::Wide).unwrap().0.len(), 4);
    }

    #[test]
    fn callers_that_left_are_not_run() {
        let queue = queue(0);
        let callers: Vec<_> = (0..3).map(|_| job()).collect();
        let mut kept = Vec::new();
        for (i, (job, answer)) in callers.into_iter().enumerate() {
            queue.push(job).unwrap();
            if i == 1 {
                kept.push(answer);
            }
        }
        assert_eq!(queue.take(Way::Wide).unwrap().0.len(), 1);
    }

    #[test]
    fn photos_that_meet_no_other_run_wide_and_those_that_do_run_in_lanes() {
        let queue = queue(2);
        let mut callers = Vec::new();
        let mut push = |n: usize| callers.extend(pushed(&queue, n));
        let share = |way| {
            let state = queue.lock();
            state.policy.share(way, state.jobs.len())
        };
        push(1);
        assert_eq!((share(Way::Wide), share(Way::Lane)), (1, 0));
        let wide = queue.take(Way::Wide).unwrap();
        push(5);
        assert_eq!((share(Way::Wide), share(Way::Lane)), (0, 0), "all cores are at work");
        drop(wide);
        assert_eq!((share(Way::Wide), share(Way::Lane)), (0, 3), "five photos, two lanes");
        let first = queue.take(Way::Lane).unwrap();
        assert_eq!((share(Way::Wide), share(Way::Lane)), (0, 1), "two are left: one for each lane");
        let second = queue.take(Way::Lane).unwrap();
        drop(first);
        let third = queue.take(Way::Lane).unwrap();
        drop((second, third));
        // One at a time again: lanes at first, wide once it has been quiet for a while.
        for quiet in 1..=QUIET_AFTER {
            push(1);
            let way = if quiet < QUIET_AFTER { Way::Lane } else { Way::Wide };
            assert_eq!(share(way), 1, "after {quiet}");
            drop(queue.take(way).unwrap());
        }
    }
}
