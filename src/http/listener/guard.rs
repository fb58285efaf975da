//! Who may ask what, and how often.

use std::{
    net::{IpAddr, Ipv6Addr},
    num::NonZeroU32,
    sync::Arc,
    time::Instant,
};

use arc_swap::ArcSwap;
use axum::{
    extract::{Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use tracing::Span;

use crate::config::{ApiKeys, RateLimit, Role};
use crate::http::{
    error::ApiError,
    listener::{
        caller::Client,
        guesses::{Guesses, Verdict},
        pace::Pace,
    },
};

/// Callers whose rates are kept at once.
const CALLERS: usize = 100_000;

/// What a route asks of whoever calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: a browser shows it without a key, or a probe asks.
    Public,
    /// A key, where the server has any.
    Read,
    /// An admin key.
    Admin,
}

/// What a request to a route counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cost {
    /// One request.
    One,
    /// What its handler counts, in one step, once it knows what was sent.
    Later,
}

/// The keys, and how often each has been used lately.
pub(crate) struct Gate {
    keys: ArcSwap<ApiKeys>,
    /// Searches need no key, even where there are keys.
    open_reads: bool,
    pace: Option<Pace<Caller>>,
    guesses: Guesses,
}

/// What a request is counted under: its key's name, or where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Caller {
    Key(String),
    Address(IpAddr),
}

impl Gate {
    /// `burst` requests may come at once, as many as the rate names where it is not given.
    pub(crate) fn new(
        (keys, open_reads): (ApiKeys, bool),
        rate: Option<RateLimit>,
        burst: Option<NonZeroU32>,
    ) -> Self {
        let pace = rate.map(|rate| {
            Pace::new(rate.period / rate.requests.get(), burst.unwrap_or(rate.requests), CALLERS)
        });
        Self { keys: ArcSwap::from_pointee(keys), open_reads, pace, guesses: Guesses::default() }
    }

    /// From now on these keys hold. Whoever is being answered is answered.
    pub(crate) fn change_keys(&self, keys: ApiKeys) {
        self.keys.store(Arc::new(keys));
        self.guesses.rename();
    }

    fn admit(&self, access: Access, request: &Request) -> Result<Caller, ApiError> {
        let client = request.extensions().get::<Client>();
        // Who has no address is one caller.
        let from = client.map_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED), |client| client.counted());
        let (given, keys) = (key_of(request.headers()), self.keys.load());
        if keys.is_empty() || self.open_reads && access == Access::Read && given.is_none() {
            return Ok(Caller::Address(from));
        }
        let found = keys.find(given.ok_or(ApiError::Unauthorized("needs an API key"))?);
        match self.guesses.judge(from, found.map(|(_, name)| name), Instant::now()) {
            Verdict::NotNow(wait) => return Err(ApiError::TooManyWrongKeys(wait)),
            Verdict::Right | Verdict::Wrong => {}
        }
        let (role, name) = found.ok_or(ApiError::Unauthorized("needs another API key than this one"))?;
        Span::current().record("key", name);
        if access == Access::Admin && role != Role::Admin {
            return Err(ApiError::Forbidden);
        }
        Ok(Caller::Key(name.to_owned()))
    }

    /// Counts `requests` more, all of them or none; refused where they come faster than they may.
    pub(crate) fn count(&self, caller: &Caller, requests: NonZeroU32) -> Result<(), ApiError> {
        let Some(pace) = &self.pace else { return Ok(()) };
        pace.take(caller, requests, Instant::now()).map_err(ApiError::TooFast)
    }

    /// The most requests that may ever come at once; without a rate there is no such number.
    pub(crate) fn burst(&self) -> Option<NonZeroU32> {
        self.pace.as_ref().map(Pace::burst)
    }

    /// Counts nothing; refused where not even one request may come.
    fn look(&self, caller: &Caller) -> Result<(), ApiError> {
        let Some(pace) = &self.pace else { return Ok(()) };
        match pace.wait(caller, NonZeroU32::MIN, Instant::now()) {
            wait if wait.is_zero() => Ok(()),
            wait => Err(ApiError::TooFast(wait)),
        }
    }

    /// Forgets who has not asked for a while; to be called now and then.
    pub(crate) fn forget(&self) {
        let now = Instant::now();
        self.guesses.forget(now);
        if let Some(pace) = &self.pace {
            pace.forget(now);
        }
    }
}

/// From `Authorization: Bearer KEY`, or from `X-API-Key: KEY`.
fn key_of(headers: &HeaderMap) -> Option<&str> {
    if let Some(own) = headers.get("x-api-key") {
        return own.to_str().ok();
    }
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

/// Around every route that is not public.
pub(crate) async fn guard(
    State((gate, access, cost)): State<(Arc<Gate>, Access, Cost)>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let caller = gate.admit(access, &request)?;
    match cost {
        Cost::One => gate.count(&caller, NonZeroU32::MIN)?,
        Cost::Later => gate.look(&caller)?,
    }
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}
