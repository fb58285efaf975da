//! Threads for one kind of work, so many and no more, with so much waiting for them and no longer than so long. What nobody waits for
//! any more is not done.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::oneshot, time::timeout};

const WAITS: u8 = 0;
const RUNS: u8 = 1;
const LEFT: u8 = 2;

/// What a pool takes on.
#[derive(Clone, Copy, Debug)]
pub struct PoolLimits {
    /// Threads.
    pub threads: usize,
    /// Pieces of work that may wait.
    pub waiting: usize,
    /// What may wait may cost so much together, in the unit of those who ask; a single piece may cost more.
    pub cost: u64,
    /// How long a piece may wait for a thread.
    pub wait: Duration,
    /// Its threads have a tenth of what others have where cores are short.
    pub gives_way: bool,
}

/// Why a piece of work was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// There was no room for it, or no thread within the time that it may wait.
    #[error("more is to be done at once than this program takes on; try again in a moment")]
    Busy,
    /// It panicked, or the system gives no thread.
    #[error("it was stopped before it was done")]
    Stopped,
}

/// What a pool is doing, and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolFigures {
    /// Threads at work.
    pub working: usize,
    /// Pieces that wait.
    pub waiting: usize,
    /// Pieces that were refused, or waited in vain.
    pub refused: u64,
    /// Pieces that were left by whoever asked before their turn came.
    pub left: u64,
}

/// Tells a piece of work whether anybody waits for it still.
#[derive(Clone, Debug)]
pub struct Wanted(Arc<AtomicU8>);

impl Wanted {
    /// By somebody who never leaves.
    pub fn always() -> Self {
        Self(Arc::new(AtomicU8::new(RUNS)))
    }

    /// Whether somebody does.
    pub fn is_wanted(&self) -> bool {
        self.0.load(Ordering::Relaxed) != LEFT
    }
}

struct Piece {
    cost: u64,
    wanted: Wanted,
    run: Box<dyn FnOnce(&Wanted) + Send>,
}

#[derive(Default)]
struct Waiting {
    pieces: VecDeque<Piece>,
    cost: u64,
    threads: usize,
    idle: usize,
}

struct Shared {
    name: &'static str,
    limits: PoolLimits,
    waiting: Mutex<Waiting>,
    came: Condvar,
    working: AtomicUsize,
    refused: AtomicU64,
    left: AtomicU64,
}

/// The threads. They are started as they are needed and stay as long as the process.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

/// Leaves a piece when whoever asked is gone.
struct Asked(Wanted);

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.0.store(LEFT, Ordering::Relaxed);
    }
}

impl Pool {
    /// A pool of threads of this name.
    pub fn new(name: &'static str, limits: PoolLimits) -> Self {
        Self(Arc::new(Shared {
            name,
            limits,
            waiting: Mutex::default(),
            came: Condvar::new(),
            working: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            left: AtomicU64::new(0),
        }))
    }

