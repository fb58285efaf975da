//! Threads that share the work of one pass, layer by layer. Between layers they spin, since a layer takes less time than
//! waking a thread; between passes they sleep. Half of them claim tasks from the first on, half from the last: so each
//! finds most of what it reads in its own core's cache, where it wrote it a layer before.
//!
//! `unsafe` is here because a layer's work borrows what the caller holds, and the threads outlive the call: they touch it
//! only between claiming a task and reporting it done, and the caller waits for every report.

use std::{
    cell::UnsafeCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle, Thread},
};

/// Tasks that are shared out at once at most.
const MOST_TASKS: u64 = 0xffff;

/// Which tasks a thread claims first.
#[derive(Clone, Copy, PartialEq)]
enum End {
    First,
    Last,
}

/// So many looks in vain before the core is offered to others.
const SPINS: u32 = 2_000;

/// A caller and its helpers.
pub(crate) struct Team {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    wake: Vec<Thread>,
}

type Task<'a> = &'a (dyn Fn(usize) + Sync);

struct Shared {
    /// From the highest: epoch, tasks there are, tasks claimed from the first on, from the last on; 16 bits each.
    state: AtomicU64,
    /// Tasks of this epoch that are done.
    done: AtomicUsize,
    /// Written by the caller alone, before an epoch begins; read by whoever claimed one of its tasks.
    task: UnsafeCell<Option<Task<'static>>>,
    /// A task panicked.
    failed: AtomicBool,
    /// A pass is under way: helpers stay awake.
    awake: AtomicBool,
    over: AtomicBool,
}

// SAFETY: `task` is written while no task of it is claimed (the caller has waited for all of the last epoch) and published
// by the release of `state`; helpers read it after the acquire by which they claimed a task, and before they report it done.
unsafe impl Sync for Shared {}

impl Team {
    /// The caller and `threads - 1` helpers.
    pub fn new(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            state: AtomicU64::new(0),
            done: AtomicUsize::new(0),
            task: UnsafeCell::new(None),
            failed: AtomicBool::new(false),
            awake: AtomicBool::new(false),
            over: AtomicBool::new(false),
        });
        let mut team = Self { shared, helpers: Vec::new(), wake: Vec::new() };
        for i in 1..threads {
            let shared = Arc::clone(&team.shared);
            let end = if i % 2 == 0 { End::First } else { End::Last };
            let helper = thread::Builder::new().name("executor".into()).spawn(move || help(&shared, end))?;
            team.wake.push(helper.thread().clone());
            team.helpers.push(helper);
        }
        Ok(team)
    }

    /// The caller and its helpers.
    pub fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Wakes the helpers for a pass; they sleep again once what this returns is dropped.
    pub fn awake(&mut self) -> Awake<'_> {
        if !self.helpers.is_empty() {
            self.shared.awake.store(true, Ordering::Release);
            self.wake.iter().for_each(Thread::unpark);
        }
        Awake(self)
    }
}

/// A team during a pass.
pub(crate) struct Awake<'a>(&'a mut Team);

impl Awake<'_> {
    /// The caller and its helpers.
    pub fn threads(&self) -> usize {
        self.0.threads()
    }

    /// Runs `task` once for each number below `tasks` and returns when all are done.
    pub fn run(&mut self, tasks: usize, task: Task<'_>) {
        if self.0.helpers.is_empty() || tasks <= 1 {
            (0..tasks).for_each(task);
            return;
        }
        for first in (0..tasks).step_by(MOST_TASKS as usize) {
            self.share((tasks - first).min(MOST_TASKS as usize), &|i| task(first + i));
        }
    }

    /// Runs at most [`MOST_TASKS`] of them.
    fn share(&mut self, tasks: usize, task: Task<'_>) {
        let shared = &*self.0.shared;
        // SAFETY: the lifetime is dropped for the helpers' sake; this function returns only after every task is done,
        // and no helper touches `task` after that (see `Shared`).
        let task = unsafe { std::mem::transmute::<Task<'_>, Task<'static>>(task) };
        // SAFETY: the last epoch's tasks are all done, so nobody reads it now.
        unsafe { *shared.task.get() = Some(task) };
        shared.done.store(0, Ordering::Relaxed);
        let epoch = (shared.state.load(Ordering::Relaxed) >> 48).wrapping_add(1);
        shared.state.store((epoch << 48) | ((tasks as u64) << 32), Ordering::Release);
        while shared.claim(End::First) {}
        let mut spins = 0;
        while shared.done.load(Ordering::Acquire) < tasks {
            wait(&mut spins);
        }
        assert!(!shared.failed.swap(false, Ordering::Relaxed), "a part of the network's work panicked");
    }
}

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        self.0.shared.awake.store(false, Ordering::Release);
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
        self.wake.iter().for_each(Thread::unpark);
        for helper in self.helpers.drain(..) {
            let _ = helper.join();
        }
    }
}

impl Shared {
    /// Claims a task and does it; whether there was one.
    fn claim(&self, end: End) -> bool {
        let mut state = self.state.load(Ordering::Acquire);
        loop {
            let [tasks, first, last] = [32, 16, 0].map(|bits| (state >> bits) & MOST_TASKS);
            if first + last >= tasks {
                return false;
            }
            let (claimed, task) = match end {
                End::First => (state + (1 << 16), first),
                End::Last => (state + 1, tasks - 1 - last),
            };
            match self.state.compare_exchange_weak(state, claimed, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    self.work(task as usize);
                    return true;
                }
                Err(now) => state = now,
            }
        }
    }

    fn work(&self, i: usize) {
        // SAFETY: a task of this epoch is claimed and not yet reported, so the caller neither writes nor returns.
        let task = unsafe { *self.task.get() };
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            if let Some(task) = task {
                task(i);
            }
        }));
        if done.is_err() {
            self.failed.store(true, Ordering::Relaxed);
        }
        self.done.fetch_add(1, Ordering::Release);
    }
}

fn help(shared: &Shared, end: End) {
    let mut spins = 0;
    while !shared.over.load(Ordering::Acquire) {
        if shared.claim(end) {
            spins = 0;
        } else if shared.awake.load(Ordering::Acquire) {
            wait(&mut spins);
        } else {
            thread::park();
        }
    }
}

fn wait(spins: &mut u32) {
    *spins += 1;
    if spins.is_multiple_of(SPINS) {
        thread::yield_now();
    } else {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_done_once_pass_after_pass() {
        for threads in [1, 2, 5] {
            let mut team = Team::new(threads).unwrap();
            for pass in 0..50 {
                let mut awake = team.awake();
                for tasks in [0, 1, 2, 7, 200, 70_000].into_iter().filter(|tasks| pass == 0 || *tasks < 1_000)
                {
                    let counts: Vec<AtomicUsize> = (0..tasks).map(|_| AtomicUsize::new(0)).collect();
                    awake.run(tasks, &|i| {
                        counts[i].fetch_add(pass + 1, Ordering::Relaxed);
                    });
                    assert!(counts.iter().all(|c| c.load(Ordering::Relaxed) == pass + 1));
                }
            }
        }
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_team_lives_on() {
        let mut team = Team::new(3).unwrap();
        let mut awake = team.awake();
        let panicking = std::panic::AssertUnwindSafe(|| awake.run(8, &|i| assert_ne!(i, 5)));
        assert!(std::panic::catch_unwind(panicking).is_err());
        drop(awake);
        let sum = AtomicUsize::new(0);
        team.awake().run(10, &|i| {
            sum.fetch_add(i, Ordering::Relaxed);
        });
        assert_eq!(sum.into_inner(), 45);
    }
}
