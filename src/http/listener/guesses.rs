//! Keys that are none, counted by where they come from: who sends many is not listened to for a while.

use std::{
    net::IpAddr,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use super::pace::{Lately, Pace};
use lookalike_telemetry as telemetry;

/// Wrong keys that may come from an address at once, …
const BURST: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

/// … and how long it takes until one more may.
const EACH: Duration = Duration::from_secs(6);

/// Addresses whose wrong keys are counted, and pairs of address and key that are known to belong together.
const MOST: usize = 10_000;

/// How long an address is known for a key that it sent.
const KNOWN: Duration = Duration::from_secs(24 * 3600);

/// How many wrong keys came from where.
pub(crate) struct Guesses {
    wrong: Pace<IpAddr>,
    /// When a right key was last sent, and from where.
    right: Mutex<Lately<(IpAddr, String)>>,
}

/// What becomes of a request with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The key is right.
    Right,
    /// The key is none.
    Wrong,
    /// Too many wrong ones came from there: nobody is told whether this one is right until so long has passed.
    NotNow(Duration),
}

impl Default for Guesses {
    fn default() -> Self {
        Self { wrong: Pace::new(EACH, BURST, MOST), right: Mutex::new(Lately::new(MOST)) }
    }
}

impl Guesses {
    /// A request with a key comes from this address; `name` is what the key is called, where it is one. An address that sent a right
    /// key lately goes on with that one, whatever others behind the same address send: nobody is locked out by a neighbour.
    pub(crate) fn judge(&self, from: IpAddr, name: Option<&str>, now: Instant) -> Verdict {
        let known = name.map(|name| (from, name.to_owned()));
        let mut right = self.right.lock().unwrap_or_else(PoisonError::into_inner);
        let past = now.checked_sub(KNOWN);
        if let Some(pair) = &known
            && right.get(pair).is_some_and(|last| past.is_none_or(|past| last > past))
        {
            right.put((from, pair.1.clone()), now, past);
            return Verdict::Right;
        }
        let wait = self.wrong.wait(&from, NonZeroU32::MIN, now);
        if !wait.is_zero() {
            telemetry::key_failed("not_tried");
            return Verdict::NotNow(wait);
        }
        let Some(pair) = known else {
            telemetry::key_failed("wrong");
            let _ = self.wrong.take(&from, NonZeroU32::MIN, now); // there was a place for it
            return Verdict::Wrong;
        };
        right.put(pair, now, past);
        Verdict::Right
    }

    /// Other keys have these names now.
    pub(crate) fn rename(&self) {
        self.right.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Forgets what is long past; to be called now and then.
    pub(crate) fn forget(&self, now: Instant) {
        self.wrong.forget(now);
        self.right.lock().unwrap_or_else(PoisonError::into_inner).forget(now.checked_sub(KNOWN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, last])
    }

    #[test]
    fn who_guesses_is_not_told_and_who_is_known_goes_on() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        assert_eq!(guesses.judge(address(1), Some("read-1"), now), Verdict::Right);
        for _ in 0..BURST.get() {
            assert_eq!(guesses.judge(address(1), None, now), Verdict::Wrong);
        }
        let held = Verdict::NotNow(EACH);
        assert_eq!(guesses.judge(address(1), None, now), held);
        assert_eq!(guesses.judge(address(1), Some("read-2"), now), held, "a right guess is not told either");
        assert_eq!(guesses.judge(address(1), Some("read-1"), now), Verdict::Right);
        assert_eq!(guesses.judge(address(2), Some("read-2"), now), Verdict::Right, "another address");
        assert_eq!(guesses.judge(address(1), Some("read-2"), now + EACH), Verdict::Right);
        guesses.rename();
        assert_eq!(guesses.judge(address(1), None, now + EACH), Verdict::Wrong);
        assert_eq!(guesses.judge(address(1), Some("read-1"), now + EACH), held, "that is another key now");
    }

    #[test]
    fn a_day_later_nobody_is_known() {
        let (guesses, now) = (Guesses::default(), Instant::now());
        assert_eq!(guesses.judge(address(1), Some("read-1"), now), Verdict::Right);
        let later = now + KNOWN;
        for _ in 0..BURST.get() {
            assert_eq!(guesses.judge(address(1), None, later), Verdict::Wrong);
        }
        assert_eq!(guesses.judge(address(1), Some("read-1"), later), Verdict::NotNow(EACH));
    }
}
