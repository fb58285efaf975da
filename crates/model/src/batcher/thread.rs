//! The life of one of the model's threads: it loads, takes batches and answers them, until nobody can ask any more or its model is
//! not to be trusted any more.

use std::{
    any::Any,
    cell::Cell,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use crate::{
    batcher::{
        policy::Way,
        queue::{Batch, EmbedTimes, Queue},
    },
    embedding::{Embedded, EmbedderError},
    engines::Model,
};
use lookalike_photo::Pixels;
use lookalike_telemetry as telemetry;

/// So many passes that fail one after the other are a reason to try the model on a grey photo.
const FAILURES: usize = 5;

/// How often it is looked whether the device has memory again.
const MEMORY_AGAIN: Duration = Duration::from_millis(500);

/// Where a thread sits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub seat: usize,
    pub way: Way,
    pub cores: usize,
}

/// How a thread ended.
enum End {
    /// Nobody can ask any more, or the thread's seat is another's.
    Over,
    /// Its model is not to be trusted any more; why.
    Broken(String),
}

/// Starts a thread that loads a model, tells whether it could, and serves with it. A panic of the model, or a run of failures that a
/// grey photo shares, ends the thread and [loses](Queue::lose) its seat.
pub(super) fn start<E: From<EmbedderError> + Send + 'static>(
    queue: &Arc<Queue>,
    place: Place,
    load: impl FnOnce() -> Result<Arc<Model>, E> + Send + 'static,
    tell: impl FnOnce(Result<Arc<Model>, E>) + Send + 'static,
) -> Result<JoinHandle<()>, EmbedderError> {
    let queue = Arc::clone(queue);
    let run = move || {
        tch::get_num_threads(); // libtorch sets a thread up when it is first asked; what is set before that is lost
        tch::set_num_threads(i32::try_from(place.cores).unwrap_or(1).max(1));
        let loaded = catch_unwind(AssertUnwindSafe(load))
            .unwrap_or_else(|panic| Err(EmbedderError::Torch(said("loading the model", &*panic)).into()));
        let model = loaded.as_ref().ok().map(Arc::clone);
        tell(loaded);
        if let Some(model) = model
            && let End::Broken(why) = serve(&queue, place.seat, &model)
        {
            tracing::error!(why, "a thread of the model ends: another takes its place");
            queue.lose(place.seat, &why);
        }
    };
    let name = match place.way {
        Way::Wide => "model wide",
        Way::Lane => "model lane",
    };
    std::thread::Builder::new()
        .name(name.into())
        .spawn(run)
        .map_err(|e| EmbedderError::Torch(format!("the model's thread cannot be started: {e}")))
}

fn serve(queue: &Queue, seat: usize, model: &Model) -> End {
    let mut failures = 0;
    while let Some(batch) = queue.take(seat) {
        match answer(queue, model, batch) {
            Passed::Well => failures = 0,
            Passed::Badly => failures += 1,
            Passed::TakenAway => return End::Over,
            Passed::Panicked(why) => return End::Broken(why),
        }
        if failures < FAILURES {
            continue;
        }
        failures = 0;
        if let Some(why) = sound_again(queue, seat, model) {
            return End::Broken(why);
        }
    }
    End::Over
}

/// Whether a grey photo passes, once the device has memory for it; else why not. The seat is lost meanwhile.
fn sound_again(queue: &Queue, seat: usize, model: &Model) -> Option<String> {
    let grey = [Pixels::grey(model.preprocessing().size())];
    while !queue.is_closed() {
        let why = match passed(model, &grey) {
            Ok(Ok(answers)) => match answers.into_iter().find_map(Result::err) {
                None => break,
                Some(e) => return Some(format!("passes fail one after the other: {e}")),
            },
            Ok(Err(EmbedderError::NoMemory(why))) => why,
            Ok(Err(e)) => return Some(format!("passes fail one after the other: {e}")),
            Err(panic) => return Some(panic),
        };
        queue.lose(seat, &format!("the device has no memory for a photo: {why}"));
        std::thread::sleep(MEMORY_AGAIN);
    }
    queue.up(seat);
    None
}

enum Passed {
    Well,
    Badly,
    TakenAway,
    Panicked(String),
}

fn answer(queue: &Queue, model: &Model, batch: Batch) -> Passed {
    telemetry::batch(batch.photos.len());
    let started = Instant::now();
    let fitted = Cell::new(true);
    let run = || {
        in_parts(&|photos| model.embed(photos), &batch.photos, &|too_many| {
            fitted.set(false);
            let max_batch = queue.lock().policy.halve(too_many);
            tracing::warn!(batch = too_many, max_batch, "the device has no memory for such a batch");
        })
    };
    let embedded = catch_unwind(AssertUnwindSafe(run)).map_err(|panic| said("a pass", &*panic));
    let took = started.elapsed();
    if matches!(embedded, Ok(Ok(_))) && fitted.get() {
        queue.lock().policy.fitted(batch.photos.len());
    }
    // Before the callers know: whoever asks again finds the way free.
    let Some(callers) = queue.finish(&batch) else { return Passed::TakenAway };
    match embedded {
        Ok(Ok(answers)) => {
            let well = answers.iter().any(Result::is_ok);
            for (caller, answer) in callers.into_iter().zip(answers) {
                let times = EmbedTimes { queue: caller.waited, model: took };
                let _ = caller.reply.send(answer.map(|e| (e, times)));
            }
            if well { Passed::Well } else { Passed::Badly }
        }
        Ok(Err(e)) => {
            tracing::error!(error = %e, batch = callers.len(), "the model failed on a batch");
            for caller in callers {
                let _ = caller.reply.send(Err(e.told_again()));
            }
            Passed::Badly
        }
        Err(why) => {
            for caller in callers {
                let _ = caller.reply.send(Err(EmbedderError::Torch(why.clone())));
            }
            Passed::Panicked(why)
        }
    }
}

type Answers = Result<Vec<Result<Embedded, EmbedderError>>, EmbedderError>;

/// One pass; what a panic said, where one ended it.
fn passed(model: &Model, photos: &[Pixels]) -> Result<Answers, String> {
    catch_unwind(AssertUnwindSafe(|| model.embed(photos))).map_err(|panic| said("a pass", &*panic))
}

fn said(what: &str, panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no words");
    format!("{what} panicked: {text}")
}

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
