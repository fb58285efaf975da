use super::*;
use crate::batcher::policy::{QUIET_AFTER, Way};

fn job() -> (Job, oneshot::Receiver<Reply>) {
    let (reply, answer) = oneshot::channel();
    (Job { pixels: Pixels::grey(128), queued: Instant::now(), reply }, answer)
}

fn queue(lanes: usize) -> Queue {
    let queue = Queue::new(6, 4);
    queue.lock().policy.set_lanes(lanes);
    let ways = std::iter::once(Way::Wide).chain((0..lanes).map(|_| Way::Lane));
    ways.for_each(|way| assert!(queue.lock().seats.add(way) <= lanes));
    queue
}

const WIDE: usize = 0;
const LANE: usize = 1;

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
    let first = queue.take(LANE).unwrap();
    assert_eq!((share(Way::Wide), share(Way::Lane)), (0, 1), "a lane is at work: the other takes it");
    drop(queue.finish(&first));
    assert_eq!((share(Way::Wide), share(Way::Lane)), (1, 0));
    drop(queue.finish(&queue.take(WIDE).unwrap()));
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
    assert_eq!(queue.take(WIDE).unwrap().photos.len(), 4);
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
    assert_eq!(queue.take(WIDE).unwrap().photos.len(), 1);
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
    let wide = queue.take(WIDE).unwrap();
    push(5);
    assert_eq!((share(Way::Wide), share(Way::Lane)), (0, 0), "all cores are at work");
    drop(queue.finish(&wide));
    assert_eq!((share(Way::Wide), share(Way::Lane)), (0, 3), "five photos, two lanes");
    let first = queue.take(LANE).unwrap();
    assert_eq!((share(Way::Wide), share(Way::Lane)), (0, 1), "two are left: one for each lane");
    let second = queue.take(LANE).unwrap();
    drop(queue.finish(&first));
    let third = queue.take(LANE).unwrap();
    drop((queue.finish(&second), queue.finish(&third)));
    // One at a time again: lanes at first, wide once it has been quiet for a while.
    for quiet in 1..=QUIET_AFTER {
        push(1);
        let way = if quiet < QUIET_AFTER { Way::Lane } else { Way::Wide };
        assert_eq!(share(way), 1, "after {quiet}");
        drop(queue.finish(&queue.take(if way == Way::Wide { WIDE } else { LANE }).unwrap()));
    }
}

#[test]
fn what_stalls_is_given_up_and_what_waits_is_told_where_nobody_is_left() {
    let queue = queue(0);
    let mut callers = pushed(&queue, 5);
    let taken = queue.take(WIDE).unwrap();
    assert_eq!(queue.give_up(|_| Duration::from_secs(60)), [0usize; 0]);
    let refused =
        |caller: &mut oneshot::Receiver<Reply>| matches!(caller.try_recv(), Ok(Err(EmbedderError::Down(_))));
    assert!(!callers.iter_mut().any(refused));
    assert_eq!(queue.give_up(|photos| Duration::from_nanos(photos as u64)), [WIDE]);
    assert!(callers.iter_mut().all(refused), "those in the batch, and the one that waited");
    let (one_more, _answer) = job();
    assert!(matches!(queue.push(one_more), Err(EmbedderError::Down(_))));
    assert!(queue.finish(&taken).is_none(), "its seat is another's now");
    queue.up(WIDE);
    let _callers = pushed(&queue, 1);
    assert_eq!(queue.take(WIDE).unwrap().photos.len(), 1);
}
