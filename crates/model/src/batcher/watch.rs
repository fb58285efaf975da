//! Who looks after the model's threads: gives up what stalls, starts again what has ended, and says so where that does not help.

use std::{
    collections::HashMap,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    batcher::{
        queue::Queue,
        thread::{self, Place},
    },
    embedding::EmbedderError,
    engines::Model,
};
use lookalike_telemetry as telemetry;

/// How often the watch looks.
const LOOKS: Duration = Duration::from_millis(200);

/// The same while the threads end.
const LOOKS_AT_THE_END: Duration = Duration::from_millis(5);

/// A pass may take so many times as long as it took when the model was loaded, where that is more than what is said.
const TIMES_SLOWER: u32 = 10;

/// So often in a row a model may fail to load before nobody tries again, …
const LOADS: usize = 3;
/// … and so long it may take.
const LOADING: Duration = Duration::from_secs(120);

/// A thread that ends within this time of its start is not started again at once: first after [`PAUSE`], then after twice as long, up
/// to [`LONGEST_PAUSE`].
const SOON: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What loads the model anew.
pub(super) type Load = Arc<dyn Fn() -> Result<Model, String> + Send + Sync>;

/// The thread of a seat.
pub(super) struct Seated {
    pub place: Place,
    pub thread: JoinHandle<()>,
}

/// Looks after the threads until nobody can ask any more and they have ended.
pub(super) struct Watch {
    pub queue: Arc<Queue>,
    pub load: Load,
    pub threads: Vec<Seated>,
    /// How long a pass may take at least before it counts as stalled; and how long one photo takes.
    pub stalled: Duration,
    pub one_photo: Duration,
}

/// A seat whose thread is being started again.
#[derive(Default)]
struct Starting {
    failed: usize,
    /// Since when; none while it is waited with the start.
    since: Option<Instant>,
    begins: Option<Instant>,
}

/// How a load of a seat ended.
type Ended = (usize, Result<(), String>);

impl Watch {
    pub(super) fn run(mut self) {
        let (tell, told) = std::sync::mpsc::channel::<Ended>();
        let mut starting: HashMap<usize, Starting> = HashMap::new();
        let mut last: HashMap<usize, (Instant, Duration)> = HashMap::new();
        let places: HashMap<usize, Place> = self.threads.iter().map(|s| (s.place.seat, s.place)).collect();
        loop {
            let closed = self.queue.is_closed();
            let limit = |photos: usize| {
                self.stalled.max(self.one_photo * TIMES_SLOWER * u32::try_from(photos).unwrap_or(u32::MAX))
            };
            for seat in self.queue.give_up(limit) {
                // The thread is left to itself: should the pass end, it ends.
                self.threads.retain(|seated| seated.place.seat != seat);
                starting.entry(seat).or_default();
            }
            // In this order: a thread tells how its load ended before it ends.
            let ended: Vec<Seated> =
                self.threads.extract_if(.., |seated| seated.thread.is_finished()).collect();
            for (seat, ended) in told.try_iter() {
                match ended {
                    Ok(()) => drop(starting.remove(&seat)),
                    Err(why) => self.failed(seat, &why, &mut starting),
                }
            }
            for seated in ended {
                let _ = seated.thread.join();
                starting.entry(seated.place.seat).or_default();
            }
            if closed && self.threads.is_empty() {
                return;
            }
            if closed || self.queue.is_abandoned() {
                starting.clear();
            }
            for (&seat, start) in &mut starting {
                let Some(&place) = places.get(&seat) else { continue };
                if let Some(since) = start.since {
                    if since.elapsed() > LOADING {
                        self.queue.abandon("the model cannot be started again: loading does not end");
                    }
                    continue;
                }
                let begins = *start.begins.get_or_insert_with(|| {
                    let now = Instant::now();
                    let pause = match last.get(&seat) {
                        Some((when, pause)) if when.elapsed() < SOON => {
                            (*pause * 2).clamp(PAUSE, LONGEST_PAUSE)
                        }
                        _ => Duration::ZERO,
                    };
                    last.insert(seat, (now + pause, pause));
                    now + pause
                });
                if begins <= Instant::now() {
                    start.since = Some(Instant::now());
                    match self.started(place, tell.clone()) {
                        Ok(thread) => self.threads.push(Seated { place, thread }),
                        Err(e) => drop(tell.send((seat, Err(e.to_string())))),
                    }
                }
            }
            self.queue.wait(if closed { LOOKS_AT_THE_END } else { LOOKS });
        }
    }

    fn failed(&self, seat: usize, why: &str, starting: &mut HashMap<usize, Starting>) {
        let start = starting.entry(seat).or_default();
        start.failed += 1;
        tracing::error!(why, attempt = start.failed, "a thread of the model cannot be started again");
        if start.failed >= LOADS {
            self.queue.abandon(&format!("the model cannot be started again: {why}"));
            return;
        }
        (start.since, start.begins) = (None, Some(Instant::now() + PAUSE));
    }

    fn started(
        &self,
        place: Place,
        tell: std::sync::mpsc::Sender<Ended>,
    ) -> Result<JoinHandle<()>, EmbedderError> {
        let (load, queue) = (Arc::clone(&self.load), Arc::clone(&self.queue));
        let load = move || load().map(Arc::new).map_err(EmbedderError::Torch);
        let told = move |loaded: Result<Arc<Model>, EmbedderError>| {
            if loaded.is_ok() {
                tracing::info!("a thread of the model was started again");
                telemetry::model_restarted();
                queue.up(place.seat);
            }
            let _ = tell.send((place.seat, loaded.map(drop).map_err(|e| e.to_string())));
        };
        thread::start(&self.queue, place, load, told)
    }
}
