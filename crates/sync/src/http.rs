//! HTTP, asked politely: one place for what fails, for how long it may take, and for what is worth another try.

use std::{path::Path, time::Duration};

use rand::RngExt as _;
use ureq::{
    Agent, Body,
    http::{HeaderMap, Response},
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

use crate::SyncError;

/// The most redirects that are followed.
const REDIRECTS: u32 = 5;
/// The longest wait that a server may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// What went wrong with a request.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) why: String,
    /// The answer's, where there was one.
    pub(crate) status: Option<u16>,
    /// Whether the same may go well later.
    pub(crate) passing: bool,
    /// How long to wait, where the server says so.
    pub(crate) wait: Option<Duration>,
}

impl Failure {
    /// Of what no answer came to.
    pub(crate) fn passing(why: String) -> Self {
        Self { why, status: None, passing: true, wait: None }
    }

    /// Of what will not go well later either.
    pub(crate) fn lasting(why: String) -> Self {
        Self { why, status: None, passing: false, wait: None }
    }
}

impl From<ureq::Error> for Failure {
    fn from(error: ureq::Error) -> Self {
        use ureq::Error as E;
        match error {
            E::BadUri(_) | E::Http(_) | E::TooManyRedirects | E::RedirectFailed | E::BodyExceedsLimit(_) => {
                Self::lasting(error.to_string())
            }
            other => Self::passing(other.to_string()),
        }
    }
}

/// Asks over http and https alone; `ca` names certificates of one's own, in place of Mozilla's list.
///
/// # Errors
/// Where there are no certificates in that file.
pub(crate) fn agent(ca: Option<&Path>, redirects: bool) -> Result<Agent, SyncError> {
    let mut tls = TlsConfig::builder();
    if let Some(path) = ca {
        let failed = |why: String| SyncError::File { path: path.to_owned(), why };
        let pem = std::fs::read(path).map_err(|e| failed(e.to_string()))?;
        let mut certificates = Vec::new();
        for item in parse_pem(&pem) {
            if let PemItem::Certificate(certificate) = item.map_err(|e| failed(e.to_string()))? {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() {
            return Err(failed("it holds no certificate: PEM is right".into()));
        }
        tls = tls.root_certs(RootCerts::new_with_certs(&certificates));
    }
    let config = Agent::config_builder()
        .tls_config(tls.build())
        .http_status_as_error(false)
        .max_redirects(if redirects { REDIRECTS } else { 0 })
        .max_redirects_will_error(redirects)
        .user_agent(concat!("lookalike-sync/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(Duration::from_secs(15)))
        .timeout_connect(Some(Duration::from_secs(15)))
        .timeout_send_request(Some(Duration::from_secs(60)))
        .timeout_send_body(Some(Duration::from_secs(300)))
        .timeout_per_read(Some(Duration::from_secs(900)));
    Ok(Agent::new_with_config(config.build()))
}

/// An answer of 200, whose body may take as long as `most` says, or as it does.
pub(crate) fn get(agent: &Agent, address: &str, most: Option<Duration>) -> Result<Response<Body>, Failure> {
    // What is made while it is asked for may take its time to begin.
    let silence = Some(Duration::from_secs(300));
    let request = agent.get(address).config().timeout_global(most).timeout_per_read(silence);
    good(request.build().call()?)
}

/// The answer, if it is a good one.
pub(crate) fn good(mut answer: Response<Body>) -> Result<Response<Body>, Failure> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let text = answer.body_mut().with_config().limit(64 << 10).read_to_string().unwrap_or_default();
    let told = serde_json::from_str::<serde_json::Value>(&text).ok();
    let detail = told.as_ref().and_then(|problem| problem.get("detail")?.as_str());
    let code = told.as_ref().and_then(|problem| problem.get("code")?.as_str());
    let why = match (detail, code) {
        (Some(detail), Some(code)) => format!("{status}, {code}: {detail}"),
        (Some(detail), None) => format!("{status}: {detail}"),
        _ => status.to_string(),
    };
    let passing =
        status.is_server_error() && status.as_u16() != 501 || matches!(status.as_u16(), 408 | 425 | 429);
    Err(Failure { why, status: Some(status.as_u16()), passing, wait: asked_wait(answer.headers()) })
}

/// `Retry-After` in seconds; a date is not looked at.
fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get("retry-after")?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

/// How often something is tried, and how long is waited in between.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tries {
    /// Beyond the first.
    pub(crate) more: u32,
    /// Before the second; twice as long before each after that, half a minute at most.
    pub(crate) wait: Duration,
}

impl Tries {
    /// Does it until it goes well, or is no use. What a server asks to wait is waited, and a bit more: not all are to come back at once.
    pub(crate) fn make<T>(self, mut attempt: impl FnMut() -> Result<T, Failure>) -> Result<T, Failure> {
        let mut made = 0;
        loop {
            match attempt() {
                Err(failure) if failure.passing && made < self.more => {
                    std::thread::sleep(self.pause(made, failure.wait));
                    made += 1;
                }
                other => return other,
            }
        }
    }

    fn pause(self, made: u32, asked: Option<Duration>) -> Duration {
        let longest = self.wait.max(Duration::from_secs(30));
        let own = self.wait.saturating_mul(1 << made.min(16)).min(longest);
        let jitter = rand::rng().random_range(0.5..1.0);
        asked.unwrap_or_default() + own.mul_f64(jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_stop_when_they_are_no_use() {
        let tries = Tries { more: 3, wait: Duration::from_millis(1) };
        let count = |failure: fn(String) -> Failure| {
            let mut made = 0;
            let done = tries.make(|| -> Result<(), Failure> {
                made += 1;
                Err(failure("no".into()))
            });
            assert!(done.is_err());
            made
        };
        assert_eq!((count(Failure::passing), count(Failure::lasting)), (4, 1));
        let long = Tries { more: 3, wait: Duration::from_secs(1) };
        assert!(long.pause(40, None) <= Duration::from_secs(30));
        let asked = long.pause(0, Some(Duration::from_secs(7)));
        assert!(asked >= Duration::from_secs(7) && asked < Duration::from_secs(9));
    }

    #[test]
    fn own_certificates_are_certificates() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(agent(Some(file.path()), true).is_err());
        assert!(agent(Some(Path::new("/none")), true).is_err() && agent(None, false).is_ok());
    }
}
