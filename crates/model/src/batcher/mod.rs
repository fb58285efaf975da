//! A bounded queue before the model. Nothing waits for a batch to fill: it is whatever queued meanwhile.
//!
//! On a CPU of several cores a model can run wide (one batch on all cores: the soonest answer to a single photo) or in lanes
//! (a batch a core or few: no core waits for another, the most photos a second). Which is decided batch by batch, by whether
//! photos have lately met others here. On a GPU there is the wide way alone.
//!
//! The threads are looked after: one that panics, stalls or fails again and again has its place taken by another, with the model
//! loaded anew. Meanwhile the others take what waits; where there are none, whoever waits hears so at once.

mod policy;
mod queue;
mod seats;
mod thread;
mod watch;

pub use queue::EmbedTimes;
pub use seats::Life;

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tch::Device;
use tokio::sync::oneshot;

use crate::{
    batcher::{
        policy::Way,
        queue::{Job, Queue, Reply},
        thread::Place,
        watch::{Seated, Watch},
    },
    embedding::EmbedderError,
    engines::{Model, Shape},
    precision::Precision,
};
use lookalike_photo::{Pixels, Preprocessing};

/// Photos in one forward pass at most, where it is not said. A core gains a tenth by a batch of four and hardly more by a
/// larger one, which makes everyone in it wait; our own executor gains nothing; a GPU gains much.
const MAX_BATCH_CPU: usize = 4;
const MAX_BATCH_EXECUTOR: usize = 1;
const MAX_BATCH_GPU: usize = 32;

/// Passes under way on a GPU at once.
const GPU_PASSES: usize = 2;

/// More lanes than this only cost memory: each then gets several cores.
const MOST_LANES: usize = 16;

/// How much may wait and how much runs at once.
#[derive(Clone, Copy, Debug)]
pub struct EmbedderOptions {
    /// Photos that may wait; one more is refused at once.
    pub queue: usize,
    /// Photos in one forward pass at most; 0 is what suits the device.
    pub max_batch: usize,
    /// Cores the model may use on a CPU; 0 is all.
    pub threads: usize,
    /// How long a pass may take at least before it counts as stalled.
    pub stalled: Duration,
}

/// A pass that takes longer than this, and ten times as long as it should, has stalled, where it is not said.
const STALLED: Duration = Duration::from_secs(4);

impl Default for EmbedderOptions {
    fn default() -> Self {
        Self { queue: 64, max_batch: 0, threads: 0, stalled: STALLED }
    }
}

/// The way to the model: cheap to clone, usable from any task.
#[derive(Clone)]
pub struct Embedder {
    open: Arc<Open>,
    about: Arc<About>,
}

struct About {
    preprocessing: Preprocessing,
    shape: Shape,
    device: String,
    precision: Precision,
    at_once: usize,
}

/// The queue as callers hold it: closed once the last of them is gone.
struct Open(Arc<Queue>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// A caller's wait for its answer. Who ends it before has left the queue.
struct Waiting<'a> {
    answer: oneshot::Receiver<Reply>,
    queue: &'a Queue,
}

impl Future for Waiting<'_> {
    type Output = Reply;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        Pin::new(&mut self.answer).poll(cx).map(|answer| answer.map_err(|_| EmbedderError::Closed)?)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.answer.is_terminated() {
            self.answer.close();
            self.queue.left();
        }
    }
}

/// The model's threads, to be waited for once every [`Embedder`] is gone.
#[derive(Default)]
pub struct ModelThreads(Vec<JoinHandle<()>>);

impl ModelThreads {
    /// Whether the last batch is done.
    pub fn ended(&self) -> bool {
        self.0.iter().all(JoinHandle::is_finished)
    }

    /// Those of another model too.
    pub fn add(&mut self, other: Self) {
        self.0.retain(|thread| !thread.is_finished());
        self.0.extend(other.0);
    }

    /// Waits for them; whether none of those who look after them panicked.
    pub fn join(self) -> bool {
        self.0.into_iter().map(JoinHandle::join).all(|ended| ended.is_ok())
    }
}

