//! A bounded queue before the model. Nothing waits for a batch to fill: it is whatever queued meanwhile.
//!
//! On a CPU of several cores a model can run wide (one batch on all cores: the soonest answer to a single photo) or in lanes
//! (a batch a core or few: no core waits for another, the most photos a second). Which is decided batch by batch, by whether
//! photos have lately met others here. On a GPU there is the wide way alone.

mod policy;
mod queue;

pub use queue::EmbedTimes;

use std::{
    cell::Cell,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    thread::JoinHandle,
    time::Instant,
};

use tch::Device;
use tokio::sync::oneshot;

use crate::{
    batcher::{
        policy::Way,
        queue::{AtWork, Job, Queue, Reply},
    },
    embedding::{Embedded, EmbedderError},
    engines::{Model, Shape},
    precision::Precision,
};
use lookalike_photo::{Pixels, Preprocessing};
use lookalike_telemetry as telemetry;

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
}

impl Default for EmbedderOptions {
    fn default() -> Self {
        Self { queue: 64, max_batch: 0, threads: 0 }
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

    /// Waits for them; whether none of them panicked.
    pub fn join(self) -> bool {
        self.0.into_iter().map(JoinHandle::join).all(|ended| ended.is_ok())
    }
}

impl Embedder {
    /// Loads the model, as often as there are ways to run it, and starts a thread for each. `load` is called on that thread:
    /// libtorch plans a quantised model for the cores of the thread that first runs it.
    pub fn start<E: From<EmbedderError> + Send + 'static>(
        load: impl Fn() -> Result<Model, E> + Send + Sync + 'static,
        options: EmbedderOptions,
    ) -> Result<(Self, ModelThreads), E> {
        let cores = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            n => n,
        };
        let load = Arc::new(load);
        let queue = Arc::new(Queue::new(options.queue, options.max_batch));
        let mut threads = ModelThreads(Vec::new());
        let open = Arc::new(Open(Arc::clone(&queue)));
        let wide = Place { way: Way::Wide, cores };
        let first = Arc::clone(&load);
        let suits = move |model: &Model| match options.max_batch {
            0 if model.precision() == Precision::Int7 => MAX_BATCH_EXECUTOR,
            0 if model.device() == Device::Cpu => MAX_BATCH_CPU,
            0 => MAX_BATCH_GPU,
            n => n,
        };
        let warmed = move || {
            first().map(|model| {
                model.warm(suits(&model));
                Arc::new(model)
            })
        };
        let model = threads.start(&queue, wide, warmed)?;
        let max_batch = suits(&model);
        {
            let mut state = queue.lock();
            state.policy.set_model(max_batch, model.precision() == Precision::Int7);
        }
        // While a GPU computes one pass, a core makes the next ready.
        let passes = if model.device() == Device::Cpu { 1 } else { GPU_PASSES };
        for _ in 1..passes {
            let held = Arc::clone(&model);
            threads.start(&queue, wide, move || Ok::<_, E>(held))?;
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
        if lanes > 0 {
            for _ in 0..lanes {
                let lane = Place { way: Way::Lane, cores: cores / lanes };
                let (load, held) = (Arc::clone(&load), Arc::clone(&model));
                let load = move || match held.beside()? {
                    Some(beside) => Ok(beside),
                    None => load().map(Arc::new),
                };
                threads.start(&queue, lane, load)?;
            }
            queue.lock().policy.set_lanes(lanes);
        }
        Ok((Self { open, about: Arc::new(about) }, threads))
    }

    /// Embeds one photo, in a batch with whoever else is waiting. Who drops the future has left the queue.
    ///
    /// # Errors
    /// [`EmbedderError::Busy`] at once where the queue is full; [`EmbedderError::Output`] for a vector that is zero or
    /// not finite.
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

    /// How many photos may be in the model at once.
    pub fn at_once(&self) -> usize {
        self.about.at_once
    }

    /// What it computes in.
    pub fn precision(&self) -> Precision {
        self.about.precision
    }
}

