//! A bounded queue and one model thread: a batch is whatever queued while the last one ran.

use std::{
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tokio::sync::{mpsc, oneshot};

use super::{Embedded, EmbedderError, Model, Shape};
use crate::image::{Pixels, Preprocessing};

/// How much may wait and how much runs at once.
#[derive(Clone, Copy, Debug)]
pub struct EmbedderOptions {
    /// Photos that may wait; one more is refused at once.
    pub queue: usize,
    /// Photos in one forward pass at most.
    pub max_batch: usize,
}

impl Default for EmbedderOptions {
    fn default() -> Self {
        Self { queue: 128, max_batch: 8 }
    }
}

struct Job {
    pixels: Pixels,
    queued: Instant,
    reply: oneshot::Sender<Result<(Embedded, EmbedTimes), EmbedderError>>,
}

/// Where an embedding's time went.
#[derive(Clone, Copy, Debug)]
pub struct EmbedTimes {
    /// Waiting for the model thread.
    pub queue: Duration,
    /// The forward pass of the batch it was in.
    pub model: Duration,
}

/// The way to the model: cheap to clone, usable from any task.
#[derive(Clone)]
pub struct Embedder {
    queue: mpsc::Sender<Job>,
    about: Arc<About>,
}

struct About {
    preprocessing: Preprocessing,
    shape: Shape,
    device: String,
}

impl Embedder {
    /// Starts the model thread. It ends when every clone of the returned handle is gone; join the second part to wait
    /// for that.
    pub fn start(model: Model, options: EmbedderOptions) -> std::io::Result<(Self, JoinHandle<()>)> {
        let about = About {
            preprocessing: model.preprocessing().clone(),
            shape: model.shape(),
            device: format!("{:?}", model.device()).to_lowercase(),
        };
        let (sender, receiver) = mpsc::channel(options.queue.max(1));
        let run = move || serve(&model, receiver, options.max_batch.max(1));
        let thread = std::thread::Builder::new().name("model".into()).spawn(run)?;
        Ok((Self { queue: sender, about: Arc::new(about) }, thread))
    }

    /// Embeds one photo, in a batch with whoever else is waiting.
    ///
    /// # Errors
    /// [`EmbedderError::Busy`] at once where the queue is full; [`EmbedderError::Output`] for a vector that is zero or
    /// not finite.
    pub async fn embed(&self, pixels: Pixels) -> Result<(Embedded, EmbedTimes), EmbedderError> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Job { pixels, queued: Instant::now(), reply }).map_err(|e| match e {
            mpsc::error::TrySendError::Full(_) => EmbedderError::Busy,
            mpsc::error::TrySendError::Closed(_) => EmbedderError::Closed,
        })?;
        answer.await.map_err(|_| EmbedderError::Closed)?
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
}

/// The model thread: libtorch's per-thread memory and its `no_grad` guard live here alone.
fn serve(model: &Model, mut queue: mpsc::Receiver<Job>, max_batch: usize) {
    while let Some(first) = queue.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < max_batch
            && let Ok(job) = queue.try_recv()
        {
            batch.push(job);
        }
        batch.retain(|job| !job.reply.is_closed()); // callers that left
        answer(model, batch);
    }
}

fn answer(model: &Model, batch: Vec<Job>) {
    let (mut photos, mut callers) = (Vec::new(), Vec::new());
    for job in batch {
        callers.push((job.reply, job.queued.elapsed()));
        photos.push(job.pixels);
    }
    let started = Instant::now();
    let embedded = model.embed(&photos);
    let took = started.elapsed();
    match embedded {
        Ok(answers) => {
            for ((reply, queue), answer) in callers.into_iter().zip(answers) {
                let _ = reply.send(answer.map(|e| (e, EmbedTimes { queue, model: took })));
            }
        }
        Err(e) => {
            let text = e.to_string();
            tracing::error!(error = text, batch = callers.len(), "the model failed on a batch");
            for (reply, _) in callers {
                let _ = reply.send(Err(EmbedderError::Torch(text.clone())));
            }
        }
    }
}
