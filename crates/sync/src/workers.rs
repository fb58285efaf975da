//! Work that several threads do at once, and what one of them makes of it in the end.

use std::sync::{
    Mutex, PoisonError,
    mpsc::{Receiver, sync_channel},
};

/// Does each piece of work on one of so many threads, and hands on what comes of it to this thread, in any order. As many results
/// as there are threads may wait to be taken, and each thread holds one more.
pub(crate) fn each<T: Send, R: Send>(
    work: Vec<T>,
    threads: usize,
    make: impl Fn(T) -> R + Sync,
    mut take: impl FnMut(R),
) {
    while_taken(work, threads, make, |results| results.iter().for_each(&mut take));
}

/// The same; what `take` leaves in the channel when it returns is not made.
pub(crate) fn while_taken<T: Send, R: Send, O>(
    work: Vec<T>,
    threads: usize,
    make: impl Fn(T) -> R + Sync,
    take: impl FnOnce(Receiver<R>) -> O,
) -> O {
    let (send, results) = sync_channel(threads);
    let work = Mutex::new(work.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let (send, work, make) = (send.clone(), &work, &make);
            scope.spawn(move || {
                loop {
                    let next = work.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(next) = next else { break };
                    if send.send(make(next)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(send);
        take(results)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_made_once_and_no_more_than_is_taken() {
        let mut made = Vec::new();
        each((0..1_000).collect(), 7, |n: u32| n * 2, |n| made.push(n));
        made.sort_unstable();
        assert_eq!(made, (0..1_000).map(|n| n * 2).collect::<Vec<_>>());
        let first = while_taken((0..1_000_000).collect(), 3, |n: u32| n, |results| results.recv().ok());
        assert!(first.is_some());
    }
}
