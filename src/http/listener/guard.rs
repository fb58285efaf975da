//! Who may ask what, and how often.

use std::{net::SocketAddr, num::NonZeroU32, sync::Arc, time::Duration};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, header},
    middleware::Next,
    response::Response,
};
use governor::{
    DefaultKeyedRateLimiter, Quota, RateLimiter,
    clock::{Clock, DefaultClock},
};
use tracing::Span;

use crate::config::{ApiKeys, RateLimit, Role};
use crate::http::error::ApiError;

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

/// The keys, and how often each has been used lately.
pub(crate) struct Gate {
    keys: ApiKeys,
    /// Searches need no key, even where there are keys.
    open_reads: bool,
    limiter: Option<DefaultKeyedRateLimiter<String>>,
}

/// What a request is counted under: its key's name, or where it comes from.
#[derive(Clone, Debug)]
pub(crate) struct Caller(String);

impl Gate {
    /// `burst` requests may come at once, as many as the rate names where it is not given.
    pub(crate) fn new(
        (keys, open_reads): (ApiKeys, bool),
        rate: Option<RateLimit>,
        burst: Option<NonZeroU32>,
    ) -> Self {
        let quota = |rate: RateLimit| {
            let each = (rate.period / rate.requests.get()).max(Duration::from_nanos(1));
            Quota::with_period(each).map(|quota| quota.allow_burst(burst.unwrap_or(rate.requests)))
        };
        Self { keys, open_reads, limiter: rate.and_then(quota).map(RateLimiter::keyed) }
    }

    fn admit(&self, access: Access, request: &Request) -> Result<Caller, ApiError> {
        let keyless = self.open_reads && access == Access::Read && key_of(request.headers()).is_none();
        if self.keys.is_empty() || keyless {
            let from = request.extensions().get::<ConnectInfo<SocketAddr>>();
            return Ok(Caller(from.map_or_else(|| "unknown".into(), |from| from.0.ip().to_string())));
        }
        let given = key_of(request.headers()).ok_or(ApiError::Unauthorized("needs an API key"))?;
        let (role, name) =
            self.keys.find(given).ok_or(ApiError::Unauthorized("needs another API key than this one"))?;
        Span::current().record("key", name);
        if access == Access::Admin && role != Role::Admin {
            return Err(ApiError::Forbidden);
        }
        Ok(Caller(name.to_owned()))
    }

    /// Counts `requests` more; refused where they come faster than they may.
    pub(crate) fn count(&self, caller: &Caller, requests: NonZeroU32) -> Result<(), ApiError> {
        let Some(limiter) = &self.limiter else { return Ok(()) };
        match limiter.check_key_n(&caller.0, requests) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(early)) => Err(ApiError::TooFast(early.wait_time_from(DefaultClock::default().now()))),
            Err(most) => Err(ApiError::TooManyAtOnce(most.0)),
        }
    }

    /// Forgets who has not asked for a while; to be called now and then.
    pub(crate) fn forget(&self) {
        if let Some(limiter) = &self.limiter {
            limiter.retain_recent();
            limiter.shrink_to_fit();
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
    State((gate, access)): State<(Arc<Gate>, Access)>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let caller = gate.admit(access, &request)?;
    gate.count(&caller, NonZeroU32::MIN)?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}
