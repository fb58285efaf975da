//! Requests that may fail: made again where that can help, within the time there is, and not made at all while it is known that nobody
//! answers.

use std::{
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rand::RngExt;
use tokio::time::{Instant, sleep, timeout_at};

use crate::fault::Fault;

/// Failures one after the other that open the breaker.
const OPENS: u32 = 5;

/// How long the breaker is open at first. Each probe that fails doubles it.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest it is open: so long after Milvus is well again it may take until it is asked.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The wait before a second attempt. It doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Makes requests, and remembers how they went.
#[derive(Debug)]
pub(crate) struct Calls {
    attempts: u32,
    breaker: Mutex<Breaker>,
}

/// Closed while requests succeed. After [`OPENS`] outages in a row it is open for a pause, and requests fail at once. After the pause one
/// request is let through: where it succeeds the breaker is closed, else the next pause begins.
#[derive(Debug, Default)]
struct Breaker {
    failures: u32,
    pause: Duration,
    why: String,
    /// Until when it is open.
    until: Option<Instant>,
    /// The one request is on its way, since then.
    probing: Option<Instant>,
}

/// A request that was let through and has not ended: where it is dropped, nothing was learned, and another may probe.
struct Admitted<'a>(&'a Calls, bool);

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        if !self.1 {
            self.0.breaker().probing = None;
        }
    }
}

impl Calls {
    /// Each request is made so often at most.
    pub fn new(attempts: u32) -> Self {
        Self { attempts: attempts.max(1), breaker: Mutex::default() }
    }

    /// Makes the request until it succeeds, fails for good, or it is too late.
    pub async fn make<T, F>(
        &self,
        what: &str,
        until: Instant,
        mut request: impl FnMut() -> F,
    ) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let mut attempt = 0;
        loop {
            let mut admitted = self.admitted()?;
            let made = timeout_at(until, request()).await;
            let made = made.unwrap_or_else(|_| Err(Fault::Slow(format!("{what} was not done in time"))));
            admitted.1 = true;
            self.learn(made.as_ref().err());
            attempt += 1;
            let fault = match made {
                Err(fault) if fault.passes() && attempt < self.attempts => fault,
                other => return other,
            };
            let longer = if matches!(fault, Fault::Busy(_)) { 4 } else { 1 };
            let wait = jittered(FIRST_WAIT * (longer << (attempt - 1).min(10)));
            if Instant::now() + wait >= until {
                return Err(fault);
            }
            tracing::debug!(what, attempt, why = fault.why(), "Milvus is asked again");
            sleep(wait).await;
        }
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admitted(&self) -> Result<Admitted<'_>, Fault> {
        let now = Instant::now();
        let mut breaker = self.breaker();
        let Some(until) = breaker.until else { return Ok(Admitted(self, false)) };
        // A probe that takes longer than the longest pause is not waited for.
        let probing = breaker.probing.is_some_and(|since| now < since + LONGEST_PAUSE);
        if now < until || probing {
            let retry_after = until.saturating_duration_since(now).max(Duration::from_millis(100));
            return Err(Fault::Open { why: breaker.why.clone(), retry_after });
        }
        breaker.probing = Some(now);
        Ok(Admitted(self, false))
    }

    fn learn(&self, fault: Option<&Fault>) {
        let mut breaker = self.breaker();
        let Some(fault) = fault.filter(|fault| fault.is_an_outage()) else {
            if breaker.until.is_some() {
                tracing::info!("Milvus answers again");
            }
            *breaker = Breaker::default();
            return;
        };
        breaker.failures += 1;
        breaker.why = fault.why();
        let probed = breaker.probing.take().is_some();
        if breaker.failures < OPENS || (breaker.until.is_some() && !probed) {
            return;
        }
        breaker.pause = (breaker.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
        if breaker.until.is_none() {
            tracing::warn!(why = breaker.why, "Milvus does not answer");
        }
        breaker.until = Some(Instant::now() + breaker.pause);
    }
}

/// A time between half of this and all of it: those who failed together do not come back together.
fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(rand::rng().random_range(0.5..1.0))
}

#[cfg(test)]
mod tests {
    use std::{
        future::{pending, ready},
        sync::atomic::{AtomicU32, Ordering::Relaxed},
    };

    use super::*;

    fn away() -> Fault {
        Fault::Away("down".into())
    }

    fn within(seconds: u64) -> Instant {
        Instant::now() + Duration::from_secs(seconds)
    }

