//! Reads, decodes and prepares in parallel, and gives back in order.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, bounded};

/// The results of a function over many jobs, in the jobs' order; at most a few are ahead of the consumer.
pub struct Load<T> {
    results: Receiver<(usize, T)>,
    early: BTreeMap<usize, T>,
    next: usize,
    waited: Duration,
}

/// Runs `work` on every job on `workers` threads. Memory is bounded: no more than two results a worker wait.
pub fn ordered<J, T, F>(jobs: Vec<J>, workers: usize, work: F) -> Load<T>
where
    J: Send + 'static,
    T: Send + 'static,
    F: Fn(J) -> T + Send + Sync + Clone + 'static,
{
    let workers = workers.max(1);
    let (queue, todo) = bounded(workers);
    let (done, results) = bounded(workers * 2);
    thread::spawn(move || {
        for job in jobs.into_iter().enumerate() {
            if queue.send(job).is_err() {
                break; // the consumer left
            }
        }
    });
    for _ in 0..workers {
        let (todo, done, work) = (todo.clone(), done.clone(), work.clone());
        thread::spawn(move || {
            for (i, job) in todo {
                if done.send((i, work(job))).is_err() {
                    break;
                }
            }
        });
    }
    Load { results, early: BTreeMap::new(), next: 0, waited: Duration::ZERO }
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
        let result = self.early.remove(&self.next);
        self.next += 1;
        result
    }
}

#[cfg(test)]
mod tests {
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
}