    /// Does it on a thread of the pool. Who drops the future has left: what was not begun is not done, and what was is
    /// [told](Wanted). To be awaited where there is a tokio runtime with time.
    ///
    /// # Errors
    /// [`PoolError::Busy`], at once or after the time that it may wait; [`PoolError::Stopped`] where it panicked.
    pub async fn run<T: Send + 'static>(
        &self,
        cost: u64,
        work: impl FnOnce(&Wanted) -> T + Send + 'static,
    ) -> Result<T, PoolError> {
        let (tell, mut told) = oneshot::channel();
        let asked = Asked(Wanted(Arc::new(AtomicU8::new(WAITS))));
        let run = Box::new(move |wanted: &Wanted| drop(tell.send(work(wanted))));
        self.push(Piece { cost, wanted: asked.0.clone(), run })?;
        let answer = match timeout(self.0.limits.wait, &mut told).await {
            Ok(answer) => answer,
            Err(_)
                if asked.0.0.compare_exchange(WAITS, LEFT, Ordering::Relaxed, Ordering::Relaxed).is_ok() =>
            {
                self.0.refused.fetch_add(1, Ordering::Relaxed);
                return Err(PoolError::Busy);
            }
            Err(_) => told.await,
        };
        answer.map_err(|_| PoolError::Stopped)
    }

    /// What it is doing.
    pub fn figures(&self) -> PoolFigures {
        PoolFigures {
            working: self.0.working.load(Ordering::Relaxed),
            waiting: self.0.lock().pieces.len(),
            refused: self.0.refused.load(Ordering::Relaxed),
            left: self.0.left.load(Ordering::Relaxed),
        }
    }

    fn push(&self, piece: Piece) -> Result<(), PoolError> {
        let limits = &self.0.limits;
        let mut waiting = self.0.lock();
        let full = |waiting: &Waiting| {
            let room = waiting.pieces.is_empty() || waiting.cost.saturating_add(piece.cost) <= limits.cost;
            waiting.pieces.len() >= limits.waiting.max(1) || !room
        };
        if full(&waiting) {
            self.0.purge(&mut waiting);
        }
        if full(&waiting) {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            return Err(PoolError::Busy);
        }
        if waiting.idle <= waiting.pieces.len() && waiting.threads < limits.threads.max(1) {
            let shared = Arc::clone(&self.0);
            let thread = std::thread::Builder::new().name(self.0.name.into()).spawn(move || shared.serve());
            match thread {
                Ok(_) => waiting.threads += 1,
                Err(_) if waiting.threads == 0 => return Err(PoolError::Stopped),
                Err(_) => {}
            }
        }
        waiting.cost = waiting.cost.saturating_add(piece.cost);
        waiting.pieces.push_back(piece);
        drop(waiting);
        self.0.came.notify_one();
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets what nobody waits for.
    fn purge(&self, waiting: &mut Waiting) {
        let before = waiting.pieces.len();
        waiting.pieces.retain(|piece| piece.wanted.is_wanted());
        waiting.cost = waiting.pieces.iter().fold(0, |cost, piece| cost.saturating_add(piece.cost));
        self.left.fetch_add((before - waiting.pieces.len()) as u64, Ordering::Relaxed);
    }

    /// The life of a thread.
    fn serve(&self) {
        if self.limits.gives_way {
            crate::low_priority();
        }
        let mut waiting = self.lock();
        loop {
            let Some(Piece { cost, wanted, run }) = waiting.pieces.pop_front() else {
                waiting.idle += 1;
                waiting = self.came.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                waiting.idle -= 1;
                continue;
            };
            waiting.cost = waiting.cost.saturating_sub(cost);
            drop(waiting);
            if wanted.0.compare_exchange(WAITS, RUNS, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                self.working.fetch_add(1, Ordering::Relaxed);
                // The panic hook has told it; whoever waits hears that it was stopped.
                let _ = catch_unwind(AssertUnwindSafe(|| run(&wanted)));
                self.working.fetch_sub(1, Ordering::Relaxed);
            } else {
                self.left.fetch_add(1, Ordering::Relaxed);
            }
            waiting = self.lock();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn pool(waiting: usize, cost: u64, wait: Duration) -> Pool {
        Pool::new("test", PoolLimits { threads: 1, waiting, cost, wait, gives_way: false })
    }

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
    }

    /// Holds the only thread until it is told to go on.
    async fn held(pool: &Pool) -> std::sync::mpsc::Sender<()> {
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let holder = pool.clone();
        tokio::spawn(async move { holder.run(1, move |_| wait.recv().is_ok()).await });
        while pool.figures().working == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        go_on
    }

    #[test]
    fn what_does_not_fit_is_refused_at_once_by_number_and_by_cost() {
        runtime().block_on(async {
            for (pool, costs) in [
                (pool(2, 100, Duration::from_secs(60)), [1, 1]),
                (pool(9, 10, Duration::from_secs(60)), [7, 3]),
            ] {
                let go_on = held(&pool).await;
                let run = |cost| {
                    let pool = pool.clone();
                    tokio::spawn(async move { pool.run(cost, |_| ()).await })
                };
                let waiting = costs.map(run);
                while pool.figures().waiting < 2 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                let started = Instant::now();
                assert_eq!(pool.run(1, |_| ()).await, Err(PoolError::Busy));
                assert!(started.elapsed() < Duration::from_secs(1));
                go_on.send(()).unwrap();
                for waited in waiting {
                    waited.await.unwrap().unwrap();
                }
                pool.run(1_000, |_| ()).await.unwrap();
                assert_eq!(pool.figures().refused, 1);
            }
        });
    }

    #[test]
    fn what_waits_too_long_is_refused_and_not_done() {
        runtime().block_on(async {
            let pool = pool(9, 100, Duration::from_millis(50));
            let go_on = held(&pool).await;
            let done = Arc::new(AtomicUsize::new(0));
            let doing = Arc::clone(&done);
            let refused = pool.run(1, move |_| doing.fetch_add(1, Ordering::SeqCst)).await;
            assert_eq!(refused, Err(PoolError::Busy));
            go_on.send(()).unwrap();
            pool.run(1, |_| ()).await.unwrap();
            assert_eq!(done.load(Ordering::SeqCst), 0);
        });
    }

    #[test]
    fn what_nobody_waits_for_is_not_begun_and_what_is_begun_is_told() {
        runtime().block_on(async {
            let pool = pool(9, 100, Duration::from_secs(60));
            let go_on = held(&pool).await;
            let done = Arc::new(AtomicUsize::new(0));
            let doing = Arc::clone(&done);
            let left = tokio::time::timeout(
                Duration::from_millis(20),
                pool.run(1, move |_| doing.fetch_add(1, Ordering::SeqCst)),
            );
            assert!(left.await.is_err());
            go_on.send(()).unwrap();
            pool.run(1, |_| ()).await.unwrap();
            assert_eq!((done.load(Ordering::SeqCst), pool.figures().left), (0, 1));
            let (tell, told) = oneshot::channel();
            let long = pool.run(1, move |wanted| {
                while wanted.is_wanted() {
                    std::thread::yield_now();
                }
                let _ = tell.send(());
            });
            assert!(tokio::time::timeout(Duration::from_millis(20), long).await.is_err());
            told.await.unwrap();
        });
    }

    #[test]
    fn a_panic_is_told_and_costs_no_thread() {
        runtime().block_on(async {
            let pool = pool(9, 100, Duration::from_secs(60));
            #[allow(clippy::panic)]
            let stopped = pool.run(1, |_| panic!("a test's")).await;
            assert_eq!(stopped, Err::<(), _>(PoolError::Stopped));
            assert_eq!(pool.run(1, |_| 7).await, Ok(7));
        });
    }
}