    /// Fails so often, then succeeds; counts how often it was made.
    struct Flaky(AtomicU32, u32, Fault);

    impl Flaky {
        async fn ask(&self, calls: &Calls) -> Result<u32, Fault> {
            let once = || {
                let made = self.0.fetch_add(1, Relaxed) + 1;
                ready(if made > self.1 { Ok(made) } else { Err(self.2.clone()) })
            };
            calls.make("a test", within(10), once).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_tried_again_and_nothing_else() {
        let flaky = Flaky(AtomicU32::new(0), 2, away());
        assert_eq!(flaky.ask(&Calls::new(4)).await, Ok(3));
        let flaky = Flaky(AtomicU32::new(0), 2, Fault::Busy("rate".into()));
        assert_eq!(flaky.ask(&Calls::new(4)).await, Ok(3));
        let flaky = Flaky(AtomicU32::new(0), 9, away());
        assert_eq!((flaky.ask(&Calls::new(4)).await, flaky.0.load(Relaxed)), (Err(away()), 4));
        for fault in [
            Fault::Wrong("no".into()),
            Fault::Full("disk".into()),
            Fault::Missing("c".into()),
            Fault::TooLarge,
        ] {
            let flaky = Flaky(AtomicU32::new(0), 9, fault.clone());
            assert_eq!((flaky.ask(&Calls::new(4)).await, flaky.0.load(Relaxed)), (Err(fault), 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_takes_longer_than_it_may() {
        let calls = Calls::new(100);
        let start = Instant::now();
        let made: Result<(), _> = calls.make("a test", within(2), pending).await;
        assert!(matches!(made, Err(Fault::Slow(_))), "{made:?}");
        assert_eq!(start.elapsed(), Duration::from_secs(2));
        let start = Instant::now();
        let busy = || ready(Err::<(), _>(Fault::Busy("rate".into())));
        let made = calls.make("a test", within(2), busy).await;
        assert!(matches!(made, Err(Fault::Busy(_))) && start.elapsed() <= Duration::from_secs(2), "{made:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_breaker_opens_probes_and_closes() {
        let calls = Calls::new(1);
        let flaky = Flaky(AtomicU32::new(0), OPENS + 1, away());
        for _ in 0..OPENS {
            assert_eq!(flaky.ask(&calls).await, Err(away()));
        }
        // Open: nobody is asked.
        let open = flaky.ask(&calls).await;
        assert!(
            matches!(&open, Err(Fault::Open { retry_after, .. }) if *retry_after <= FIRST_PAUSE),
            "{open:?}"
        );
        assert_eq!(flaky.0.load(Relaxed), OPENS);
        // A probe that fails opens it again, for longer.
        sleep(FIRST_PAUSE).await;
        assert_eq!(flaky.ask(&calls).await, Err(away()));
        sleep(FIRST_PAUSE).await;
        assert!(matches!(flaky.ask(&calls).await, Err(Fault::Open { .. })));
        // One that succeeds closes it.
        sleep(FIRST_PAUSE).await;
        assert_eq!(flaky.ask(&calls).await, Ok(OPENS + 2));
        assert_eq!(flaky.ask(&calls).await, Ok(OPENS + 3));
    }

    #[tokio::test(start_paused = true)]
    async fn one_probes_and_the_others_are_told_to_wait() {
        let calls = Calls::new(1);
        for _ in 0..OPENS {
            let _ = calls.make("a test", within(1), || ready(Err::<(), _>(away()))).await;
        }
        sleep(FIRST_PAUSE).await;
        let mut probe = Box::pin(calls.make("a test", within(60), pending::<Result<(), Fault>>));
        tokio::select! { biased; made = &mut probe => panic!("{made:?}"), () = ready(()) => {} }
        let other = calls.make("a test", within(1), || ready(Ok(()))).await;
        assert!(matches!(other, Err(Fault::Open { .. })), "{other:?}");
        // A probe that is given up lets the next one through.
        drop(probe);
        assert_eq!(calls.make("a test", within(1), || ready(Ok(()))).await, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_no_outage() {
        let calls = Calls::new(1);
        for _ in 0..3 * OPENS {
            let made =
                calls.make("a test", within(1), || ready(Err::<(), _>(Fault::Wrong("no".into())))).await;
            assert_eq!(made, Err(Fault::Wrong("no".into())));
        }
    }
}