impl Embedder {
    /// Loads the model, as often as there are ways to run it, and starts a thread for each, and one that looks after them. `load` is
    /// called on the thread that runs the model: libtorch plans a quantised model for the cores of the thread that first runs it. It is
    /// called again where such a thread is started again, with `true`: the model must be the same then.
    ///
    /// # Errors
    /// Where the model cannot be loaded.
    pub fn start<E: From<EmbedderError> + std::fmt::Display + Send + 'static>(
        load: impl Fn(bool) -> Result<Model, E> + Send + Sync + 'static,
        options: EmbedderOptions,
    ) -> Result<(Self, ModelThreads), E> {
        let cores = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let load = Arc::new(load);
        let queue = Arc::new(Queue::new(options.queue, options.max_batch));
        // Closes the queue where this does not come to its end: what was started ends.
        let open = Arc::new(Open(Arc::clone(&queue)));
        let suits = move |model: &Model| match options.max_batch {
            0 if model.precision() == Precision::Int7 => MAX_BATCH_EXECUTOR,
            0 if model.device() == Device::Cpu => MAX_BATCH_CPU,
            0 => MAX_BATCH_GPU,
            n => n,
        };
        let warmed = {
            let load = Arc::clone(&load);
            move |again| load(again).inspect(|model| model.warm(suits(model)))
        };
        let (first, again) = (warmed.clone(), warmed);
        let mut threads = Vec::new();
        let wide = (Way::Wide, cores);
        let model = started(&queue, &mut threads, wide, move || first(false).map(Arc::new))?;
        let max_batch = suits(&model);
        queue.lock().policy.set_model(max_batch, model.precision() == Precision::Int7);
        // While a GPU computes one pass, a core makes the next ready.
        let passes = if model.device() == Device::Cpu { 1 } else { GPU_PASSES };
        for _ in 1..passes {
            let held = Arc::clone(&model);
            started(&queue, &mut threads, wide, move || Ok::<_, E>(held))?;
        }
        queue.lock().policy.set_wide(passes);
        let lanes = if model.device() == Device::Cpu && cores > 1 { cores.min(MOST_LANES) } else { 0 };
        let about = About {
            preprocessing: model.preprocessing().clone(),
            shape: model.shape(),
            device: format!("{:?}", model.device()).to_lowercase(),
            precision: model.precision(),
            at_once: max_batch.saturating_mul(lanes.max(passes)),
        };
        for _ in 0..lanes {
            let (load, held) = (Arc::clone(&load), Arc::clone(&model));
            let load = move || match held.beside()? {
                Some(beside) => Ok(beside),
                None => load(false).map(Arc::new),
            };
            started(&queue, &mut threads, (Way::Lane, cores / lanes), load)?;
        }
        if lanes > 0 {
            queue.lock().policy.set_lanes(lanes);
        }
        let watch = Watch {
            queue,
            load: Arc::new(move || again(true).map_err(|e| e.to_string())),
            threads,
            stalled: options.stalled,
            one_photo: model.one_photo(),
        };
        let watch = std::thread::Builder::new().name("model watch".into()).spawn(move || watch.run());
        let watch = watch.map_err(|e| EmbedderError::Torch(format!("a thread cannot be started: {e}")))?;
        Ok((Self { open, about: Arc::new(about) }, ModelThreads(vec![watch])))
    }

    /// Whether photos can be embedded, and if not, why.
    pub fn life(&self) -> Life {
        self.open.0.life()
    }

    /// Embeds one photo, in a batch with whoever else is waiting. Who drops the future has left the queue.
    ///
    /// # Errors
    /// [`EmbedderError::Busy`] at once where the queue is full; [`EmbedderError::Down`] where no thread of the model lives, at once,
    /// and where the pass does not end in time; [`EmbedderError::Output`] for a vector that is zero or not finite.
    pub async fn embed(&self, pixels: Pixels) -> Reply {
        let (reply, answer) = oneshot::channel();
        self.open.0.push(Job { pixels, queued: Instant::now(), reply })?;
        Waiting { answer, queue: &self.open.0 }.await
    }

    /// How photos become the model's input.
    pub fn preprocessing(&self) -> &Preprocessing {
        &self.about.preprocessing
    }

    /// How many numbers the model gives.
    pub fn shape(&self) -> Shape {
        self.about.shape
    }

    /// Where the model runs: `cpu` or `cuda(0)`.
    pub fn device(&self) -> &str {
        &self.about.device
    }

    /// How many photos go into a pass at most for now: fewer than were set while the device has no memory for them.
    pub fn largest_batch(&self) -> usize {
        self.open.0.lock().policy.max_batch()
    }

    /// How many photos may be in the model at once.
    pub fn at_once(&self) -> usize {
        self.about.at_once
    }

    /// What it computes in.
    pub fn precision(&self) -> Precision {
        self.about.precision
    }
}

/// Starts a thread of this way; returns once its model is loaded.
fn started<E: From<EmbedderError> + Send + 'static>(
    queue: &Arc<Queue>,
    threads: &mut Vec<Seated>,
    (way, cores): (Way, usize),
    load: impl FnOnce() -> Result<Arc<Model>, E> + Send + 'static,
) -> Result<Arc<Model>, E> {
    let (tell, loaded) = std::sync::mpsc::channel();
    let place = Place { seat: queue.lock().seats.add(way), way, cores };
    let thread = thread::start(queue, place, load, move |loaded| drop(tell.send(loaded)))?;
    threads.push(Seated { place, thread });
    let ended = || EmbedderError::Torch("the model's thread ended while loading".into());
    loaded.recv().unwrap_or_else(|_| Err(ended().into()))
}