impl ModelThreads {
    /// Starts a thread that loads a model and serves with it; returns once it is loaded.
    fn start<E: From<EmbedderError> + Send + 'static>(
        &mut self,
        queue: &Arc<Queue>,
        place: Place,
        load: impl FnOnce() -> Result<Arc<Model>, E> + Send + 'static,
    ) -> Result<Arc<Model>, E> {
        let (tell, loaded) = std::sync::mpsc::channel();
        let queue = Arc::clone(queue);
        let run = move || {
            tch::get_num_threads(); // libtorch sets a thread up when it is first asked; what is set before that is lost
            tch::set_num_threads(i32::try_from(place.cores).unwrap_or(1).max(1));
            match load() {
                Ok(model) => {
                    let _ = tell.send(Ok(Arc::clone(&model)));
                    serve(&queue, place.way, &model);
                }
                Err(e) => {
                    let _ = tell.send(Err(e));
                }
            }
        };
        let name = match place.way {
            Way::Wide => "model wide",
            Way::Lane => "model lane",
        };
        let failed = |why: String| EmbedderError::Torch(format!("the model's thread {why}"));
        let thread = std::thread::Builder::new().name(name.into()).spawn(run);
        self.0.push(thread.map_err(|e| failed(format!("cannot be started: {e}")))?);
        loaded.recv().unwrap_or_else(|_| Err(failed("ended while loading".into()).into()))
    }
}

#[derive(Clone, Copy)]
struct Place {
    way: Way,
    cores: usize,
}

/// A thread's life: takes a batch, answers it, until nobody can ask any more.
fn serve(queue: &Queue, way: Way, model: &Model) {
    while let Some((batch, at_work)) = queue.take(way) {
        answer(queue, model, batch, at_work);
    }
}

fn answer(queue: &Queue, model: &Model, batch: Vec<Job>, at_work: AtWork<'_>) {
    let (mut photos, mut callers) = (Vec::new(), Vec::new());
    for job in batch {
        callers.push((job.reply, job.queued.elapsed()));
        photos.push(job.pixels);
    }
    telemetry::batch(photos.len());
    let started = Instant::now();
    let fitted = Cell::new(true);
    let embedded = in_parts(&|photos| model.embed(photos), &photos, &|too_many| {
        fitted.set(false);
        let max_batch = queue.lock().policy.halve(too_many);
        tracing::warn!(batch = too_many, max_batch, "the device has no memory for such a batch");
    });
    let took = started.elapsed();
    if embedded.is_ok() && fitted.get() {
        queue.lock().policy.fitted(photos.len());
    }
    drop(at_work); // before the callers know: whoever asks again finds the way free
    match embedded {
        Ok(answers) => {
            for ((reply, waited), answer) in callers.into_iter().zip(answers) {
                let _ = reply.send(answer.map(|e| (e, EmbedTimes { queue: waited, model: took })));
            }
        }
        Err(e) => {
            tracing::error!(error = %e, batch = callers.len(), "the model failed on a batch");
            for (reply, _) in callers {
                let _ = reply.send(Err(e.told_again()));
            }
        }
    }
}

type Answers = Result<Vec<Result<Embedded, EmbedderError>>, EmbedderError>;

/// Runs a batch; where the device has no memory for it, in halves, down to single photos. `learn` is told each size that
/// did not fit.
fn in_parts(run: &dyn Fn(&[Pixels]) -> Answers, photos: &[Pixels], learn: &dyn Fn(usize)) -> Answers {
    match run(photos) {
        Err(EmbedderError::NoMemory(_)) if photos.len() > 1 => {
            learn(photos.len());
            let (first, second) = photos.split_at(photos.len() / 2);
            let mut answers = in_parts(run, first, learn)?;
            answers.extend(in_parts(run, second, learn)?);
            Ok(answers)
        }
        answers => answers,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use lookalike_items::Vectors;

    #[test]
    fn a_batch_that_does_not_fit_is_halved() {
        let sizes = RefCell::new(Vec::new());
        let too_many = RefCell::new(Vec::new());
        let run = |photos: &[Pixels]| {
            sizes.borrow_mut().push(photos.len());
            if photos.len() > 2 {
                return Err(EmbedderError::NoMemory("Tried to allocate 2 GiB".into()));
            }
            let one = |_| Ok(Embedded { vectors: Vectors::new(vec![1.0], vec![]).unwrap(), logits: vec![] });
            Ok(photos.iter().map(one).collect())
        };
        let photos = vec![Pixels::grey(128); 7];
        let answers = in_parts(&run, &photos, &|n| too_many.borrow_mut().push(n)).unwrap();
        assert_eq!(answers.len(), 7);
        assert_eq!(*sizes.borrow(), [7, 3, 1, 2, 4, 2, 2]);
        assert_eq!(*too_many.borrow(), [7, 3, 4]);
        let never = |_: &[Pixels]| Err(EmbedderError::NoMemory("none is left".into()));
        assert!(in_parts(&never, &photos, &|_| ()).is_err());
    }
}
