//! Reads, decodes and prepares in parallel, and gives back in order.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, bounded};

/// Jobs that are begun and whose results nobody has taken yet, a worker: one that is made, two that wait.
const BEGUN: usize = 3;

/// The results of a function over many jobs, in the jobs' order; at most a few are ahead of the consumer.
pub struct Load<T> {
    results: Receiver<(usize, thread::Result<T>)>,
    /// One for each job that is begun: taken out as its result is.
    begun: Receiver<()>,
    early: BTreeMap<usize, thread::Result<T>>,
    next: usize,
    waited: Duration,
}

/// Runs `work` on every job on `workers` threads. Memory is bounded: no more than three results a worker are made or wait, however slow
/// one of them is. Where it panics the consumer does, as it comes to that job.
pub fn ordered<J, T, F>(jobs: Vec<J>, workers: usize, work: F) -> Load<T>
where
    J: Send + 'static,
    T: Send + 'static,
    F: Fn(J) -> T + Send + Sync + Clone + 'static,
{
    let workers = workers.max(1);
    let (queue, todo) = bounded(workers);
    let (begin, begun) = bounded(BEGUN * workers);
    let (done, results) = bounded(BEGUN * workers);
    thread::spawn(move || {
        for job in jobs.into_iter().enumerate() {
            if begin.send(()).is_err() || queue.send(job).is_err() {
                break; // the consumer left
            }
        }
    });
    for _ in 0..workers {
        let (todo, done, work) = (todo.clone(), done.clone(), work.clone());
        thread::spawn(move || {
            for (i, job) in todo {
                let result = catch_unwind(AssertUnwindSafe(|| work(job)));
                if done.send((i, result)).is_err() {
                    break;
                }
            }
        });
    }
    Load { results, begun, early: BTreeMap::new(), next: 0, waited: Duration::ZERO }
}

impl<T> Load<T> {
    /// How long the consumer has waited for results so far.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl<T> Iterator for Load<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        let started = Instant::now();
        while !self.early.contains_key(&self.next) {
            match self.results.recv() {
                Ok((i, result)) => self.early.insert(i, result),
                Err(_) => break, // all workers are done
            };
        }
        self.waited += started.elapsed();
        let result = self.early.remove(&self.next)?;
        self.next += 1;
        let _ = self.begun.try_recv();
        Some(result.unwrap_or_else(|panic| resume_unwind(panic)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    #[test]
    fn results_come_in_order_whatever_the_workers_do() {
        let slow = |i: u64| {
            thread::sleep(Duration::from_micros((i * 7919) % 400));
            i
        };
        let got: Vec<u64> = ordered((0..300).collect(), 4, slow).collect();
        assert_eq!(got, (0..300).collect::<Vec<_>>());
    }

    #[test]
    fn leaving_early_does_not_hang() {
        let mut load = ordered((0..10_000).collect(), 3, |i: usize| vec![i; 100]);
        assert_eq!(load.next().map(|v| v[0]), Some(0));
    }

    #[test]
    fn a_panic_reaches_the_consumer_in_its_place() {
        let mut load = ordered((0..50).collect(), 3, |i: usize| {
            assert!(i != 7 && i != 9, "photo {i}");
            i
        });
        assert_eq!(load.by_ref().take(7).collect::<Vec<_>>(), (0..7).collect::<Vec<_>>());
        let panic = catch_unwind(AssertUnwindSafe(|| load.next())).unwrap_err();
        assert_eq!(panic.downcast_ref::<String>().map(String::as_str), Some("photo 7"));
    }

    #[test]
    fn one_slow_job_does_not_let_results_pile_up() {
        let (workers, (release, waits)) = (3, bounded::<()>(0));
        let begun = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&begun);
        let load = ordered((0..500).collect(), workers, move |i: usize| {
            counted.fetch_add(1, Ordering::SeqCst);
            if i == 0 {
                waits.recv().unwrap();
            }
            i
        });
        let consumer = thread::spawn(move || load.collect::<Vec<_>>());
        while begun.load(Ordering::SeqCst) < BEGUN * workers {
            thread::yield_now();
        }
        // Time enough for many more, if they were let.
        thread::sleep(Duration::from_millis(100));
        assert_eq!(begun.load(Ordering::SeqCst), BEGUN * workers);
        release.send(()).unwrap();
        assert_eq!(consumer.join().unwrap(), (0..500).collect::<Vec<_>>());
    }
}
